"""Marks that lead to notes and back, and what abbreviations stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BEHIND",
    "LONGEST_MARK",
    "RAISED",
    "has_label",
    "is_expansion",
    "is_mark",
    "is_raised_mark",
]

#: In characters.
LONGEST_MARK = 24
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
#: Behind these raised digits are a note's; behind letters, digits and brackets an exponent.
BEHIND = tuple('.,;:!?…"”»。，')

_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_SHORT = re.compile(r"\W*(?:\d{1,4}|[a-zA-Z]|[ivxIVX]{1,5})\W*")
_BRACKETED = re.compile(r"\[\s*(?:\d{1,4}(?:\s*[,–-]\s*\d{1,4})*|[a-zA-Z]|note\s*\d+|[ivx]+)\s*\]")
_RAISED_DIGITS = re.compile(r"\W*[⁰¹²³⁴⁵⁶⁷⁸⁹]+\W*")
#: How tools name the places of notes.
_NOTE = re.compile(
    r"#(?:user-content-)?_?(?:fn|ftn|edn|note|cite|foot|endnote|ref|bib|sdfootnote|sdendnote|id\d+$)",
    re.IGNORECASE,
)
_DATE = re.compile(r"\d{4}-|\d{1,2}[./:]\d")
_LONGEST_TITLE = 120


def is_mark(text: str, href: str) -> bool:
    """Whether a link is only a mark: to a note, back from it, or to the heading it stands in."""
    if not text:
        return False
    if not _LETTER_OR_DIGIT.search(text):
        return href.startswith("#") or bool(_NOTE.search(href))
    if _RAISED_DIGITS.fullmatch(text) or _BRACKETED.fullmatch(text):
        return True
    return bool(_SHORT.fullmatch(text) and _NOTE.search(href))


def is_raised_mark(text: str, attributes: Mapping[str, str]) -> bool:
    """Whether a superscript is the mark of a note, and no exponent or ordinal."""
    if not text:
        return False
    if "reference" in attributes.get("class", "").split():
        return True
    return bool(_BRACKETED.fullmatch(text)) or not _LETTER_OR_DIGIT.search(text)


def has_label(attributes: Mapping[str, str]) -> bool:
    """Whether what is left out may have a heading of its own right above it, to go with it."""
    names = f"{attributes.get('class', '')} {attributes.get('role', '')}".lower().split()
    return any("toc" in name or "notes" in name or name == "reflist" for name in names)


def is_expansion(title: str) -> bool:
    """Whether an abbreviation's title is words to be read in its place."""
    if len(title) > _LONGEST_TITLE or _DATE.match(title):
        return False
    return _LETTER_OR_DIGIT.search(title) is not None
