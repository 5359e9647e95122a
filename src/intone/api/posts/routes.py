"""Routes of the posts API by key (seed 000, wire.md §1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from litestar import Request, Response, delete, get, post
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter

from intone.api.auth import SECURITY
from intone.api.bodies import read_json
from intone.api.posts import documentation
from intone.api.posts.gate import by_key, core_of, key_site
from intone.api.posts.mapping import STATES, post_audio, post_status
from intone.api.posts.paths import AUDIO, known_post_id, sent_post_id
from intone.api.posts.requests import Generate, post_request, read_fields, read_language
from intone.api.posts.schemas import (
    DeletedPosts,
    DeletedReply,
    PostList,
    PostListReply,
    PostReply,
    PostState,
    PostStatusReply,
    RotatedKey,
    RotatedKeyReply,
)
from intone.api.queries import cursor_number, refuse_repeated
from intone.core import sites

if TYPE_CHECKING:
    from intone.core.posts import Outcome

__all__ = ["ROUTES"]

Req = Request[Any, Any, Any]

_COMMON: dict[str, Any] = {
    "before_request": by_key(),
    "security": SECURITY,
    "tags": ["Posts"],
}
#: Posts on a page, unless the caller asks for more or fewer; and the most there are.
_USUAL, _MOST = 20, 100
#: What became of a request: its status and its words (seed 000).
_ANSWERS: Final[dict[Outcome, tuple[int, str]]] = {
    "queued": (202, "Audio generation queued"),
    "generating": (202, "Audio generation already in progress"),
    "exists": (200, "Audio already exists"),
}

PostId = Annotated[
    str,
    PathParameter(
        description="Your own id of the post, percent-encoded; it may hold slashes.",
        examples=[Example(value=documentation.POST_ID)],
    ),
]
Language = Annotated[
    str | None, QueryParameter(description="ISO 639-1 code; `en` by default.", max_length=20)
]
Lang = Annotated[str | None, QueryParameter(description="The same, by its other name.")]
SiteName = Annotated[
    str | None,
    QueryParameter(
        description="The site's domain or number, for keys of a workspace with several sites.",
        max_length=300,
    ),
]


@post(
    "/v1/audio/generate",
    status_code=202,
    operation_id="generateAudio",
    summary="Have a post read aloud",
    opt=documentation.GENERATE,
    **_COMMON,
)
async def generate(request: Req) -> Response[PostReply]:
    """Queue a post's audio, unless it is ready or being made."""
    core = core_of(request)
    fields = read_fields((await read_json(request, Generate)).value)
    site = await key_site(request, site=fields.site, url=fields.post_url)
    reply = await core.posts.submit(site, await post_request(core.posts, site, fields))
    status, message = _ANSWERS[reply.outcome]
    body = PostReply(message=message, data=await post_audio(request, core.posts, reply.post))
    return Response(body, status_code=status)


@get(
    "/v1/audio",
    operation_id="listAudio",
    summary="List posts",
    opt=documentation.LIST,
    **_COMMON,
)
async def list_(
    request: Req,
    *,
    limit: Annotated[int, QueryParameter(ge=1, le=_MOST, description="Most on a page.")] = _USUAL,
    cursor: Annotated[
        str | None, QueryParameter(description="The `next_cursor` of the page before.")
    ] = None,
    status: Annotated[
        PostState | None, QueryParameter(description="Only those that stand so.")
    ] = None,
    language: Annotated[
        str | None, QueryParameter(description="Only in this language.", max_length=20)
    ] = None,
    lang: Lang = None,
    post_id: Annotated[str | None, QueryParameter(description="Only the post of this id.")] = None,
    site: SiteName = None,
) -> PostListReply:
    """The site's posts, newest first, in every language."""
    core = core_of(request)
    refuse_repeated(request)
    said = language or lang
    found = await core.posts.list_posts(
        await key_site(request, site=site),
        limit=limit + 1,
        before=cursor_number(cursor, given_as="next_cursor"),
        states=STATES[status] if status else (),
        language=None if said is None else read_language(said),
        post_id=None if post_id is None else known_post_id(post_id),
    )
    items = [await post_audio(request, core.posts, one) for one in found[:limit]]
    more = str(found[limit - 1].number) if len(found) > limit else None
    return PostListReply(data=PostList(items=items, next_cursor=more))


@get(
    "/v1/audio/{post_id:str}/status",
    operation_id="getAudioStatus",
    summary="Get a post's status",
    opt=documentation.STATUS,
    **_COMMON,
)
async def status(
    request: Req,
    post_id: PostId,  # noqa: ARG001 - for the document; it is read from the raw path
    language: Language = None,
    lang: Lang = None,
    site: SiteName = None,
) -> PostStatusReply:
    """How far a post has come; poll it every three seconds or so."""
    core = core_of(request)
    refuse_repeated(request)
    found = await core.posts.find(
        await key_site(request, site=site),
        sent_post_id(request, AUDIO, "/status"),
        read_language(language or lang),
    )
    return PostStatusReply(data=post_status(request, found))


@delete(
    "/v1/audio/{post_id:str}",
    status_code=200,
    operation_id="deleteAudio",
    summary="Delete a post's audio",
    opt=documentation.DELETE,
    **_COMMON,
)
async def delete_(
    request: Req,
    post_id: PostId,  # noqa: ARG001 - as above
    language: Annotated[
        str | None, QueryParameter(description="Only in this language; in all by default.")
    ] = None,
    lang: Lang = None,
    site: SiteName = None,
) -> DeletedReply:
    """Erase a post's audio and figures, in one language or in all; what renders is cancelled."""
    core = core_of(request)
    refuse_repeated(request)
    said = language or lang
    deleted = await core.posts.delete(
        await key_site(request, site=site),
        sent_post_id(request, AUDIO),
        None if said is None else read_language(said),
    )
    return DeletedReply(data=DeletedPosts(deleted=deleted))


@post(
    "/v1/sites/{site:str}/rotate-key",
    status_code=200,
    operation_id="rotateSiteKey",
    summary="Rotate a site's key",
    opt=documentation.ROTATE,
    before_request=by_key("manage"),
    security=SECURITY,
    tags=["Posts"],
)
async def rotate(
    request: Req,
    site: Annotated[
        str,
        PathParameter(
            description="The site's number, uuid or domain.",
            examples=[Example(value="blog.example")],
        ),
    ],
) -> Response[RotatedKeyReply]:
    """Revoke every key of a site at once and make one; it is shown this once."""
    core = core_of(request)
    found = await key_site(request, site=site)
    new = await core.database.write(sites.rotate_key, found)
    body = RotatedKeyReply(data=RotatedKey(key=new.secret, prefix=new.key.prefix))
    return Response(body, headers={"cache-control": "no-store"})


ROUTES = [generate, list_, status, delete_, rotate]
