"""A dialect of a few routes that uses every part of the HTTP platform."""

# No `from __future__ import annotations` here: Litestar reads handlers' annotations at run time.

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from litestar import HttpMethod, Request, Response, get, post, route
from litestar.params import FromPath, FromQuery
from litestar.response.base import ASGIResponse

from intone.api.audio import StoredAudio, live_response, stored_response
from intone.api.auth import SECURITY, principal_of, require
from intone.api.bodies import read_json
from intone.api.described import describe
from intone.api.dialect import Dialect, RequestContext, status_of
from intone.api.events import Event, event_stream
from intone.api.openapi import operation_id
from intone.errors import (
    ForbiddenError,
    IntoneError,
    NotFoundError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
)

AUDIO = bytes(range(256)) * 400
HEADER = b"RIFF-header!"
ETAG = hashlib.sha256(AUDIO).hexdigest()


class Output(msgspec.Struct):
    format: Literal["pcm", "wav"]
    rate: Annotated[float, msgspec.Meta(ge=0.5, le=2)] = 1.0
    hertz: Literal[8000, 16000] | None = None


class Order(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    output: Output
    copies: int = 1
    tags: list[Output] = []


@dataclass(frozen=True)
class Caller:
    workspace_id: str
    scopes: frozenset[str]


@dataclass
class Core:
    """A core that knows three keys and remembers what reached it."""

    reached: list[str] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def access(self) -> "Core":
        return self

    async def authenticate(self, credential: str) -> Caller:
        if credential == "both":
            return Caller("w1", frozenset({"speak", "manage"}))
        if credential == "speaks":
            return Caller("w1", frozenset({"speak"}))
        raise UnauthenticatedError


@post(
    "/v1/small/orders",
    before_request=require("speak"),
    security=SECURITY,
    opt=describe(body=Order, examples={"short": Order("Hello", Output("pcm"))}),
)
async def order(request: Request[Any, Any, Any]) -> dict[str, Any]:
    body = await read_json(request, Order)
    request.app.state.core.reached.append(body.value.text)
    return {
        "text": body.value.text,
        "workspace": principal_of(request).workspace_id,
        "fingerprint": body.fingerprint.hex(),
        "warnings": body.unknown_fields,
    }


@post("/v1/small/managed", before_request=require("manage"))
async def managed(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"managed": "yes"}


@get("/v1/small/orders/{number:int}")
async def one_order(number: FromPath[int], limit: FromQuery[int] = 1) -> dict[str, int]:
    return {"number": number, "limit": limit}


_FAILURES = {
    "forbidden": ForbiddenError(),
    "limited": RateLimitedError(retry_after=2.2),
    "limited-unknown": RateLimitedError(),
    "away": UnavailableError(),
    "crash": RuntimeError("the secret is hunter2"),
    "recursion": RecursionError("too deep"),
}


@get("/v1/small/failures/{name:str}")
async def failure(name: FromPath[str]) -> None:
    raise _FAILURES[name]


async def _read(path: str, start: int, end: int) -> AsyncIterator[bytes]:
    if path == "gone":
        raise NotFoundError
    for offset in range(start, end, 10_000):
        yield AUDIO[offset : min(offset + 10_000, end)]
        if path == "breaks":
            raise OSError("the disk is gone")


@route(
    ["/v1/small/audio/{path:str}", "/v2/small/audio/{path:str}"],
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    operation_id=operation_id("getAudio"),
)
async def audio(request: Request[Any, Any, Any], path: FromPath[str]) -> ASGIResponse:
    prefix = HEADER if path == "wav" else b""
    stored = StoredAudio(
        path, len(AUDIO), ETAG, "audio/wav", 'Grüße "1".wav', prefix, {"x-channels": "1"}
    )
    return await stored_response(request, stored, _read)


@get("/v1/small/live")
async def live(request: Request[Any, Any, Any]) -> ASGIResponse:
    core = request.app.state.core

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"sound" * 1000
                await asyncio.sleep(0.01)
        finally:
            core.left.set()

    return await live_response(request, chunks(), media_type="audio/mpeg", filename="live.mp3")


@get("/v1/small/events/{count:int}")
async def events(request: Request[Any, Any, Any], count: FromPath[int]) -> ASGIResponse:
    core = request.app.state.core

    async def happenings() -> AsyncIterator[Event]:
        try:
            for number in range(count):
                yield Event("progress", {"percent": number, "line": "a\nb"}, str(number))
            await asyncio.sleep(0.3)
            yield Event("done", {})
            if count == 0:
                await asyncio.sleep(3600)
        finally:
            core.left.set()

    return event_stream(happenings(), heartbeat=0.1)


def _render(error: IntoneError, context: RequestContext) -> Response[Any]:
    return Response(
        {"small": {"code": error.code, "message": error.message, "id": context.request_id}},
        status_code=status_of(error),
    )


SMALL = Dialect(
    name="small",
    prefixes=("/v1/small",),
    handlers=[order, managed, one_order, failure, audio, live, events],
    render_error=_render,
)
