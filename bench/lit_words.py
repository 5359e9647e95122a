"""The word that a player lights against the word that is heard, frame by frame."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from bench.chromium import Tab

__all__ = ["BUTTON", "Recording", "Watched", "listen", "prepare", "watch"]

#: Silences as long as this are pauses; a word begins behind them, in ms.
_PAUSE_MS = 100.0
#: Peaks up to this part of the loudest are silence.
_QUIET = 0.02
#: Samples that are compared at a time, and where they are looked for in the recording, in seconds
#: before and after the clock.
_SAMPLES, _AROUND_S = 2048, 1.0
#: Sound quieter than this (RMS) is not looked for, and is found where it correlates like that.
_AUDIBLE, _SAME = 0.02, 0.9
_PLAYER = (
    "const root = document.querySelector('[data-post-id]')?.shadowRoot,"
    " find = (what) => root?.querySelector(what);"
)
#: The middle of the button that plays, as soon as it is there.
BUTTON = f"""new Promise((resolve) => {{
  const look = () => {{
    {_PLAYER}
    const box = find(".card .go")?.getBoundingClientRect();
    if (box?.width) resolve([box.x + box.width / 2, box.y + box.height / 2]);
    else setTimeout(look, 1);
  }};
  look();
}})"""
#: A page may listen to audio of another origin only where it was fetched as such.
_HOOK = """
const create = document.createElement.bind(document);
document.createElement = (name, ...rest) => {
  const element = create(name, ...rest);
  if (name === "audio") element.crossOrigin = "anonymous";
  return element;
};
"""
_LISTEN = f"""(() => {{
  {_PLAYER}
  const context = new AudioContext({{ sampleRate: RATE }});
  window.analyser = new AnalyserNode(context, {{ fftSize: {_SAMPLES} }});
  context.createMediaElementSource(find("audio")).connect(analyser).connect(context.destination);
  find("[aria-expanded]").click();
}})()"""
#: Plays from a second on; for each frame the clock, where the lit word begins or null, and now and
#: then what is heard.
_WATCH = f"""new Promise((resolve) => {{
  {_PLAYER}
  const audio = find("audio"), slider = find("[type=range]"), frames = [];
  slider.value = FROM;
  slider.dispatchEvent(new Event("change"));
  if (audio.paused) find(".go").click();
  const heard = () => {{
    const samples = new Float32Array({_SAMPLES});
    analyser.getFloatTimeDomainData(samples);
    return [...samples];
  }};
  const look = () => {{
    const second = audio.currentTime, lit = find(".lit");
    if (!audio.seeking && audio.readyState > 2) {{
      const start = lit ? Number(lit.dataset.start) : null;
      frames.push([second, start, frames.length % 20 === 19 ? heard() : null]);
    }}
    if (second < FROM + FOR && !audio.ended) return requestAnimationFrame(look);
    audio.pause();
    resolve(frames);
  }};
  requestAnimationFrame(look);
}})"""


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen and heard at one place."""

    #: For each frame, how far the clock was from when the lit word is spoken, in ms.
    lit: list[float]
    #: How far what was heard was from what the recording has at that second, in ms.
    heard: list[float]


class Recording:
    """A recording as it is decoded, with its captions.

    Args:
        audio: The file.
        words: Of its captions, as in their JSON.
    """

    def __init__(self, audio: bytes, words: list[dict[str, Any]]) -> None:
        import av

        with av.open(io.BytesIO(audio)) as file:
            self.rate = file.streams.audio[0].rate
            frames = [frame.to_ndarray()[0] for frame in file.decode(audio=0)]
        self.samples = np.concatenate(frames)
        self.words = words

    def captions_off(self) -> list[float]:
        """How far each sound after a pause is from the nearest beginning of a word, in ms."""
        level = np.abs(self.samples)
        loud = np.flatnonzero(level > _QUIET * level.max())
        gaps = np.diff(loud, prepend=-self.rate)
        onsets = loud[gaps > self.rate * _PAUSE_MS / 1000] * 1000 / self.rate
        begins = np.array([1000 * word["start"] for word in self.words])
        return [float(np.abs(begins - onset).min()) for onset in onsets]

    def heard_off(self, second: float, heard: list[float]) -> float | None:
        """How far samples that end at a second of the clock are from it, in ms.

        Returns:
            None where they are too quiet to tell, or are not of this recording's second.
        """
        sought = np.array(heard, dtype=np.float32)
        first = max(0, int((second - _AROUND_S) * self.rate))
        around = self.samples[first : int((second + _AROUND_S) * self.rate)]
        if np.sqrt(np.mean(sought**2)) < _AUDIBLE or len(around) < len(sought):
            return None
        power = np.convolve(around**2, np.ones(len(sought)), "valid") * np.sum(sought**2)
        likeness = np.correlate(around, sought, "valid") / np.sqrt(power + 1e-9)
        best = int(likeness.argmax())
        if likeness[best] < _SAME:
            return None
        return 1000 * abs((first + best + len(sought)) / self.rate - second)

    def lit_off(self, second: float, start: float | None) -> float:
        """How far a second is from when the lit word is the one spoken last, in ms.

        Args:
            second: Of the clock.
            start: Where the lit word begins; None: none is lit, as in a long pause.
        """
        if start is None:
            inside = [min(second - word["start"], word["end"] - second) for word in self.words]
            return 1000 * max(0.0, *inside)
        lit = next(n for n, word in enumerate(self.words) if word["start"] == start)
        following = self.words[lit + 1]["start"] if lit + 1 < len(self.words) else second
        return 1000 * max(0.0, start - second, second - following)


async def prepare(tab: Tab) -> None:
    """Make that the player's sound can be listened to in pages that this tab goes to."""
    await tab.call("Page.enable")
    await tab.call("Page.addScriptToEvaluateOnNewDocument", source=_HOOK)


async def listen(tab: Tab, recording: Recording) -> None:
    """Begin to listen to the player of the page, and open its transcript."""
    await tab.js(_LISTEN.replace("RATE", str(recording.rate)))


async def watch(tab: Tab, recording: Recording, second: float, seconds: float) -> Watched:
    """Have the player go to a second and play for some seconds; it is paused before and after."""
    frames = await tab.js(_WATCH.replace("FROM", str(second)).replace("FOR", str(seconds)))
    lit = [recording.lit_off(now, start) for now, start, _ in frames]
    heard = [recording.heard_off(now, samples) for now, _, samples in frames if samples]
    return Watched(lit, [off for off in heard if off is not None])
