// What a publisher learns: which posts are heard, and how far. No cookie, no name, no fingerprint.

const FLUSH_EVERY = 10000;
const MOST_AT_ONCE = 100;

const random = crypto.getRandomValues(new Uint32Array(4));
//: Known to this page view alone, and gone with it.
const SESSION = Array.from(random, (part) => part.toString(16).padStart(8, "0")).join("");

const isRefused = () => navigator.globalPrivacyControl === true || navigator.doNotTrack === "1";

// The events of one site, sent together now and then and when the page is left.
class Figures {
  constructor(server) {
    this.server = server;
    this.events = [];
    this.timer = 0;
    addEventListener("pagehide", () => this.flush());
    document.addEventListener("visibilitychange", () => document.hidden && this.flush());
  }

  add(event) {
    if (isRefused()) return;
    const url = location.origin + location.pathname;
    this.events.push({ ...event, session_id: SESSION, url });
    this.timer ||= setTimeout(() => this.flush(), FLUSH_EVERY);
  }

  flush() {
    clearTimeout(this.timer);
    this.timer = 0;
    while (this.events.length) {
      const events = this.events.splice(0, MOST_AT_ONCE);
      const body = JSON.stringify({ domain: this.server.domain, events });
      const address = this.server.address("v1/public/events", {});
      // A string goes as text/plain, which asks for no preflight while the page is leaving.
      if (navigator.sendBeacon?.(address, body)) continue;
      const request = { method: "POST", body, keepalive: true, credentials: "omit" };
      fetch(address, request).catch(() => {});
    }
  }
}

const figures = new Map();

function figuresOf(server) {
  const key = `${server.origin} ${server.domain}`;
  if (!figures.has(key)) figures.set(key, new Figures(server));
  return figures.get(key);
}

// What one player reports of itself.
class Report {
  constructor(server, post, isWanted) {
    this.figures = isWanted ? figuresOf(server) : null;
    this.post = post;
    this.quarter = 0;
    this.heard = 0;
    this.since = 0;
    this.seeking = 0;
  }

  // The sound runs or rests: real seconds are counted while it runs.
  runs(isRunning) {
    const now = performance.now();
    if (this.since) this.heard += (now - this.since) / 1000;
    this.since = isRunning ? now : 0;
  }

  tell(event, time, length) {
    if (!this.figures) return;
    this.runs(this.since > 0);
    const rounded = (seconds) => Math.round(seconds * 1000) / 1000;
    this.figures.add({
      post_id: this.post.id, lang: this.post.lang, event,
      position_seconds: rounded(time || 0),
      ...(length && { duration_seconds: rounded(length) }),
      ...(this.heard >= 0.001 && { heard_seconds: rounded(this.heard) }),
    });
    this.heard = 0;
  }

  // Once for each quarter that is reached by playing.
  progress(time, length) {
    const quarter = length ? Math.floor((time / length) * 4) : 0;
    if (quarter > this.quarter && quarter < 4) {
      this.quarter = quarter;
      this.tell("progress", time, length);
    }
  }

  // Many small steps of the slider are one event.
  seek(time, length) {
    clearTimeout(this.seeking);
    this.seeking = setTimeout(() => this.tell("seek", time, length), 700);
  }
}
