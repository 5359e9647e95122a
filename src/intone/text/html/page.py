"""How far the reading of a page has come, and what is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from intone.text.html.phrases import phrases
from intone.text.html.script import Pause, Script

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Figure", "List", "Open", "Page", "Rules", "Table", "is_a"]

#: Headings of tables of contents and of notes are no longer than this, in words.
_LONGEST_LABEL = 4


@dataclass(frozen=True, slots=True)
class Rules:
    """What to do with what cannot be read aloud: pass over it, or say that it is there."""

    code_blocks: Literal["skip", "announce"] = "skip"
    data_tables: Literal["skip", "announce"] = "skip"


@dataclass(slots=True)
class Open:
    """An element that is being read, and needs something when it ends."""

    tag: str
    #: Where it begins in the script.
    start: int
    #: How much had been said before it.
    said: int
    #: Outside of it.
    language: str
    attributes: Mapping[str, str]


@dataclass(slots=True)
class List:
    """A list that is being read."""

    #: Of the next item; None where items have none.
    number: int | None
    step: int
    #: How much had been said before it, and how much of that in links.
    said: int
    linked: int
    led_away: int
    items: int = 0


@dataclass(slots=True)
class Table:
    """A table that is being read, until it is known to hold data."""

    is_layout: bool
    said: int
    cells: int = 0
    #: Cells with text in the row that is read, and in the fullest one.
    in_row: int = 0
    widest: int = 0
    caption: str = ""
    has_code: bool = False


@dataclass(slots=True)
class Figure:
    """A figure that is being read."""

    #: Where each begins and ends in the script, and its alternative text.
    pictures: list[tuple[int, int, str]] = field(default_factory=list)
    caption: str = ""
    left_out: Literal["", "code", "table"] = ""


@dataclass(slots=True)
class Page:
    """All that the handlers of elements share."""

    #: BCP 47 tag of the text.
    language: str
    rules: Rules
    #: Whether blank lines part paragraphs, for want of tags that do.
    blank_lines: bool
    script: Script = field(default_factory=Script)
    open: list[Open | None] = field(default_factory=list)
    #: Elements open within one that is left out, itself included.
    passed_over: int = 0
    #: Whether lines are kept as they are.
    is_verse: bool = False
    lists: list[List] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    #: Whether each open form holds text.
    forms: list[bool] = field(default_factory=list)
    #: Titles of abbreviations that were read.
    expanded: set[str] = field(default_factory=set)
    #: Characters of links into the page itself, and of other links.
    linked: int = 0
    led_away: int = 0
    #: Where the last list of nothing but links begins and ends.
    ways: tuple[int, int] = (-1, -1)
    #: Where the first heading begins.
    title: int | None = None
    #: Where the last heading begins and ends, and its level.
    heading: tuple[int, int, str] = (-1, -1, "")
    #: How far the script was when something was left out last that a heading may have led to.
    left_out: int = -1
    #: Where they begin and end; of articles the outermost.
    mains: list[tuple[int, int]] = field(default_factory=list)
    articles: list[tuple[int, int]] = field(default_factory=list)
    nested_articles: int = 0

    def pass_over_content(self) -> None:
        """Read nothing of the element that has just begun."""
        element = self.open.pop()
        if element:
            self.script.language = element.language
        self.passed_over = 1

    def drop_label(self) -> None:
        """Take back the heading of what is left out, unless it is a chapter's or the page's."""
        start, end, _ = self.heading
        if end != len(self.script) or start == self.title:
            return
        label = self.script.words(start)
        if len(label.split()) <= _LONGEST_LABEL and not any(sign.isdigit() for sign in label):
            self._drop_heading()

    def drop_idle_heading(self, following: str) -> None:
        """Take back a heading that led to nothing but what was left out.

        Args:
            following: The heading that comes now; one of a lower level belongs to the other.
        """
        start, end, level = self.heading
        if end == self.left_out == len(self.script) and following <= level and start != self.title:
            self._drop_heading()

    def _drop_heading(self) -> None:
        self.script.drop(self.heading[0])
        self.script.unmark()

    def say_aside(self, text: str) -> None:
        """Say something that does not stand in the page, in the text's own language."""
        outside, self.script.language = self.script.language, ""
        self.script.say(text)
        self.script.language = outside

    def announce(self, kind: Literal["code", "table"], caption: str) -> None:
        """Say that something is left out, where the rules want that."""
        rule = self.rules.code_blocks if kind == "code" else self.rules.data_tables
        if rule == "skip":
            self.left_out = len(self.script)
            return
        own = phrases(self.language)
        said = own.code if kind == "code" else own.table
        if kind == "table" and caption and said:
            said = f"{own.table_of}{caption}"
        self.script.pause(Pause.PARAGRAPH)
        self.say_aside(said)
        self.script.pause(Pause.PARAGRAPH)


def is_a(name: str, attributes: Mapping[str, str]) -> bool:
    """Whether an element has that class."""
    return name in attributes.get("class", "").split()
