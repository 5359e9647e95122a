"""How often a voice's folds open and close: the pitch period of speech while it is arriving.

The method is Boersma's (1993, "Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound"): the autocorrelation of a windowed piece, divided by
that of the window, has its highest peak at the period; a path through the peaks of all pieces is
then chosen that is strong and seldom jumps.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["HIGHEST_HZ", "LOWEST_HZ", "PeriodTracker"]

#: Voices between these are followed: a creaking bass to a small child that shouts.
LOWEST_HZ, HIGHEST_HZ = 55.0, 600.0

#: Seconds from one piece to the next, and periods of the lowest voice in each.
_HOP_S, _PERIODS = 0.005, 3
#: Pieces looked at together, and those beyond them that must be known before a path is chosen.
_BLOCK = 32
#: What speaks against a path, in units of correlation; the transitions are for one hop.
_VOICING_THRESHOLD, _OCTAVE_COST = 0.45, 0.01
_OCTAVE_JUMP_COST, _VOICING_COST = 0.35 * 0.01 / _HOP_S, 0.14 * 0.01 / _HOP_S
#: Peaks below this (-50 dBFS) are silence.
_SILENCE = 0.003
#: Peaks of the correlation that are considered, beside "no voice", and the least of them.
_CANDIDATES, _LEAST = 6, 0.2


class PeriodTracker:
    """Follows the pitch period of one stream of mono samples.

    What it says does not depend on how the samples are chunked. It is known `delay` samples late.

    Args:
        sample_rate: In Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        import numpy as np

        #: Samples from one value to the next; value k belongs to sample `k * hop`.
        self.hop = round(sample_rate * _HOP_S)
        self._shortest = math.floor(sample_rate / HIGHEST_HZ)
        self._longest = math.ceil(sample_rate / LOWEST_HZ)
        half = math.ceil(self._longest * _PERIODS / 2)
        self.delay = half + 2 * _BLOCK * self.hop
        self._window = np.hanning(2 * half + 1).astype("f4")
        # Long enough that the correlation does not run into itself at the lags that count.
        self._fft = 1 << (2 * half + self._longest + 2).bit_length()
        own = np.fft.irfft(np.abs(np.fft.rfft(self._window, self._fft)) ** 2)
        self._own = (own[: self._longest + 2] / own[0]).astype("f4")
        self._rate = sample_rate
        self._samples: NDArray[np.float32] = np.zeros(half, "f4")
        #: Of the pieces whose path is open: the candidates' periods and where each came from.
        self._open: list[tuple[NDArray[np.float64], NDArray[np.intp]]] = []
        self._scores: NDArray[np.float64] = np.zeros(1)
        self._last: NDArray[np.float64] = np.zeros(1)

    def feed(self, samples: NDArray[np.float32]) -> list[float]:
        """Take in more samples, 1.0 being full scale.

        Returns:
            The periods that are known now, in samples, one for each hop; 0 where no voice is.
        """
        import numpy as np

        self._samples = np.concatenate((self._samples, samples))
        found: list[float] = []
        needed = (_BLOCK - 1) * self.hop + len(self._window)
        while len(self._samples) >= needed:
            self._look(self._samples[:needed])
            self._samples = self._samples[_BLOCK * self.hop :]
            if len(self._open) > _BLOCK:
                found += self._choose()
        return found

    def _look(self, samples: NDArray[np.float32]) -> None:
        """Continue all paths through the next block of pieces."""
        import numpy as np

        pieces = np.lib.stride_tricks.sliding_window_view(samples, len(self._window))[:: self.hop]
        pieces = pieces - pieces.mean(axis=1, keepdims=True)
        loud = np.abs(pieces).max(axis=1) > _SILENCE
        spectra = np.fft.rfft(pieces * self._window, self._fft)
        power = spectra.real**2 + spectra.imag**2
        likeness = np.fft.irfft(power)[:, : self._longest + 2]
        likeness /= (likeness[:, :1] + 1e-9) * self._own
        for row, is_loud in zip(likeness, loud, strict=True):
            self._continue(*self._candidates(row, is_loud=bool(is_loud)))

    def _candidates(
        self, likeness: NDArray[np.float32], *, is_loud: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Periods that a piece may have (0: none) and how much speaks for each."""
        import numpy as np

        if not is_loud:
            return np.zeros(1), np.ones(1)
        part = likeness[self._shortest - 1 :]
        middle = part[1:-1]
        at = np.flatnonzero((middle > part[:-2]) & (middle >= part[2:]) & (middle > _LEAST))
        if len(at) > _CANDIDATES:
            at = at[np.argpartition(-middle[at], _CANDIDATES)[:_CANDIDATES]]
        before, peak, after = part[at], part[at + 1], part[at + 2]
        bend = before - 2 * peak + after
        shift = 0.5 * (before - after) / bend
        periods = self._shortest + at + shift
        heights = np.minimum(peak - 0.25 * (before - after) * shift, 1.0)
        strength = heights - _OCTAVE_COST * np.log2(periods * LOWEST_HZ / self._rate)
        return np.append(periods, 0.0), np.append(strength, _VOICING_THRESHOLD)

    def _continue(self, periods: NDArray[np.float64], strength: NDArray[np.float64]) -> None:
        import numpy as np

        here, there = np.log2(np.maximum(periods, 1)), np.log2(np.maximum(self._last, 1))
        cost = _OCTAVE_JUMP_COST * np.abs(here[:, None] - there)
        changes = (periods > 0)[:, None] != (self._last > 0)
        cost[changes] = _VOICING_COST
        totals = self._scores - cost
        came_from = totals.argmax(axis=1)
        scores = totals[np.arange(len(periods)), came_from] + strength
        self._scores, self._last = scores - scores.max(), periods
        self._open.append((periods, came_from))

    def _choose(self) -> list[float]:
        """Settle the older of the open pieces, by the path that is best so far."""
        at, path = int(self._scores.argmax()), []
        for periods, came_from in reversed(self._open):
            path.append(float(periods[at]))
            at = int(came_from[at])
        path.reverse()
        del self._open[:_BLOCK]
        return path[:_BLOCK]
