// One player: what it knows of its post, and what follows from it.

//: Places nearer to the beginning or the end than this are not worth remembering, in seconds.
const EDGE = 5;

//: The player that sounds; the page has one at a time.
let sounding = null;

class Player {
  constructor(host, options) {
    this.host = host;
    this.options = options;
    this.post = { id: options.postId, lang: options.lang, voice: options.voice };
    this.server = new Server(options.server, options.domain);
    this.key = `${options.domain}/${options.lang}/${options.postId}`;
    this.work = new AbortController();
    this.language = new Language(options.lang);
    this.report = new Report(this.server, this.post, options.hasAnalytics);
    this.lookup = new Lookup(this.server, this.post, {
      data: (data) => this.take(data),
      gone: () => this.vanish(),
      failed: () => this.fail(),
    });
    this.data = null;
    this.state = "loading";
    this.build();
    this.watch();
    this.look();
  }

  build() {
    this.view = new View(this.language, {
      toggle: () => this.toggle(),
      warm: () => this.sound.warm(),
      seek: (second) => this.seek(second),
      skip: (by) => this.seek(this.sound.time + by),
      speed: (rate) => this.setSpeed(rate),
      voice: (id) => this.voices.choose(id),
      mute: () => (this.view.audio.muted = !this.view.audio.muted),
      volume: (level) => Object.assign(this.view.audio, { volume: level, muted: level === 0 }),
      transcript: () => this.toggleTranscript(),
      retry: () => this.retry(),
      closeMini: () => { this.isMiniClosed = true; this.place(); },
    });
    this.sound = new Sound(this.view.audio, {
      change: () => this.changed(),
      time: () => this.timed(),
      starved: () => this.look(),
      ended: () => this.ended(),
      failed: () => this.fail(),
    });
    this.words = new Words(this.server, this.view.transcript, (word) => this.tell("word", word));
    this.voices = new Voices(this);
    this.setSpeed(recall(SPEED, 1));
    const root = this.host.shadowRoot || this.host.attachShadow({ mode: "open" });
    dress(root);
    root.replaceChildren(this.view.card, this.view.mini);
    this.restyle(this.options);
    this.view.name(this.options.title || document.title);
    this.show();
  }

  restyle(options) {
    this.options = options;
    this.words.restyle(this.view.paint(options), options, this.host);
  }

  // Keys, sight, and first interest.
  watch() {
    const { signal } = this.work;
    this.host.shadowRoot.addEventListener("keydown", (event) => this.pressed(event), { signal });
    for (const sign of ["pointerenter", "focusin"]) {
      this.host.addEventListener(sign, () => this.voices.ask(), { signal });
    }
    addEventListener("pagehide", () => this.left(), { signal });
    this.sight = new IntersectionObserver(([entry]) => {
      this.isInSight = entry.isIntersecting;
      this.isWellInSight = entry.intersectionRatio >= 0.5;
      this.impressed();
      this.place();
    }, { threshold: [0, 0.5] });
    this.sight.observe(this.host);
  }

  // --- the post ---------------------------------------------------------------------------

  look() {
    this.lookup.start(() => this.sound.isWaiting);
  }

  // What the server says of the post; true when there is nothing more to wait for.
  take(data) {
    const isEnded = data.status === "ready" || data.status === "failed";
    if (isEnded && !data.audio_url) return this.vanish(), true;
    this.data = data;
    this.view.name(this.options.title || data.post_title || document.title);
    const before = this.state;
    this.state = data.audio_url ? "ready" : "preparing";
    if (this.state !== before) this.enter(before);
    this.sound.offer(this.server.sources(data));
    background(this.readWords());
    this.impressed();
    if (this.isAwaited && this.sound.best) this.play();
    this.show();
    return isEnded;
  }

  // Preparing, or ready: then back to the place where the reader left off.
  enter(before) {
    if (this.state === "preparing") return this.view.announce(this.language.say("preparing"));
    const place = placeIn(this.key);
    if (!this.sound.source && place < (this.data.duration_seconds || 0) - EDGE) {
      this.sound.place = place;
    }
    this.view.announce(before === "preparing" ? this.language.say("ready") : "");
    this.tell("ready");
  }

  fail() {
    this.state = "error";
    this.view.announce(this.language.say("error"));
    this.tell("error");
    this.report.tell("error", this.sound.time, this.sound.length);
    this.show();
  }

  retry() {
    this.state = "loading";
    this.show();
    this.view.go.focus();
    this.look();
  }

  // No audio, and none to come: nothing is left of the player on the page.
  vanish() {
    this.tell("removed");
    this.remove();
    this.host.remove();
  }

  remove() {
    if (this.isRemoved) return;
    this.isRemoved = true;
    this.left();
    this.work.abort();
    this.lookup.stop();
    this.sight.disconnect();
    cancelAnimationFrame(this.frame);
    this.silence();
    this.words.remove();
    this.sound.remove();
    this.host.shadowRoot.replaceChildren();
  }

  // --- playing ----------------------------------------------------------------------------

  toggle() {
    if (this.state === "error") this.retry();
    else if (this.sound.isPlaying) this.sound.pause();
    else this.play();
  }

  // Plays; where there is nothing to play yet, as soon as there is.
  play() {
    this.isAwaited = !this.sound.best;
    if (this.isAwaited) return;
    if (sounding !== this) sounding?.sound.pause();
    sounding = this;
    this.sound.play(); // before all else that goes to the server
    this.voices.ask();
  }

  seek(second) {
    if (!this.sound.isSeekable) return;
    this.sound.seek(second);
    this.light();
    this.tell("seek");
    this.report.seek(this.sound.time, this.sound.length);
  }

  setSpeed(rate) {
    this.speed = SPEEDS.includes(rate) ? rate : 1;
    this.sound.speed = this.speed;
    if (recall(SPEED, 1) !== this.speed) keep(SPEED, this.speed);
    this.show();
  }

  // Something about the sound has changed: tell it once where it began or stopped to play.
  changed() {
    const { isPlaying, isWaiting } = this.sound;
    this.report.runs(isPlaying && !isWaiting);
    if (isPlaying !== this.wasPlaying) {
      this.wasPlaying = isPlaying;
      if (isPlaying) this.began();
      else this.stopped();
    }
    this.show();
  }

  began() {
    this.isMiniClosed = this.hasEnded = false;
    this.tell("play");
    this.report.tell("play", this.sound.time, this.sound.length);
    claimSession(this);
    background(this.readWords());
    this.follow();
    this.place();
  }

  stopped() {
    cancelAnimationFrame(this.frame);
    this.remember();
    this.place();
    if (this.hasEnded) return;
    this.tell("pause");
    this.report.tell("pause", this.sound.time, this.sound.length);
  }

  timed() {
    const { time, length, span, isPlaying } = this.sound;
    this.view.showTime(time, length, span);
    if (isPlaying) this.report.progress(time, length);
    if (Math.abs(time - (this.kept || 0)) >= EDGE) this.remember();
    showSession(this);
  }

  ended() {
    this.hasEnded = true;
    this.report.runs(false);
    this.report.tell("complete", this.sound.length, this.sound.length);
    this.report.quarter = 0;
    this.tell("ended");
    this.light();
    this.changed();
    this.timed();
  }

  // Keeps the place, where one is worth keeping.
  remember() {
    const { time, length, source } = this.sound;
    if (!source) return;
    this.kept = time;
    keepPlace(this.key, time < EDGE || (length && time > length - EDGE) ? 0 : time);
  }

  // The page is left, or the element taken away.
  left() {
    if (this.sound.isPlaying) this.sound.pause();
    this.report.figures?.flush();
  }

  silence() {
    if (sounding !== this) return;
    sounding = null;
    releaseSession();
  }

  // --- words and voices -------------------------------------------------------------------

  // Fetches the lines that have been added, once someone may see them.
  async readWords() {
    if (!this.wasPlaying && !this.words.isOpen) return;
    await this.words.read(this.data?.captions_url, this.work.signal);
    this.sound.made = this.words.captions.length;
    this.light();
  }

  toggleTranscript() {
    this.view.openTranscript(this.words.toggle());
    background(this.readWords());
  }

  // Follows the sound's clock for as long as it plays.
  follow() {
    cancelAnimationFrame(this.frame);
    this.light();
    if (this.wasPlaying) this.frame = requestAnimationFrame(() => this.follow());
  }

  light() {
    this.words.light(this.hasEnded ? -1 : this.sound.time);
  }

  // Another voice has taken the post over; it goes on at a second of its own recording.
  turnTo(voice, data, captions, second) {
    this.lookup.stop();
    this.post.voice = voice;
    this.data = data;
    this.words.replace(captions);
    this.sound.replace(this.server.sources(data), second);
    this.view.announce(this.language.say("ready"));
    this.show();
  }

  // --- showing ----------------------------------------------------------------------------

  show() {
    const { view, sound, data, state } = this;
    view.show({
      isPlaying: sound.isPlaying,
      isWaiting: state === "loading" || (this.isAwaited && state !== "error") || sound.isWaiting,
      isSeekable: Boolean(sound.best) && sound.isSeekable && state !== "error",
      isMuted: view.audio.muted,
      volume: view.audio.volume,
      speed: this.speed,
      hasTranscript: Boolean(data?.captions_url) && this.options.highlight !== "off",
      download: this.server.download(data),
      isWrong: state === "error",
      ...this.message(),
    });
    view.showTime(sound.time, sound.length, sound.span);
  }

  message() {
    const say = (name) => this.language.say(name);
    if (this.state === "loading") return { news: say("loading"), percent: null };
    if (this.voices.news && this.state !== "error") return this.voices.news;
    if (this.state !== "preparing") return { news: null, percent: null };
    return { news: say("preparing"), percent: this.data.progress_percent || 0 };
  }

  // Decides whether the small bar is shown.
  place() {
    const isAway = this.isInSight === false && this.sound.isPlaying;
    this.view.openMini(isAway && !this.isMiniClosed && this.options.isSticky);
  }

  impressed() {
    if (this.hasImpressed || !this.data || !this.isWellInSight) return;
    this.hasImpressed = true;
    this.report.tell("impression", 0, this.sound.length);
  }

  pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    if (event.key === "Escape" && !this.view.mini.hidden) return this.view.on.closeMini();
    const act = keyOf(event, this.view.slider, this);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  // An event of the element, for the page: intone:play and so on.
  tell(name, more = {}) {
    const { time: currentTime, length: duration } = this.sound;
    const detail = { postId: this.post.id, currentTime, duration, ...more };
    this.host.dispatchEvent(new CustomEvent(`intone:${name}`, { detail, bubbles: true }));
  }
}
