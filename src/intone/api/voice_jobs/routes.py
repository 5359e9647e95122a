"""Routes of the voice jobs dialect (seed 003; what it only names is in wire.md §3).

Version 2 differs from version 1 in the shape of `output` alone.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Any, cast

from litestar import Request, delete, get, post
from litestar.openapi.spec import Example
from litestar.params import PathParameter
from litestar.response.base import ASGIResponse  # noqa: TC002 - Litestar reads annotations

from intone.api.auth import SECURITY, principal_of, require
from intone.api.bodies import read_json
from intone.api.direct import DIRECT
from intone.api.events import event_stream
from intone.api.headers import header_values
from intone.api.openapi import operation_id
from intone.api.replies import JsonReply
from intone.api.voice_jobs import documentation
from intone.api.voice_jobs.mapping import job_body, profile_body, quota_body
from intone.api.voice_jobs.progress import job_events
from intone.api.voice_jobs.requests import DIALECT, idempotency_key, submission
from intone.api.voice_jobs.schemas import (
    CreateVoiceJobRequest,
    CreateVoiceJobRequestV2,
    ProfileList,
    Quota,
    VoiceJob,
    VoiceJobV2,
    VoiceProfile,
)
from intone.errors import NotFoundError

if TYPE_CHECKING:
    from intone.api.voice_jobs.mapping import Version
    from intone.core.jobs import Job
    from intone.core.service import Core

__all__ = ["COMMON", "ROUTES", "JobId", "Req", "core_of", "find_job"]

Req = Request[Any, Any, Any]

#: A key or an access token with this scope opens every route here.
COMMON: dict[str, Any] = {
    "before_request": require("speak"),
    "security": SECURITY,
    "tags": ["Voice jobs"],
}

JobId = Annotated[
    str, PathParameter(description="The id that creating the job has answered.", format="uuid")
]
ProfileId = Annotated[
    str,
    PathParameter(
        description="A profile's id; the list of profiles has them all.",
        examples=[Example(value=documentation.PROFILE_ID)],
    ),
]


def core_of(request: Req) -> Core:
    """The core behind this application."""
    return cast("Core", request.app.state.core)


async def find_job(request: Req, job_id: str) -> Job:
    """The caller's voice job of that id.

    Raises:
        NotFoundError: There is none, it is another workspace's or dialect's, or it has expired.
    """
    try:
        canonical = str(uuid.UUID(job_id))
    except ValueError:
        raise NotFoundError("There is no such job, or it has expired.") from None
    job = await core_of(request).job(principal_of(request), canonical)
    if job.dialect != DIALECT:
        raise NotFoundError("There is no such job, or it has expired.")
    return job


async def _create(
    request: Req,
    version: Version,
    struct: type[CreateVoiceJobRequest | CreateVoiceJobRequestV2],
) -> JsonReply:
    core, principal = core_of(request), principal_of(request)
    await core.admit(principal)
    key = idempotency_key(header_values(request, b"idempotency-key"))
    body = await read_json(request, struct)
    wanted = await submission(
        body, principal=principal, voices=core.voices, version=version, key=key
    )
    reply = await core.submit(principal, wanted)
    headers = dict(reply.headers)
    if reply.replayed:
        headers["Idempotent-Replayed"] = "true"
    if body.unknown_fields:
        headers["X-Intone-Ignored-Fields"] = _header_safe(body.unknown_fields)
    return JsonReply(reply.body, reply.status, headers)


@post(
    "/v1/voice/jobs",
    opt={**documentation.CREATE_V1, DIRECT: True},
    operation_id="createVoiceJob",
    summary="Create a voice job",
    **COMMON,
)
async def create_v1(request: Req) -> JsonReply:
    """Convert text into speech as one job; poll it, or listen to its events."""
    return await _create(request, "v1", CreateVoiceJobRequest)


@post(
    "/v2/voice/jobs",
    opt={**documentation.CREATE_V2, DIRECT: True},
    operation_id="createVoiceJobV2",
    summary="Create a voice job (version 2)",
    **COMMON,
)
async def create_v2(request: Req) -> JsonReply:
    """As version 1, with the output under `output.audio` and one or two channels."""
    return await _create(request, "v2", CreateVoiceJobRequestV2)


@get(
    "/v1/voice/jobs/{job_id:str}",
    opt=documentation.JOB_V1,
    operation_id="getVoiceJob",
    summary="Get a voice job",
    **COMMON,
)
async def get_v1(request: Req, job_id: JobId) -> VoiceJob:
    """Status and metadata of a job, until it expires."""
    return cast("VoiceJob", await _get(request, job_id, "v1"))


@get(
    "/v2/voice/jobs/{job_id:str}",
    opt=documentation.JOB_V2,
    operation_id="getVoiceJobV2",
    summary="Get a voice job (version 2)",
    **COMMON,
)
async def get_v2(request: Req, job_id: JobId) -> VoiceJobV2:
    """Status and metadata of a job, until it expires."""
    return cast("VoiceJobV2", await _get(request, job_id, "v2"))


async def _get(request: Req, job_id: str, version: Version) -> VoiceJob | VoiceJobV2:
    await core_of(request).admit(principal_of(request))
    return job_body(await find_job(request, job_id), version)


@delete(
    "/v1/voice/jobs/{job_id:str}",
    status_code=200,
    opt=documentation.CANCEL_V1,
    operation_id="cancelVoiceJob",
    summary="Cancel a voice job",
    **COMMON,
)
async def cancel_v1(request: Req, job_id: JobId) -> VoiceJob:
    """End a job that has not ended and give its quota back; an ended job stays as it is."""
    return cast("VoiceJob", await _cancel(request, job_id, "v1"))


@delete(
    "/v2/voice/jobs/{job_id:str}",
    status_code=200,
    opt=documentation.CANCEL_V2,
    operation_id="cancelVoiceJobV2",
    summary="Cancel a voice job (version 2)",
    **COMMON,
)
async def cancel_v2(request: Req, job_id: JobId) -> VoiceJobV2:
    """End a job that has not ended and give its quota back; an ended job stays as it is."""
    return cast("VoiceJobV2", await _cancel(request, job_id, "v2"))


async def _cancel(request: Req, job_id: str, version: Version) -> VoiceJob | VoiceJobV2:
    core, principal = core_of(request), principal_of(request)
    await core.admit(principal)
    job = await find_job(request, job_id)
    return job_body(await core.cancel(principal, job.id), version)


@get(
    ["/v1/voice/jobs/{job_id:str}/events", "/v2/voice/jobs/{job_id:str}/events"],
    opt=documentation.EVENTS,
    operation_id=operation_id("watchVoiceJob"),
    summary="Events of a voice job",
    media_type="text/event-stream",
    **COMMON,
)
async def events(request: Req, job_id: JobId) -> ASGIResponse:
    """Server-sent events `status` and `progress`, until the job has ended."""
    core, principal = core_of(request), principal_of(request)
    await core.admit(principal)
    job = await find_job(request, job_id)
    return event_stream(job_events(core.watch(principal, job.id)))


@get(
    "/v1/voice/profiles",
    opt=documentation.PROFILES,
    operation_id="listVoiceProfiles",
    summary="List voice profiles",
    **COMMON,
)
async def profiles(request: Req) -> ProfileList:
    """Every voice, the workspace's own last, with the styles it speaks in."""
    core, principal = core_of(request), principal_of(request)
    await core.admit(principal)
    presets = [profile_body(voice) for voice in core.voices.presets]
    cloned = [profile_body(voice) for voice in await core.voices.cloned(principal.workspace_id)]
    return ProfileList(profiles=presets + cloned)


@get(
    "/v1/voice/profiles/{profile_id:str}",
    opt=documentation.PROFILE,
    operation_id="getVoiceProfile",
    summary="Get a voice profile",
    **COMMON,
)
async def profile(request: Req, profile_id: ProfileId) -> VoiceProfile:
    """One voice, with the styles it speaks in."""
    core, principal = core_of(request), principal_of(request)
    await core.admit(principal)
    return profile_body(await core.voices.find(principal.workspace_id, profile_id))


@get(
    "/v1/quota",
    opt=documentation.QUOTA,
    operation_id="getQuota",
    summary="Get the quota",
    **COMMON,
)
async def quota(request: Req) -> Quota:
    """Limit and use of the workspace in the current billing period."""
    core, principal = core_of(request), principal_of(request)
    await core.admit(principal)
    return quota_body(await core.balance(principal, "characters"))


def _header_safe(names: tuple[str, ...]) -> str:
    """Field names in a header: printable ASCII, at most twenty of them."""
    shown = ", ".join(names[:20])[:1000]
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in shown)


ROUTES = [
    create_v1,
    create_v2,
    get_v1,
    get_v2,
    cancel_v1,
    cancel_v2,
    events,
    profiles,
    profile,
    quota,
]
