"""Pictures, figures, tables and code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from intone.text.html.page import Figure, Table, is_a
from intone.text.html.phrases import phrases
from intone.text.html.pictures import alternative, is_inline, is_told, says_the_same
from intone.text.html.script import Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from intone.text.html.page import Open, Page

__all__ = ["END", "START", "end_figcaption", "end_figure", "start_figure"]

#: A table with longer cells than this on average lays text out.
_LONG_CELL = 300


def _picture(page: Page, attributes: Mapping[str, str]) -> None:
    text = alternative(attributes)
    if not text:
        return
    if page.script.is_mid_line and is_inline(attributes, text):
        page.script.say(text)
        return
    if not is_told(text):
        return
    page.script.pause(Pause.PARAGRAPH)
    start = len(page.script)
    page.say_aside(phrases(page.language).picture)
    page.script.say(text)
    if page.figures:
        page.figures[-1].pictures.append((start, len(page.script), text))
    page.script.pause(Pause.PARAGRAPH)


def start_figure(page: Page, _: Mapping[str, str]) -> None:
    """Begin a figure, or a box like one."""
    page.figures.append(Figure())


def end_figcaption(page: Page, element: Open) -> None:
    """Keep the caption, to compare it with the pictures."""
    if page.figures:
        page.figures[-1].caption = page.script.words(element.start)


def end_figure(page: Page, element: Open) -> None:
    """Take back what the caption says as well, or all of a figure that cannot be read."""
    figure = page.figures.pop()
    if figure.left_out:
        page.script.drop(element.start)
        page.announce(figure.left_out, figure.caption)
        return
    for start, end, text in figure.pictures:
        if says_the_same(text, figure.caption):
            page.script.drop(start, end)


def _start_code(page: Page, attributes: Mapping[str, str]) -> None:
    if is_a("wp-block-verse", attributes):
        page.is_verse = True
        return
    page.pass_over_content()
    if page.tables:
        page.tables[-1].has_code = True
    elif page.figures:
        page.figures[-1].left_out = "code"
    else:
        page.announce("code", "")


def _end_verse(page: Page, _: Open) -> None:
    page.is_verse = False


def _start_table(page: Page, attributes: Mapping[str, str]) -> None:
    for outer in page.tables[-1:]:
        outer.is_layout = True
    is_layout = attributes.get("role", "").lower() in {"presentation", "none"}
    page.tables.append(Table(is_layout, page.script.said))


def _start_row(page: Page, _: Mapping[str, str]) -> None:
    if page.tables:
        page.tables[-1].in_row = 0


def _end_cell(page: Page, element: Open) -> None:
    if page.tables and len(page.script) > element.start:
        table = page.tables[-1]
        table.cells += 1
        table.in_row += 1
        table.widest = max(table.widest, table.in_row)


def _end_caption(page: Page, element: Open) -> None:
    if page.tables:
        page.tables[-1].caption = page.script.words(element.start)


def _end_table(page: Page, element: Open) -> None:
    """Now it is known whether it held data or laid out text."""
    table = page.tables.pop()
    is_prose = page.script.said - table.said > _LONG_CELL * table.cells
    if not table.has_code and (table.is_layout or table.widest == 1 or is_prose):
        return
    page.script.drop(element.start)
    kind: Literal["code", "table"] = "code" if table.has_code else "table"
    if page.figures:
        page.figures[-1].left_out = kind
        page.figures[-1].caption = page.figures[-1].caption or table.caption
    else:
        page.announce(kind, table.caption)


START: dict[str, Callable[[Page, Mapping[str, str]], None]] = {
    "img": _picture,
    "figure": start_figure,
    "pre": _start_code,
    "table": _start_table,
    "tr": _start_row,
}
END: dict[str, Callable[[Page, Open], None]] = {
    "figcaption": end_figcaption,
    "figure": end_figure,
    "pre": _end_verse,
    "td": _end_cell,
    "th": _end_cell,
    "caption": _end_caption,
    "table": _end_table,
}
