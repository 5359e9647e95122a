// The transcript: a line is a button, a word in it is a place to seek to. Of all the lines one
// can be reached with Tab; the arrow keys go from there, so that a long text is no trap.

class Transcript {
  // `seek(second)` is called for a chosen line or word.
  constructor(label, seek) {
    this.element = make("div", {
      class: "transcript", role: "group", "aria-label": label, hidden: true,
      onclick: (event) => this.chosen(event),
      onkeydown: (event) => this.moved(event),
    });
    const moved = () => { this.readerMoved = performance.now(); };
    for (const sign of ["wheel", "touchmove", "focusin"]) {
      this.element.addEventListener(sign, moved, { passive: true });
    }
    this.seek = seek;
    this.readerMoved = -Infinity;
    this.clear();
  }

  clear() {
    this.element.replaceChildren();
    this.lines = [];
    this.current = null;
    this.lit = null;
  }

  // Adds the lines that are not shown yet.
  show(lines) {
    for (const line of lines.slice(this.lines.length)) {
      const tabindex = this.lines.length ? "-1" : "0";
      const button = make("button", { type: "button", dir: "auto", tabindex });
      const spans = this.fill(button, line);
      button.dataset.start = line.start;
      this.lines.push({ button, spans });
      this.element.append(button);
    }
  }

  // Puts the line's text into its button, its words as elements; returns those.
  fill(button, line) {
    let rest = line.text;
    const spans = (line.words || []).map((word) => {
      const at = rest.indexOf(word.text);
      if (at < 0) return null;
      const span = make("span", { text: word.text });
      span.dataset.start = word.start;
      button.append(rest.slice(0, at), span);
      rest = rest.slice(at + word.text.length);
      return span;
    });
    button.append(rest);
    return spans;
  }

  chosen(event) {
    const place = event.target.closest("[data-start]");
    if (place) this.seek(Number(place.dataset.start));
  }

  moved(event) {
    const here = this.lines.findIndex(({ button }) => button === event.target);
    const steps = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: this.lines.length - 1 };
    const next = this.lines[steps[event.key]];
    if (here < 0 || !(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!next) return;
    this.reach(next.button);
    next.button.focus();
  }

  reach(button) {
    this.lines.forEach((line) => {
      if (line.button.tabIndex === 0) line.button.tabIndex = -1;
    });
    button.tabIndex = 0;
  }

  // Lights a word of a line; without one nothing is lit, and the line stays marked.
  light(number, index) {
    const line = this.lines[number];
    const span = line?.spans[index] || null;
    if (span !== this.lit) {
      this.lit?.classList.remove("lit");
      span?.classList.add("lit");
      this.lit = span;
    }
    if (!line || line.button === this.current) return;
    this.current?.removeAttribute("aria-current");
    line.button.setAttribute("aria-current", "true");
    this.current = line.button;
    const hasFocus = this.element.contains(this.element.getRootNode().activeElement);
    if (!hasFocus) this.reach(line.button);
    this.follow();
  }

  // Scrolls the current line into the middle, unless the reader is looking around.
  follow() {
    if (!this.current || performance.now() - this.readerMoved < 4000) return;
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const { offsetTop, offsetHeight } = this.current;
    const top = offsetTop - (this.element.clientHeight - offsetHeight) / 2;
    this.element.scrollTo({ top, behavior: isCalm ? "auto" : "smooth" });
  }
}
