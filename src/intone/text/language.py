"""Small helpers on BCP 47 language tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["best_match", "primary", "region"]


def primary(tag: str) -> str:
    """Return the language of a tag in lower case: `primary("en-GB") == "en"`."""
    return tag.replace("_", "-").partition("-")[0].lower()


def region(tag: str) -> str | None:
    """Return the region of a tag: `region("zh-Hant-TW") == "TW"`, `None` where it has none."""
    for part in tag.replace("_", "-").split("-")[1:]:
        if len(part) == 1:  # an extension or a private-use part begins here
            return None
        if (len(part) == 2 and part.isalpha()) or (len(part) == 3 and part.isdigit()):  # noqa: PLR2004 - the two shapes of a region
            return part.upper()
    return None


def best_match(wanted: str, offered: Iterable[str]) -> str | None:
    """Choose the offered tag that serves a wanted language best.

    The same tag comes first, then the same language and region, then the bare language,
    then the language with any region; another language never matches.

    Returns:
        The chosen tag as it was offered, or `None`.
    """
    language, place = primary(wanted), region(wanted)
    best: tuple[int, str] | None = None
    for tag in offered:
        if primary(tag) != language:
            continue
        rank = 3
        if tag.replace("_", "-").lower() == wanted.replace("_", "-").lower():
            rank = 0
        elif region(tag) == place:
            rank = 1
        elif region(tag) is None:
            rank = 2
        if best is None or rank < best[0]:
            best = (rank, tag)
    return best[1] if best else None
