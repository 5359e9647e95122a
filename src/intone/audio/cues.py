"""Cutting captions into cues: what is shown at once, at most two lines for a few seconds."""

from __future__ import annotations

import unicodedata
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

import regex

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from intone.audio.captions import Line

__all__ = ["Cue", "Unit", "cues"]

#: Signs of one line; wide ones, such as Chinese, count twice. A cue has two lines.
_LINE_WIDTH = 42
#: The longest cue, and the shortest where there is time, in milliseconds.
_LONGEST_MS, _SHORTEST_MS = 7000, 1000
#: A cue with fewer signs is lonely.
_LONELY = 16
#: What a cut costs after a sentence, a clause, a word; what every cue costs, and a lonely one.
_CUT = (0.0, 3.0, 6.0)
_CUE, _ALONE = 4.0, 3.0

_SENTENCE_END = regex.compile(r"[.!?…。！？।؟][\p{P}\s]*$")
_CLAUSE_END = regex.compile(r"[,;:—–、，；：،؛)][\p{P}\s]*$")
#: After these a line may break: a space, or a sign of a script without spaces.
_PARTED = regex.compile(
    r"(?:\s|[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{P}*)$"
)


class Unit(NamedTuple):
    """A word with the punctuation around it, and the space after it."""

    text: str
    width: int
    #: In milliseconds from the beginning of the recording.
    from_ms: int
    to_ms: int


class Cue(NamedTuple):
    """What is shown at once; no cue begins before the last one ends."""

    #: In milliseconds from the beginning of the recording; `to_ms` is later than `from_ms`.
    from_ms: int
    to_ms: int
    #: One line or two.
    lines: tuple[tuple[Unit, ...], ...]


async def cues(lines: AsyncIterator[Line], text: str) -> AsyncIterator[Cue]:
    """Cut lines into cues, at ends of sentences and clauses where that can be.

    Args:
        lines: The lines of a recording.
        text: The text that their offsets index.
    """
    last: Cue | None = None
    async for line in lines:
        units = _units(line, text)
        for start, stop in _cuts(units):
            some = units[start:stop]
            cue = Cue(some[0].from_ms, some[-1].to_ms, _wrapped(some))
            if last is not None:
                cue = cue._replace(from_ms=max(cue.from_ms, last.from_ms + 1))
                yield last._replace(to_ms=min(_lasting(last), cue.from_ms))
            last = cue
    if last is not None:
        yield last._replace(to_ms=_lasting(last))


def _lasting(cue: Cue) -> int:
    return max(cue.to_ms, cue.from_ms + _SHORTEST_MS)


def _units(line: Line, text: str) -> list[Unit]:
    """The whole of a line's text, by its words; what was not spoken stands with the word before."""
    if not line.words:
        return [_unit(line.text, line.from_ms, line.to_ms)] if line.text else []
    starts = [line.start, *(word.start for word in line.words[1:]), line.end]
    units: list[Unit] = []
    for word, (start, end) in zip(line.words, pairwise(starts), strict=True):
        unit = _unit(text[start:end], word.from_ms, word.to_ms)
        if units and not _PARTED.search(units[-1].text) and not _PARTED.search(unit.text[:1]):
            last = units.pop()
            whole = last.text + unit.text
            unit = Unit(whole, last.width + unit.width, last.from_ms, unit.to_ms)
        units.append(unit)
    return units


def _unit(text: str, from_ms: int, to_ms: int) -> Unit:
    plain = " ".join(text.split())
    if text[-1:].isspace():
        plain += " "
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in plain)
    return Unit(plain, len(plain) + wide, from_ms, to_ms)


def _cuts(units: Sequence[Unit]) -> list[tuple[int, int]]:
    """Where cues begin and end: the cheapest way to cut."""
    count = len(units)
    widths = [0, *accumulate(unit.width for unit in units)]
    costs, begins = [0.0] + [float("inf")] * count, [0] * (count + 1)
    for end in range(1, count + 1):
        cut = _CUT[0] if end == count else _CUT[_ending(units[end - 1].text)]
        for start in range(end - 1, -1, -1):
            if start < end - 1 and not _fits(units, widths, start, end):
                break
            is_lonely = widths[end] - widths[start] < _LONELY
            cost = costs[start] + cut + _CUE + (_ALONE if is_lonely else 0.0)
            if cost < costs[end]:
                costs[end], begins[end] = cost, start
    found, end = [], count
    while end:
        found.append((begins[end], end))
        end = begins[end]
    return found[::-1]


def _ending(text: str) -> int:
    """What ends with a unit: 0 a sentence, 1 a clause, 2 a word."""
    if _SENTENCE_END.search(text):
        return 0
    return 1 if _CLAUSE_END.search(text) else 2


def _fits(units: Sequence[Unit], widths: Sequence[int], start: int, end: int) -> bool:
    if units[end - 1].to_ms - units[start].from_ms > _LONGEST_MS:
        return False
    middle = start
    while middle < end and widths[middle + 1] - widths[start] <= _LINE_WIDTH + 1:
        middle += 1
    return widths[end] - widths[middle] <= _LINE_WIDTH + 1


def _wrapped(units: Sequence[Unit]) -> tuple[tuple[Unit, ...], ...]:
    """In one line where there is room, else in two that are as even as can be."""
    widths = [0, *accumulate(unit.width for unit in units)]
    if widths[-1] <= _LINE_WIDTH + 1 or len(units) == 1:
        return (tuple(units),)
    middle = min(range(1, len(units)), key=lambda at: max(widths[at], widths[-1] - widths[at]))
    return tuple(units[:middle]), tuple(units[middle:])
