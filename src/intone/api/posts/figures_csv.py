"""Figures as a file for spreadsheets (RFC 4180), written while the posts are being read."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence

    from intone.core.figures import PostFigures

__all__ = ["COLUMNS", "csv_lines"]

COLUMNS: Final = (
    "id",
    "post_id",
    "language",
    "post_title",
    "post_url",
    "impressions",
    "plays",
    "pauses",
    "seeks",
    "errors",
    "listeners_25",
    "listeners_50",
    "listeners_75",
    "listeners_100",
    "completion_rate",
    "minutes_heard",
)
#: What a spreadsheet takes for the beginning of a formula, the full-width forms too (OWASP,
#: https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


async def csv_lines(pages: AsyncIterator[Sequence[PostFigures]]) -> AsyncGenerator[bytes, None]:
    """The file, a page of posts at a time; the head comes with the first, even an empty one."""
    head: list[Sequence[Any]] = [COLUMNS]
    async for posts in pages:
        yield _written([*head, *map(_row, posts)])
        head = []


def _written(rows: Iterable[Sequence[Any]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def _row(post: PostFigures) -> list[Any]:
    figures = post.figures
    return [
        post.number,
        _text(post.post_id),
        _text(post.language),
        _text(post.title),
        _text(post.url),
        figures.impressions,
        figures.plays,
        figures.pauses,
        figures.seeks,
        figures.errors,
        figures.quarters,
        figures.halves,
        figures.three_quarters,
        figures.completes,
        "" if figures.completion_rate is None else figures.completion_rate,
        figures.minutes_heard,
    ]


def _text(text: str | None) -> str:
    """A publisher's text, so that no spreadsheet runs it: the apostrophe makes it a text there."""
    text = text or ""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
