"""The audio of voice jobs: finished with ranges and validators, or live while it is rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from litestar import HttpMethod, route
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse  # noqa: TC002 - Litestar reads annotations

from intone.api.audio import StoredAudio, live_response, stored_response
from intone.api.auth import principal_of
from intone.api.openapi import operation_id
from intone.api.voice_jobs import documentation
from intone.api.voice_jobs.routes import COMMON, JobId, Req, core_of, find_job
from intone.core.jobs import ENDED
from intone.errors import NotFoundError

if TYPE_CHECKING:
    from intone.core.jobs import Job, Order
    from intone.core.service import Core

__all__ = ["AUDIO_ROUTES"]

Format = Literal["pcm_s16le", "wav", "mp3"]

#: The core's name, the media type and the file's ending of each format.
_FORMATS: Final[dict[str, tuple[str, str, str]]] = {
    "pcm_s16le": ("pcm", "application/octet-stream", "pcm"),
    "wav": ("wav", "audio/wav", "wav"),
    "mp3": ("mp3", "audio/mpeg", "mp3"),
}

FormatQuery = Annotated[
    Format,
    QueryParameter(
        name="format",
        description="pcm_s16le is the job's own: raw samples, 16 bits, little-endian.",
    ),
]
LiveQuery = Annotated[
    bool,
    QueryParameter(
        name="live",
        description="Stream a job that is still rendering, from its first segment to its last.",
    ),
]


@route(
    ["/v1/voice/jobs/{job_id:str}/audio", "/v2/voice/jobs/{job_id:str}/audio"],
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    opt=documentation.AUDIO,
    operation_id=operation_id("getVoiceJobAudio"),
    summary="Get the audio of a voice job",
    media_type="application/octet-stream",
    **COMMON,
)
async def audio(
    request: Req,
    job_id: JobId,
    audio_format: FormatQuery = "pcm_s16le",
    *,
    live: LiveQuery = False,
) -> ASGIResponse:
    """The rendered audio, with `Range`, `HEAD` and `ETag`.

    404 until the job has completed; with `live=true` it streams while it renders.
    """
    core = core_of(request)
    await core.admit(principal_of(request))
    job = await find_job(request, job_id)
    if job.recording is not None:
        return await _finished(request, core, job, audio_format)
    if not live or job.state in ENDED:
        raise NotFoundError("This job has no audio; its status says why, or whether to wait.")
    return await _live(request, core, job, audio_format)


async def _finished(request: Req, core: Core, job: Job, audio_format: Format) -> ASGIResponse:
    name, media_type, ending = _FORMATS[audio_format]
    rendition = await core.listening.rendition(job, name)
    stored = StoredAudio(
        path=rendition.blob,
        size=rendition.blob_bytes,
        etag=rendition.etag,
        media_type=media_type,
        filename=f"{job.id}.{ending}",
        prefix=rendition.header,
        headers=_headers(job.order),
    )
    return await stored_response(request, stored, core.listening.read)


async def _live(request: Req, core: Core, job: Job, audio_format: Format) -> ASGIResponse:
    name, media_type, ending = _FORMATS[audio_format]
    return await live_response(
        request,
        core.listening.live(job, name),
        media_type=media_type,
        filename=f"{job.id}.{ending}",
        headers=_headers(job.order),
    )


def _headers(order: Order) -> dict[str, str]:
    return {"X-Sample-Rate-Hz": str(order.sample_rate), "X-Channels": str(order.channels)}


AUDIO_ROUTES = [audio]
