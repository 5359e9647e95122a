"""Captions as JSON; every API gives them out in the same shape."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["CaptionLine", "CaptionWord", "Captions"]

_Moment = Annotated[
    float, Meta(ge=0, description="Seconds from the beginning, to the millisecond.")
]


class CaptionWord(msgspec.Struct, frozen=True, kw_only=True):
    """A word, as written."""

    text: str
    start: _Moment
    end: _Moment
    #: The word in the text that was sent, in code points; `to` is exclusive.
    from_: Annotated[int, Meta(ge=0)] = msgspec.field(name="from")
    to: Annotated[int, Meta(ge=0)]


class CaptionLine(msgspec.Struct, frozen=True, kw_only=True):
    """What was spoken in one go: a sentence or a few."""

    text: str
    start: _Moment
    end: _Moment
    words: tuple[CaptionWord, ...]


class Captions(msgspec.Struct, frozen=True, kw_only=True):
    """What is heard when."""

    #: BCP 47 tag of the text.
    language: str
    lines: tuple[CaptionLine, ...]
    #: `engine`: the engine itself said when each word begins. `aligned`: it was made out from the
    #: audio. `mixed`: both.
    source: Literal["engine", "aligned", "mixed"]
    #: Whether these are all lines that there will be.
    is_complete: bool
    #: Of the recording, or of what there is of it by now.
    duration_ms: Annotated[int, Meta(ge=0)]
    #: How many lines there are by now; ask for those `after` it.
    next: Annotated[int, Meta(ge=0)]
