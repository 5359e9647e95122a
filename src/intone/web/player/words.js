// Which word is lit, in the transcript and in the article.

//: Where an article is looked for, the best guess first.
const ARTICLES = ["[data-intone-article]", "article", "main", "body"];
//: A page that has changed is read again, but not more often than this, in milliseconds.
const READ_AGAIN = 3000;

class Words {
  // `onWord(word)` is called for each word as it lights up.
  constructor(server, transcript, onWord) {
    this.transcript = transcript;
    this.onWord = onWord;
    this.captions = new Captions(server);
    this.isOpen = false;
    this.lit = -1;
  }

  restyle(colour, options, host) {
    this.colour = colour;
    this.options = options;
    this.host = host;
    this.remove();
  }

  // Fetches the lines that have been added, and puts them where they are shown.
  async read(url, signal) {
    if (!url || this.options.highlight === "off") return;
    const { captions } = this;
    if (url !== captions.url) this.forget();
    await captions.more(url, signal);
    if (captions !== this.captions) return;
    if (this.isOpen) this.transcript.show(captions.lines);
    this.align();
  }

  // Takes the captions of another recording.
  replace(captions) {
    this.captions = captions;
    this.forget();
    if (this.isOpen) this.transcript.show(captions.lines);
    this.align();
  }

  forget() {
    this.transcript.clear();
    this.article = null;
    this.lit = -1;
  }

  // Opens or closes the transcript; returns whether it is open.
  toggle() {
    this.isOpen = !this.isOpen;
    if (this.isOpen) this.transcript.show(this.captions.lines);
    this.lit = -1;
    return this.isOpen;
  }

  // Finds the lines that were added in the article; all of them where it has to be read first.
  align() {
    if (this.options.highlight !== "article" || !canLight()) return;
    if (!this.article) {
      this.article = new Article(this.root());
      this.readAt = performance.now();
    }
    this.article.align(this.captions.lines);
  }

  root() {
    const { article } = this.options;
    const found = article && document.querySelector(article);
    return found || ARTICLES.map((each) => document.querySelector(each)).find(Boolean);
  }

  // Lights the word that is spoken at a second; touches nothing while it is the same.
  light(second) {
    const word = this.captions.at(second);
    if (word === this.lit) return;
    this.lit = word;
    const owner = this.captions.owners[word];
    if (this.isOpen) this.transcript.light(owner?.[0], owner?.[1]);
    if (this.article) this.lightArticle(word, owner);
    if (owner) this.onWord(this.captions.word(word));
  }

  lightArticle(word, owner) {
    this.lights ||= new Lights(this.colour);
    if (!owner) return this.lights.show(null, null);
    if (this.article.isStaleAt(word) && performance.now() - this.readAt > READ_AGAIN) {
      this.article = null;
      this.align();
    }
    const first = word - owner[1];
    const last = first + this.captions.lines[owner[0]].words.length - 1;
    this.lights.show(this.article.range(word, word), this.article.range(first, last));
  }

  // Takes the light out of the page.
  remove() {
    this.lights?.remove();
    this.lights = null;
    this.lit = -1;
  }
}
