"""The load generator: keep-alive callers, each with one request under way.

A raw protocol and requests that are all but ready-made, so that the generator costs a small
part of what the server does; what it costs is measured with the rest.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.report import percentile

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.servers import Server

__all__ = ["BODY", "Load", "create_request", "drive"]

#: What every request of the load asks for: the example of the API's documentation.
BODY = {
    "input": {"content": "Hello, world.", "content_type": "text/plain"},
    "voice": {"profile_id": "voice_en_us_001", "style": "neutral", "rate": 1.0},
    "output": {"format": "pcm_s16le", "sample_rate_hz": 24000},
    "client": {"request_tag": "msg-001"},
}
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What one round gave."""

    requests: int
    seconds: float
    #: Seconds from a request's first byte to its answer's last.
    latencies: list[float]
    #: CPU seconds of the server, and of this process, while it ran.
    server_cpu_s: float
    own_cpu_s: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def p50_ms(self) -> float:
        """The median latency."""
        return statistics.median(self.latencies) * 1000

    @property
    def p99_ms(self) -> float:
        """What one request in a hundred exceeds."""
        return percentile(self.latencies, 99) * 1000

    @property
    def server_cpu_us(self) -> float:
        """CPU microseconds of the server for one request."""
        return self.server_cpu_s / self.requests * 1e6

    @property
    def own_share(self) -> float:
        """Which part of one core the generator used; near 1 it would be the bottleneck."""
        return self.own_cpu_s / self.seconds


def create_request(server: Server) -> Callable[[], bytes]:
    """Makes requests for a new job, each with an Idempotency-Key of its own."""
    body = json.dumps(BODY).encode()
    before = (
        f"POST /v1/voice/jobs HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Authorization: Bearer {server.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nIdempotency-Key: "
    ).encode()
    after = _HEAD_END + body
    return lambda: before + str(uuid.uuid4()).encode() + after


async def drive(
    server: Server, request: Callable[[], bytes], *, seconds: float, callers: int = 32
) -> Load:
    """Have `callers` connections send one request after another for so many seconds.

    Raises:
        RuntimeError: An answer was not 201, or a connection ended.
    """
    loop = asyncio.get_running_loop()
    deadline, latencies = time.perf_counter() + seconds, list[float]()
    began, own, theirs = time.perf_counter(), time.process_time(), server.cpu_s()
    protocols = []
    for _ in range(callers):
        _, protocol = await loop.create_connection(
            lambda: _Caller(request, deadline, latencies), "127.0.0.1", server.port
        )
        protocols.append(protocol)
    try:
        async with asyncio.timeout(seconds + 30):
            await asyncio.gather(*(protocol.done for protocol in protocols))
    finally:
        took = time.perf_counter() - began
        own, theirs = time.process_time() - own, server.cpu_s() - theirs
        for protocol in protocols:
            protocol.close()
    return Load(len(latencies), took, latencies, theirs, own)


class _Caller(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(
        self, request: Callable[[], bytes], deadline: float, latencies: list[float]
    ) -> None:
        self._request = request
        self._deadline = deadline
        self._latencies = latencies
        self._received = b""
        self._sent_at = 0.0
        self._transport: Any = None  # uvloop's are not asyncio's
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        length = _LENGTH.search(self._received, 0, end)
        if length is None or len(self._received) < end + len(_HEAD_END) + int(length[1]):
            return
        now = time.perf_counter()
        if not self._received.startswith(b"HTTP/1.1 201 "):
            self._fail(self._received[:500].decode(errors="replace"))
            return
        self._latencies.append(now - self._sent_at)
        self._received = b""
        if now >= self._deadline:
            self.done.set_result(None)
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"The connection ended: {exc}")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._request())

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(why))
