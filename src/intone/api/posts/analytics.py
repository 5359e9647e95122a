"""Routes of the figures: who listened, by post and by day, as JSON and for spreadsheets.

Neither the seed nor its sibling pages show them; they are ours. Days are UTC's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from litestar import Request, get
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter
from litestar.response.base import ASGIResponse  # noqa: TC002 - Litestar reads annotations
from litestar.response.streaming import ASGIStreamingResponse

from intone.api.auth import SECURITY, principal_of
from intone.api.posts import figures_documentation as documentation
from intone.api.posts.events import require_figures
from intone.api.posts.figure_schemas import (
    Counted,
    DayCounted,
    FiguresList,
    FiguresReply,
    PostCounted,
    PostDays,
    PostDaysReply,
    day_of,
)
from intone.api.posts.figures_csv import csv_lines
from intone.api.posts.gate import by_key, core_of
from intone.api.posts.paths import FIGURES, sent_post_id
from intone.api.posts.requests import read_language
from intone.api.queries import refuse_repeated
from intone.api.replies import JsonReply
from intone.core import figures, sites
from intone.core.figures import Selection, Sorting
from intone.errors import InvalidInputError, NotFoundError
from intone.text.controls import refuse_controls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from intone.core.access import Principal
    from intone.core.figures import Figures, PostFigures
    from intone.core.service import Core
    from intone.storage.database import Database, Transaction

__all__ = ["FIGURE_ROUTES"]

Req = Request[Any, Any, Any]

#: Days of a period, unless the caller says; and the most there are.
_USUAL_DAYS: Final = 30
_MOST_DAYS: Final = 366
#: Posts on a page of JSON, unless the caller says; the most there are; and in a piece of CSV.
_USUAL, _MOST = 50, 200
_PIECE: Final = 500
#: More digits than any number has.
_LONGEST_NUMBER: Final = 18
_EPOCH: Final = date(1970, 1, 1)
_VARIES: Final = {"cache-control": "no-store", "vary": "Accept"}

_COMMON: dict[str, Any] = {
    "before_request": by_key(None, bucket="figures"),
    "security": SECURITY,
    "tags": ["Figures"],
}
From = Annotated[
    str | None,
    QueryParameter(
        name="from", format="date", description="The first day (UTC); 29 before the last one."
    ),
]
To = Annotated[
    str | None,
    QueryParameter(format="date", description="The last day (UTC), today by default."),
]
SiteName = Annotated[
    str | None,
    QueryParameter(max_length=300, description="Only a site's posts: its id or a domain of it."),
]
Language = Annotated[
    str | None, QueryParameter(max_length=35, description="Only posts in this language.")
]
Lang = Annotated[str | None, QueryParameter(description="The same, by its other name.")]


@dataclass(frozen=True, slots=True)
class _Page:
    """Where a page of a list begins and ends."""

    sorting: Sorting
    limit: int
    after: tuple[int, int] | None


@get(
    "/v1/analytics/posts",
    operation_id="getFigures",
    summary="Get figures by post",
    opt=documentation.BY_POST,
    **_COMMON,
)
async def by_post(
    request: Req,
    *,
    from_: From = None,
    to: To = None,
    site: SiteName = None,
    language: Language = None,
    lang: Lang = None,
    sort: Annotated[
        Sorting, QueryParameter(description="The figure that orders the posts, largest first.")
    ] = "plays",
    limit: Annotated[int, QueryParameter(ge=1, le=_MOST, description="Most on a page.")] = _USUAL,
    cursor: Annotated[
        str | None, QueryParameter(description="The `next_cursor` of the page before.")
    ] = None,
) -> ASGIResponse:
    """Posts of which anything was counted. `Accept: text/csv` asks for all of them as a file."""
    core, selection = await _selected(request, from_, to, site, language or lang)
    if request.accept.best_match(["application/json", documentation.CSV]) == documentation.CSV:
        return await _file(core.database, selection)
    page = _Page(sort, limit, _rank(cursor))
    total, posts = await core.database.read(_read_page, selection, page)
    more = posts[limit - 1].rank(sort) if len(posts) > limit else None
    data = FiguresList(
        first=day_of(selection.first),
        last=day_of(selection.last),
        totals=Counted.of(total),
        posts=[PostCounted.of_post(post) for post in posts[:limit]],
        next_cursor=None if more is None else f"{more[0]}-{more[1]}",
    )
    return JsonReply(msgspec.json.encode(FiguresReply(data=data)), 200, _VARIES)


@get(
    "/v1/analytics/posts.csv",
    operation_id="getFiguresFile",
    summary="Get figures by post as CSV",
    opt=documentation.CSV_FILE,
    **_COMMON,
)
async def as_file(
    request: Req,
    *,
    from_: From = None,
    to: To = None,
    site: SiteName = None,
    language: Language = None,
    lang: Lang = None,
) -> ASGIResponse:
    """All posts of which anything was counted, newest first, for a spreadsheet."""
    core, selection = await _selected(request, from_, to, site, language or lang)
    return await _file(core.database, selection)


@get(
    "/v1/analytics/posts/{post_id:str}",
    operation_id="getFiguresByDay",
    summary="Get a post's figures by day",
    opt=documentation.BY_DAY,
    **_COMMON,
)
async def by_day(
    request: Req,
    *,
    post_id: Annotated[  # noqa: ARG001 - for the document; it is read from the raw path
        str,
        PathParameter(
            description="The publisher's own id of the post.",
            examples=[Example(value="article-001")],
        ),
    ],
    from_: From = None,
    to: To = None,
    site: SiteName = None,
    language: Annotated[
        str | None, QueryParameter(max_length=35, description="The post's; `en` by default.")
    ] = None,
    lang: Lang = None,
) -> PostDaysReply:
    """Every day of the period, those without a listener as well."""
    sent = sent_post_id(request, FIGURES)
    refuse_controls("post_id", sent)
    core, selection = await _selected(request, from_, to, site, language or lang or "en")
    post, days = await core.database.read(figures.by_day, selection, sent.strip())
    data = PostDays(
        first=day_of(selection.first),
        last=day_of(selection.last),
        post=PostCounted.of_post(post),
        days=[DayCounted.of(counted, day=day_of(day)) for day, counted in days],
    )
    return PostDaysReply(data=data)


async def _selected(
    request: Req, from_: str | None, to: str | None, site: str | None, language: str | None
) -> tuple[Core, Selection]:
    """The core, and what the caller may see of what was asked for."""
    principal, core = principal_of(request), core_of(request)
    require_figures(principal.plan)
    refuse_repeated(request)
    last = _day("to", to) or datetime.now(UTC).date()
    earliest = max(last, date.min + timedelta(_USUAL_DAYS)) - timedelta(_USUAL_DAYS - 1)
    first = _day("from", from_) or earliest
    if first > last:
        raise InvalidInputError("from: this is after the last day (to).")
    if (last - first).days >= _MOST_DAYS:
        raise InvalidInputError(f"from: a period has at most {_MOST_DAYS} days.")
    selection = Selection(
        workspace_id=principal.workspace_id,
        first=(first - _EPOCH).days,
        last=(last - _EPOCH).days,
        site_id=await _site_id(core.database, principal, site),
        language=None if language is None else read_language(language),
    )
    return core, selection


async def _site_id(database: Database, principal: Principal, name: str | None) -> str | None:
    """The one site that is asked of; a site's own key opens no other.

    Raises:
        NotFoundError: The caller has no such site.
    """
    if name is None:
        return principal.site_id
    refuse_controls("site", name)
    found = await database.read(sites.find, name, principal.workspace_id)
    if principal.site_id not in {None, found.id}:
        raise NotFoundError("This key belongs to another site.")
    return found.id


def _read_page(
    tx: Transaction, selection: Selection, page: _Page
) -> tuple[Figures, list[PostFigures]]:
    """All in one view of the data, with one post more than is shown."""
    posts = figures.by_post(
        tx, selection, sorting=page.sorting, limit=page.limit + 1, after=page.after
    )
    return figures.total(tx, selection), posts


async def _file(database: Database, selection: Selection) -> ASGIResponse:
    first = await database.read(figures.newest, selection, limit=_PIECE)

    async def pages() -> AsyncIterator[Sequence[PostFigures]]:
        posts = first
        yield posts
        while len(posts) == _PIECE:
            before = posts[-1].number
            posts = await database.read(figures.newest, selection, limit=_PIECE, before=before)
            yield posts

    days = f"{day_of(selection.first)}_{day_of(selection.last)}"
    return ASGIStreamingResponse(
        iterator=csv_lines(pages()),
        headers={
            **_VARIES,
            "content-type": "text/csv; charset=utf-8; header=present",
            "content-disposition": f'attachment; filename="posts_{days}.csv"',
        },
    )


def _day(field: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return msgspec.convert(text, date)
    except msgspec.ValidationError:
        raise InvalidInputError(f"{field}: this is not a day such as '2026-11-20'.") from None


def _rank(cursor: str | None) -> tuple[int, int] | None:
    if cursor is None:
        return None
    parts = cursor.split("-")
    if len(parts) != 2 or not all(  # noqa: PLR2004 - a figure and a post's number
        part.isascii() and part.isdigit() and len(part) <= _LONGEST_NUMBER for part in parts
    ):
        raise InvalidInputError("cursor: this is not the `next_cursor` of a page.")
    return int(parts[0]), int(parts[1])


FIGURE_ROUTES = [by_post, as_file, by_day]
