"""When each word of a segment is spoken, in the segment's own audio."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from intone.audio.captions import Source  # noqa: TC001 - msgspec reads it
from intone.audio.sounding import Outline, Sounding
from intone.core.pacing import anchors_by_ear, weights
from intone.providers.base import WordMark  # noqa: TC001 - msgspec reads it
from intone.text.alignment import align, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from intone.text.alignment import Word

__all__ = ["Hearing", "TimedWord", "Timing", "time_words"]


class TimedWord(msgspec.Struct, frozen=True, array_like=True):
    """A word as written, and when it is heard."""

    #: In the original text, in code points; `end` is exclusive.
    start: int
    end: int
    #: In milliseconds from the first sample of the segment's audio.
    from_ms: float
    to_ms: float


class Timing(msgspec.Struct, frozen=True, array_like=True):
    """The words of a segment in their order; those that are not spoken are not among them."""

    source: Source
    words: tuple[TimedWord, ...]


class Hearing(msgspec.Struct, frozen=True, array_like=True):
    """What it takes to make out when the words of a segment are spoken, without its audio."""

    #: The words as they were spoken.
    spoken: str
    #: BCP 47 tag of them; helps to tell numbers beside each other apart.
    language: str
    #: What the provider said of `spoken`; none where it says nothing.
    marks: tuple[WordMark, ...]
    outline: Outline
    #: How much the audio has lost at its beginning since the provider marked it.
    cut_ms: float = 0.0


def time_words(hearing: Hearing, text: str, start: int, end: int) -> Timing:
    """Make out when each written word of a segment is spoken.

    Where the provider says when words begin, that is when they begin, and what it says nothing of
    is laid between. Where it says nothing at all, the words are laid over the sound by their
    length, and pauses are matched to punctuation. A word ends with its sound, at the latest
    where the next one begins. Uses the processor for a millisecond or two.

    Args:
        hearing: What was heard of it.
        text: The whole original text.
        start: Where the segment begins in it, in code points.
        end: Where it ends, exclusive.
    """
    marks = hearing.marks
    source: Source = "engine" if marks else "aligned"
    written, spoken = words(text, start, end), words(hearing.spoken)
    sounding = Sounding(hearing.outline)
    if not written or not spoken or not sounding.sound_ms:
        return Timing(source, ())
    if marks:
        anchors = _anchors(spoken, hearing, sounding)
    else:
        anchors = anchors_by_ear(hearing.spoken, spoken, sounding)
    begins = _begins(weights(hearing.spoken, spoken), anchors, sounding)
    parts = align(
        [text[word.start : word.end] for word in written],
        [hearing.spoken[word.start : word.end] for word in spoken],
        hearing.language,
    )
    timed = (
        _timed(word, begins[part.start], begins[part.stop], sounding)
        for word, part in zip(written, parts, strict=True)
        if part
    )
    return Timing(source, tuple(timed))


def _timed(word: Word, begin: float, next_begin: float, sounding: Sounding) -> TimedWord:
    end = sounding.end_of_sound(begin, next_begin)
    return TimedWord(word.start, word.end, begin, end if end > begin else next_begin)


def _anchors(spoken: Sequence[Word], hearing: Hearing, sounding: Sounding) -> dict[int, float]:
    """When the words begin that the provider has said it of, in milliseconds, by their index.

    Engines mark parts of words as well, and not always at their first character: the first mark
    that is not behind a word's end counts, and both words and times only go forward.
    """
    ends = [word.end for word in spoken]
    anchors: dict[int, float] = {}
    last, at_ms = -1, 0.0
    for mark in hearing.marks:
        word = bisect_right(ends, mark.start)
        begins_ms = min(max(mark.at_ms - hearing.cut_ms, 0.0), sounding.length_ms)
        if last < word < len(ends) and at_ms <= begins_ms:
            last, at_ms = word, begins_ms
            anchors[word] = at_ms
    return anchors


def _begins(
    weights: Sequence[float], anchors: Mapping[int, float], sounding: Sounding
) -> list[float]:
    """When every spoken word begins, and last when all sound ends.

    Between two anchors the words share the sound by their weights.
    """
    count = len(weights)
    end = sounding.end_of_sound(0.0, sounding.length_ms)
    known = {0: sounding.moment_after(0.0)} | dict(anchors) | {count: end}
    begins = [end] * (count + 1)
    for left, right in pairwise(sorted(known)):
        from_ms, to_ms = known[left], known[right]
        begins[left] = from_ms
        whole = sum(weights[left:right])
        sound, sound_end = sounding.sound_before(from_ms), sounding.sound_before(to_ms)
        said = 0.0
        for word in range(left + 1, right):
            said += weights[word - 1]
            moment = sounding.moment_after(sound + (sound_end - sound) * said / whole)
            begins[word] = min(max(moment, from_ms), to_ms)
    return begins
