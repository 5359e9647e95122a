// What the player asks of its server: where a post's audio is, its voices, and its captions.

//: Milliseconds between two questions about a rendering: at first, at last, and after trouble.
const FIRST_PAUSE = 1000;
const LAST_PAUSE = 3000;
const LONGEST_PAUSE = 30000;
//: Lookups in a row that may fail before the reader is told.
const PATIENCE = 4;

class Server {
  // `origin` is where this script came from; `domain` names the site.
  constructor(origin, domain) {
    this.origin = origin;
    this.domain = domain;
  }

  // Where a public route is, with its query; what is empty is left out.
  address(path, query) {
    const url = new URL(path, this.origin + "/");
    for (const [name, value] of Object.entries(query)) {
      if (value) url.searchParams.set(name, value);
    }
    return url.href;
  }

  // {status, data, wait}: status 0 where nothing answered, `wait` in ms where the server asks it.
  async ask(path, query, signal) {
    try {
      const answer = await fetch(this.address(path, query), {
        signal, credentials: "omit", cache: "no-cache",
      });
      const body = await answer.json().catch(() => ({}));
      const wait = Number(answer.headers.get("retry-after")) * 1000 || 0;
      return { status: answer.status, data: answer.ok ? body.data || body : null, wait };
    } catch (error) {
      if (signal.aborted) throw error;
      return { status: 0, data: null, wait: 0 };
    }
  }

  // An address as the server gave it, made whole.
  whole(address) {
    return address ? new URL(address, this.origin + "/").href : null;
  }

  audio(post, signal) {
    const query = { domain: this.domain, post_id: post.id, lang: post.lang, voice_id: post.voice };
    return this.ask("v1/public/audio", query, signal);
  }

  // Where a post's sound is, how many seconds of it there are, and how much of it is made.
  sources(data) {
    return {
      file: this.whole(data.audio_url),
      stream: this.whole(data.stream_url),
      length: data.duration_seconds || null,
      percent: data.progress_percent,
    };
  }

  // Where a browser saves a post's audio from; null where its reader may not, or not yet.
  download(data) {
    if (!data?.allow_download || !data.audio_url) return null;
    const url = new URL(data.audio_url, this.origin + "/");
    url.searchParams.set("download", "true");
    return url.href;
  }

  voices(signal) {
    return this.ask("v1/public/voices", { domain: this.domain }, signal);
  }
}

// Resolves after some milliseconds, or at once when the work is no longer wanted.
const after = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });

// Resolves as soon as the page can be seen.
const seen = (signal) =>
  new Promise((resolve) => {
    if (!document.hidden || signal.aborted) return resolve();
    const done = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", done);
      resolve();
    };
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done, { once: true });
  });

// Takes a step again and again until it returns true; a step may return the ms it has to wait.
// A page that nobody sees waits, unless the work is urgent.
async function poll(step, signal, isUrgent = () => false) {
  let pause = FIRST_PAUSE;
  while (!signal.aborted) {
    const result = await step();
    if (result === true || signal.aborted) return;
    await after(Math.max(pause, Math.min(result || 0, LONGEST_PAUSE)), signal);
    if (!isUrgent()) await seen(signal);
    pause = Math.min(LAST_PAUSE, pause * 1.3);
  }
}

// Asks for a post's audio until it is there for good.
class Lookup {
  // `on` is told: data(data), which returns whether that was all; gone(), failed().
  constructor(server, post, on) {
    this.server = server;
    this.post = post;
    this.on = on;
  }

  start(isUrgent) {
    this.stop();
    this.asking = new AbortController();
    this.failures = 0;
    const { signal } = this.asking;
    background(poll(() => this.step(signal), signal, isUrgent));
  }

  stop() {
    this.asking?.abort();
  }

  async step(signal) {
    const { status, data, wait } = await this.server.audio(this.post, signal);
    if (data) {
      this.failures = 0;
      return this.on.data(data);
    }
    const isGone = status >= 400 && status < 500 && status !== 429 && status !== 408;
    if (isGone) return this.on.gone(), true;
    if (status !== 429 && ++this.failures >= PATIENCE) return this.on.failed(), true;
    return wait || this.failures * 1000;
  }
}

// Runs work that an abort may end, which is no failure.
function background(work) {
  work.catch((error) => {
    if (error.name !== "AbortError") throw error;
  });
}
