"""What is read aloud, as it grows: pieces of text, and the pauses between them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import IntEnum

from intone.text.controls import CONTROLS

__all__ = ["Pause", "Readable", "Script", "Stretch"]


class Pause(IntEnum):
    """What lies between two pieces; the longer one wins where several meet."""

    NONE = 0
    SPACE = 1
    LINE = 2
    PARAGRAPH = 3
    SECTION = 4


_WRITTEN = ("", " ", "\n", "\n\n", "\n\n\n")

#: What HTML calls white space; no-break spaces and the like are the text's own.
_SPACE = " \t\n\r\f"
#: White space that is more than one blank; a lone blank is left alone, which is quick.
_WIDE = re.compile(f" ?[\t\n\r\f][{_SPACE}]*+|  [{_SPACE}]*+")
_ODD = re.compile(f"[{CONTROLS}\u2028\u2029]")
_BLANK_LINES = re.compile(r"\n[ \t\r]*+\n\s*+")
#: Controls that are left of a text in Windows-1252 are its quotes and dashes; others are nothing.
_CONTROLS = {
    code: bytes([code]).decode("cp1252", "ignore") if code > 0x7F else ""  # noqa: PLR2004 - ASCII
    for code in (*range(9), 11, *range(14, 32), *range(0x7F, 0xA0))
} | {0x2028: " ", 0x2029: " "}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range of a text in another language than the text's own."""

    start: int
    #: Exclusive.
    end: int
    #: BCP 47 tag as the page gives it.
    language: str


@dataclass(frozen=True, slots=True)
class Readable:
    """A text to be read aloud; its words are those of the page, in the page's order."""

    text: str
    #: In order, never overlapping.
    stretches: tuple[Stretch, ...]


@dataclass(slots=True)
class Script:
    """Pieces in order. What turns out not to be worth reading is dropped again."""

    #: Of what is said now; empty for the text's own.
    language: str = ""
    #: How many characters were ever said, also those dropped since.
    said: int = 0
    # Columns, as there may be a piece for every ten characters of a page, and none may weigh much.
    _texts: list[str] = field(default_factory=list)
    #: Before each.
    _pauses: bytearray = field(default_factory=bytearray)
    _languages: list[str] = field(default_factory=list)
    #: Said with a piece, but no word of the page: a number, a bullet, a quotation mark.
    _markers: dict[int, str] = field(default_factory=dict)
    #: What the next piece gets.
    _pause: int = Pause.NONE
    _marker: str = ""

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def is_mid_line(self) -> bool:
        """Whether the next words go on in the line of the last ones."""
        return bool(self._texts) and self._pause < Pause.LINE

    def pause(self, length: Pause) -> None:
        """Have at least this much of a pause before the next words."""
        if length > self._pause:  # noqa: PLR1730 - much quicker than max(), for every tag
            self._pause = length

    def break_line(self) -> None:
        """Begin a line; the second break in a row begins a paragraph."""
        self.pause(Pause.PARAGRAPH if self._pause >= Pause.LINE else Pause.LINE)

    def mark(self, marker: str) -> None:
        """Say this right before the next words."""
        self._marker += marker

    def unmark(self, marker: str | None = None) -> None:
        """Forget marks that no words have followed: the last one, or all."""
        self._marker = "" if marker is None else self._marker.removesuffix(marker)

    def say_paragraphs(self, text: str) -> None:
        """Add text whose blank lines part paragraphs."""
        first, *others = _BLANK_LINES.split(text)
        self.say(first)
        for other in others:
            self.pause(Pause.PARAGRAPH)
            self.say(other)

    def say(self, text: str) -> None:
        """Add text as it stands between tags, where any white space is one space."""
        core = text.strip(_SPACE)
        if not core.isprintable():  # line breaks and controls are not, nor are a few harmless ones
            if _ODD.search(core):
                core = core.translate(_CONTROLS).strip(_SPACE)
            core = _WIDE.sub(" ", core)
        elif "  " in core:
            core = _WIDE.sub(" ", core)
        if not core:
            if text:
                self.pause(Pause.SPACE)
            return
        if text[0] in _SPACE:
            self.pause(Pause.SPACE)
        if self._marker:
            self._markers[len(self._texts)] = self._marker
            self._marker = ""
        self._add(core, self._pause)
        self.said += len(core)
        self._pause = Pause.SPACE if text[-1] in _SPACE else Pause.NONE

    def close(self, mark: str) -> None:
        """Put a mark right behind the last words, before the pause that follows them."""
        self._add(mark, Pause.NONE)

    def _add(self, text: str, pause: int) -> None:
        self._texts.append(text)
        self._pauses.append(pause)
        self._languages.append(self.language)

    def words(self, start: int, end: int | None = None) -> str:
        """Return what was said from one place to another, in one line and without marks."""
        end = len(self) if end is None else end
        parts = [(" " if self._pauses[at] else "") + self._texts[at] for at in range(start, end)]
        return " ".join("".join(parts).split())

    def replace(self, start: int, text: str) -> None:
        """Say something else instead of what was said from there on."""
        self.drop(start + 1)
        self._texts[start] = text

    def drop(self, start: int, end: int | None = None) -> None:
        """Take back what was said from one place to another; pauses around it stay."""
        if end is not None and end < len(self):
            # The places of what follows stay as they are.
            self._texts[start:end] = [""] * (end - start)
        elif start < len(self):
            self.pause(Pause(self._pauses[start]))
            self._marker = self._markers.get(start, "") + self._marker
            for at in [at for at in range(start, len(self)) if at in self._markers]:
                del self._markers[at]
            for column in (self._texts, self._pauses, self._languages):
                del column[start:]

    def read(self, start: int = 0, end: int | None = None) -> Readable:
        """Put together what was said from one place to another."""
        parts: list[str] = []
        stretches: list[Stretch] = []
        at = pause = 0
        last = ""
        for piece in range(start, len(self) if end is None else min(end, len(self))):
            pause = max(pause, self._pauses[piece])
            text, language = self._texts[piece], self._languages[piece]
            if not text:
                continue
            marker = self._markers.get(piece, "")
            before = (_WRITTEN[pause] if parts else "") + marker
            parts += (before, text) if before else (text,)
            begin, at = at + len(before), at + len(before) + len(text)
            if language and language == last and not marker:
                stretches[-1] = replace(stretches[-1], end=at)
            elif language:
                stretches.append(Stretch(begin, at, language))
            pause, last = 0, language
        return Readable("".join(parts), tuple(stretches))
