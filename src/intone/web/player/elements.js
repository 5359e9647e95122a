// Elements without markup: texts become text nodes, so nothing in a title is ever more than text.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  play: "M8 5.2v13.6c0 .8.9 1.3 1.6.8l10-6.8c.6-.4.6-1.2 0-1.6l-10-6.8C8.9 3.9 8 4.4 8 5.2z",
  pause: "M8 5h2.2c.4 0 .8.4.8.8v12.4c0 .4-.4.8-.8.8H8c-.4 0-.8-.4-.8-.8V5.8c0-.4.4-.8.8-.8zm5.8"
    + " 0H16c.4 0 .8.4.8.8v12.4c0 .4-.4.8-.8.8h-2.2c-.4 0-.8-.4-.8-.8V5.8c0-.4.4-.8.8-.8z",
  back: "M12 5V1.8L7.4 6 12 10.2V7a6 6 0 1 1-6 6H4a8 8 0 1 0 8-8z",
  forward: "M12 5V1.8L16.6 6 12 10.2V7a6 6 0 1 0 6 6h2a8 8 0 1 1-8-8z",
  loud: "M4 9.5v5h3.5L12 19V5L7.5 9.5H4zm11-.9v6.8a3.8 3.8 0 0 0 0-6.8zm0-4v2a6 6 0 0 1 0 10.8v2"
    + "a8 8 0 0 0 0-14.8z",
  mute: "M4 9.5v5h3.5L12 19V5L7.5 9.5H4zm16.6.9-1.4-1.4-2 2-2-2-1.4 1.4 2 2-2 2 1.4 1.4 2-2 2 2"
    + " 1.4-1.4-2-2z",
  text: "M4 6h16v2H4zm0 5h16v2H4zm0 5h10v2H4z",
  download: "M11 4h2v8.2l3-3 1.4 1.4L12 16l-5.4-5.4L8 9.2l3 3zM5 18h14v2H5z",
  close: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4L12 13.4 6.4 19 5 17.6 10.6 12 5"
    + " 6.4z",
  down: "M7 9.5 12 14.5 17 9.5z",
};

// An element: `text` is its text, `on…` its listeners, all else its attributes.
function make(name, { text, ...rest } = {}, ...children) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(rest)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function icon(name, number) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = svg.appendChild(document.createElementNS(SVG, "path"));
  path.setAttribute("d", ICONS[name]);
  if (number) {
    const text = svg.appendChild(document.createElementNS(SVG, "text"));
    const place = { x: 12, y: 15.6, "text-anchor": "middle", "font-size": 7.5, "font-weight": 700 };
    for (const [key, value] of Object.entries(place)) text.setAttribute(key, value);
    text.textContent = number;
  }
  return svg;
}

// Changes what a button shows and is called; nothing is touched where nothing changes.
function relabel(button, name, label) {
  if (button.dataset.icon === name && button.getAttribute("aria-label") === label) return;
  button.dataset.icon = name;
  button.setAttribute("aria-label", label);
  button.title = label;
  button.replaceChildren(icon(name));
}
