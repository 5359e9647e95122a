"""Routes of the generations API (seeds 001 and 002, wire.md §2)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

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
)
from intone.api.generations.progress import generation_events
from intone.api.generations.requests import idempotency_key, submission
from intone.api.generations.schemas import CreateGeneration, Generation, GenerationList, Status
from intone.api.headers import header_values
from intone.api.queries import cursor_number, refuse_repeated
from intone.api.replies import JsonReply
from intone.errors import NotFoundError

if TYPE_CHECKING:
    from intone.core.access import Principal
    from intone.core.jobs import Job
    from intone.core.service import Core

__all__ = ["COMMON", "ROUTES", "GenerationId", "Req", "find_generation"]

Req = Request[Any, Any, Any]

COMMON: dict[str, Any] = {
    "before_request": require("speak"),
    "security": SECURITY,
    "tags": ["Generations"],
}
#: Generations on a page, unless the caller asks for more or fewer; and the most there are.
_USUAL, _MOST = 20, 100

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
    **COMMON,
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
    **COMMON,
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
        before=cursor_number(cursor),
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
    **COMMON,
)
async def get_(request: Req, generation_id: GenerationId) -> Generation:
    """A generation as it stands, with a fresh address of its audio once it is ready."""
    principal, core = await admit(request), core_of(request)
    return await _body(request, core, await find_generation(core, principal, generation_id))


@delete(
    "/v1/generations/{generation_id:str}",
    status_code=204,
    operation_id="deleteGeneration",
    summary="Delete a generation",
    opt=documentation.DELETE,
    **COMMON,
)
async def delete_(request: Req, generation_id: GenerationId) -> None:
    """Cancel a generation that has not ended, and erase it with its audio."""
    principal, core = await admit(request), core_of(request)
    job = await find_generation(core, principal, generation_id)
    await core.erase(principal, job.id)


@get(
    "/v1/generations/{generation_id:str}/events",
    operation_id="watchGeneration",
    summary="Events of a generation",
    opt=documentation.EVENTS,
    media_type="text/event-stream",
    **COMMON,
)
async def events(request: Req, generation_id: GenerationId) -> ASGIResponse:
    """Server-sent events `status` and `progress`, until the generation has ended."""
    principal, core = await admit(request), core_of(request)
    job = await find_generation(core, principal, generation_id)
    return event_stream(generation_events(core.watch(principal, job.id)))


async def find_generation(core: Core, principal: Principal, name: str) -> Job:
    """The caller's generation of that name.

    Raises:
        NotFoundError: There is none, it is another workspace's or dialect's, or it has expired.
    """
    with suppress(NotFoundError):
        job = await core.job(principal, job_id_of(name))
        if job.dialect == DIALECT:
            return job
    raise NotFoundError("There is no such generation, or it has expired.")


async def _body(request: Req, core: Core, job: Job) -> Generation:
    url = None
    if job.recording is not None:
        url = server_url(request) + await download_path(core.signer, job.id)
    return generation_body(job, url)


ROUTES = [create, list_, get_, delete_, events]
