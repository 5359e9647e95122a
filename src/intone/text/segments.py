"""From raw text to segments: the sentence-sized pieces that are spoken one by one.

The first segment is short, so that the first sound comes at once; later ones grow. All of
it is lazy, linear in the length of the text, and holds one window of the text at a time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import regex
import sentencex

from intone.text.language import primary
from intone.text.normalize import speak

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Segment", "pause_at", "split"]

#: Silence after a segment by what ends it, in milliseconds.
_PAUSES = {"cut": 0, "clause": 120, "sentence": 300, "paragraph": 700, "section": 1100}
#: No segment goes on behind them.
_PARTING = ("paragraph", "section")

#: How much of a paragraph the sentence splitter sees at once, in characters.
_WINDOW = 8192

_LINE = re.compile("[^\n\r\u2028\u2029]+")
_LIST_ITEM = re.compile(r"\s*(?:[-*•–]|\d{1,3}[.)])\s")
#: A line shorter than this before a capital is a heading or a verse, not wrapped prose.
_SHORT_LINE = 50
#: Ends of clauses; a comma inside a number is none, hence the white space.
_CLAUSE = re.compile("[,;:)\\]!?…—–،؛](?=\\s)|[、，；：。！？]|\\s[—–-](?=\\s)")
#: What sentences and clauses end with, quotation marks and brackets behind it included.
_CLOSED = re.compile(r"""(?:([.!?…。！？])|[,;:–—、，；：،؛])[\])}"'”’»“«]*$""")
_SPACE = re.compile(r"\s+")
_CLUSTER = regex.compile(r"\X")
_SPEAKABLE = regex.compile(r"[\p{L}\p{N}]")
#: Same length in, same length out: what the sentence splitter cannot take or would trip over.
_PLAIN = {ord(c): " " for c in "\n\r\u2028\u2029\x00"} | dict.fromkeys(range(0xD800, 0xE000), " ")

_Ending = Literal["cut", "clause", "sentence", "paragraph", "section"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text that is spoken in one go."""

    #: Counted from 0.
    index: int
    #: As written, white space collapsed.
    text: str
    #: The words as they will be spoken.
    spoken: str
    #: Where it begins in the original text, in code points.
    start: int
    #: Where it ends, exclusive.
    end: int
    #: Silence to leave after it, in milliseconds; 0 after the last one.
    pause_ms: int


class _Piece(NamedTuple):
    """A range of the text that must not be joined over its ending, unless it is a sentence."""

    start: int
    end: int
    ending: _Ending


def split(
    text: str,
    language: str,
    *,
    first_limit: int = 90,
    limit: int = 400,
    max_characters: int = 4096,
    together: bool = True,
) -> Iterator[Segment]:
    """Split a text into segments, lazily and in order.

    Every letter and digit of the text lies in exactly one segment. What holds no letter and
    no digit (rulers, emoji, stray punctuation) is dropped where it stands alone, so a text
    with nothing to speak gives no segment at all.

    Args:
        text: The text as the caller gave it; offsets index this very string.
        language: BCP 47 tag.
        first_limit: Longest first segment in characters, where a clause ends by then.
        limit: Longest segment in characters.
        max_characters: Longest `spoken` of a segment; what grows past it in normalising is
            split again.
        together: Whether short sentences of a paragraph share a segment. Where each has its own,
            another text with the same sentence has the same segment.
    """
    waiting: Segment | None = None
    index = 0
    pieces = _pieces(text, language, limit)
    for piece in _pack(text, pieces, first_limit, limit, together=together):
        for segment in _segments(text, piece, language, max_characters):
            if waiting:
                yield waiting
            waiting = replace(segment, index=index)
            index += 1
    if waiting:
        yield replace(waiting, pause_ms=0)


def pause_at(text: str, at: int) -> int:
    """The silence that the text itself asks for there, in milliseconds.

    For where a text is divided by something else than `split`; none at its ends, nor amid a clause.

    Args:
        text: The whole text.
        at: Where it is divided, in code points.
    """
    end = start = at
    while end and text[end - 1].isspace():
        end -= 1
    while start < len(text) and text[start].isspace():
        start += 1
    if not end or start == len(text):
        return 0
    is_broken = start > end and _LINE.fullmatch(text, end, start) is None
    ending = _ending(text, end, start) if is_broken else None
    closed = _CLOSED.search(text, max(0, end - 8), end)
    if ending is None and closed:
        ending = "sentence" if closed[1] else "clause"
    return _PAUSES[ending or "cut"]


def _segments(text: str, piece: _Piece, language: str, max_characters: int) -> Iterator[Segment]:
    raw = text[piece.start : piece.end]
    spoken = speak(_close_lines(text, piece), language)
    if len(spoken) > max_characters and len(raw) > 1:
        for part in _cut(text, piece, max(len(raw) // 2, 1)):
            yield from _segments(text, part, language, max_characters)
        return
    yield Segment(0, " ".join(raw.split()), spoken, piece.start, piece.end, _PAUSES[piece.ending])


def _pack(
    text: str, pieces: Iterator[_Piece], first_limit: int, limit: int, *, together: bool
) -> Iterator[_Piece]:
    """Join short sentences of one paragraph, up to a length that grows from segment to segment."""
    target = first_limit
    opening = True
    held: _Piece | None = None
    for piece in pieces:
        if not _SPEAKABLE.search(text, piece.start, piece.end):
            if held and piece.ending in _PARTING and held.ending != "section":
                held = held._replace(ending=piece.ending)
            continue
        if opening:
            opening = False
            *clauses, held = _first_clause(text, piece, first_limit)
            if clauses:
                yield from clauses
                target = min(2 * target, limit)
            continue
        is_full = not together or (held is not None and piece.end - held.start > target)
        if held and (held.ending in _PARTING or is_full):
            yield held
            held = None
            target = min(2 * target, limit)
        held = piece if held is None else _Piece(held.start, piece.end, piece.ending)
    if held:
        yield held


def _first_clause(text: str, piece: _Piece, limit: int) -> tuple[_Piece, ...]:
    """Cut the first clause off a sentence that is too long to begin with."""
    if piece.end - piece.start <= limit:
        return (piece,)
    at = 0
    for found in _CLAUSE.finditer(text, piece.start, piece.end):
        if at and found.end() - piece.start > limit:
            break
        if found.end() - piece.start >= limit // 4:
            at = found.end()
    first, rest = _Piece(piece.start, at, "clause"), _Piece(at, piece.end, piece.ending)
    if at and all(_SPEAKABLE.search(text, part.start, part.end) for part in (first, rest)):
        return first, rest
    return (piece,)


def _pieces(text: str, language: str, limit: int) -> Iterator[_Piece]:
    """Yield sentences, cut where they are longer than the limit."""
    code = primary(language)
    for block in _blocks(text):
        at = block.start
        while at < block.end:
            stop = min(at + _WINDOW, block.end)
            sentences = sentencex.segment(code, text[at:stop].translate(_PLAIN))
            if stop < block.end and len(sentences) > 1:
                sentences.pop()  # it may go on behind the window
            for sentence in sentences:
                end = at + len(sentence)
                ending: _Ending = "sentence"
                if end == block.end:
                    ending = block.ending
                elif len(sentences) == 1 and end == stop:
                    end = _best_cut(text, at, stop, stop - at - 1)[0]
                    ending = "clause"
                yield from _cut(text, _Piece(at, end, ending), limit)
                at = end


def _blocks(text: str, begin: int = 0, stop: int | None = None) -> Iterator[_Piece]:
    """Yield runs of lines that flow together: paragraphs, list items, headings, verses."""
    start = end = -1
    for line in _LINE.finditer(text, begin, len(text) if stop is None else stop):
        if line[0].isspace():
            continue
        ending = _ending(text, end, line.start()) if start >= 0 else None
        if ending:
            yield _Piece(start, end, ending)
        if ending or start < 0:
            start = line.start()
        end = line.end()
    if start >= 0:
        yield _Piece(start, end, "paragraph")


def _ending(text: str, end: int, start: int) -> _Ending | None:
    """Tell what the line breaks between two lines end: a section, a paragraph, a sentence or none.

    Two blank lines or more part sections.
    """
    gap = text[end:start]
    breaks = max(gap.count("\n"), gap.count("\r"))
    if "\u2029" in gap or breaks > 1:
        return "section" if breaks > 2 else "paragraph"  # noqa: PLR2004 - two blank lines
    return "sentence" if _breaks(text, end, start) else None


def _breaks(text: str, end: int, start: int) -> bool:
    """Tell whether a line break ends a sentence: before list items, after short lines."""
    if _LIST_ITEM.match(text, start, start + 8):
        return True
    first = text[start : start + 40].lstrip()[:1]
    before = text[max(0, end - _SHORT_LINE) : end]
    return (first.isupper() or first.isdigit()) and ("\n" in before or end < _SHORT_LINE)


def _close_lines(text: str, piece: _Piece) -> str:
    """Give lines that end a sentence without saying so a full stop, so that voices fall."""
    *closed, last = (text[b.start : b.end].rstrip() for b in _blocks(text, piece.start, piece.end))
    return " ".join([part + "." if part[-1].isalnum() else part for part in closed] + [last])


def _cut(text: str, piece: _Piece, limit: int) -> Iterator[_Piece]:
    at = piece.start
    while piece.end - at > limit:
        end, ending = _best_cut(text, at, piece.end, limit)
        yield _Piece(at, end, ending)
        at = end
    yield _Piece(at, piece.end, piece.ending)


def _best_cut(text: str, start: int, stop: int, limit: int) -> tuple[int, _Ending]:
    """Find where to cut within `limit`: after a clause, at a space, between characters."""
    last = start + limit
    for pattern, ending in ((_CLAUSE, "clause"), (_SPACE, "cut")):
        at = 0
        for found in pattern.finditer(text, start, min(last + 1, stop)):
            if found.end() <= last:
                at = found.end()
        if at - start > limit // 3:
            return at, "clause" if ending == "clause" else "cut"
    at = start
    for cluster in _CLUSTER.finditer(text, start, min(last + 64, stop)):
        if cluster.end() > last:
            break
        at = cluster.end()
    return (at if at > start else last), "cut"
