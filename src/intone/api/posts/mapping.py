"""Between this dialect's words and the core's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from intone.api.addresses import server_url
from intone.api.moments import moment
from intone.api.posts.schemas import (
    PostAudio,
    PostFailure,
    PostStatus,
    PublicPost,
    PublicVoices,
    VoiceBody,
)
from intone.core.posts import DIALECT
from intone.errors import InternalError
from intone.text.language import primary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litestar import Request
    from msgspec import UnsetType

    from intone.api.posts.schemas import PostState
    from intone.core.jobs import JobState
    from intone.core.post_rows import Post
    from intone.core.posts import Posts
    from intone.core.sites import Site
    from intone.core.voices import CatalogueVoice

__all__ = [
    "DIALECT",
    "STATES",
    "audio_path",
    "post_audio",
    "post_status",
    "public_post",
    "public_status",
    "site_voices",
    "status_for_readers",
    "voice_body",
]

_WORDS: Final[Mapping[JobState, PostState]] = {
    "queued": "pending",
    "running": "generating",
    "enhancing": "generating",
    "ready": "ready",
    "failed": "failed",
    "cancelled": "failed",
}
#: The core's states that a status stands for.
STATES: Final[Mapping[str, Sequence[JobState]]] = {
    word: [state for state, own in _WORDS.items() if own == word] for word in _WORDS.values()
}


def audio_path(job_id: str, ending: str = "mp3") -> str:
    """Where a post's audio is, or with another ending its captions."""
    return f"/v1/public/audio/files/{job_id}.{ending}"


async def post_audio(request: Request[Any, Any, Any], posts: Posts, post: Post) -> PostAudio:
    """A post as its publisher sees it."""
    voice = await posts.voice_named(post.workspace_id, post.voice)
    segments = None if post.ready is None else post.ready.segments
    return PostAudio(
        id=post.number,
        post_id=post.post_id,
        status=_status(post),
        progress_percent=_progress(post),
        language=post.language,
        post_title=post.title,
        post_url=post.url,
        voice_id=None if voice is None else voice.number,
        audio_url=_audio_url(request, post),
        duration_seconds=_seconds(post),
        segments=None if segments is None else segments[0],
        segments_reused=None if segments is None else segments[1],
        created_at=moment(post.created_at),
        updated_at=moment(post.updated_at),
        error=_failure(post),
    )


def post_status(request: Request[Any, Any, Any], post: Post) -> PostStatus:
    """How far a post has come, as its publisher sees it."""
    return PostStatus(
        status=_status(post),
        progress_percent=_progress(post),
        audio_url=_audio_url(request, post),
        duration_seconds=_seconds(post),
        error=_failure(post),
    )


def status_for_readers(post: Post) -> PostState:
    """The status; where a later try has failed, readers still have what there was before."""
    if post.take is None:
        return "pending"
    status = _status(post)
    return "ready" if status == "failed" and post.ready is not None else status


async def public_post(
    request: Request[Any, Any, Any], posts: Posts, site: Site, post: Post
) -> PublicPost:
    """A post as the site's readers see it."""
    voice = await posts.voice_named(post.workspace_id, post.voice)
    status = status_for_readers(post)
    stream = captions = None
    if post.take is not None and status in {"pending", "generating"}:
        stream = server_url(request) + audio_path(post.take.id) + "?live=true"
        captions = server_url(request) + audio_path(post.take.id, "json")
    if post.ready is not None:
        captions = server_url(request) + audio_path(post.ready.job_id, "json")
    return PublicPost(
        id=post.number,
        post_id=post.post_id,
        status=status,
        progress_percent=100 if status == "ready" else _progress(post),
        language=post.language,
        voice_id=None if voice is None else voice.number,
        post_title=post.title,
        post_url=post.url,
        audio_url=_audio_url(request, post),
        stream_url=stream,
        captions_url=captions,
        duration_seconds=_seconds(post),
        allow_download=site.allow_download,
    )


def public_status(request: Request[Any, Any, Any], post: Post) -> PostStatus:
    """How far a post has come, as the site's readers see it."""
    status = status_for_readers(post)
    return PostStatus(
        status=status,
        progress_percent=100 if status == "ready" else _progress(post),
        audio_url=_audio_url(request, post),
        duration_seconds=_seconds(post),
    )


def voice_body(voice: CatalogueVoice) -> VoiceBody:
    """A voice as this dialect shows it."""
    return VoiceBody(
        id=voice.number,
        name=voice.name,
        language=primary(voice.languages[0]),
        gender=voice.gender,
    )


async def site_voices(posts: Posts, site: Site) -> PublicVoices:
    """The voices of a site that there are: its own first, then those that readers may choose."""
    slugs = dict.fromkeys((site.voice, *site.voices))
    found = {slug: await posts.voice_named(site.workspace_id, slug) for slug in slugs}
    default = found[site.voice]
    listed = [voice_body(voice) for voice in found.values() if voice is not None]
    return PublicVoices(
        voices=listed,
        default_voice_id=None if default is None else default.number,
        allow_switch=len(listed) > 1,
    )


def _status(post: Post) -> PostState:
    return "failed" if post.take is None else _WORDS[post.take.state]


def _progress(post: Post) -> int:
    return 0 if post.take is None else post.take.progress


def _audio_url(request: Request[Any, Any, Any], post: Post) -> str | None:
    return None if post.ready is None else server_url(request) + audio_path(post.ready.job_id)


def _seconds(post: Post) -> int | None:
    return None if post.ready is None else -(-post.ready.recording.duration_ms // 1000)


def _failure(post: Post) -> PostFailure | UnsetType:
    if _status(post) != "failed":
        return UNSET
    if post.take is None:
        return PostFailure(code="gone", message="Its voice was deleted; send the post again.")
    if post.take.error_code is None:
        return PostFailure(code="cancelled", message="It was cancelled.")
    message = post.take.error_message or InternalError().message
    return PostFailure(code=post.take.error_code, message=message)
