"""Captions over HTTP: as JSON, also while they are made, and as WebVTT and SubRip for players."""

from __future__ import annotations

from contextlib import aclosing
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse

from intone.api.audio import none_match
from intone.api.caption_schemas import CaptionLine, Captions, CaptionWord
from intone.api.described import JSON, Answer, describe, header, request_header
from intone.audio.captions import as_srt, as_vtt
from intone.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from litestar import Request

    from intone.audio.captions import Line
    from intone.core.jobs import Job
    from intone.core.service import Core

__all__ = ["DESCRIBED", "MEDIA_TYPES", "AfterQuery", "Form", "WordsQuery", "captions_response"]

Form = Literal["json", "vtt", "srt"]

#: By form, how it is announced.
MEDIA_TYPES: Final[Mapping[Form, str]] = MappingProxyType(
    {"json": JSON, "vtt": "text/vtt", "srt": "application/x-subrip"}
)
AfterQuery = Annotated[
    int,
    QueryParameter(
        name="after",
        ge=0,
        le=10_000_000,
        description="Leave out so many lines; the `next` of the answer before.",
    ),
]
WordsQuery = Annotated[
    bool,
    QueryParameter(name="words", description="Give every word a time stamp of its own."),
]
#: Bytes gathered before they are sent.
_PIECE: Final = 32 * 1024
_encoder: Final = msgspec.json.Encoder()


async def captions_response(
    core: Core,
    job: Job,
    form: Form,
    after: int = 0,
    *,
    words: bool = False,
    request: Request[Any, Any, Any] | None = None,
    cache: str = "private",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> ASGIResponse:
    """Answer GET or HEAD for the captions of a job.

    While the job is being rendered, JSON has what there is by now; the other forms are there when
    the recording is, as players load them once.

    Args:
        core: The core.
        job: Whose captions, as it stands.
        form: In which form.
        after: Lines to leave out; JSON alone.
        words: Whether words have time stamps; WebVTT alone.
        request: Whose `If-None-Match` and method count; without, everything is sent.
        cache: Who may keep finished captions, and for how long.
        headers: Further headers.

    Raises:
        NotFoundError: There are none, or not yet in this form.
    """
    recording = job.recording
    if recording is None and form != "json":
        raise NotFoundError("This job has no finished recording, and so no captions in this form.")
    every = {
        **headers,
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "cache-control": "no-store" if recording is None else cache,
    }
    if recording is not None:
        every["etag"] = etag = f'"{recording.etag}-{form}-{after}-{int(words)}"'
        if request is not None and none_match(request.headers.get("if-none-match", ""), etag):
            return ASGIResponse(status_code=304, headers=every)
    first, rest = await _begun(core.captions.lines(job, after if form == "json" else 0))
    # WebVTT is UTF-8 by its definition, and JSON too; SubRip has to say so.
    charset = "; charset=utf-8" if form == "srt" else ""
    every["content-type"] = MEDIA_TYPES[form] + charset
    if request is not None and request.method == "HEAD":
        await rest.aclose()
        return ASGIResponse(headers=every, is_head_response=True)
    lines = _joined(first, rest)
    if form == "json":
        body = _as_json(lines, job, after)
    elif form == "vtt":
        body = as_vtt(lines, job.order.text, words=words)
    else:
        body = as_srt(lines, job.order.text)
    return ASGIStreamingResponse(iterator=_gathered(body), headers=every)


async def _begun(
    lines: AsyncGenerator[Line, None],
) -> tuple[tuple[Line, ...], AsyncGenerator[Line, None]]:
    """The first line and the others, so that a failure is one before the answer begins."""
    async for line in lines:
        return (line,), lines
    return (), lines


async def _joined(first: tuple[Line, ...], rest: AsyncGenerator[Line, None]) -> AsyncIterator[Line]:
    async with aclosing(rest):
        for line in first:
            yield line
        async for line in rest:
            yield line


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in larger pieces."""
    waiting = bytearray()
    async for piece in pieces:
        waiting += piece
        if len(waiting) >= _PIECE:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


async def _as_json(lines: AsyncIterator[Line], job: Job, after: int) -> AsyncIterator[bytes]:
    """A `Captions`, written as its lines come."""
    count, heard_ms, sources = after, 0, set()
    language = _encoder.encode({"language": job.order.language})
    yield language[:-1] + b',"lines":['
    async for line in lines:
        yield b"," * (count > after) + _encoder.encode(_line_body(line, job.order.text))
        count, heard_ms = count + 1, line.to_ms
        sources.add(line.source)
    recording = job.recording
    rest = {
        "source": "mixed" if len(sources) > 1 else next(iter(sources), "engine"),
        "is_complete": recording is not None,
        "duration_ms": heard_ms if recording is None else recording.duration_ms,
        "next": count,
    }
    yield b"]," + _encoder.encode(rest)[1:]


def _line_body(line: Line, text: str) -> CaptionLine:
    return CaptionLine(
        text=line.text,
        start=line.from_ms / 1000,
        end=line.to_ms / 1000,
        words=tuple(
            CaptionWord(
                text=text[word.start : word.end],
                start=word.from_ms / 1000,
                end=word.to_ms / 1000,
                from_=word.start,
                to=word.end,
            )
            for word in line.words
        ),
    )


_JSON_EXAMPLE: Final = Captions(
    language="en-US",
    lines=(
        CaptionLine(
            text="Hello, world.",
            start=0.0,
            end=1.29,
            words=(
                CaptionWord(text="Hello", start=0.01, end=0.47, from_=0, to=5),
                CaptionWord(text="world", start=0.61, end=1.265, from_=7, to=12),
            ),
        ),
    ),
    source="engine",
    is_complete=True,
    duration_ms=1290,
    next=1,
)
_EXAMPLES: Final[dict[Form, msgspec.Struct | str]] = {
    "json": _JSON_EXAMPLE,
    "vtt": "WEBVTT\n\n00:00:00.010 --> 00:00:01.265\nHello, world.\n\nNOTE Times: engine\n",
    "srt": "1\r\n00:00:00,010 --> 00:00:01,265\r\nHello, world.\r\n\r\n",
}
_ETAG: Final = '"9f86d081884c7d659a2feaa0c55ad015-vtt-0-0"'


def _described(form: Form) -> dict[str, Any]:
    etag = header("Names these captions and no others.", _ETAG, required=form != "json")
    return describe(
        {
            200: Answer(
                "The captions" + (", as far as they are." if form == "json" else "."),
                {MEDIA_TYPES[form]: _EXAMPLES[form]},
                {"ETag": etag},
            ),
            304: Answer("`If-None-Match` names what there is.", headers={"ETag": etag}),
        },
        parameters=[
            request_header("If-None-Match", "Ask for them only if they are not these.", _ETAG)
        ],
        errors=[NotFoundError("This job has no captions; its status says why.")],
    )


#: By form, the `opt` of its handlers.
DESCRIBED: Final[Mapping[Form, dict[str, Any]]] = MappingProxyType(
    {form: _described(form) for form in MEDIA_TYPES}
)
