"""The captions of voice jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from litestar import HttpMethod, route
from litestar.response.base import ASGIResponse  # noqa: TC002 - Litestar reads annotations

from intone.api.auth import principal_of
from intone.api.captions import (
    DESCRIBED,
    MEDIA_TYPES,
    AfterQuery,
    WordsQuery,
    captions_response,
)
from intone.api.openapi import operation_id
from intone.api.voice_jobs.routes import COMMON, JobId, Req, core_of, find_job

if TYPE_CHECKING:
    from intone.api.captions import Form

__all__ = ["CAPTION_ROUTES"]

_COMMON: Final[dict[str, Any]] = {"http_method": [HttpMethod.GET, HttpMethod.HEAD], **COMMON}


def _paths(form: Form) -> list[str]:
    return [f"/{version}/voice/jobs/{{job_id:str}}/captions.{form}" for version in ("v1", "v2")]


async def _answer(request: Req, job_id: str, form: Form, **wanted: Any) -> ASGIResponse:
    core = core_of(request)
    await core.admit(principal_of(request))
    job = await find_job(request, job_id)
    return await captions_response(core, job, form, request=request, **wanted)


@route(
    _paths("json"),
    opt=DESCRIBED["json"],
    operation_id=operation_id("getVoiceJobCaptions"),
    summary="Get the captions of a voice job",
    media_type=MEDIA_TYPES["json"],
    **_COMMON,
)
async def as_json(request: Req, job_id: JobId, after: AfterQuery = 0) -> ASGIResponse:
    """Every word and when it is heard; while the job is rendered, as far as it is."""
    return await _answer(request, job_id, "json", after=after)


@route(
    _paths("vtt"),
    opt=DESCRIBED["vtt"],
    operation_id=operation_id("getVoiceJobWebVtt"),
    summary="Get the captions of a voice job as WebVTT",
    media_type=MEDIA_TYPES["vtt"],
    **_COMMON,
)
async def as_vtt(request: Req, job_id: JobId, *, words: WordsQuery = False) -> ASGIResponse:
    """For a `track` element; 404 until the job has completed."""
    return await _answer(request, job_id, "vtt", words=words)


@route(
    _paths("srt"),
    opt=DESCRIBED["srt"],
    operation_id=operation_id("getVoiceJobSubRip"),
    summary="Get the captions of a voice job as SubRip",
    media_type=MEDIA_TYPES["srt"],
    **_COMMON,
)
async def as_srt(request: Req, job_id: JobId) -> ASGIResponse:
    """For video tools and players; 404 until the job has completed."""
    return await _answer(request, job_id, "srt")


CAPTION_ROUTES = [as_json, as_vtt, as_srt]
