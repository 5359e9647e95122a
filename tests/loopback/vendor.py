"""A real HTTP server on 127.0.0.1 that a test tells how to answer, as a vendor of speech would.

It runs on a thread of its own, so that it also answers tests that block and other processes::

    with VendorServer() as vendor:
        vendor.on("POST", "/v1/audio/speech", Answer([head, tail], headers={"Content-Type": "audio/mpeg"}))
        provider = OpenAIProvider("vendor", ProviderSettings(type="openai", base_url=f"{vendor.base_url}/v1"), models)
        ...
        assert vendor.requests[-1].json()["voice"] == "alloy"
"""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from helpers.background import BackgroundLoop

#: Seconds that `wait_until` waits for.
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    method: str
    path_qs: str
    #: Looked up in any case.
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path without its query."""
        return self.path_qs.partition("?")[0]

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """An answer: a whole body, or pieces, each sent as one chunk."""

    body: bytes | Sequence[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Seconds before the head of the answer, and between two pieces.
    delay_s: float = 0.0
    pause_s: float = 0.0

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Answer:
        """An answer in JSON."""
        kind = {"Content-Type": "application/json"}
        return cls(json.dumps(value).encode(), status, {**kind, **headers})


#: How to answer: always the same; or by the request, at once or later; or, for what `Answer`
#: cannot say, by writing an aiohttp response oneself.
Answering = (
    Answer
    | Callable[[Request], Answer | Awaitable[Answer]]
    | Callable[[Request, web.Request], Awaitable[web.StreamResponse]]
)


class VendorServer:
    """Answers as it is told, 404 where it was told nothing, and keeps every request."""

    def __init__(self) -> None:
        #: Every request, in the order of arrival, those that were refused included.
        self.requests: list[Request] = []
        #: How many answers are under way now, and how many were left early by the client.
        self.running = 0
        self.abandoned = 0
        self.port = 0
        self._answers: dict[tuple[str, str], Answering] = {}
        self._background: BackgroundLoop | None = None
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        """Where it is, without a trailing slash: `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    def on(self, method: str, path: str, answer: Answering) -> None:
        """Say how to answer a method and path (as it is on the wire, without its query)."""
        self._answers[method, path] = answer

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait for what another thread does, e.g. `lambda: vendor.abandoned == 1`; fail in vain."""
        deadline = time.monotonic() + _PATIENCE_S
        while not is_so():
            assert time.monotonic() < deadline, "it did not come to be"
            time.sleep(0.005)

    def start(self, port: int = 0) -> Self:
        """Listen on 127.0.0.1; `port` 0 takes a free one."""
        self._background = BackgroundLoop()
        self._background.run(self._listen(port))
        return self

    def stop(self) -> None:
        """Close everything; safe to call twice."""
        if self._background is not None and self._runner is not None:
            self._background.run(self._runner.cleanup())
            self._background.stop()
            self._background = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    async def _listen(self, port: int) -> None:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        # Handlers are cancelled when a client hangs up, which is how that is noticed.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = self._runner.addresses[0][1]

    async def _answer(self, wire: web.Request) -> web.StreamResponse:
        request = Request(wire.method, wire.raw_path, wire.headers, await wire.read())
        self.requests.append(request)
        self.running += 1
        try:
            return await self._respond(request, wire)
        except (asyncio.CancelledError, ConnectionError):
            self.abandoned += 1
            raise
        finally:
            self.running -= 1

    async def _respond(self, request: Request, wire: web.Request) -> web.StreamResponse:
        answer: Any = self._answers.get((request.method, request.path), Answer(status=404))
        if not isinstance(answer, Answer):
            takes_wire = len(inspect.signature(answer).parameters) == 2
            answer = answer(request, wire) if takes_wire else answer(request)
        if inspect.isawaitable(answer):
            answer = await answer
        return await _send(answer, wire) if isinstance(answer, Answer) else answer


async def _send(answer: Answer, wire: web.Request) -> web.StreamResponse:
    await asyncio.sleep(answer.delay_s)
    if isinstance(answer.body, bytes):
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    await response.prepare(wire)
    for number, piece in enumerate(answer.body):
        if number:
            await asyncio.sleep(answer.pause_s)
        await response.write(piece)
    await response.write_eof()
    return response
