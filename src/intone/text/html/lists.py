"""Lists: counted where they are numbered, left out where they only lead elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.text.html.elements import LISTS
from intone.text.html.page import List
from intone.text.html.script import Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from intone.text.html.page import Open, Page

__all__ = ["END", "START"]

_FEWEST_CONTENTS = 3
#: A list with more of its text in links is one of links.
_LINKS = 0.9
#: More digits are no count.
_LARGEST = 9999


def _start_list(page: Page, _: Mapping[str, str]) -> None:
    page.script.pause(Pause.LINE if page.lists else Pause.PARAGRAPH)
    page.lists.append(List(None, 0, page.script.said, page.linked, page.led_away))


def _start_ordered(page: Page, attributes: Mapping[str, str]) -> None:
    _start_list(page, attributes)
    if "none" in attributes.get("style", ""):
        return
    backwards = "reversed" in attributes
    first = _integer(attributes.get("start"), 1)
    # Backwards it begins with the number of items, which is not known yet.
    if not backwards or "start" in attributes:
        page.lists[-1].number = first
        page.lists[-1].step = -1 if backwards else 1


def _start_item(page: Page, attributes: Mapping[str, str]) -> None:
    page.script.pause(Pause.LINE)
    marker = "• "
    if page.lists:
        one = page.lists[-1]
        one.items += 1
        if one.number is not None:
            number = _integer(attributes.get("value"), one.number)
            marker = f"{number}. "
            one.number = number + one.step
    page.script.unmark()
    page.script.mark(marker)


def _end_item(page: Page, _: Open) -> None:
    page.script.unmark()
    page.script.pause(Pause.LINE)


def _end_list(page: Page, element: Open) -> None:
    """A list of links into the same page is its table of contents."""
    one = page.lists.pop()
    said, linked = page.script.said - one.said, page.linked - one.linked
    if said and one.items >= _FEWEST_CONTENTS and linked >= _LINKS * said:
        page.script.drop(element.start)
        page.drop_label()
        page.script.unmark()
    elif said and linked + page.led_away - one.led_away >= _LINKS * said:
        page.ways = (element.start, len(page.script))
    page.script.pause(Pause.LINE if page.lists else Pause.PARAGRAPH)


def _integer(written: str | None, otherwise: int) -> int:
    try:
        number = int(written or "")
    except ValueError:
        return otherwise
    return number if abs(number) <= _LARGEST else otherwise


START: dict[str, Callable[[Page, Mapping[str, str]], None]] = {
    **dict.fromkeys(LISTS, _start_list),
    "ol": _start_ordered,
    "li": _start_item,
}
END: dict[str, Callable[[Page, Open], None]] = {
    **dict.fromkeys(LISTS, _end_list),
    "li": _end_item,
}
