// The words of a recording and when they are spoken, also while more of them are still coming.

//: A word stays lit over a pause as long as this before the next, in seconds.
const SHORT_GAP = 0.6;

class Captions {
  constructor(server) {
    this.server = server;
    this.reading = Promise.resolve();
    this.clear(null);
  }

  clear(url) {
    this.url = url;
    this.lines = [];
    this.isComplete = false;
    // One entry a word: when it begins and ends, and the line and word that it is.
    this.starts = [];
    this.ends = [];
    this.owners = [];
  }

  // Fetches the lines that are new. Another address is another recording. One question at a
  // time, so that no line comes twice and the last answer is not lost.
  more(url, signal) {
    this.reading = this.reading.catch(() => {}).then(() => this.read(url, signal));
    return this.reading;
  }

  async read(url, signal) {
    if (url !== this.url) this.clear(url);
    if (this.isComplete) return;
    const { data } = await this.server.ask(url, { after: this.lines.length }, signal);
    if (!data) return;
    (data.lines || []).forEach((line) => this.add(line));
    this.isComplete = data.is_complete !== false;
  }

  add(line) {
    const number = this.lines.push(line) - 1;
    (line.words || []).forEach((word, index) => {
      this.starts.push(word.start);
      this.ends.push(word.end);
      this.owners.push([number, index]);
    });
  }

  // The word spoken at a second, by its place among all words; -1 where there is none.
  at(second) {
    let [low, high] = [0, this.starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= second) low = middle + 1;
      else high = middle;
    }
    const word = low - 1;
    if (word < 0) return -1;
    const next = this.starts[low] ?? Infinity;
    const end = next - this.ends[word] <= SHORT_GAP ? next : this.ends[word];
    return second < end ? word : -1;
  }

  word(number) {
    const [line, index] = this.owners[number];
    return this.lines[line].words[index];
  }

  // The place in the text that is spoken at a second, to be found again in another voice.
  textAt(second) {
    const word = this.at(second);
    if (word >= 0) return this.word(word).from;
    const line = this.lines.find((each) => each.end > second);
    return line?.words?.[0]?.from ?? null;
  }

  // The second at which a place in the text is spoken.
  secondOf(offset) {
    const owner = this.owners.find(([line, index]) => this.lines[line].words[index].to > offset);
    return owner ? this.lines[owner[0]].words[owner[1]].start : null;
  }

  // How much of the recording the lines cover, in seconds.
  get length() {
    return this.lines.length ? this.lines[this.lines.length - 1].end : 0;
  }
}
