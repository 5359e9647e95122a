// What is seen: the card in the page and the small bar that stays while the card is out of sight.
// It shows what it is told and calls `on` for what the reader does; it decides nothing.

const SPEEDS = [0.75, 1, 1.25, 1.5, 1.75, 2];

class View {
  // `on`: toggle, warm, seek, skip, speed, voice, mute, volume, transcript, retry, closeMini.
  constructor(language, on) {
    this.language = language;
    this.on = on;
    this.say = (name, ...values) => language.say(name, ...values);
    this.audio = make("audio", { preload: "none" });
    this.card = this.makeCard();
    this.mini = this.makeMini();
    // While the slider is dragged, the second it stands at.
    this.drag = null;
  }

  tool(name, label, act, rest = {}) {
    return make("button", {
      type: "button", class: "tool", "aria-label": label, title: label, onclick: act, ...rest,
    }, icon(name, rest["data-number"]));
  }

  goButton() {
    const button = make("button", {
      type: "button", class: "go", onclick: () => this.on.toggle(),
      onpointerenter: () => this.on.warm(),
    });
    relabel(button, "play", this.say("play"));
    return button;
  }

  makeCard() {
    const { say } = this;
    this.go = this.goButton();
    this.kicker = make("p", { class: "kicker", text: say("listen") });
    this.title = make("p", { class: "title", dir: "auto" });
    this.slider = make("input", {
      type: "range", min: 0, max: 0, step: "any", value: 0, disabled: true, class: "seek",
      "aria-label": say("position"), oninput: () => this.dragged(), onchange: () => this.dropped(),
    });
    this.now = make("span", { class: "time", text: clock(0), "aria-hidden": "true" });
    this.end = make("span", { class: "time end", "aria-hidden": "true" });
    this.progress = make("div", {
      class: "made", role: "progressbar", hidden: true,
      "aria-label": say("preparing"), "aria-valuemin": 0, "aria-valuemax": 100,
    }, make("i"));
    this.news = make("p", { class: "news", hidden: true },
      make("span", { text: say("error") }),
      make("button", { type: "button", text: say("retry"), onclick: () => this.on.retry() }));
    this.spoken = make("p", { class: "unseen", role: "status" });
    this.transcript = new Transcript(say("transcript"), (second) => this.on.seek(second));
    return make("div", { class: "intone card", role: "region" },
      this.progress,
      make("div", { class: "head" },
        this.go, make("div", { class: "what" }, this.kicker, this.title)),
      make("div", { class: "bar" }, this.now, this.slider, this.end),
      this.makeTools(), this.news, this.transcript.element, this.spoken, this.audio);
  }

  makeTools() {
    const { say } = this;
    const skip = (by) => () => this.on.skip(by);
    const fifteen = { class: "tool skip", "data-number": 15 };
    this.back = this.tool("back", say("back"), skip(-15), fifteen);
    this.forward = this.tool("forward", say("forward"), skip(15), fifteen);
    this.speed = make("select", { class: "speed", "aria-label": say("speed"), title: say("speed"),
      onchange: () => this.on.speed(Number(this.speed.value)) },
    ...SPEEDS.map((rate) => make("option", { value: rate, text: `${rate}×` })));
    this.voice = make("select", { "aria-label": say("voice"), title: say("voice"),
      onchange: () => this.on.voice(this.voice.value) });
    this.voicePick = make("span", { class: "pick", hidden: true }, this.voice, icon("down"));
    this.mute = this.tool("loud", say("mute"), () => this.on.mute());
    this.volume = make("input", { type: "range", min: 0, max: 1, step: 0.05, value: 1,
      class: "level", "aria-label": say("volume"),
      oninput: () => this.on.volume(Number(this.volume.value)) });
    this.text = this.tool("text", say("transcript"), () => this.on.transcript(),
      { "aria-expanded": "false", hidden: true });
    this.download = make("a", { class: "tool", "aria-label": say("download"),
      title: say("download"), download: true, target: "_blank", rel: "noopener", hidden: true },
    icon("download"));
    return make("div", { class: "tools" }, this.back, this.forward,
      make("span", { class: "pick" }, this.speed, icon("down")), this.voicePick,
      make("span", { class: "ends" },
        make("span", { class: "volume" }, this.mute, this.volume), this.text, this.download));
  }

  makeMini() {
    this.miniGo = this.goButton();
    this.miniTitle = make("p", { class: "title", dir: "auto" });
    this.miniTime = make("p", { class: "kicker" });
    this.miniBar = make("i");
    const close = this.tool("close", this.say("close"), () => this.on.closeMini());
    return make("div", { class: "intone mini", role: "group", popover: "manual", hidden: true },
      this.miniGo, make("div", { class: "what" }, this.miniTitle, this.miniTime),
      close, this.miniBar);
  }

  // Theme, accent and direction, which may change at any time; returns the accent as a colour.
  paint({ theme, accent, direction }) {
    return [this.card, this.mini].map((box) => {
      box.dataset.theme = theme;
      box.dir = direction;
      box.lang = this.language.tag;
      return paint(box, accent);
    })[0];
  }

  name(title) {
    this.title.textContent = title;
    this.miniTitle.textContent = title;
    const label = `${this.say("player")}: ${title}`;
    this.card.setAttribute("aria-label", label);
    this.mini.setAttribute("aria-label", label);
  }

  // The whole state but the time; cheap enough to be told at every change.
  show(state) {
    const act = state.isPlaying ? "pause" : "play";
    for (const go of [this.go, this.miniGo]) {
      relabel(go, act, this.say(act));
      go.classList.toggle("waits", state.isWaiting);
    }
    this.slider.disabled = !state.isSeekable;
    this.back.disabled = this.forward.disabled = !state.isSeekable;
    const mute = state.isMuted ? ["mute", "unmute"] : ["loud", "mute"];
    relabel(this.mute, mute[0], this.say(mute[1]));
    this.volume.value = state.isMuted ? 0 : state.volume;
    this.volume.style.setProperty("--at", `${this.volume.value * 100}%`);
    this.speed.value = state.speed;
    this.text.hidden = !state.hasTranscript;
    this.download.hidden = !state.download;
    if (state.download) this.download.href = state.download;
    else this.download.removeAttribute("href");
    this.showProgress(state);
  }

  // The line above the title says what is going on, so that nothing moves when it changes.
  showProgress({ news, percent, isWrong }) {
    const hasPercent = percent !== null;
    this.progress.hidden = !hasPercent;
    if (hasPercent) {
      this.progress.setAttribute("aria-valuenow", Math.round(percent));
      this.progress.style.setProperty("--made", `${percent}%`);
    }
    const text = hasPercent ? `${news} · ${this.language.percent(percent)}` : news;
    const kicker = isWrong || !text ? this.say("listen") : text;
    if (this.kicker.textContent !== kicker) this.kicker.textContent = kicker;
    this.news.hidden = !isWrong;
  }

  // Says something once to those who do not see it.
  announce(text) {
    if (this.spoken.textContent !== text) this.spoken.textContent = text;
  }

  // `span` is what the slider spans, also while the length is unknown.
  showTime(time, length, span) {
    const shown = this.drag ?? time;
    const whole = (this.length = length || 0);
    const share = `${Math.min(100, (shown / span) * 100)}%`;
    this.now.textContent = clock(shown);
    this.end.textContent = whole ? clock(whole) : "–:––";
    this.slider.max = span;
    if (this.drag === null) this.slider.value = shown;
    this.slider.style.setProperty("--at", share);
    const spoken = this.spokenTime(shown, whole);
    if (this.slider.getAttribute("aria-valuetext") !== spoken) {
      this.slider.setAttribute("aria-valuetext", spoken);
    }
    this.miniTime.textContent = whole ? `${clock(shown)} / ${clock(whole)}` : clock(shown);
    this.miniBar.style.setProperty("--at", share);
  }

  spokenTime(shown, whole) {
    const at = this.language.duration(shown);
    return whole ? this.say("of", at, this.language.duration(whole)) : at;
  }

  showVoices(voices, chosen) {
    this.voice.replaceChildren(
      ...voices.map((voice) => make("option", { value: voice.id, text: voice.name })));
    this.voice.value = chosen;
    this.voicePick.hidden = voices.length < 2;
  }

  openTranscript(isOpen) {
    this.transcript.element.hidden = !isOpen;
    this.text.setAttribute("aria-expanded", String(isOpen));
    this.transcript.follow();
  }

  // The bar stands in the browser's top layer, where no ancestor's style moves or hides it.
  openMini(isOpen) {
    if (this.mini.hidden === !isOpen) return;
    const hadFocus = this.mini.contains(this.mini.getRootNode().activeElement);
    this.mini.hidden = !isOpen;
    if (isOpen) this.mini.showPopover?.();
    else this.mini.hidePopover?.();
    // What the keyboard reaches must not come to lie under the bar.
    const room = isOpen ? `${this.mini.offsetHeight + 24}px` : "";
    document.documentElement.style.scrollPaddingBlockEnd = room;
    if (!isOpen && hadFocus) this.go.focus({ preventScroll: true });
  }

  dragged() {
    this.drag = Number(this.slider.value);
    this.showTime(this.drag, this.length, Number(this.slider.max));
  }

  dropped() {
    const goal = Number(this.slider.value);
    this.drag = null;
    this.on.seek(goal);
  }
}
