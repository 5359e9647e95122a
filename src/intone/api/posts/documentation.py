"""What the OpenAPI document says of posts: examples that are real requests."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from intone.api.captions import DESCRIBED
from intone.api.described import JSON, Answer, Described, describe, header, request_header
from intone.api.dialect import RangeNotSatisfiableError
from intone.api.posts.errors import SubscriptionInactiveError
from intone.api.posts.schemas import (
    DeletedPosts,
    DeletedReply,
    GenerateAudio,
    PostAudio,
    PostList,
    PostListReply,
    PostReply,
    PostStatus,
    PostStatusReply,
    PublicPost,
    PublicPostReply,
    PublicVoices,
    PublicVoicesReply,
    RotatedKey,
    RotatedKeyReply,
    VoiceBody,
)
from intone.errors import (
    ForbiddenError,
    NotFoundError,
    PolicyBlockedError,
    PostLimitError,
    QuotaExceededError,
    RateLimitedError,
    UnavailableError,
)

__all__ = [
    "DELETE",
    "FILE",
    "GENERATE",
    "LIST",
    "PUBLIC_GET",
    "PUBLIC_STATUS",
    "PUBLIC_VOICES",
    "ROTATE",
    "STATUS",
]

POST_ID: Final = "article-001"
FILE_NAME: Final = "5b2a5b7a-6c2d-4d40-9e7b-1f25c08e6a1f.mp3"
#: On every answer that is counted.
_LIMITS: Final = {
    "X-RateLimit-Limit": header("Requests that there may be in a minute.", 60),
    "X-RateLimit-Remaining": header("How many of them are left.", 59),
}
#: Of routes that are asked by domain.
_PUBLIC_ERRORS: Final = (
    SubscriptionInactiveError("Subscription inactive"),
    NotFoundError("No site here has the domain 'blog.example'."),
    RateLimitedError("More than 60 requests in a minute; wait before the next one."),
    UnavailableError(),
)
_URL: Final = f"http://127.0.0.1:8420/v1/public/audio/files/{FILE_NAME}"
_CREATED: Final = "2026-11-20T12:00:00.000Z"
_PENDING: Final = PostAudio(
    id=1,
    post_id=POST_ID,
    status="pending",
    progress_percent=0,
    language="en",
    post_title="On listening",
    post_url="https://blog.example/on-listening",
    voice_id=1,
    audio_url=None,
    duration_seconds=None,
    segments=None,
    segments_reused=None,
    created_at=_CREATED,
    updated_at=_CREATED,
)
_READY: Final = replace(
    _PENDING,
    status="ready",
    progress_percent=100,
    audio_url=_URL,
    duration_seconds=142,
    segments=31,
    segments_reused=0,
)
_STATUS: Final = PostStatus(
    status="ready", progress_percent=100, audio_url=_URL, duration_seconds=142
)
_NO_SITE: Final = NotFoundError("There is no site 'blog.example'; see `intone sites list`.")
_ARTICLE: Final = (
    "<h1>On listening</h1><p>Some people read with their ears: on the way to work, over the"
    " dishes, or because their eyes are tired.</p>"
)


def _answer(description: str, example: Any) -> Answer:
    return Answer(description, {JSON: example}, headers=_LIMITS)


GENERATE = describe(
    {
        202: _answer(
            "`Audio generation queued`, or `Audio generation already in progress`.",
            PostReply(message="Audio generation queued", data=_PENDING),
        ),
        200: _answer("It is ready.", PostReply(message="Audio already exists", data=_READY)),
    },
    body=GenerateAudio,
    examples={
        "article": {
            "post_id": POST_ID,
            "content": _ARTICLE,
            "post_title": "On listening",
            "language": "en",
        }
    },
    errors=[
        PostLimitError("Monthly post limit reached"),
        QuotaExceededError(),
        PolicyBlockedError(),
        _NO_SITE,
    ],
)
STATUS = describe({200: _answer("How far it has come.", PostStatusReply(data=_STATUS))})
LIST = describe(
    {200: _answer("A page.", PostListReply(data=PostList(items=[_READY], next_cursor=None)))},
    errors=[_NO_SITE],
)
DELETE = describe({200: _answer("It is gone.", DeletedReply(data=DeletedPosts(deleted=1)))})
ROTATE = describe(
    {
        200: Answer(
            "The new key; all others of the site are revoked.",
            {
                JSON: RotatedKeyReply(
                    data=RotatedKey(
                        key="in_live_000000000000000000000000000000000000", prefix="in_live_0000"
                    )
                )
            },
            headers=_LIMITS,
        )
    }
)
PUBLIC_GET = describe(
    {
        200: _answer(
            "The post.",
            PublicPostReply(
                data=PublicPost(
                    id=1,
                    post_id=POST_ID,
                    status="ready",
                    progress_percent=100,
                    language="en",
                    voice_id=1,
                    post_title="On listening",
                    post_url="https://blog.example/on-listening",
                    audio_url=_URL,
                    stream_url=None,
                    captions_url=_URL.replace(".mp3", ".json"),
                    duration_seconds=142,
                    allow_download=False,
                )
            ),
        )
    },
    errors=_PUBLIC_ERRORS,
)
PUBLIC_STATUS = describe(
    {200: _answer("How far it has come.", PostStatusReply(data=_STATUS))}, errors=_PUBLIC_ERRORS
)
PUBLIC_VOICES = describe(
    {
        200: _answer(
            "The voices.",
            PublicVoicesReply(
                data=PublicVoices(
                    voices=[VoiceBody(id=1, name="Emma", language="en", gender="female")],
                    default_voice_id=1,
                    allow_switch=False,
                )
            ),
        )
    },
    errors=_PUBLIC_ERRORS,
)
_FILE_TYPES: Final[dict[str, Any]] = {
    "audio/mpeg": None,
    **{
        media_type: example
        for described in map(Described.by, DESCRIBED.values())
        for media_type, example in described.answers[200].content.items()
    },
}
_ETAG: Final = "9f86d081884c7d659a2feaa0c55ad015"
FILE = describe(
    {
        200: Answer("The audio, or its captions.", _FILE_TYPES),
        206: Answer("A part of the audio.", {"audio/mpeg": None}),
        304: Answer("`If-None-Match` names what there is."),
    },
    parameters=[
        request_header("Range", "Of the audio: one range of bytes.", "bytes=0-1023"),
        request_header("If-None-Match", "Send it only if it is not this.", f'"{_ETAG}"'),
        request_header("If-Range", "Heed the range only if it is still this.", f'"{_ETAG}"'),
    ],
    errors=[
        ForbiddenError("This site does not offer its audio for download."),
        NotFoundError("There is no such audio, or it is not ready."),
        RangeNotSatisfiableError("The range lies behind the end.", total=60_000),
        UnavailableError(),
    ],
)
