// The voices of a site, where it lets its readers choose. The voice that speaks goes on until the
// other has been rendered; then that one goes on at the same place of the text.

class Voices {
  constructor(player) {
    this.player = player;
    this.list = [];
    // What is going on, as the view shows it, or null.
    this.news = null;
  }

  // Asks for the voices of the post's language, once, at the reader's first interest.
  ask() {
    const { data, server, work } = this.player;
    if (this.hasAsked || !data) return;
    this.hasAsked = true;
    background(server.voices(work.signal).then((answer) => {
      if (!answer.data?.allow_switch) return;
      const spoken = primary(data.language);
      this.list = answer.data.voices.filter((voice) => primary(voice.language) === spoken);
      this.player.view.showVoices(this.list, data.voice_id);
    }));
  }

  choose(id) {
    this.choosing?.abort();
    this.tell(null);
    const { player } = this;
    if (id === String(player.data.voice_id)) return;
    const choosing = (this.choosing = new AbortController());
    const { signal } = choosing;
    player.work.signal.addEventListener("abort", () => choosing.abort(), { signal });
    background(poll(() => this.step(id, signal), signal));
  }

  // One look at the rendering in another voice; true when there is nothing to wait for.
  async step(id, signal) {
    const { player, list } = this;
    const { name } = list.find((voice) => String(voice.id) === id);
    const { status, data, wait } = await player.server.audio({ ...player.post, voice: id }, signal);
    if (data?.status === "ready" && data.audio_url) {
      await this.turn(id, data, signal);
      return true;
    }
    const isRefused = status >= 400 && status < 500 && status !== 429;
    if (isRefused || data?.status === "failed") {
      this.tell(player.language.say("voiceFailed", name));
      player.view.voice.value = player.data.voice_id;
      return true;
    }
    const percent = data?.progress_percent ?? this.news?.percent ?? 0;
    this.tell(player.language.say("voiceComing", name), percent);
    return wait;
  }

  async turn(id, data, signal) {
    const { player } = this;
    const captions = new Captions(player.server);
    const isRead = player.words.captions.url && data.captions_url;
    if (isRead) await captions.more(data.captions_url, signal);
    this.tell(null);
    player.turnTo(id, data, captions, this.placeIn(captions, data));
  }

  // The place in another recording: that of the word which is spoken, else the same share of it.
  placeIn(captions, data) {
    const { time, length } = this.player.sound;
    const offset = this.player.words.captions.textAt(time);
    const second = offset === null ? null : captions.secondOf(offset);
    if (time < 0.5) return 0;
    return second ?? (length ? time / length : 0) * (data.duration_seconds || 0);
  }

  tell(news, percent = null) {
    if (news) this.player.view.announce(news);
    this.news = news && { news, percent };
    this.player.show();
  }
}
