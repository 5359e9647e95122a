// Lights up the words in the article itself, without touching its elements: the browser's Custom
// Highlight API draws over ranges of text. Where it is missing, nothing is lit.

const LEFT_OUT = "script,style,noscript,template,textarea,select,svg,nav,form,[hidden],"
  + "[aria-hidden=true],[data-intone-skip],[data-intone-player],[data-voicgen-player]";
//: Elements that a word does not reach across, as it does across emphasis and links.
const BLOCKS = new Set((
  "ADDRESS ARTICLE ASIDE BLOCKQUOTE BODY BR DD DIV DL DT FIGCAPTION FIGURE FOOTER H1 H2 H3 H4 H5 "
  + "H6 HEADER HR LI MAIN OL P PRE SECTION TABLE TD TH TR UL").split(" "));
const LETTER = /[\p{L}\p{N}\p{M}]/u;
//: How far, in letters, a word is looked for: alone, and together with those behind it.
const CLOSE = 40;
const NEAR = 600;
//: After so many words in a row that were not found, the whole rest is searched.
const LOST = 12;

const canLight = () => typeof Highlight === "function" && "highlights" in (globalThis.CSS || {});

const letters = (text) =>
  Array.from(text.toLowerCase()).filter((each) => LETTER.test(each)).join("");

class Article {
  constructor(root) {
    this.root = root;
    this.cursor = 0;
    this.missed = 0;
    this.lines = 0;
    // For each word its first and last letter, or null.
    this.spans = [];
    this.read();
  }

  // All letters of the page in one string, and for each the text node and place it stands at.
  read() {
    const text = [];
    this.nodes = [];
    this.places = [];
    this.begins = [];
    let isNew = true;
    const walker = document.createTreeWalker(this.root, 5, {
      acceptNode: (node) =>
        node.nodeType === 1 && node.matches(LEFT_OUT) ? 2 : 1, // rejected with all in it, or taken
    });
    let block = null;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.nodeType === 1) {
        if (BLOCKS.has(node.tagName)) isNew = true;
        continue;
      }
      const around = this.blockOf(node);
      if (around !== block) [block, isNew] = [around, true];
      for (let place = 0; place < node.data.length; place++) {
        const each = node.data[place];
        const small = each.toLowerCase();
        if (small.length !== 1 || !this.isLetter(node.data, place)) {
          isNew = isNew || small.length === 1;
          continue;
        }
        text.push(small);
        this.nodes.push(node);
        this.places.push(place);
        this.begins.push(isNew);
        isNew = false;
      }
    }
    this.text = text.join("");
  }

  blockOf(node) {
    let around = node.parentNode;
    while (around !== this.root && !BLOCKS.has(around.tagName)) around = around.parentNode;
    return around;
  }

  // Halves of letters beyond the basic plane count as letters.
  isLetter(text, place) {
    const code = text.charCodeAt(place);
    return (code >= 0xd800 && code < 0xe000) || LETTER.test(text[place]);
  }

  // Finds the words of further lines, in order; those that the page does not have are left out.
  align(lines) {
    const words = lines.slice(this.lines).flatMap((line) => line.words || []);
    this.lines = lines.length;
    const wanted = words.map((word) => letters(word.text));
    words.forEach((_, index) => {
      const at = this.find(wanted, index);
      const length = wanted[index].length;
      this.missed = at < 0 && length ? this.missed + 1 : at < 0 ? this.missed : 0;
      this.spans.push(at < 0 ? null : [at, at + length - 1]);
      if (at >= 0) this.cursor = at + length;
    });
  }

  // Where a word begins: right here, or further on where the words after it follow as well.
  find(wanted, index) {
    const word = wanted[index];
    if (!word) return -1;
    const limit = this.missed >= LOST ? Infinity : this.cursor + NEAR;
    for (let at = this.text.indexOf(word, this.cursor); at >= 0 && at <= limit;
      at = this.text.indexOf(word, at + 1)) {
      if (!this.begins[at]) continue;
      if (at === this.cursor || this.follows(wanted, index, at)) return at;
    }
    return -1;
  }

  // Whether the next words stand right behind; the further away, the more of them are asked. A
  // wrong guess would cost all words before it, as the search never goes back.
  follows(wanted, index, at) {
    const distance = at - this.cursor;
    if (distance < CLOSE && wanted[index].length > 3) return true;
    const needed = distance < CLOSE ? 2 : distance < NEAR ? 3 : 4;
    const phrase = wanted.slice(index, index + needed);
    return phrase.length === needed && this.text.startsWith(phrase.join(""), at);
  }

  // The range from a word to another; null where the page has none of them. Ranges are made when
  // they are lit: thousands of living ones would slow every change of the page.
  range(first, last) {
    const there = this.spans.slice(first, last + 1).filter(Boolean);
    if (!there.length) return null;
    const [from, to] = [there[0][0], there[there.length - 1][1]];
    if (!this.stands(from) || !this.stands(to)) return null;
    const range = document.createRange();
    range.setStart(this.nodes[from], this.places[from]);
    range.setEnd(this.nodes[to], this.places[to] + 1);
    return range;
  }

  // Whether a letter is still where it was read.
  stands(letter) {
    const node = this.nodes[letter];
    const each = node.data[this.places[letter]];
    return node.isConnected && each?.toLowerCase() === this.text[letter];
  }

  // Whether the page has changed under a word that was found on it.
  isStaleAt(word) {
    const span = this.spans[word];
    return Boolean(span) && !(this.stands(span[0]) && this.stands(span[1]));
  }
}

// The two highlights of the page, and the rules that colour them.
class Lights {
  constructor(colour) {
    this.word = new Highlight();
    this.line = new Highlight();
    this.line.priority = 0;
    this.word.priority = 1;
    this.sheet = new CSSStyleSheet();
    const [ink, tint] = [css(textOn(colour)), colour.map(Math.round).join(" ")];
    this.sheet.replaceSync(
      `::highlight(intone-word){background-color:${css(colour)};color:${ink}}`
      + `::highlight(intone-line){background-color:rgb(${tint} / .14)}`);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.sheet];
    CSS.highlights.set("intone-line", this.line);
    CSS.highlights.set("intone-word", this.word);
  }

  // Lights the range of a word and that of its line; null lights nothing.
  show(word, line) {
    this.word.clear();
    this.line.clear();
    if (word) this.word.add(word);
    if (line) this.line.add(line);
  }

  remove() {
    if (CSS.highlights.get("intone-word") === this.word) {
      CSS.highlights.delete("intone-word");
      CSS.highlights.delete("intone-line");
    }
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== this.sheet);
  }
}
