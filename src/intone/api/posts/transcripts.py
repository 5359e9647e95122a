"""Transcripts for podcast players, in the JSON of the podcast namespace.

Its shape is of
https://github.com/Podcastindex-org/podcast-namespace/blob/main/docs/examples/transcripts/transcripts.md
and not that of our captions, which the player reads: another thing, at another address.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Final

from litestar import HttpMethod, Request, route
from litestar.openapi.spec import Example
from litestar.params import PathParameter
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from msgspec import Struct, json

from intone.api.audio import none_match
from intone.api.described import JSON, Answer, describe, header, request_header
from intone.api.openapi import operation_id
from intone.api.posts import documentation
from intone.api.posts.files import CACHE, HEADERS, find_job
from intone.api.posts.gate import by_file, core_of
from intone.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from intone.audio.captions import Line

__all__ = ["TRANSCRIPT_ROUTES", "transcript_path"]

_ETAG: Final = '"9f86d081884c7d659a2feaa0c55ad015-transcript"'
#: Segments that are sent at once.
_PIECE: Final = 64


class Segment(Struct, frozen=True, rename="camel"):
    """A sentence, or a part of a long one; times are seconds."""

    start_time: float
    end_time: float
    body: str


class Transcript(Struct, frozen=True):
    """What an episode says, with times."""

    segments: list[Segment]
    version: str = "1.0.0"


def transcript_path(job_id: str) -> str:
    """Where the transcript of a post's audio is."""
    return f"/v1/public/audio/files/{job_id}/transcript.json"


@route(
    "/v1/public/audio/files/{job_id:str}/transcript.json",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    operation_id=operation_id("getPublicTranscript"),
    summary="Get a post's transcript for podcast players",
    tags=["Posts for readers"],
    security=[],
    before_request=by_file,
    opt=describe(
        {
            200: Answer(
                "The transcript.",
                {JSON: Transcript([Segment(0.01, 1.265, "Hello, world.")])},
                {"ETag": header("Names this transcript and no other.", _ETAG)},
            ),
            304: Answer("`If-None-Match` names it."),
        },
        parameters=[request_header("If-None-Match", "Ask for it only if it is not this.", _ETAG)],
        errors=[NotFoundError("There is no such file, or it is not there any more.")],
    ),
)
async def transcript(
    request: Request[Any, Any, Any],
    job_id: Annotated[
        str,
        PathParameter(
            description="As in the feed.",
            examples=[Example(value=documentation.FILE_NAME.partition(".")[0])],
        ),
    ],
) -> ASGIResponse:
    """What was said and when, sentence by sentence, once the audio is ready."""
    core = core_of(request)
    job = await find_job(core, job_id)
    if job.recording is None:
        raise NotFoundError("This audio is not ready.")
    etag = f'"{job.recording.etag}-transcript"'
    headers = {**HEADERS, "etag": etag, "cache-control": CACHE}
    if none_match(request.headers.get("if-none-match", ""), etag):
        return ASGIResponse(status_code=304, headers=headers)
    lines = core.captions.lines(job)
    first = await anext(lines, None)  # what is not there is said before the answer begins
    headers["content-type"] = JSON
    if request.method == "HEAD":
        await lines.aclose()
        return ASGIResponse(headers=headers, is_head_response=True)
    return ASGIStreamingResponse(iterator=_document(first, lines), headers=headers)


async def _document(first: Line | None, rest: AsyncGenerator[Line, None]) -> AsyncIterator[bytes]:
    yield b'{"version":"1.0.0","segments":['
    async with aclosing(rest):
        if first is not None:
            yield _segment(first)
            waiting: list[bytes] = []
            async for line in rest:
                waiting.append(_segment(line))
                if len(waiting) == _PIECE:
                    yield b"," + b",".join(waiting)
                    waiting.clear()
            if waiting:
                yield b"," + b",".join(waiting)
    yield b"]}"


def _segment(line: Line) -> bytes:
    # Players put what they are given together, so each brings the blank behind it.
    return json.encode(Segment(line.from_ms / 1000, line.to_ms / 1000, f"{line.text} "))


TRANSCRIPT_ROUTES = [transcript]
