"""Captions: what is heard when, and how it is written for players.

A recording's captions are kept as lines, one for each segment that was spoken, and given out as
cues in WebVTT (https://www.w3.org/TR/webvtt1/) and SubRip. Both are made line by line, so that
memory does not grow with the recording.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from intone.audio.cues import cues

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from intone.audio.cues import Cue

__all__ = ["Line", "Source", "Word", "as_srt", "as_vtt"]

#: Where the times are from: the engine itself, or made out from the audio.
Source = Literal["engine", "aligned"]


class Word(msgspec.Struct, frozen=True, array_like=True):
    """A word, and when it is heard."""

    #: In the text of the order, in code points; `end` is exclusive.
    start: int
    end: int
    #: In milliseconds from the beginning of the recording.
    from_ms: int
    to_ms: int


class Line(msgspec.Struct, frozen=True):
    """A spoken segment."""

    #: As written, white space collapsed.
    text: str
    #: In the text of the order, in code points; `end` is exclusive.
    start: int
    end: int
    #: In milliseconds from the beginning of the recording.
    from_ms: int
    to_ms: int
    source: Source
    words: tuple[Word, ...]


async def as_vtt(
    lines: AsyncIterator[Line], text: str, *, words: bool = False
) -> AsyncIterator[bytes]:
    """A WebVTT file; its last block is a comment that says where the times are from.

    Args:
        lines: All lines of a recording.
        text: The text that their offsets index.
        words: Whether each word has a time stamp of its own, which players light up by.
    """
    yield b"WEBVTT\n\n"
    sources: set[str] = set()
    async for cue in cues(_noting(lines, sources), text):
        times = f"{_stamp(cue.from_ms, '.')} --> {_stamp(cue.to_ms, '.')}"
        yield f"{times}\n{_vtt_text(cue, words=words)}\n\n".encode()
    if sources:
        yield f"NOTE Times: {' and '.join(sorted(sources, reverse=True))}\n".encode()


async def as_srt(lines: AsyncIterator[Line], text: str) -> AsyncIterator[bytes]:
    """A SubRip file, in UTF-8 and with the line ends of its time.

    Args:
        lines: All lines of a recording.
        text: The text that their offsets index.
    """
    number = 0
    async for cue in cues(lines, text):
        number += 1
        shown = "\r\n".join("".join(unit.text for unit in line).strip() for line in cue.lines)
        times = f"{_stamp(cue.from_ms, ',')} --> {_stamp(cue.to_ms, ',')}"
        yield f"{number}\r\n{times}\r\n{shown.replace('-->', '→')}\r\n\r\n".encode()


async def _noting(lines: AsyncIterator[Line], sources: set[str]) -> AsyncIterator[Line]:
    async for line in lines:
        sources.add(line.source)
        yield line


def _vtt_text(cue: Cue, *, words: bool) -> str:
    shown, last_ms = [], cue.from_ms
    for line in cue.lines:
        signs = ""
        for unit in line:
            if words and last_ms < unit.from_ms < cue.to_ms:
                signs += f"<{_stamp(unit.from_ms, '.')}>"
                last_ms = unit.from_ms
            signs += unit.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        shown.append(signs.strip())
    return "\n".join(shown)


def _stamp(ms: int, point: str) -> str:
    seconds, thousandths = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{thousandths:03}"
