"""Replies of the figures: who listened."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

if TYPE_CHECKING:
    from typing import Self

    from intone.core.figures import Figures, PostFigures

__all__ = [
    "Counted",
    "DayCounted",
    "FiguresList",
    "FiguresReply",
    "PostCounted",
    "PostDays",
    "PostDaysReply",
    "day_of",
]

Rate = Annotated[float, Meta(ge=0, le=1)] | None
_EPOCH = date(1970, 1, 1)


def day_of(number: int) -> date:
    """A day that is counted from the epoch."""
    return date.fromordinal(_EPOCH.toordinal() + number)


class Counted(Struct, frozen=True, kw_only=True):
    """What was counted."""

    #: How often a player was shown.
    impressions: int
    #: Page views in which it was played.
    plays: int
    pauses: int
    seeks: int
    errors: int
    #: By how many percent of the audio, listeners who came as far.
    listeners: dict[str, int]
    #: Of the plays, the share that came to the end; null where nobody played it.
    completion_rate: Rate
    minutes_heard: float

    @classmethod
    def of(cls, figures: Figures, **more: object) -> Self:
        """The reply of the core's figures.

        Args:
            figures: The core's.
            more: What a subclass adds.
        """
        return cls(
            impressions=figures.impressions,
            plays=figures.plays,
            pauses=figures.pauses,
            seeks=figures.seeks,
            errors=figures.errors,
            listeners={
                "25": figures.quarters,
                "50": figures.halves,
                "75": figures.three_quarters,
                "100": figures.completes,
            },
            completion_rate=figures.completion_rate,
            minutes_heard=figures.minutes_heard,
            **more,
        )


class PostCounted(Counted, frozen=True, kw_only=True):
    """A post and what was counted of it."""

    id: int
    post_id: str
    language: str
    post_title: str | None
    post_url: str | None

    @classmethod
    def of_post(cls, post: PostFigures) -> Self:
        """The reply of a post's figures."""
        return cls.of(
            post.figures,
            id=post.number,
            post_id=post.post_id,
            language=post.language,
            post_title=post.title,
            post_url=post.url,
        )


class DayCounted(Counted, frozen=True, kw_only=True):
    """A day (UTC) and what was counted on it."""

    day: date


class _Period(Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    #: The first and the last day (UTC).
    first: date
    last: date


class FiguresList(_Period, frozen=True, kw_only=True):
    """Posts of which anything was counted in a period, and what all of them add up to."""

    totals: Counted
    posts: list[PostCounted]
    #: For `cursor` of the next page; null on the last one.
    next_cursor: str | None


class PostDays(_Period, frozen=True, kw_only=True):
    """A post's figures in a period, and those of each day of it."""

    post: PostCounted
    days: list[DayCounted]


class FiguresReply(Struct, frozen=True, kw_only=True):
    """Figures by post."""

    success: bool = True
    message: str = "OK"
    data: FiguresList


class PostDaysReply(Struct, frozen=True, kw_only=True):
    """Figures of a post by day."""

    success: bool = True
    message: str = "OK"
    data: PostDays
