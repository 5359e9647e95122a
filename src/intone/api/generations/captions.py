"""The captions of generations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from litestar import HttpMethod, route
from litestar.response.base import ASGIResponse  # noqa: TC002 - Litestar reads annotations

from intone.api.captions import (
    DESCRIBED,
    MEDIA_TYPES,
    AfterQuery,
    WordsQuery,
    captions_response,
)
from intone.api.generations.gate import admit, core_of
from intone.api.generations.routes import COMMON, GenerationId, Req, find_generation
from intone.api.openapi import operation_id

if TYPE_CHECKING:
    from intone.api.captions import Form

__all__ = ["CAPTION_ROUTES"]

_COMMON: Final[dict[str, Any]] = {"http_method": [HttpMethod.GET, HttpMethod.HEAD], **COMMON}


async def _answer(request: Req, name: str, form: Form, **wanted: Any) -> ASGIResponse:
    principal, core = await admit(request), core_of(request)
    job = await find_generation(core, principal, name)
    return await captions_response(core, job, form, request=request, **wanted)


@route(
    "/v1/generations/{generation_id:str}/captions.json",
    opt=DESCRIBED["json"],
    operation_id=operation_id("getGenerationCaptions"),
    summary="Get the captions of a generation",
    media_type=MEDIA_TYPES["json"],
    **_COMMON,
)
async def as_json(request: Req, generation_id: GenerationId, after: AfterQuery = 0) -> ASGIResponse:
    """Every word and when it is heard; while the generation is rendered, as far as it is."""
    return await _answer(request, generation_id, "json", after=after)


@route(
    "/v1/generations/{generation_id:str}/captions.vtt",
    opt=DESCRIBED["vtt"],
    operation_id=operation_id("getGenerationWebVtt"),
    summary="Get the captions of a generation as WebVTT",
    media_type=MEDIA_TYPES["vtt"],
    **_COMMON,
)
async def as_vtt(
    request: Req, generation_id: GenerationId, *, words: WordsQuery = False
) -> ASGIResponse:
    """For a `track` element; 404 until the generation is ready."""
    return await _answer(request, generation_id, "vtt", words=words)


@route(
    "/v1/generations/{generation_id:str}/captions.srt",
    opt=DESCRIBED["srt"],
    operation_id=operation_id("getGenerationSubRip"),
    summary="Get the captions of a generation as SubRip",
    media_type=MEDIA_TYPES["srt"],
    **_COMMON,
)
async def as_srt(request: Req, generation_id: GenerationId) -> ASGIResponse:
    """For video tools and players; 404 until the generation is ready."""
    return await _answer(request, generation_id, "srt")


CAPTION_ROUTES = [as_json, as_vtt, as_srt]
