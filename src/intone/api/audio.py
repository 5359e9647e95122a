"""Serving audio: stored, with ranges and validators (RFC 9110), or while it is still made."""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse

from intone.api.dialect import RangeNotSatisfiableError
from intone.api.exchange import Departure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

    from litestar import Request

    #: Reads the bytes `start` to `end` (exclusive) of the blob at a path.
    ReadRange = Callable[[str, int, int], AsyncIterator[bytes]]

__all__ = ["StoredAudio", "live_response", "none_match", "stored_response"]

#: A browser shows an audio file in a page of its own, which loads the file from itself.
_POLICY = "default-src 'none'; media-src 'self'; frame-ancestors 'none'"
_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(\d*)[ \t]*-[ \t]*(\d*)[ \t]*", re.IGNORECASE)
#: More digits than any size has, and int() of a megabyte of them takes long.
_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True)
class StoredAudio:
    """A finished recording in blob storage."""

    #: Where the reader finds it.
    path: str
    #: Bytes of the blob.
    size: int
    #: Names these bytes and no others, without quotes, e.g. the content's hash.
    etag: str
    media_type: str
    #: The name a browser saves it under.
    filename: str
    #: Bytes before the blob's, e.g. the WAV header of a PCM blob.
    prefix: bytes = b""
    #: Further headers, e.g. `X-Sample-Rate-Hz`.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Who may keep it, and for how long.
    cache: str = "private"
    #: Whether a browser is to save it and not to play it.
    is_download: bool = False


async def stored_response(
    request: Request[Any, Any, Any], audio: StoredAudio, read_range: ReadRange
) -> ASGIResponse:
    """Answer GET or HEAD for a stored recording.

    Understands `Range` (one range; several are answered with the whole, as RFC 9110 §14.2
    allows), `If-Range` and `If-None-Match`. The first bytes are read before the answer begins,
    so that a blob that has gone is still an error and not a broken stream.

    Args:
        request: The request; its handler serves GET and HEAD.
        audio: What is served.
        read_range: Reads a part of the blob.

    Raises:
        RangeNotSatisfiableError: The range lies behind the end.
        IntoneError: Whatever the reader raises before its first chunk.
    """
    total = len(audio.prefix) + audio.size
    etag = f'"{audio.etag}"'
    headers = {
        **audio.headers,
        **_file_headers(audio.filename, "attachment" if audio.is_download else "inline"),
        "etag": etag,
        "accept-ranges": "bytes",
        "cache-control": audio.cache,
    }
    if none_match(request.headers.get("if-none-match", ""), etag):
        return ASGIResponse(status_code=304, headers=headers)
    span = _span(request, etag, total)
    start, end = span or (0, total)
    headers |= {"content-length": str(end - start), "content-type": audio.media_type}
    if span:
        headers["content-range"] = f"bytes {start}-{end - 1}/{total}"
    status = 206 if span else 200
    if request.method == "HEAD":
        return ASGIResponse(status_code=status, headers=headers, is_head_response=True)
    chunks = await _primed(_read(audio, read_range, start, end))
    return ASGIStreamingResponse(iterator=chunks, status_code=status, headers=headers)


async def live_response(
    request: Request[Any, Any, Any],
    chunks: AsyncGenerator[bytes, None],
    *,
    media_type: str,
    filename: str,
    headers: Mapping[str, str] | None = None,
) -> ASGIResponse:
    """Answer with audio that is still being made, of unknown length.

    Waits for the first chunk, so that a failure before it is still an error in the envelope; a
    later one cuts the connection. When the client leaves, the generator is closed.

    Args:
        request: The request; its body was not asked for.
        chunks: The audio.
        media_type: Its type.
        filename: The name a browser saves it under.
        headers: Further headers.

    Raises:
        InvalidInputError: The client has left before the first chunk; nobody will read this.
        IntoneError: Whatever the generator raises before its first chunk.
    """
    departure = Departure(request)
    primed = await departure.unless(_primed(chunks))
    departure.over()
    return ASGIStreamingResponse(
        iterator=primed,
        headers={
            **(headers or {}),
            **_file_headers(filename),
            "accept-ranges": "none",
            "cache-control": "no-store",
            "content-type": media_type,
        },
    )


def _file_headers(filename: str, disposition: str = "inline") -> dict[str, str]:
    """How a file is called (RFC 6266), also for clients that know ASCII alone."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", filename)
    disposition += f'; filename="{plain}"'
    if plain != filename:
        disposition += f"; filename*=UTF-8''{quote(filename, safe='', errors='replace')}"
    return {"content-disposition": disposition, "content-security-policy": _POLICY}


def none_match(header: str, etag: str) -> bool:
    """Whether `If-None-Match` names the representation; it compares weakly (§13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return etag in tags or tags == ["*"]


def _span(request: Request[Any, Any, Any], etag: str, total: int) -> tuple[int, int] | None:
    """The bytes asked for, start and end (exclusive), or None for all of them."""
    if not total or request.headers.get("if-range", etag) != etag:
        return None  # of nothing no part can be had, but all of it
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if match is None or max(map(len, match.groups())) > _LONGEST_NUMBER:
        return None
    first, last = match.groups()
    if first:
        start, end = int(first), min(int(last) + 1 if last else total, total)
        if last and int(last) < start:
            return None
    elif last:
        start, end = max(total - int(last), 0), total
    else:
        return None
    if start >= end:
        raise RangeNotSatisfiableError(total=total)
    return start, end


async def _read(
    audio: StoredAudio, read_range: ReadRange, start: int, end: int
) -> AsyncGenerator[bytes, None]:
    offset = len(audio.prefix)
    if start < offset:
        yield audio.prefix[start:end]
    if end > offset:
        async for chunk in read_range(audio.path, max(start - offset, 0), end - offset):
            yield chunk


async def _primed(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same chunks, once the first is there."""
    first = await anext(chunks, b"")

    async def all_of_them() -> AsyncGenerator[bytes, None]:
        async with aclosing(chunks):
            yield first
            async for chunk in chunks:
                yield chunk

    return all_of_them()
