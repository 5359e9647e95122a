"""`GET /v1/public/feed.xml`: a site's podcast (`intone.core.feed`), for players and directories.

The seed has none; it is ours. Directories ask for it every few minutes, mostly to hear that
nothing is new, so it has both validators of HTTP (RFC 9110 §13.1). The entity tag is of the
document itself. The time is that of the latest change among the episodes; since it goes back
where the latest one is deleted, it is compared for equality.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlencode

from litestar import HttpMethod, Request, route
from litestar.openapi.spec import Example
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse

from intone.api.addresses import server_url
from intone.api.audio import none_match
from intone.api.captions import MEDIA_TYPES
from intone.api.described import JSON, Answer, describe, header, request_header
from intone.api.openapi import operation_id
from intone.api.posts.errors import SubscriptionInactiveError
from intone.api.posts.gate import by_domain, core_of, site_of
from intone.api.posts.mapping import audio_path
from intone.api.posts.requests import read_language
from intone.api.posts.transcripts import transcript_path
from intone.api.queries import refuse_repeated
from intone.audio.formats import FORMATS
from intone.core.feed import Episode, Podcast, Transcript, feed_xml, http_date
from intone.core.post_rows import ready_posts
from intone.errors import NotFoundError, RateLimitedError, UnavailableError

if TYPE_CHECKING:
    from intone.core.post_rows import Post
    from intone.core.sites import Site

__all__ = ["FEED_ROUTES"]

#: The newest posts of a site; directories show hardly more.
_MOST_EPISODES: Final = 300
#: Seconds for which a feed may be shown unasked.
_FRESH_S: Final = 300
_MEDIA_TYPE: Final = "application/rss+xml"
_PATH: Final = "/v1/public/feed.xml"
_VALIDATORS: Final = {
    "ETag": header("Names this document and no other.", '"6a20a1b9c0d1e2f3a4b5c6d7e8f90a1b"'),
    "Last-Modified": header("When it changed.", "Fri, 20 Nov 2026 12:00:00 GMT"),
}


@route(
    _PATH,
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    operation_id=operation_id("getFeed"),
    summary="Get a site's podcast feed",
    tags=["Posts for readers"],
    security=[],
    media_type=_MEDIA_TYPE,
    before_request=by_domain,
    opt=describe(
        {
            200: Answer("RSS 2.0.", {_MEDIA_TYPE: '<rss version="2.0"/>'}, headers=_VALIDATORS),
            304: Answer("It is as the request's conditions say.", headers=_VALIDATORS),
        },
        parameters=[
            request_header("If-None-Match", "The `ETag` of what is known.", '"6a20"'),
            request_header(
                "If-Modified-Since",
                "The `Last-Modified` of what is known.",
                "Fri, 20 Nov 2026 12:00:00 GMT",
            ),
        ],
        errors=[
            NotFoundError("No site here has the domain 'blog.example'."),
            SubscriptionInactiveError("Subscription inactive"),
            RateLimitedError("More than 60 requests in a minute; wait before the next one."),
            UnavailableError(),
        ],
    ),
)
async def feed(
    request: Request[Any, Any, Any],
    *,
    domain: Annotated[  # noqa: ARG001 - the gate has read it
        str | None,
        QueryParameter(
            description="A domain of the site.", examples=[Example(value="blog.example")]
        ),
    ] = None,
    language: Annotated[
        str | None,
        QueryParameter(max_length=35, description="Only posts in this language: ISO 639-1."),
    ] = None,
    lang: Annotated[str | None, QueryParameter(description="The same, by its other name.")] = None,
) -> ASGIResponse:
    """RSS 2.0 with Apple's and Podcasting 2.0's tags: an episode a post that can be heard."""
    refuse_repeated(request)
    site = site_of(request)
    core = core_of(request)
    said = language or lang
    only = None if said is None else read_language(said)
    posts = await core.database.read(ready_posts, site.id, _MOST_EPISODES, only)
    podcast = _podcast(server_url(request), site, posts, only)
    document = await asyncio.to_thread(feed_xml, podcast)
    return _answer(request, document, http_date(podcast.changed_at))


def _answer(request: Request[Any, Any, Any], document: bytes, changed_at: str) -> ASGIResponse:
    etag = f'"{hashlib.sha256(document).hexdigest()[:32]}"'
    headers = {
        "etag": etag,
        "last-modified": changed_at,
        "cache-control": f"public, max-age={_FRESH_S}",
    }
    if _is_known(request, etag, changed_at):
        return ASGIResponse(status_code=304, headers=headers)
    headers["content-type"] = f"{_MEDIA_TYPE}; charset=utf-8"
    if request.method == "HEAD":
        headers["content-length"] = str(len(document))
        return ASGIResponse(status_code=200, headers=headers, is_head_response=True)
    return ASGIResponse(body=document, headers=headers)


def _is_known(request: Request[Any, Any, Any], etag: str, changed_at: str) -> bool:
    """Whether the caller has this document; its tag alone decides, where it names one."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return none_match(tags, etag)
    return request.headers.get("if-modified-since", "").strip() == changed_at


def _podcast(base_url: str, site: Site, posts: list[Post], language: str | None) -> Podcast:
    query = {"domain": site.domain} | ({} if language is None else {"language": language})
    changes = [max(post.updated_at, post.created_at) for post in posts]
    return Podcast(
        title=site.name,
        feed_url=f"{base_url}{_PATH}?{urlencode(query)}",
        link=f"https://{_host(site.domain)}/",
        description=site.description or f"The articles of {site.name}, read aloud.",
        language=language or site.language,
        author=site.author or site.name,
        email=site.email,
        image_url=site.image_url,
        category=site.category,
        changed_at=max(changes, default=site.created_at),
        episodes=tuple(
            episode for post in posts if (episode := _episode(base_url, post)) is not None
        ),
    )


def _episode(base_url: str, post: Post) -> Episode | None:
    if post.ready is None:
        return None
    recording, job_id = post.ready.recording, post.ready.job_id
    title = post.title or post.url or post.post_id
    return Episode(
        # What the publisher knows it by: the same when it is rendered anew, or sent anew.
        guid=f"{post.site_id}:{post.language}:{post.post_id}",
        title=title,
        description=title if post.url is None else f"{title}\n\n{post.url}",
        language=post.language,
        link=post.url,
        published_at=post.created_at,
        audio_url=base_url + audio_path(job_id),
        audio_bytes=recording.bytes,
        media_type=FORMATS[recording.format].media_type,
        duration_ms=recording.duration_ms,
        transcripts=(
            Transcript(base_url + audio_path(job_id, "vtt"), MEDIA_TYPES["vtt"]),
            Transcript(base_url + audio_path(job_id, "srt"), MEDIA_TYPES["srt"]),
            Transcript(base_url + transcript_path(job_id), JSON),
        ),
    )


def _host(domain: str) -> str:
    """As it stands in an address: an IPv6 address in brackets."""
    return f"[{domain}]" if ":" in domain else domain


FEED_ROUTES = [feed]
