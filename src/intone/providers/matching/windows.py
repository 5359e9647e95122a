"""Cutting speech into windows that can be converted one by one, and joining what comes out.

A cut lies in a pause where there is one, else at the quietest moment to be found. Windows overlap
a little, so that each knows its surroundings, and are cross-faded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from intone.providers.matching.world import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Window", "Windows"]

#: Seconds that a window has at least and at most; the first is short, so that sound comes soon.
_FIRST, _LATER = (0.5, 1.5), (2.0, 6.0)
#: Seconds that a window sees of its neighbours to either side, and of the cross-fade.
_AROUND_S, _FADE_S = 0.05, 0.01
#: Seconds of one look at the level, and the level below which there is a pause.
_LOOK_S, _SILENT = 0.02, 10 ** (-50 / 20)

_AROUND, _FADE, _LOOK = (round(s * SAMPLE_RATE) for s in (_AROUND_S, _FADE_S, _LOOK_S))
_RISE = (0.5 - 0.5 * np.cos(np.pi * (np.arange(_FADE) + 0.5) / _FADE)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of speech with its surroundings."""

    samples: NDArray[np.float64]
    #: Of `samples`, how many at the beginning belong to the window before.
    before: int
    #: And at the end to the one after.
    after: int


class Windows:
    """Cuts one stream of samples and joins the converted windows."""

    def __init__(self) -> None:
        self._held = np.zeros(0)
        #: Of `_held`, how many at the beginning have been given out already.
        self._seen = 0
        self._is_first = True
        #: What the last window made of the beginning of the next one.
        self._tail = np.zeros(0)

    def feed(self, samples: NDArray[np.float64], *, last: bool) -> Iterator[Window]:
        """Take in samples and give the windows that are whole."""
        self._held = np.concatenate([self._held, samples])
        while (cut := self._cut(last=last)) is not None:
            end = min(cut + _AROUND, len(self._held))
            yield Window(self._held[:end], self._seen, end - cut)
            kept = max(0, cut - _AROUND)
            self._held, self._seen, self._is_first = self._held[kept:], cut - kept, False

    def join(self, converted: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
        """A converted window without its surroundings, cross-faded with the one before."""
        end = len(converted) - window.after
        own = converted[window.before : end].copy()
        fade = min(len(self._tail), len(own), _FADE)
        own[:fade] = self._tail[:fade] * (1 - _RISE[:fade]) + own[:fade] * _RISE[:fade]
        self._tail = converted[end : end + _FADE].copy()
        return own

    def _cut(self, *, last: bool) -> int | None:
        """Where in `_held` the next window ends; None while more is to be awaited."""
        least, most = (
            self._seen + round(s * SAMPLE_RATE) for s in (_FIRST if self._is_first else _LATER)
        )
        room = len(self._held) - (0 if last else _AROUND)
        if last and self._seen < room <= most:
            return room
        if room < least + _LOOK:
            return None
        looks = self._held[least : min(room, most)]
        looks = looks[: len(looks) // _LOOK * _LOOK].reshape(-1, _LOOK)
        levels = np.sqrt((looks**2).mean(axis=1))
        pauses = np.flatnonzero(levels < _SILENT)
        if len(pauses):
            return least + int(pauses[0]) * _LOOK + _LOOK // 2
        if room < most:
            return None
        return least + int(levels.argmin()) * _LOOK + _LOOK // 2
