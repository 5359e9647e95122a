"""Routes of the generations API (seeds 001 and 002, wire.md §2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from litestar import Request, delete, get, post
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter
from litestar.response.base import ASGIResponse  # noqa: TC002 - Litestar reads annotations

from intone.api.addresses import server_url
from intone.api.auth import SECURITY, require
from intone.api.bodies import read_json
from intone.api.events import event_stream
from intone.api.generations import documentation
from intone.api.generations.downloads import download_path
from intone.api.generations.gate import admit, core_of
from intone.api.generations.mapping import (
    DIALECT,
    STATES,
    generation_body,
    job_id_of,
    voice_name,
)
from intone.api.generations.progress import generation_events
from intone.api.generations.requests import idempotency_key, submission
from intone.api.generations.schemas import CreateGeneration, Generation, GenerationList, Status
from intone.api.headers import header_values
from intone.api.queries import refuse_repeated
from intone.api.replies import JsonReply
from intone.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from intone.core.access import Principal
    from intone.core.jobs import Job
    from intone.core.service import Core

__all__ = ["ROUTES"]

Req = Request[Any, Any, Any]

_COMMON: dict[str, Any] = {
    "before_request": require("speak"),
    "security": SECURITY,
    "tags": ["Generations"],
}
#: Generations on a page, unless the caller asks for more or fewer; and the most there are.
_USUAL, _MOST = 20, 100
#: No number is larger.
_LARGEST: Final = 2**62

GenerationId = Annotated[
    str,
    PathParameter(
        description="The id that asking for the generation has answered, in either form.",
        examples=[Example(value="5b2a5b7a-6c2d-4d40-9e7b-1f25c08e6a1f")],
    ),
]


@post(
    "/v1/generations",
    status_code=202,
    operation_id="createGeneration",
    summary="Generate speech",
    opt=documentation.CREATE,
    **_COMMON,
)
async def create(request: Req) -> ASGIResponse:
    """Have a text spoken; poll it, listen to its events, or wait for the webhook."""
    principal, core = await admit(request), core_of(request)
    key = idempotency_key(header_values(request, b"idempotency-key"))
    body = await read_json(request, CreateGeneration)
    voice = await core.find_voice(principal, body.value.voice_id)
    reply = await core.submit(
        principal, submission(body, principal=principal, voice=voice, key=key)
    )
    headers = dict(reply.headers)
    if reply.replayed:
        headers["Idempotent-Replayed"] = "true"
    return JsonReply(reply.body, reply.status, headers)


@get(
    "/v1/generations",
    operation_id="listGenerations",
    summary="List generations",
    opt=documentation.LIST,
    **_COMMON,
)
async def list_(
    request: Req,
    limit: Annotated[int, QueryParameter(ge=1, le=_MOST, description="Most on a page.")] = _USUAL,
    cursor: Annotated[
        str | None, QueryParameter(description="The `nextCursor` of the page before.")
    ] = None,
    status: Annotated[
        Status | None, QueryParameter(description="Only those that stand so.")
    ] = None,
    voice_id: Annotated[
        str | None, QueryParameter(name="voiceId", description="Only those in this voice.")
    ] = None,
) -> GenerationList:
    """The workspace's generations, newest first."""
    principal, core = await admit(request), core_of(request)
    refuse_repeated(request)
    voice = None if voice_id is None else (await core.find_voice(principal, voice_id)).slug
    found = await core.list_jobs(
        principal,
        DIALECT,
        limit=limit + 1,
        before=_number(cursor),
        states=STATES[status] if status else (),
        voice=voice,
    )
    items = [await _body(request, core, job) for job in found[:limit]]
    more = str(found[limit - 1].number) if len(found) > limit else None
    return GenerationList(items=items, next_cursor=more)


@get(
    "/v1/generations/{generation_id:str}",
    operation_id="getGeneration",
    summary="Get a generation",
    opt=documentation.GET,
    **_COMMON,
)
async def get_(request: Req, generation_id: GenerationId) -> Generation:
    """A generation as it stands, with a fresh address of its audio once it is ready."""
    principal, core = await admit(request), core_of(request)
    return await _body(request, core, await _find(core, principal, generation_id))


@delete(
    "/v1/generations/{generation_id:str}",
    status_code=204,
    operation_id="deleteGeneration",
    summary="Delete a generation",
    opt=documentation.DELETE,
    **_COMMON,
)
async def delete_(request: Req, generation_id: GenerationId) -> None:
    """Cancel a generation that has not ended, and erase it with its audio."""
    principal, core = await admit(request), core_of(request)
    job = await _find(core, principal, generation_id)
    await core.erase(principal, job.id)


@get(
    "/v1/generations/{generation_id:str}/events",
    operation_id="watchGeneration",
    summary="Events of a generation",
    opt=documentation.EVENTS,
    media_type="text/event-stream",
    **_COMMON,
)
async def events(request: Req, generation_id: GenerationId) -> ASGIResponse:
    """Server-sent events `status` and `progress`, until the generation has ended."""
    principal, core = await admit(request), core_of(request)
    job = await _find(core, principal, generation_id)
    return event_stream(generation_events(core.watch(principal, job.id)))


async def _find(core: Core, principal: Principal, name: str) -> Job:
    """The caller's generation of that name.

    Raises:
        NotFoundError: There is none, it is another workspace's or dialect's, or it has expired.
    """
    job = await core.job(principal, job_id_of(name))
    if job.dialect != DIALECT:
        raise NotFoundError("There is no such generation, or it has expired.")
    return job


async def _body(request: Req, core: Core, job: Job) -> Generation:
    url = None
    if job.recording is not None:
        url = server_url(request) + await download_path(core.signer, job.id)
    return generation_body(job, voice_name(core.voices, job), url)


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or not 0 < int(cursor[:20]) < _LARGEST:
        raise InvalidInputError("cursor: this is not the `nextCursor` of a page.")
    return int(cursor)


ROUTES = [create, list_, get_, delete_, events]
