"""Who listened: what `core.analytics` has counted, added up over days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from intone.core.post_events import COUNTED
from intone.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from intone.storage.database import Row, Transaction, Value

__all__ = ["Figures", "PostFigures", "Selection", "Sorting", "by_day", "by_post", "newest", "total"]

#: By which figure posts are ordered, the largest first.
Sorting = Literal["plays", "impressions", "heard"]

_COLUMN_OF: Final[dict[Sorting, str]] = {
    "plays": "plays",
    "impressions": "impressions",
    "heard": "heard_ms",
}
#: No number is larger.
_LARGEST: Final = 2**62

_SUMS = ", ".join(f"CAST(COALESCE(SUM(d.{name}), 0) AS BIGINT) AS {name}" for name in COUNTED)
# From the workspace's sites on, so that no other's rows are ever looked at.
_POSTS_OF = """
FROM sites s JOIN posts p ON p.site_id = s.id
"""
_DAYS_OF = """
JOIN post_days d ON d.post_number = p.number AND d.day BETWEEN :first AND :last
"""
_SELECTED = """
WHERE s.workspace_id = :workspace_id AND p.workspace_id = :workspace_id
  AND (CAST(:site_id AS TEXT) IS NULL OR s.id = :site_id)
  AND (CAST(:language AS TEXT) IS NULL OR p.language = :language)
"""
_TOTAL = f"SELECT {_SUMS} {_POSTS_OF} {_DAYS_OF} {_SELECTED}"
_POST = "p.number, p.site_id, p.post_id, p.language, p.title, p.url"
_BY_POST: Final = {
    sorting: f"""
SELECT * FROM (
  SELECT {_POST}, {_SUMS} {_POSTS_OF} {_DAYS_OF} {_SELECTED} GROUP BY p.number
) AS f
WHERE {column} < :value OR ({column} = :value AND number < :number)
ORDER BY {column} DESC, number DESC LIMIT :most
"""
    for sorting, column in _COLUMN_OF.items()
}
# First which posts, then their sums: a page costs what is on it.
_NEWEST = f"""
SELECT {_POST}, {_SUMS} FROM (
  SELECT p.number {_POSTS_OF} {_SELECTED} AND p.number < :number AND EXISTS (
    SELECT 1 FROM post_days d WHERE d.post_number = p.number AND d.day BETWEEN :first AND :last
  )
  ORDER BY p.number DESC LIMIT :most
) AS chosen
JOIN posts p ON p.number = chosen.number {_DAYS_OF}
GROUP BY p.number ORDER BY p.number DESC
"""
_POSTS = f"""
SELECT {_POST} {_POSTS_OF} {_SELECTED} AND p.post_id = :post_id ORDER BY p.number LIMIT 2
"""
_DAYS = f"""
SELECT day, {", ".join(COUNTED)} FROM post_days
WHERE post_number = :number AND day BETWEEN :first AND :last ORDER BY day
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Of what figures are wanted."""

    workspace_id: str
    #: The first and the last day, in days since the epoch (UTC).
    first: int
    last: int
    #: Only this site's posts.
    site_id: str | None = None
    #: Only posts in this language, as the publisher says it.
    language: str | None = None

    @property
    def parameters(self) -> dict[str, Value]:
        """Of the statements."""
        return {
            "workspace_id": self.workspace_id,
            "first": self.first,
            "last": self.last,
            "site_id": self.site_id,
            "language": self.language,
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts, with what follows from them."""

    impressions: int = 0
    plays: int = 0
    pauses: int = 0
    seeks: int = 0
    errors: int = 0
    #: Listeners who came as far: a quarter, a half, three quarters, the end.
    quarters: int = 0
    halves: int = 0
    three_quarters: int = 0
    completes: int = 0
    #: How long was listened, in milliseconds.
    heard_ms: int = 0

    @property
    def completion_rate(self) -> float | None:
        """Of those who began, the share that came to the end, from 0 to 1; None where nobody did.

        A beginning that was not heard of does not make it more than 1.
        """
        return min(1.0, round(self.completes / self.plays, 4)) if self.plays else None

    @property
    def minutes_heard(self) -> float:
        """How long was listened, in minutes, to the hundredth."""
        return round(self.heard_ms / 60_000, 2)


@dataclass(frozen=True, slots=True)
class PostFigures:
    """A post and its figures."""

    number: int
    site_id: str
    #: The publisher's own.
    post_id: str
    language: str
    title: str | None
    url: str | None
    figures: Figures

    def rank(self, sorting: Sorting) -> tuple[int, int]:
        """Its place in a list: what `by_post` goes on after."""
        return getattr(self.figures, _COLUMN_OF[sorting]), self.number


def total(tx: Transaction, selection: Selection) -> Figures:
    """What all selected posts add up to."""
    row = tx.one(_TOTAL, **selection.parameters)
    return Figures() if row is None else _figures(row)


def by_post(
    tx: Transaction,
    selection: Selection,
    *,
    sorting: Sorting = "plays",
    limit: int,
    after: tuple[int, int] | None = None,
) -> list[PostFigures]:
    """The selected posts of which anything was counted, the largest figure first.

    Args:
        tx: The unit of work.
        selection: Which posts and days.
        sorting: Which figure.
        limit: Most posts returned.
        after: The `rank` of the last post of the page before.
    """
    value, number = after or (_LARGEST, _LARGEST)
    rows = tx.all(_BY_POST[sorting], **selection.parameters, value=value, number=number, most=limit)
    return [_post(row) for row in rows]


def newest(
    tx: Transaction, selection: Selection, *, limit: int, before: int | None = None
) -> list[PostFigures]:
    """The selected posts of which anything was counted, newest first: an order that stays.

    Args:
        tx: The unit of work.
        selection: Which posts and days.
        limit: Most posts returned.
        before: The number of the last post of the page before.
    """
    number = _LARGEST if before is None else before
    return [
        _post(row) for row in tx.all(_NEWEST, **selection.parameters, number=number, most=limit)
    ]


def by_day(
    tx: Transaction, selection: Selection, post_id: str
) -> tuple[PostFigures, list[tuple[int, Figures]]]:
    """A post's figures in all, and each day's (since the epoch), those without any as well.

    Args:
        tx: The unit of work.
        selection: Which site and days, and the post's language.
        post_id: The publisher's own id.

    Raises:
        NotFoundError: The workspace has no such post.
        InvalidInputError: Several of its sites have one.
    """
    parameters = selection.parameters
    first, last = parameters.pop("first"), parameters.pop("last")
    found = tx.all(_POSTS, **parameters, post_id=post_id)
    if not found:
        raise NotFoundError("There is no such post in this language.")
    if len(found) > 1:
        raise InvalidInputError("site: several sites have a post with this id; say which is meant.")
    rows = tx.all(_DAYS, number=found[0]["number"], first=first, last=last)
    counted = {row["day"]: _figures(row) for row in rows}
    days = range(selection.first, selection.last + 1)
    sums = {name: sum(getattr(each, name) for each in counted.values()) for name in COUNTED}
    return _post({**found[0], **sums}), [(day, counted.get(day, Figures())) for day in days]


def _figures(row: Row) -> Figures:
    return Figures(**{name: row[name] for name in COUNTED})


def _post(row: Row) -> PostFigures:
    return PostFigures(
        number=row["number"],
        site_id=row["site_id"],
        post_id=row["post_id"],
        language=row["language"],
        title=row["title"],
        url=row["url"],
        figures=_figures(row),
    )
