"""What stands within a line: links, notes, abbreviations, quotations, formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.text.html import notes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from intone.text.html.page import Open, Page

__all__ = ["END", "START"]


def _start_quote(page: Page, _: Mapping[str, str]) -> None:
    page.script.mark("“")


def _end_quote(page: Page, element: Open) -> None:
    if len(page.script) > element.start:
        page.script.close("”")
    else:
        page.script.unmark("“")


def _end_link(page: Page, element: Open) -> None:
    href = element.attributes.get("href", "")
    if "#" in href and notes.is_mark(_short(page, element), href):
        page.script.drop(element.start)
    elif href.startswith("#"):
        page.linked += page.script.said - element.said
    elif href:
        page.led_away += page.script.said - element.said


def _short(page: Page, element: Open) -> str:
    """Return what was said in an element that may be a mark; empty where it is too long."""
    if page.script.said - element.said > notes.LONGEST_MARK:
        return ""
    return page.script.words(element.start)


def _end_superscript(page: Page, element: Open) -> None:
    text = _short(page, element)
    if notes.is_raised_mark(text, element.attributes):
        page.script.drop(element.start)
    elif text.isascii() and text.isdigit():
        before = page.script.words(max(element.start - 1, 0), element.start)
        if before.endswith(notes.BEHIND):
            page.script.drop(element.start)
        else:
            page.script.replace(element.start, text.translate(notes.RAISED))


def _start_abbreviation(page: Page, attributes: Mapping[str, str]) -> None:
    """Say what it stands for instead, the first time."""
    title = " ".join(attributes.get("title", "").split())
    if title and title not in page.expanded and notes.is_expansion(title):
        page.expanded.add(title)
        page.script.say(title)
        page.pass_over_content()


def _start_math(page: Page, attributes: Mapping[str, str]) -> None:
    text = attributes.get("alttext", "")
    if not set(text) & set("\\{}_^"):
        page.script.say(text)
    page.pass_over_content()


START: dict[str, Callable[[Page, Mapping[str, str]], None]] = {
    "q": _start_quote,
    "abbr": _start_abbreviation,
    "acronym": _start_abbreviation,
    "math": _start_math,
}
END: dict[str, Callable[[Page, Open], None]] = {
    "q": _end_quote,
    "a": _end_link,
    "sup": _end_superscript,
}
