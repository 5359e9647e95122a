"""Headings, lines, and the parts that a page is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.text.html.elements import HEADINGS
from intone.text.html.script import Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from intone.text.html.page import Open, Page

__all__ = ["END", "START"]


def _start_heading(page: Page, _: Mapping[str, str]) -> None:
    page.script.pause(Pause.SECTION)
    _hold_text(page)


def _end_heading(page: Page, element: Open) -> None:
    page.heading = (element.start, len(page.script), element.tag)
    if page.title is None and len(page.script) > element.start:
        page.title = element.start


def _break(page: Page, _: Mapping[str, str]) -> None:
    page.script.break_line()


def _rule(page: Page, _: Mapping[str, str]) -> None:
    page.script.pause(Pause.SECTION)


def _start_main(page: Page, _: Mapping[str, str]) -> None:
    _hold_text(page)


def _hold_text(page: Page) -> None:
    """Let tables and forms stand that hold a piece of the page's text."""
    if page.tables:
        page.tables[-1].is_layout = True
    if page.forms:
        page.forms[-1] = True


def _start_article(page: Page, _: Mapping[str, str]) -> None:
    page.nested_articles += 1
    _hold_text(page)


def _end_main(page: Page, element: Open) -> None:
    page.mains.append((element.start, len(page.script)))


def _end_article(page: Page, element: Open) -> None:
    page.nested_articles -= 1
    if not page.nested_articles:
        page.articles.append((element.start, len(page.script)))


def _end_footer(page: Page, element: Open) -> None:
    """A quotation's footer says whose it is; others hold dates, rights and links."""
    if not any(outer and outer.tag in {"blockquote", "figure"} for outer in page.open[-4:]):
        page.script.drop(element.start)


def _start_form(page: Page, _: Mapping[str, str]) -> None:
    page.forms.append(False)


def _end_form(page: Page, element: Open) -> None:
    holds_text = page.forms.pop()
    if not holds_text:
        page.script.drop(element.start)
    elif page.forms:
        page.forms[-1] = True


START: dict[str, Callable[[Page, Mapping[str, str]], None]] = {
    **dict.fromkeys(HEADINGS, _start_heading),
    "br": _break,
    "hr": _rule,
    "main": _start_main,
    "article": _start_article,
    "form": _start_form,
}
END: dict[str, Callable[[Page, Open], None]] = {
    **dict.fromkeys(HEADINGS, _end_heading),
    "main": _end_main,
    "article": _end_article,
    "footer": _end_footer,
    "form": _end_form,
}
