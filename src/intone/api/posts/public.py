"""Routes for a site's readers: no key, the site is found by its domain (wire.md §1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import Request, get
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from intone.api.posts import documentation
from intone.api.posts.errors import InvalidFieldsError
from intone.api.posts.gate import by_domain, core_of, site_of
from intone.api.posts.mapping import public_post, public_status, site_voices
from intone.api.posts.paths import known_post_id
from intone.api.posts.requests import read_language
from intone.api.posts.schemas import (
    PostStatusReply,
    PublicPostReply,
    PublicVoicesReply,
)
from intone.api.queries import refuse_repeated
from intone.errors import NotFoundError

if TYPE_CHECKING:
    from intone.core.post_rows import Post

__all__ = ["PUBLIC_ROUTES"]

Req = Request[Any, Any, Any]

_COMMON: dict[str, Any] = {
    "before_request": by_domain,
    "security": [],
    "tags": ["Posts for readers"],
}
Domain = Annotated[
    str | None,
    QueryParameter(description="A domain of the site.", examples=[Example(value="blog.example")]),
]
PostId = Annotated[
    str | None,
    QueryParameter(
        description="The publisher's id of the post.",
        examples=[Example(value=documentation.POST_ID)],
    ),
]
Lang = Annotated[str | None, QueryParameter(description="ISO 639-1 code; `en` by default.")]
Language = Annotated[str | None, QueryParameter(description="The same, by its other name.")]
VoiceId = Annotated[
    int | None,
    QueryParameter(
        description="One of the voices of `/v1/public/voices`; one that has not read the post yet"
        " begins to."
    ),
]


@get(
    "/v1/public/audio",
    operation_id="getPublicAudio",
    summary="Get a post for its readers",
    opt=documentation.PUBLIC_GET,
    **_COMMON,
)
async def audio(
    request: Req,
    *,
    domain: Domain = None,  # noqa: ARG001 - the gate has read it
    post_id: PostId = None,
    lang: Lang = None,
    language: Language = None,
    voice_id: VoiceId = None,
) -> PublicPostReply:
    """A post with where its audio and its captions are, also while they are made."""
    found = await _find(request, post_id, lang or language, voice_id)
    body = await public_post(request, core_of(request).posts, site_of(request), found)
    return PublicPostReply(data=body)


@get(
    "/v1/public/audio/status",
    operation_id="getPublicAudioStatus",
    summary="Get a post's status for its readers",
    opt=documentation.PUBLIC_STATUS,
    **_COMMON,
)
async def status(
    request: Req,
    *,
    domain: Domain = None,  # noqa: ARG001 - the gate has read it
    post_id: PostId = None,
    lang: Lang = None,
    language: Language = None,
    voice_id: VoiceId = None,
) -> PostStatusReply:
    """How far a post has come."""
    found = await _find(request, post_id, lang or language, voice_id)
    return PostStatusReply(data=public_status(request, found))


@get(
    "/v1/public/voices",
    operation_id="listPublicVoices",
    summary="List a site's voices",
    opt=documentation.PUBLIC_VOICES,
    **_COMMON,
)
async def voices(
    request: Req,
    domain: Domain = None,  # noqa: ARG001 - the gate has read it
) -> PublicVoicesReply:
    """The voices of the site, and whether readers may choose among them."""
    refuse_repeated(request)
    return PublicVoicesReply(data=await site_voices(core_of(request).posts, site_of(request)))


async def _find(
    request: Req, post_id: str | None, language: str | None, voice_id: int | None
) -> Post:
    """The post that readers ask for.

    Raises:
        InvalidFieldsError: They do not say which.
        NotFoundError: There is none, or it cannot be heard in this voice.
    """
    refuse_repeated(request)
    if not post_id:
        raise InvalidFieldsError({"post_id": ["The post id field is required."]})
    site, posts = site_of(request), core_of(request).posts
    slug = None
    if voice_id is not None:
        voice = await posts.voice_numbered(site.workspace_id, voice_id)
        if voice is None:
            raise NotFoundError("There is no voice of this id.")
        slug = voice.slug
    return await posts.find_for_reader(site, known_post_id(post_id), read_language(language), slug)


PUBLIC_ROUTES = [audio, status, voices]
