"""What a rule is, and how a list of them is applied."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Group", "Replace", "Rule", "any_of", "apply", "listed", "rule"]

#: How far around a find the rules look, in characters; more than any of them needs.
_CONTEXT = 48

Replace = Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern and what is said in place of what it finds."""

    pattern: re.Pattern[str]
    #: Returns the matched text itself to decline.
    replace: Replace | str


@dataclass(frozen=True, slots=True)
class Group:
    """Rules of one domain, in order; they see only the places that the gate finds."""

    #: A cheap pattern that finds something in whatever one of the rules could match.
    gate: re.Pattern[str]
    rules: tuple[Rule, ...]


def rule(pattern: str, replace: Replace | str, flags: int = 0) -> Rule:
    """Compile a rule; its pattern may be written over several lines (verbose mode)."""
    return Rule(re.compile(pattern, flags | re.VERBOSE), replace)


def listed(words: str) -> list[str]:
    """Split a list of words that is written as one string, to stay readable in the source."""
    return words.split()


def any_of(words: Sequence[str]) -> str:
    """Write a pattern that matches one of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def apply(groups: Sequence[Group], text: str) -> str:
    """Apply the rules of every group, in order, around what its gate finds."""
    for group in groups:
        pieces: list[str] = []
        done = 0
        for start, end in _places(group.gate, text):
            place = text[start:end]
            for one in group.rules:
                place = one.pattern.sub(one.replace, place)
            pieces += (text[done:start], place)
            done = end
        text = "".join(pieces) + text[done:] if pieces else text
    return text


def _places(gate: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges, from space to space, that lie around the gate's finds.

    Most of a text has no number and no abbreviation in it; leaving that out is what makes
    a hundred rules affordable.
    """
    start, end, done = -1, -1, 0
    for found in gate.finditer(text):
        if start >= 0 and found.start() - _CONTEXT > end:
            yield start, end
            done, start = end, -1
        if start < 0:
            start = text.rfind(" ", done, max(found.start() - _CONTEXT, done)) + 1 or done
        if found.end() + _CONTEXT > end:
            space = text.find(" ", found.end() + _CONTEXT)
            end = space if space >= 0 else len(text)
    if start >= 0:
        yield start, end
