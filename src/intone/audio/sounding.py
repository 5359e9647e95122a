"""Where speech has sound and where it pauses."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Outline", "Pause", "Sounding"]

#: How finely it is looked at, in milliseconds.
_FRAME_MS = 5
#: So many samples a second are looked at, which is enough to tell sound from silence.
_RATE = 8000
#: Peaks up to this are silence, and so are those this far below the loud ones (-36 dB).
_SILENCE, _FAR_BELOW = 64, 0.016
#: Which of all peaks counts as loud, in percent.
_LOUD = 95


class Pause(NamedTuple):
    """A stretch without sound between two with sound, in milliseconds."""

    from_ms: float
    to_ms: float


class Outline(NamedTuple):
    """Where speech has sound and where it has none: a bit for every five milliseconds."""

    bits: bytes
    #: How many of the bits count.
    frames: int
    #: What each stands for, and how long the audio is.
    frame_ms: float
    length_ms: float

    @classmethod
    def of(cls, pcm: bytes, sample_rate: int) -> Self:
        """The outline of speech.

        Args:
            pcm: Mono s16le.
            sample_rate: In Hz.
        """
        import numpy as np

        every = max(1, sample_rate // _RATE)
        samples = np.frombuffer(pcm, "<i2")[::every]
        width = max(1, sample_rate * _FRAME_MS // 1000 // every)
        whole, rest = divmod(len(samples), width)
        # A frame a column: numpy compares rows much faster than what lies within one.
        frames = np.zeros((width, whole + (rest > 0)), np.int16)
        frames[:, :whole] = samples[: whole * width].reshape(whole, width).T
        if rest:
            frames[:rest, whole] = samples[whole * width :]
        peaks = np.maximum(frames.max(axis=0), -1 - frames.min(axis=0))
        has_sound = peaks > max(_SILENCE, _FAR_BELOW * _percentile(peaks, _LOUD))
        return cls(
            bits=np.packbits(has_sound).tobytes(),
            frames=len(peaks),
            frame_ms=width * every * 1000 / sample_rate,
            length_ms=len(pcm) // 2 * 1000 / sample_rate,
        )


class Sounding:
    """Tells sound from silence in speech."""

    def __init__(self, outline: Outline) -> None:
        import numpy as np

        bits = np.frombuffer(outline.bits, np.uint8)
        self._has_sound: NDArray[np.bool_] = np.unpackbits(bits, count=outline.frames).view(bool)
        self._frame_ms = outline.frame_ms
        # Lists: single items are asked for, and of arrays these take ten times as long.
        #: Sound before each frame, and in all, in frames.
        self._before: list[int] = [0, *np.cumsum(self._has_sound).tolist()]
        #: The last frame with sound up to each one; -1 where there is none.
        sounding = np.where(self._has_sound, np.arange(outline.frames), -1)
        self._last: list[int] = np.maximum.accumulate(sounding).tolist()
        #: How long the audio is.
        self.length_ms = outline.length_ms

    @property
    def sound_ms(self) -> float:
        """How much of it has sound."""
        return self._before[-1] * self._frame_ms

    def pauses(self, shortest_ms: float) -> list[Pause]:
        """Stretches without sound, but for those before and after all sound, in order."""
        import numpy as np

        sounding = np.flatnonzero(self._has_sound)
        gaps = np.flatnonzero(np.diff(sounding) * self._frame_ms > shortest_ms)
        return [
            Pause(
                float(sounding[gap] + 1) * self._frame_ms, float(sounding[gap + 1]) * self._frame_ms
            )
            for gap in gaps
        ]

    def sound_before(self, at_ms: float) -> float:
        """Milliseconds of sound before a moment."""
        at = min(max(at_ms / self._frame_ms, 0.0), len(self._last))
        frame = int(at)
        part = 0.0
        if at > frame:
            part = (at - frame) * (self._before[frame + 1] - self._before[frame])
        return (self._before[frame] + part) * self._frame_ms

    def moment_after(self, sound_ms: float) -> float:
        """When so much sound is over and more begins; the end of all sound if none does."""
        sound = sound_ms / self._frame_ms
        if sound >= self._before[-1]:
            return self.end_of_sound(0.0, self.length_ms)
        frame = bisect_right(self._before, sound + 1e-6) - 1
        return (frame + max(0.0, sound - self._before[frame])) * self._frame_ms

    def end_of_sound(self, from_ms: float, to_ms: float) -> float:
        """When the last sound between two moments ends; the first moment if there is none."""
        # The frame in which the second moment lies belongs to what begins then.
        start = int(from_ms / self._frame_ms)
        stop = min(int(to_ms / self._frame_ms), len(self._last))
        last = self._last[stop - 1] if stop > start else -1
        return min(to_ms, (last + 1) * self._frame_ms) if last >= start else from_ms


def _percentile(values: NDArray[np.int16], percent: int) -> int:
    """The value that so many of them are below, more or less; 0 of none at all."""
    import numpy as np

    at = len(values) * percent // 100
    return int(np.partition(values, at)[at]) if len(values) else 0
