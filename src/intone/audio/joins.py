"""Joining rendered segments so that nobody hears where."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from intone.audio.formats import BYTES_PER_SAMPLE, FrameAligner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Joiner"]

#: Samples up to this size (-54 dBFS) are silence at a segment's edges; an engine's noise floor
#: lies below, the softest consonants above.
_SILENCE = 64
#: What is kept of the silence before and after the voice, so that no breath or echo is cut.
_KEPT_BEFORE_MS, _KEPT_AFTER_MS = 10, 25
#: Length of the fades at both edges: too short to be heard, long enough to click no more.
_FADE_MS = 4


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
        self._segment = _Segment(sample_rate)
        self._anything = False
        self._pause = 0

    def feed(self, pcm: bytes) -> bytes:
        """Take in more of the current segment and return what can be heard of it already."""
        waiting = not self._segment.speaking
        audible = self._segment.feed(pcm)
        if waiting and self._segment.speaking:
            pause = self._pause if self._anything else 0
            self._anything = True
            return bytes(pause * BYTES_PER_SAMPLE) + audible
        return audible

    def end_segment(self, pause_ms: int = 0) -> bytes:
        """End the current segment and return the rest of it.

        Args:
            pause_ms: Silence before the next segment that has sound, if one follows.
        """
        ended, self._segment = self._segment, _Segment(self._rate)
        pause = _samples(pause_ms, self._rate)
        if not ended.speaking:
            # Nothing was said between two pauses: the longer one stands for both.
            self._pause = max(self._pause, pause)
            return b""
        self._pause = pause
        return ended.rest()

    def segment(self, pcm: bytes, pause_ms: int = 0) -> bytes:
        """Join a whole segment: `feed` and `end_segment` in one."""
        return self.feed(pcm) + self.end_segment(pause_ms)

    def finish(self) -> bytes:
        """End the recording: the rest of a segment not ended yet, and no pause."""
        return self.end_segment()


class _Segment:
    """One segment on its way: trimmed and faded at both edges."""

    def __init__(self, sample_rate: int) -> None:
        import numpy as np

        #: Whether anything but silence has come.
        self.speaking = False
        self._before = _samples(_KEPT_BEFORE_MS, sample_rate)
        self._after = _samples(_KEPT_AFTER_MS, sample_rate)
        self._fade = _fade_in(_samples(_FADE_MS, sample_rate))
        self._aligner = FrameAligner()
        #: The newest samples of the silence before the voice.
        self._lead: NDArray[np.int16] = np.zeros(0, "<i2")
        self._faded = 0
        #: The newest samples, at least as many as a fade has; the last `_quiet` are silence.
        self._held = bytearray()
        self._quiet = 0

    def feed(self, pcm: bytes) -> bytes:
        import numpy as np

        samples = np.frombuffer(self._aligner.feed(pcm), "<i2")
        loud = np.flatnonzero((samples > _SILENCE) | (samples < -_SILENCE))
        if loud.size:
            self._quiet = len(samples) - 1 - int(loud[-1])
        else:
            self._quiet += len(samples)
        if not self.speaking:
            samples = np.concatenate((self._lead, samples))
            if not loud.size:
                self._lead = samples[-self._before :]
                return b""
            self.speaking = True
            samples = samples[max(0, len(self._lead) + int(loud[0]) - self._before) :]
        self._held += self._faded_in(samples).tobytes()
        held_back = max(self._quiet, len(self._fade)) * BYTES_PER_SAMPLE
        ready = max(0, len(self._held) - held_back)
        released = bytes(self._held[:ready])
        del self._held[:ready]
        return released

    def rest(self) -> bytes:
        """The segment has ended: what was held back, without most of the silence, faded out."""
        import numpy as np

        trimmed = max(0, self._quiet - self._after) * BYTES_PER_SAMPLE
        rest = np.frombuffer(self._held[: len(self._held) - trimmed], "<i2").copy()
        edge = min(len(self._fade), len(rest))
        rest[len(rest) - edge :] = np.rint(rest[len(rest) - edge :] * self._fade[:edge][::-1])
        return rest.tobytes()

    def _faded_in(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        import numpy as np

        curve = self._fade[self._faded : self._faded + len(samples)]
        self._faded += len(curve)
        if not len(curve):
            return samples
        faded = samples.copy()
        faded[: len(curve)] = np.rint(samples[: len(curve)] * curve)
        return faded


def _samples(milliseconds: int, sample_rate: int) -> int:
    return round(milliseconds * sample_rate / 1000)


def _fade_in(size: int) -> NDArray[np.float64]:
    """Half a raised cosine from just above 0 to just below 1."""
    import numpy as np

    angles = (np.arange(size) + 0.5) * (math.pi / 2 / size)
    curve: NDArray[np.float64] = np.sin(angles) ** 2
    return curve
