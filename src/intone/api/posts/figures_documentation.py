"""What the OpenAPI document says of events and figures."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from intone.api.described import JSON, Answer, describe, header
from intone.api.posts.errors import SubscriptionInactiveError
from intone.api.posts.event_schemas import EventsBody, PublicEventsBody, Taken
from intone.api.posts.figure_schemas import (
    Counted,
    DayCounted,
    FiguresList,
    FiguresReply,
    PostCounted,
    PostDays,
    PostDaysReply,
)
from intone.errors import ForbiddenError, NotFoundError, RateLimitedError, UnavailableError

__all__ = ["BY_DAY", "BY_POST", "CSV", "CSV_FILE", "PUBLIC_EVENTS", "TRACK"]

CSV: Final = "text/csv"
_COUNTS: Final[dict[str, Any]] = {
    "impressions": 41,
    "plays": 8,
    "pauses": 3,
    "seeks": 1,
    "errors": 0,
    "listeners": {"25": 7, "50": 6, "75": 6, "100": 4},
    "completion_rate": 0.5,
    "minutes_heard": 14.75,
}
_POST: Final = PostCounted(
    **_COUNTS,
    id=1,
    post_id="article-001",
    language="en",
    post_title="My article title",
    post_url="https://yourblog.com/post",
)
_PERIOD: Final[dict[str, Any]] = {"first": date(2026, 11, 20), "last": date(2026, 11, 20)}
_FILE: Final = (
    "id,post_id,language,post_title,post_url,impressions,plays,pauses,seeks,errors,listeners_25,"
    "listeners_50,listeners_75,listeners_100,completion_rate,minutes_heard\r\n"
    "1,article-001,en,My article title,https://yourblog.com/post,41,8,3,1,0,7,6,6,4,0.5,14.75\r\n"
)
_EVENT: Final[dict[str, Any]] = {
    "post_id": "article-001",
    "lang": "en",
    "event": "progress",
    "position_seconds": 35.5,
    "duration_seconds": 142,
    "heard_seconds": 30.2,
}
_PLAY: Final = {"post_id": "article-001", "event": "play"}
_NO_SITE: Final = NotFoundError("There is no such site.")
_NO_POST: Final = NotFoundError("This site has no such post in this language.")
#: On every answer that is counted.
_LIMITS: Final = {
    "X-RateLimit-Limit": header("Requests that there may be in a minute.", 120),
    "X-RateLimit-Remaining": header("How many of them are left.", 119),
}
_TAKEN: Final = "It will be counted within a second."
_TEXT: Final = {"text/plain": {"type": "string", "description": "The same JSON, as a beacon."}}

PUBLIC_EVENTS = describe(
    {202: Answer(_TAKEN, {JSON: Taken()}, headers=_LIMITS)},
    body=PublicEventsBody,
    examples={
        "one": {"domain": "blog.example", **_EVENT},
        "several": {"domain": "blog.example", "events": [_PLAY, _EVENT]},
    },
    files=_TEXT,
    errors=(
        SubscriptionInactiveError("Subscription inactive"),
        ForbiddenError("This page is not on a domain of the site that it names."),
        _NO_POST,
        RateLimitedError("More than 200 requests in a minute; wait before the next one."),
        UnavailableError(),
    ),
)
TRACK = describe(
    {202: Answer(_TAKEN, {JSON: Taken()}, headers=_LIMITS)},
    body=EventsBody,
    examples={"one": _EVENT, "several": {"events": [_PLAY, _EVENT]}},
    errors=[_NO_POST],
)
BY_POST = describe(
    {
        200: Answer(
            "A page of posts, and what all of them add up to; as CSV all posts, newest first.",
            {
                JSON: FiguresReply(
                    data=FiguresList(
                        **_PERIOD, totals=Counted(**_COUNTS), posts=[_POST], next_cursor=None
                    )
                ),
                CSV: _FILE,
            },
            headers=_LIMITS,
        )
    },
    errors=[_NO_SITE],
)
CSV_FILE = describe(
    {200: Answer("A line a post.", {CSV: _FILE}, headers=_LIMITS)}, errors=[_NO_SITE]
)
BY_DAY = describe(
    {
        200: Answer(
            "The post's figures, and each day's.",
            {
                JSON: PostDaysReply(
                    data=PostDays(
                        **_PERIOD,
                        post=_POST,
                        days=[DayCounted(**_COUNTS, day=date(2026, 11, 20))],
                    )
                )
            },
            headers=_LIMITS,
        )
    }
)
