"""Where words begin in speech that nobody has marked: by their length, and by its pauses."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from intone.audio.sounding import Sounding
    from intone.text.alignment import Word

__all__ = ["anchors_by_ear", "weights"]

#: Silence shorter than this, in milliseconds, may be the closed lips of a "p".
_SHORTEST_PAUSE_MS = 90.0
#: So many pauses and so many places for them are looked at, the likeliest.
_MOST = 64
#: What it costs that a pause is no punctuation: this, and for every millisecond of it, at most so
#: many of them.
_NO_PLACE, _NO_PLACE_PER_MS, _COUNTED_MS = 1.0, 0.01, 400.0
#: What it costs that nobody pauses, by what is written there.
_NO_PAUSE = {".": 4.0, ":": 2.5, ",": 1.5, '"': 0.3}
#: How much a stretch of this length in milliseconds deviates from the usual pace.
_STEADY_MS = 60.0

_SIGN = regex.compile(
    r"(?P<stop>[.!?…。！？।؟])|(?P<colon>[:;—：；؛])|(?P<comma>[,、，،])|[()\"“”„«»–]"
)
_KINDS = {"stop": ".", "colon": ":", "comma": ",", None: '"'}
_LETTER = regex.compile(r"[\p{L}\p{N}]")


def weights(text: str, words: Sequence[Word]) -> list[float]:
    """How long each word takes to say, compared with the others.

    Letters tell more than syllables do, which are longer the more letters they have. Before a
    pause people draw words out.
    """
    if not words:
        return []
    between = [text[word.end : after.start] for word, after in pairwise(words)]
    return [
        1.0 + len(_LETTER.findall(text, word.start, word.end)) + (_SIGN.search(gap) is not None)
        for word, gap in zip(words, [*between, "."], strict=True)
    ]


class _Place(NamedTuple):
    """Where a pause may stand."""

    #: The word that begins after it.
    word: int
    #: How much of the sound is before it, if the pace is steady, in milliseconds.
    sound_ms: float
    #: What it costs if none stands there.
    cost: float


class _Silence(NamedTuple):
    """A pause that may stand somewhere."""

    #: When it is over, and how much sound is before it, in milliseconds.
    to_ms: float
    sound_ms: float
    #: What it costs if it stands nowhere.
    cost: float


def anchors_by_ear(text: str, words: Sequence[Word], sounding: Sounding) -> dict[int, float]:
    """When those words begin that follow a pause, in milliseconds, by their index.

    Pauses are given to punctuation, in order, so that the pace between them is as steady as
    can be and few long pauses and few full stops are left over.

    Args:
        text: What is spoken.
        words: Its words.
        sounding: The speech.
    """
    places = _places(text, words, sounding.sound_ms)
    silences = _silences(sounding)
    return {
        places[place].word: silences[silence].to_ms for place, silence in _matched(places, silences)
    }


def _places(text: str, words: Sequence[Word], sound_ms: float) -> list[_Place]:
    """The places with punctuation, between one before the first word and one after the last."""
    lengths = weights(text, words)
    pace = sound_ms / sum(lengths)
    places, said = [], 0.0
    for at, (word, following) in enumerate(pairwise(words)):
        said += lengths[at]
        signs = _SIGN.finditer(text, word.end, following.start)
        cost = max((_NO_PAUSE[_KINDS[sign.lastgroup]] for sign in signs), default=0.0)
        if cost:
            places.append(_Place(at + 1, said * pace, cost))
    if len(places) > _MOST:
        places = sorted(sorted(places, key=lambda place: -place.cost)[:_MOST])
    return [_Place(0, 0.0, 0.0), *places, _Place(len(words), sound_ms, 0.0)]


def _silences(sounding: Sounding) -> list[_Silence]:
    pauses = sounding.pauses(_SHORTEST_PAUSE_MS)
    if len(pauses) > _MOST:
        pauses = sorted(sorted(pauses, key=lambda pause: pause.from_ms - pause.to_ms)[:_MOST])
    silences = [
        _Silence(
            pause.to_ms,
            sounding.sound_before(pause.to_ms),
            _NO_PLACE + _NO_PLACE_PER_MS * min(pause.to_ms - pause.from_ms, _COUNTED_MS),
        )
        for pause in pauses
    ]
    end_ms = sounding.moment_after(sounding.sound_ms)
    begin_ms = sounding.moment_after(0.0)
    return [_Silence(begin_ms, 0.0, 0.0), *silences, _Silence(end_ms, sounding.sound_ms, 0.0)]


def _matched(places: Sequence[_Place], silences: Sequence[_Silence]) -> list[tuple[int, int]]:
    """Which place has which silence: the cheapest way from both beginnings to both ends."""
    import numpy as np

    at = np.array([silence.sound_ms for silence in silences])
    actual = at[None, :] - at[:, None]
    skipped = _skipped([silence.cost for silence in silences])
    left_out = _skipped([place.cost for place in places])
    costs = np.full((len(places), len(silences)), np.inf)
    costs[0, 0] = 0.0
    came_from: dict[tuple[int, int], tuple[int, int]] = {}
    for place in range(1, len(places)):
        for before in range(place):
            expected = places[place].sound_ms - places[before].sound_ms
            way = skipped + left_out[before, place] + _unsteady(actual, expected)
            whole = costs[before][:, None] + way
            nearest, cheapest = whole.argmin(axis=0), whole.min(axis=0)
            for silence in np.flatnonzero(cheapest < costs[place]):
                costs[place, silence] = cheapest[silence]
                came_from[place, int(silence)] = before, int(nearest[silence])
    matched, here = [], came_from[len(places) - 1, len(silences) - 1]
    while here != (0, 0):
        matched.append(here)
        here = came_from[here]
    return matched[::-1]


def _skipped(costs: Sequence[float]) -> NDArray[np.float64]:
    """What it costs to leave out all between one and another; infinitely much going back."""
    import numpy as np

    sums = np.cumsum(costs)
    between = sums[None, :] - np.array(costs)[None, :] - sums[:, None]
    return np.where(
        np.arange(len(costs))[None, :] > np.arange(len(costs))[:, None], between, np.inf
    )


def _unsteady(actual: NDArray[np.float64], expected: float) -> NDArray[np.float64]:
    """What it costs that so much is said in that time: the longer, the steadier it should be."""
    import numpy as np

    ratio = np.log(np.maximum(actual, 1.0) / max(expected, 1.0))
    return np.asarray(ratio**2 * max(expected, 1.0) / _STEADY_MS)
