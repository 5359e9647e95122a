"""The load of streamed speech: keep-alive listeners, each with one stream under way.

A raw protocol over a parser in C, so that the listeners cost a small part of what a server does.
Each notes when an answer's first byte of audio came, and whether all of it is what it should be.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httptools

from bench.report import percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.servers import Server

__all__ = ["TEXT", "Heard", "listen", "speech_request", "typical"]

#: What every request of the load has spoken.
TEXT = "Hello there, this is a sentence of some length."
#: Seconds beyond the end of a round in which the last answers have to be whole.
_PATIENCE_S = 60.0


@dataclass(slots=True)
class Heard:
    """What one round gave."""

    #: Seconds from a request's first byte to the first and to the last byte of its audio.
    first_s: list[float] = field(default_factory=list)
    whole_s: list[float] = field(default_factory=list)
    #: Answers that were not byte for byte what they should be.
    altered: int = 0
    seconds: float = 0.0
    #: CPU seconds of the server, and of this process, while it ran.
    server_cpu_s: float = 0.0
    own_cpu_s: float = 0.0

    @property
    def answers(self) -> int:
        """How many came."""
        return len(self.whole_s)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    @property
    def server_cpu_us(self) -> float:
        """CPU microseconds of the server for one answer."""
        return self.server_cpu_s / self.answers * 1e6

    @property
    def own_share(self) -> float:
        """Which part of one core the listeners used; near 1 they would be the bottleneck."""
        return self.own_cpu_s / self.seconds

    @property
    def first_ms(self) -> float:
        """The median time to the first byte of audio."""
        return statistics.median(self.first_s) * 1000

    @property
    def first_p99_ms(self) -> float:
        """What the first byte of one answer in a hundred exceeds."""
        return percentile(self.first_s, 99) * 1000


def typical(rounds: Sequence[Heard], figure: str) -> float:
    """The median of a figure over rounds, so that one that was disturbed does not count."""
    return float(statistics.median(getattr(heard, figure) for heard in rounds))


def speech_request(server: Server, model: str, text: str = TEXT, form: str = "mp3") -> bytes:
    """`POST /v1/audio/speech` as OpenAI's clients send it."""
    body = json.dumps(
        {"model": model, "input": text, "voice": "alloy", "response_format": form}
    ).encode()
    return (
        f"POST /v1/audio/speech HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Authorization: Bearer {server.key}\r\nContent-Type: application/json\r\n"
        f"Accept: application/octet-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def listen(
    server: Server,
    request: bytes,
    digest: bytes,
    *,
    seconds: float,
    callers: int,
    spread_s: float = 0.0,
) -> Heard:
    """Have `callers` connections send one request after another for so many seconds.

    Args:
        server: Whom to ask, and whose CPU time is told.
        request: What is sent each time.
        digest: SHA-256 of the audio that has to come.
        seconds: No request is sent later.
        callers: How many connections.
        spread_s: The callers begin one after another within so many seconds, so that streams of
            one length do not all begin again in the same moment.

    Raises:
        RuntimeError: An answer was not 200, or a connection ended.
    """
    loop = asyncio.get_running_loop()
    heard = Heard()
    began, own, theirs = time.perf_counter(), time.process_time(), server.cpu_s()
    listeners: list[_Listener] = []
    try:
        for number in range(callers):
            wait = number * spread_s / callers
            _, listener = await loop.create_connection(
                lambda: _Listener(request, digest, began + seconds, heard),
                "127.0.0.1",
                server.port,
            )
            listeners.append(listener)
            loop.call_at(loop.time() + max(0.0, began + wait - time.perf_counter()), listener.ask)
        async with asyncio.timeout(seconds + _PATIENCE_S):
            await asyncio.gather(*(listener.done for listener in listeners))
    finally:
        heard.seconds = time.perf_counter() - began
        heard.own_cpu_s, heard.server_cpu_s = time.process_time() - own, server.cpu_s() - theirs
        for listener in listeners:
            listener.close()
    return heard


class _Listener(asyncio.Protocol):
    """One keep-alive connection; methods that begin with `on_` are the parser's."""

    def __init__(self, request: bytes, digest: bytes, deadline: float, heard: Heard) -> None:
        self._request = request
        self._digest = digest
        self._deadline = deadline
        self._heard = heard
        self._parser = httptools.HttpResponseParser(self)
        self._transport: Any = None  # uvloop's are not asyncio's
        self._sum = hashlib.sha256()
        self._asked_at = self._first_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self) -> None:
        """Send the request."""
        self._sum, self._first_at = hashlib.sha256(), 0.0
        self._asked_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"The answer is not HTTP: {error}")

    def on_body(self, body: bytes) -> None:
        self._first_at = self._first_at or time.perf_counter()
        self._sum.update(body)
        if self._parser.get_status_code() != 200:
            self._fail(body[:500].decode(errors="replace"))

    def on_message_complete(self) -> None:
        now, heard = time.perf_counter(), self._heard
        if self._parser.get_status_code() != 200 or not self._first_at:
            self._fail(f"An answer had no audio (status {self._parser.get_status_code()}).")
            return
        heard.first_s.append(self._first_at - self._asked_at)
        heard.whole_s.append(now - self._asked_at)
        heard.altered += self._sum.digest() != self._digest
        if now < self._deadline:
            self.ask()
        elif not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"The connection ended: {exc}")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(why))
