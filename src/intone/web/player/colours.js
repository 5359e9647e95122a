// The accent colour of a page, made readable: WCAG's contrast decides what stands on and beside it.

const DEFAULT_ACCENT = [36, 84, 214];
const SURFACES = { light: [255, 255, 255], dark: [23, 25, 31] };
//: What text needs against what is behind it (WCAG 2.2, 1.4.3).
const READABLE = 4.5;

function luminance(colour) {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const css = (colour) => `rgb(${colour.map(Math.round).join(" ")})`;

// Black or white, whichever is read better on a colour.
function textOn(colour) {
  const [black, white] = [[0, 0, 0], [255, 255, 255]];
  return contrast(colour, white) >= READABLE ? white : black;
}

// The colour, drawn towards black or white until it can be read on a surface.
function readableOn(surface, colour) {
  const goal = textOn(surface);
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = colour.map((part, i) => part + (goal[i] - part) * share);
    if (contrast(mixed, surface) >= READABLE) return mixed;
  }
  return goal;
}

// What a browser understands a colour to be, as [red, green, blue]; the default where it is none.
function parsed(text, probe) {
  probe.style.color = "";
  probe.style.color = text || "";
  const seen = probe.style.color && getComputedStyle(probe).color;
  probe.style.color = "";
  const match = /^rgba?\((\d+)[, ]+(\d+)[, ]+(\d+)/.exec(seen || "");
  return match ? match.slice(1).map(Number) : DEFAULT_ACCENT;
}

// Sets the custom properties that the style below builds on.
function paint(element, accent) {
  const colour = parsed(accent, element);
  element.style.setProperty("--accent", css(colour));
  element.style.setProperty("--on-accent", css(textOn(colour)));
  for (const [theme, surface] of Object.entries(SURFACES)) {
    element.style.setProperty(`--accent-on-${theme}`, css(readableOn(surface, colour)));
  }
  return colour;
}
