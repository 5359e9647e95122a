"""Bodies of the posts API (seed 000, wire.md §1)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from intone.api.moments import Moment  # noqa: TC001 - msgspec reads it
from intone.core.post_orders import SHORTEST_TEXT

__all__ = [
    "LONGEST_POST_ID",
    "LONGEST_TITLE",
    "LONGEST_URL",
    "DeletedPosts",
    "DeletedReply",
    "GenerateAudio",
    "PostAudio",
    "PostFailure",
    "PostList",
    "PostListReply",
    "PostReply",
    "PostState",
    "PostStatus",
    "PostStatusReply",
    "PublicPost",
    "PublicPostReply",
    "PublicVoices",
    "PublicVoicesReply",
    "RotatedKey",
    "RotatedKeyReply",
    "VoiceBody",
]

#: In characters.
LONGEST_POST_ID = 255
LONGEST_TITLE = 500
LONGEST_URL = 2048

PostState = Literal["pending", "generating", "ready", "failed"]
PostId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_POST_ID,
        description="Your own id of the post: printable characters.",
        examples=["article-001"],
    ),
]
PostUrl = Annotated[
    str,
    Meta(
        max_length=LONGEST_URL,
        description="Where the article is, on a domain of the site.",
        examples=["https://blog.example/article-001"],
    ),
]
Language = Annotated[str, Meta(description="ISO 639-1 code.", examples=["en"])]
VoiceNumber = Annotated[
    int | None, Meta(description="The voice's integer id; null where the voice is no more.")
]
Percent = Annotated[int, Meta(ge=0, le=100)]
AudioUrl = Annotated[
    str | None,
    Meta(description="An MP3. While it is rendered anew, this is what there was before."),
]


class GenerateAudio(Struct, frozen=True, kw_only=True):
    """A post that is to be read aloud."""

    post_id: PostId
    content: Annotated[
        str,
        Meta(
            min_length=SHORTEST_TEXT,
            description="HTML or plain text; what is left of it when markup is stripped has 50 to"
            " 200,000 characters.",
        ),
    ]
    post_title: (
        Annotated[str, Meta(max_length=LONGEST_TITLE, description="Shown in the player.")] | None
    ) = None
    post_url: PostUrl | None = None
    language: Language = "en"
    voice_id: Annotated[
        int | None, Meta(description="The voice's integer id; the site's default voice if null.")
    ] = None
    site: Annotated[
        str | int | None,
        Meta(
            description="The site's domain or number, for keys of a workspace with several sites."
        ),
    ] = None
    force: Annotated[bool, Meta(description="Render it anew, even if it is ready.")] = False
    update: Annotated[
        Literal["if-changed"] | None,
        Meta(description="`if-changed`: render it anew if what is read, or how, has changed."),
    ] = None


class PostFailure(Struct, frozen=True, kw_only=True):
    """Why it failed."""

    code: str
    message: str


class PostAudio(Struct, frozen=True, kw_only=True):
    """A post as it stands."""

    id: int
    post_id: PostId
    status: PostState
    progress_percent: Percent
    language: Language
    post_title: str | None
    post_url: str | None
    voice_id: VoiceNumber
    audio_url: AudioUrl
    duration_seconds: int | None
    segments: Annotated[
        int | None, Meta(description="Of how many sentence-sized pieces the audio is made.")
    ]
    segments_reused: Annotated[
        int | None, Meta(description="How many of these had been spoken before.")
    ]
    created_at: Moment
    updated_at: Moment
    error: PostFailure | UnsetType = UNSET


class PostReply(Struct, frozen=True, kw_only=True):
    """A post, with what became of the request."""

    success: Literal[True] = True
    message: str
    data: PostAudio


class PostStatus(Struct, frozen=True, kw_only=True):
    """How far a post has come."""

    status: PostState
    progress_percent: Percent
    audio_url: AudioUrl
    duration_seconds: int | None
    error: PostFailure | UnsetType = UNSET


class PostStatusReply(Struct, frozen=True, kw_only=True):
    """How far a post has come."""

    success: Literal[True] = True
    message: str = "OK"
    data: PostStatus


class PostList(Struct, frozen=True, kw_only=True):
    """Posts, newest first."""

    items: list[PostAudio]
    next_cursor: Annotated[
        str | None, Meta(description="Sent as `cursor`, it leads to those after.")
    ]


class PostListReply(Struct, frozen=True, kw_only=True):
    """Posts, newest first."""

    success: Literal[True] = True
    message: str = "OK"
    data: PostList


class DeletedPosts(Struct, frozen=True, kw_only=True):
    """What was deleted."""

    deleted: Annotated[int, Meta(description="In how many languages there was audio.")]


class DeletedReply(Struct, frozen=True, kw_only=True):
    """What was deleted."""

    success: Literal[True] = True
    message: str = "Audio deleted"
    data: DeletedPosts


class PublicPost(Struct, frozen=True, kw_only=True):
    """A post as a site's readers see it."""

    id: int
    post_id: PostId
    status: PostState
    progress_percent: Percent
    language: Language
    voice_id: VoiceNumber
    post_title: str | None
    post_url: str | None
    audio_url: AudioUrl
    stream_url: Annotated[
        str | None,
        Meta(description="While it is pending or generating: an MP3 that comes as it is made."),
    ]
    captions_url: Annotated[
        str | None, Meta(description="The words with their times, as JSON; also .vtt and .srt.")
    ]
    duration_seconds: int | None
    allow_download: bool


class PublicPostReply(Struct, frozen=True, kw_only=True):
    """A post as a site's readers see it."""

    success: Literal[True] = True
    message: str = "OK"
    data: PublicPost


class VoiceBody(Struct, frozen=True, kw_only=True):
    """A voice."""

    id: int
    name: str
    type: Literal["natural"] = "natural"
    language: Annotated[str, Meta(description="ISO 639-1 code.", examples=["en"])]
    gender: Literal["female", "male", "neutral"]
    plan_required: str | None = None


class PublicVoices(Struct, frozen=True, kw_only=True):
    """The voices of a site."""

    voices: list[VoiceBody]
    default_voice_id: VoiceNumber
    allow_switch: Annotated[bool, Meta(description="Whether readers may choose among them.")]


class PublicVoicesReply(Struct, frozen=True, kw_only=True):
    """The voices of a site."""

    success: Literal[True] = True
    data: PublicVoices


class RotatedKey(Struct, frozen=True, kw_only=True):
    """A site's new key."""

    key: Annotated[str, Meta(description="Shown this once.")]
    prefix: str


class RotatedKeyReply(Struct, frozen=True, kw_only=True):
    """A site's new key."""

    success: Literal[True] = True
    message: str = "Key rotated"
    data: RotatedKey
