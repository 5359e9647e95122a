"""Joining rendered segments so that nobody hears where."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

from intone.audio.formats import BYTES_PER_SAMPLE, FrameAligner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Joiner", "trim"]

#: Samples up to this size (-54 dBFS) are silence at a segment's edges; an engine's noise floor
#: lies below, the softest consonants above.
_SILENCE = 64
#: What is kept of the silence before and after the voice, so that no breath or echo is cut.
_KEPT_BEFORE_MS, _KEPT_AFTER_MS = 10, 25
#: Length of the fades at both edges: too short to be heard, long enough to click no more.
_FADE_MS = 4
#: How many samples are looked at in one go for the first that is not silence.
_LOOK = 2048


class Joiner:
    """Joins the segments of one recording in their order.

    Each segment loses the silence at its edges but for a few milliseconds, its edges are faded
    and a pause of exactly the wanted length stands between it and the next. Audio comes out
    as it goes in: only silence, and the last milliseconds before it, are held back until
    it is known whether the segment ends there. A segment without any sound vanishes.

    Args:
        sample_rate: Of the mono PCM, in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._anything = False
        self._pause = 0
        self._segment = _Segment(sample_rate, 0)

    def feed(self, pcm: bytes) -> bytes:
        """Take in more of the current segment and return what can be heard of it already."""
        return self._segment.feed(pcm)

    def end_segment(self, pause_ms: int = 0) -> bytes:
        """End the current segment and return the rest of it.

        Args:
            pause_ms: Silence before the next segment that has sound, if one follows.
        """
        ended, pause = self._segment, _samples(pause_ms, self._rate)
        if ended.speaking:
            self._anything = True
            self._pause = pause
        elif self._anything:
            # Nothing was said between two pauses: the longer one stands for both.
            self._pause = max(self._pause, pause)
        self._segment = _Segment(self._rate, self._pause)
        return ended.rest()

    def finish(self) -> bytes:
        """End the recording: the rest of a segment not ended yet, and no pause."""
        return self.end_segment()


def trim(pcm: bytes, sample_rate: int) -> tuple[bytes, int]:
    """A segment on its own as a `Joiner` would have it, and the samples cut off before it.

    Args:
        pcm: Mono; without any sound nothing is left of it.
        sample_rate: In Hz.
    """
    import numpy as np

    samples = np.frombuffer(pcm, "<i2")
    first, size = _first_loud(samples), len(samples)
    if first == size:
        return b"", 0
    cut = max(0, first - _samples(_KEPT_BEFORE_MS, sample_rate))
    quiet = _first_loud(samples[::-1])
    kept = samples[cut : size - max(0, quiet - _samples(_KEPT_AFTER_MS, sample_rate))].copy()
    fade = _fade_in(_samples(_FADE_MS, sample_rate))
    edge = min(len(fade), len(kept))
    kept[:edge] = np.rint(kept[:edge] * fade[:edge])
    kept[-edge:] = np.rint(kept[-edge:] * fade[:edge][::-1])
    return kept.tobytes(), cut


class _Segment:
    """One segment on its way: trimmed and faded at both edges, after a pause.

    Only the edges are looked at, and what lies between is copied once.
    """

    def __init__(self, sample_rate: int, pause: int) -> None:
        import numpy as np

        #: Whether anything but silence has come.
        self.speaking = False
        self._pause = bytes(pause * BYTES_PER_SAMPLE)
        self._before = _samples(_KEPT_BEFORE_MS, sample_rate)
        self._after = _samples(_KEPT_AFTER_MS, sample_rate)
        self._fade = _fade_in(_samples(_FADE_MS, sample_rate))
        self._aligner = FrameAligner()
        self._faded = 0
        #: The newest samples: before the voice the end of the silence; then at least as many as a
        #: fade has, the last `_quiet` of them silence.
        self._held: NDArray[np.int16] = np.zeros(0, "<i2")
        self._quiet = 0

    def feed(self, pcm: bytes) -> bytes:
        import numpy as np

        samples = np.frombuffer(self._aligner.feed(pcm), "<i2")
        if not self.speaking:
            samples = np.concatenate((self._held, samples)) if len(self._held) else samples
            first = _first_loud(samples)
            cut = max(0, first - self._before)
            samples = samples[cut:]
            if first == cut + len(samples):
                self._held = samples
                return b""
            self.speaking = True
            self._held = samples[:0]
        quiet = _first_loud(samples[::-1])
        self._quiet = quiet + (self._quiet if quiet == len(samples) else 0)
        return self._hold_back(max(self._quiet, len(self._fade)), *self._faded_in(samples))

    def rest(self) -> bytes:
        """The segment has ended: what was held back, without most of the silence, faded out."""
        import numpy as np

        if not self.speaking:
            return b""
        trimmed = max(0, self._quiet - self._after)
        rest = self._held[: len(self._held) - trimmed].copy()
        edge = min(len(self._fade), len(rest))
        rest[len(rest) - edge :] = np.rint(rest[len(rest) - edge :] * self._fade[:edge][::-1])
        return self._pause + rest.tobytes()

    def _hold_back(self, count: int, faded: NDArray[np.int16], rest: NDArray[np.int16]) -> bytes:
        """Add samples to those held, keep the newest `count` and return the others."""
        import numpy as np

        if len(rest) < count:
            faded, rest = np.concatenate((self._held, faded, rest)), rest[:0]
            kept = max(0, len(faded) - count)
            faded, self._held = faded[:kept], faded[kept:]
            if not kept:
                return b""
        else:
            faded, self._held = np.concatenate((self._held, faded)), rest[len(rest) - count :]
            rest = rest[: len(rest) - count]
        pause, self._pause = self._pause, b""
        return b"".join((pause, faded.data, rest.data))

    def _faded_in(self, samples: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """The samples in two: those that the fade at the start has changed, and the others."""
        import numpy as np

        curve = self._fade[self._faded : self._faded + len(samples)]
        self._faded += len(curve)
        faded = np.rint(samples[: len(curve)] * curve).astype("<i2")
        return faded, samples[len(curve) :]


def _first_loud(samples: NDArray[np.int16]) -> int:
    """Where the first sample lies that is not silence; the length where all are."""
    for start in range(0, len(samples), _LOOK):
        some = samples[start : start + _LOOK]
        loud = (some > _SILENCE) | (some < -_SILENCE)
        if loud.any():
            return start + int(loud.argmax())
    return len(samples)


def _samples(milliseconds: int, sample_rate: int) -> int:
    return round(milliseconds * sample_rate / 1000)


@cache
def _fade_in(size: int) -> NDArray[np.float64]:
    """Half a raised cosine from just above 0 to just below 1."""
    import numpy as np

    angles = (np.arange(size) + 0.5) * (math.pi / 2 / size)
    curve: NDArray[np.float64] = np.sin(angles) ** 2
    return curve
