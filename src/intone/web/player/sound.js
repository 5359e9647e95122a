// One <audio>, fed from the stream of a running rendering or from the finished file. A stream
// cannot be sought in, so the change to the file comes at the first pause, seek or end.

//: A stream that ends so many seconds before the recording's end was cut off.
const CUT_SHORT = 1;
//: A file that breaks off is tried again so often, and anew after so many seconds of sound.
const TRIES = 2;
const RECOVERED = 10;
//: A recording of unknown length is taken to be at least so long, in seconds.
const SHORTEST = 60;

class Sound {
  // `on` is told: change(), time(), starved(), ended(), failed().
  constructor(audio, on) {
    this.audio = audio;
    this.on = on;
    this.offered = { file: null, stream: null, length: null, percent: 0 };
    this.source = null;
    this.place = 0;
    this.isWanted = false;
    this.isStarved = false;
    this.tries = 0;
    this.failedAt = 0;
    // Seconds that are known to be rendered, while there is no file.
    this.made = 0;
    audio.preload = "none";
    const change = () => this.on.change();
    for (const name of ["play", "playing", "volumechange", "durationchange"]) {
      audio.addEventListener(name, change);
    }
    audio.addEventListener("waiting", () => { this.improve(); change(); });
    audio.addEventListener("loadedmetadata", () => this.settle());
    audio.addEventListener("timeupdate", () => this.moved());
    audio.addEventListener("pause", () => this.rested());
    audio.addEventListener("ended", () => this.finish());
    audio.addEventListener("error", () => this.source && this.finish(true));
  }

  // Makes known where the audio is; what plays goes on.
  offer(sources) {
    this.offered = sources;
    if (this.isStarved) this.resume();
    else if (this.source && (this.audio.paused || this.isWaiting)) this.improve();
  }

  // Takes another recording, at a place in it.
  replace(sources, second) {
    this.offered = sources;
    this.change(second);
  }

  get best() {
    return this.offered.file || this.offered.stream;
  }

  get time() {
    return this.isSettled ? this.audio.currentTime : this.place;
  }

  // The recording's length in seconds, or null while nobody knows it.
  get length() {
    const known = this.audio.duration;
    const isFile = this.source && this.source === this.offered.file;
    return (isFile && Number.isFinite(known) && known) || this.offered.length;
  }

  // What the slider spans: the length, or while nobody knows it, what it looks like becoming.
  get span() {
    const { percent } = this.offered;
    const guess = percent ? (this.made / percent) * 100 : 0;
    return this.length || Math.max(guess, this.time * 1.5, SHORTEST);
  }

  get isSettled() {
    return Boolean(this.source) && this.audio.readyState > 0 && !this.isMoving;
  }

  get isPlaying() {
    return this.isWanted;
  }

  get isWaiting() {
    return this.isWanted && (this.isStarved || this.audio.readyState < 3);
  }

  // Whether a place can be chosen at all.
  get isSeekable() {
    return Boolean(this.offered.file) || this.reach > 0;
  }

  // How far a seek may go, in seconds.
  get reach() {
    if (this.offered.file) return this.length || 0;
    const { seekable, buffered } = this.audio;
    const end = (ranges) => (ranges.length ? ranges.end(ranges.length - 1) : 0);
    return Math.min(end(seekable), Math.max(end(buffered), this.made));
  }

  play() {
    this.isWanted = true;
    this.tries = 0;
    const isAtEnd = this.audio.ended || (this.length && this.time >= this.length - 0.05);
    if (isAtEnd && !this.isStarved) this.place = 0;
    if (!this.source || (isAtEnd && !this.isStarved)) this.change(this.place);
    else if (this.audio.paused) this.start();
    this.on.change();
  }

  // Opens the source for a reader who is about to play, which saves them the way to the server.
  warm() {
    if (!this.source && this.best) this.change(this.place);
  }

  pause() {
    this.isWanted = false;
    this.isStarved = false;
    this.audio.pause();
    this.on.change();
  }

  seek(second) {
    const goal = Math.max(0, Math.min(second, this.reach || second));
    if (this.offered.file && this.source !== this.offered.file) this.change(goal);
    else if (this.isSettled) this.audio.currentTime = goal;
    this.place = goal;
    this.on.time();
  }

  set speed(rate) {
    this.audio.defaultPlaybackRate = rate; // what a new source begins with
    this.audio.playbackRate = rate;
  }

  // Turns from the stream, or from an older file, to the finished one.
  improve() {
    const { file } = this.offered;
    if (file && file !== this.source) this.change(this.time);
  }

  // Turns to the best source there is, at a place.
  change(second) {
    const { file, stream } = this.offered;
    this.source = file || stream;
    this.place = file ? second : 0;
    this.isStarved = false;
    if (!this.source) return;
    this.isMoving = this.place > 0;
    this.audio.src = this.source;
    if (this.isWanted) this.start();
    else this.audio.preload = "metadata";
  }

  start() {
    this.audio.play()?.catch((error) => {
      if (error.name === "NotAllowedError") this.pause();
    });
  }

  settle() {
    if (this.isMoving) this.audio.currentTime = this.place;
    this.isMoving = false;
    this.on.change();
  }

  moved() {
    if (!this.isSettled) return;
    this.place = this.audio.currentTime;
    this.on.time();
  }

  // Paused, by the reader or by the system: the moment to turn from the stream to the file.
  rested() {
    const { ended, paused, error } = this.audio;
    if (ended || !paused || error || this.isMoving || !this.source) return;
    if (!this.isStarved) this.isWanted = false;
    this.improve();
    this.on.change();
  }

  // The source gives no more: at the recording's end, or too early.
  finish(hasFailed = false) {
    const { file, length } = this.offered;
    if (this.source === file) {
      if (hasFailed) this.fail();
      else this.end();
    } else if (file && !hasFailed && this.place >= (length || 0) - CUT_SHORT) {
      this.end();
    } else if (file) {
      this.change(this.place);
    } else {
      this.isStarved = true;
      this.on.starved();
    }
    this.on.change();
  }

  // After a source ran dry: on in the file, at the place where it stopped.
  resume() {
    const { file, length } = this.offered;
    if (!file) return;
    this.isStarved = false;
    if (length && this.place >= length - CUT_SHORT) this.end();
    else this.change(this.place);
  }

  end() {
    this.isWanted = false;
    this.place = 0;
    this.on.ended();
  }

  // A file may break off with the connection, or be gone because a newer one is there: the server
  // is asked where it is now.
  fail() {
    if (this.place > this.failedAt + RECOVERED) this.tries = 0;
    this.failedAt = this.place;
    if (this.tries++ < TRIES) {
      this.isStarved = true;
      return this.on.starved();
    }
    this.isWanted = false;
    this.source = null;
    this.on.failed();
  }

  remove() {
    this.source = null;
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
  }
}
