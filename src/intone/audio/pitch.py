"""Raising and lowering a voice, and neither its speed nor its timbre, while it is arriving."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intone.audio.formats import FrameAligner
from intone.audio.periods import LOWEST_HZ, PeriodTracker
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["HIGHEST", "LOWEST", "PitchShifter"]

#: Semitones.
LOWEST, HIGHEST = -12.0, 12.0
_OCTAVE = 12
_FULL_SCALE = 32768
#: How far from the expected place the next period's mark may lie, as a part of the period.
_PLAY = 0.15


@dataclass(frozen=True, slots=True)
class _Mark:
    """A place in the input where a grain is cut out."""

    at: float
    #: Samples to the marks before and after it.
    left: float
    right: float
    is_voiced: bool


class PitchShifter:
    """Moves the pitch of one stream of mono speech, by TD-PSOLA.

    Speech is taken apart into grains of two pitch periods each, and they are put together again
    at other distances: each period still rings as the vocal tract made it, so a voice that was
    raised sounds like the same person speaking higher. What has no pitch stays as it is.

    The result is exactly as long as the input, and a sound in it lies where it was to within
    half a period. It comes less than 0.5 s late and does not depend on how the input is chunked.
    With 0 semitones it is the input.

    Args:
        sample_rate: Of the PCM (s16le), in Hz.
        semitones: Above 0 is higher; `LOWEST` to `HIGHEST`.

    Raises:
        InvalidInputError: That is out of range.
    """

    def __init__(self, sample_rate: int, semitones: float) -> None:
        if not LOWEST <= semitones <= HIGHEST:
            raise InvalidInputError(
                f"The pitch must be between {LOWEST:g} and {HIGHEST:g} semitones, "
                f"not {semitones:g}."
            )
        self._aligner = FrameAligner()
        self._line = _Line(sample_rate, 2 ** (semitones / _OCTAVE)) if semitones else None

    def feed(self, pcm: bytes) -> bytes:
        """Take in more PCM and return what is ready of the result, perhaps nothing."""
        pcm = self._aligner.feed(pcm)
        if self._line is None or not pcm:
            return pcm
        import numpy as np

        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        samples /= _FULL_SCALE
        return _pcm(self._line.feed(samples))

    def finish(self) -> bytes:
        """Return the last samples; no call may follow."""
        return b"" if self._line is None else _pcm(self._line.finish())


def _pcm(samples: NDArray[np.float32]) -> bytes:
    import numpy as np

    whole = np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1)
    return whole.astype("<i2").tobytes()


class _Line:
    """The samples on their way. Places are counted in samples from the beginning of the input."""

    def __init__(self, sample_rate: int, ratio: float) -> None:
        import numpy as np

        self._ratio = ratio
        # Half as many periods a second have half the power. Voiced and voiceless sounds keep
        # their balance, and neither is amplified.
        self._voiced_gain, self._voiceless_gain = min(1, ratio**-0.5), min(1, ratio**0.5)
        self._tracker = PeriodTracker(sample_rate)
        self._reach = math.ceil(2 * sample_rate / LOWEST_HZ)
        #: However much comes at once, no more than a second of it is taken up together.
        self._bite = sample_rate
        self._fed = self._returned = 0
        #: The input from `_start` on, with silence before the beginning.
        self._input: NDArray[np.float32] = np.zeros(2 * self._reach, "f4")
        self._start = -2 * self._reach
        #: The periods from value `_first` on.
        self._periods: list[float] = []
        self._first = 0
        #: The newest mark, whose right side is not known yet, and those before it.
        self._newest, self._left, self._newest_voiced = 0.0, float(self._tracker.hop), False
        self._marks: list[_Mark] = []
        #: Where the next grain goes, and the result from `_returned` on as far as it is made.
        self._place = 0.0
        self._result: NDArray[np.float32] = np.zeros(0, "f4")

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        import numpy as np

        bites = range(0, len(samples), self._bite)
        return np.concatenate([self._shift(samples[at : at + self._bite]) for at in bites])

    def finish(self) -> NDArray[np.float32]:
        import numpy as np

        missing = self._fed - self._returned
        ready = self.feed(np.zeros(2 * (self._tracker.delay + 2 * self._reach), "f4"))
        return ready[:missing]

    def _shift(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        import numpy as np

        self._fed += len(samples)
        self._input = np.concatenate((self._input, samples))
        periods = self._tracker.feed(samples)
        if not periods:
            return samples[:0]
        self._periods += periods
        self._mark()
        self._put_grains()
        return self._take()

    def _period(self, place: float) -> float:
        """The period at a place; 0 where no voice is."""
        at, part = divmod(place / self._tracker.hop - self._first, 1)
        before, after = self._periods[int(at)], self._periods[int(at) + 1]
        if before and after:
            return before + (after - before) * part
        return (before, after)[round(part)]

    def _mark(self) -> None:
        """Set marks as far as the periods are known."""
        known = (self._first + len(self._periods) - 1) * self._tracker.hop - self._reach
        while self._newest < known:
            here = self._newest
            period = self._period(here)
            if period:
                following = self._next_period(here, period)
            else:
                following = here + self._tracker.hop
                if period := self._period(following):
                    following = self._loudest(following - self._tracker.hop / 2, period)
            self._marks.append(_Mark(here, self._left, following - here, self._newest_voiced))
            self._newest, self._left = following, following - here
            self._newest_voiced = self._period(following) > 0

    def _next_period(self, mark: float, period: float) -> float:
        """Where the sound at a mark is heard again about one period later."""
        import numpy as np

        around, play = round(period / 2), math.ceil(period * _PLAY)
        at = round(mark)
        there = round(mark + period) - play
        pattern = self._between(at - around, at + around + 1)
        region = self._between(there - around, there + 2 * play + around + 1)
        likeness = np.correlate(region, pattern)
        squares = np.concatenate((np.zeros(1), np.cumsum(region.astype("f8") ** 2)))
        energy = squares[len(pattern) :] - squares[: -len(pattern)]
        likeness = likeness / np.sqrt(energy + 1e-9)
        best = int(likeness.argmax())
        if not 0 < best < len(likeness) - 1:
            return mark + period
        before, peak, after = likeness[best - 1 : best + 2]
        bend = before - 2 * peak + after
        shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
        return mark + (there + best + float(shift) - at)

    def _loudest(self, place: float, period: float) -> float:
        """The place of the greatest swing within one period."""
        import numpy as np

        start = math.ceil(place)
        return float(start + np.abs(self._between(start, start + math.ceil(period))).argmax())

    def _between(self, start: int, end: int) -> NDArray[np.float32]:
        return self._input[start - self._start : end - self._start]

    def _put_grains(self) -> None:
        """Put grains at their new distances as far as there are marks."""
        places = [mark.at for mark in self._marks]
        while self._place <= places[-1]:
            at = bisect_left(places, self._place)
            if at and self._place - places[at - 1] < places[at] - self._place:
                at -= 1
            mark = self._marks[at]
            self._put(mark)
            period = self._period(self._place) if mark.is_voiced else 0.0
            self._place += period / self._ratio if period else mark.right

    def _put(self, mark: _Mark) -> None:
        import numpy as np

        begin = math.ceil(self._place - mark.left)
        end = math.floor(self._place + mark.right) + 1
        distance = np.arange(begin, end) - self._place
        window = 0.5 + 0.5 * np.cos(
            math.pi * distance / np.where(distance < 0, mark.left, mark.right)
        )
        window *= self._voiced_gain if mark.is_voiced else self._voiceless_gain
        behind = mark.at - self._place
        whole = math.floor(behind)
        grain = _between_samples(self._between(begin + whole - 1, end + whole + 2), behind - whole)
        missing = end - self._returned - len(self._result)
        if missing > 0:
            self._result = np.concatenate((self._result, np.zeros(missing + 4096, "f4")))
        start = begin - self._returned
        dropped = max(0, -start)
        self._result[start + dropped : end - self._returned] += (grain * window)[dropped:]

    def _take(self) -> NDArray[np.float32]:
        """Return what no grain to come will touch, and forget what is not needed any more."""
        end = max(self._returned, math.floor(self._place) - self._reach)
        ready = self._result[: end - self._returned]
        self._result = self._result[end - self._returned :]
        self._returned = end
        oldest = min(self._place, self._newest) - 2 * self._reach
        while len(self._marks) > 1 and self._marks[1].at < oldest:
            del self._marks[0]
        if (gone := math.floor(oldest) - self._reach - self._start) > 0:
            self._input = self._input[gone:]
            self._start += gone
        if (gone := math.floor(oldest / self._tracker.hop) - self._first) > 0:
            del self._periods[:gone]
            self._first += gone
        return ready


def _between_samples(samples: NDArray[np.float32], part: float) -> NDArray[np.float32]:
    """The signal `part` of a sample after each but the first and the last two (Lagrange)."""
    before, here, after, beyond = samples[:-3], samples[1:-2], samples[2:-1], samples[3:]
    result: NDArray[np.float32] = (
        before * (-part * (part - 1) * (part - 2) / 6)
        + here * ((part + 1) * (part - 1) * (part - 2) / 2)
        + after * (-(part + 1) * part * (part - 2) / 2)
        + beyond * ((part + 1) * part * (part - 1) / 6)
    )
    return result
