"""Memory while 256 streams are being heard, of a vendor and of the local engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httptools

from bench.gateway import paying_server
from bench.listeners import listen, speech_request
from bench.report import Row, at_most, tell
from bench.vendor import DIGEST, vendor_server

if TYPE_CHECKING:
    from bench.servers import Server

__all__ = ["measure"]

_STREAMS = 256
#: 20 chunks in two seconds, again and again for so many seconds.
_VENDOR_MODEL, _SECONDS = "vendor/paced-100", 6.0
#: Two minutes of speech; each is heard as it would be played, as 24 kHz mono s16le.
_LOCAL_MODEL = "espeak/default"
_LOCAL_TEXT = "The boat could not land, and he noted the ships that passed. " * 33
_BYTES_PER_S = 48_000
#: Seconds in which all processes are up, or streams have ended; and between two looks.
_SETTLE_S, _LOOK_S = 2.0, 0.25
#: Seconds in which all streams have to begin.
_PATIENCE_S = 60.0


async def measure(folder: Path) -> list[Row]:
    """The growth over the idle server just started; nothing where the system does not tell."""
    if not Path("/proc/self/smaps_rollup").exists():
        tell("many_streams: only Linux says how large the shares are")
        return []
    with vendor_server(folder) as vendor:
        async with paying_server(folder / "vendor-streams", vendor) as server:
            await asyncio.sleep(_SETTLE_S)
            of_vendor = await _growth(server, "of a vendor", _hear_vendor(server))
        async with paying_server(folder / "local-streams", vendor, engine=True) as server:
            await asyncio.sleep(_SETTLE_S)
            of_engine = await _growth(server, "of the local engine", _hear_engine(server))
    return [of_vendor, of_engine]


async def _growth(server: Server, what: str, hearing: Any) -> Row:
    """The most memory while something goes on, less that before it."""
    idle, busy = server.memory_mb(), 0.0
    task = asyncio.create_task(hearing)
    while not task.done():
        await asyncio.sleep(_LOOK_S)
        busy = max(busy, server.memory_mb())
    said = task.result()
    tell(f"many_streams: {what}: {said}")
    return Row(
        "many_streams",
        f"growth with {_STREAMS} streams {what}",
        busy - idle,
        "MB",
        at_most(150),
        f"{busy:.0f} MB - {idle:.0f} MB; {said}",
    )


async def _hear_vendor(server: Server) -> str:
    heard = await listen(
        server,
        speech_request(server, _VENDOR_MODEL),
        DIGEST,
        seconds=_SECONDS,
        callers=_STREAMS,
    )
    if heard.altered:
        raise RuntimeError(f"{heard.altered} answers were not the vendor's bytes.")
    return f"{heard.answers:,} streams, first byte {heard.first_ms:.0f} ms"


async def _hear_engine(server: Server) -> str:
    """Listeners who take the audio no faster than it is played."""
    loop = asyncio.get_running_loop()
    request = speech_request(server, _LOCAL_MODEL, _LOCAL_TEXT, "pcm")
    players: list[_Player] = []
    try:
        for _ in range(_STREAMS):
            _, player = await loop.create_connection(
                lambda: _Player(request), "127.0.0.1", server.port
            )
            players.append(player)
        began = loop.time()
        while not all(player.played for player in players):
            if loop.time() - began > _PATIENCE_S:
                raise RuntimeError("Not all streams have begun.")
            await asyncio.sleep(_LOOK_S)
        begun_s = loop.time() - began
        await asyncio.sleep(_SECONDS)
        if failed := [player.failure for player in players if player.failure]:
            raise RuntimeError(failed[0])
        least = min(player.played for player in players) / _BYTES_PER_S
        return f"all begun after {begun_s:.1f} s, each played for {least:.1f} s or more"
    finally:
        for player in players:
            player.close()


class _Player(asyncio.Protocol):
    """Plays one stream of PCM: it reads no more until what it has read is over."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self._transport: Any = None  # uvloop's are not asyncio's
        self._new = 0
        #: Bytes of audio.
        self.played = 0
        self.failure = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._new = 0
        self._parser.feed_data(data)
        if self._new:
            self._transport.pause_reading()
            loop = asyncio.get_running_loop()
            loop.call_later(self._new / _BYTES_PER_S, self._go_on)

    def on_body(self, body: bytes) -> None:
        if self._parser.get_status_code() != 200:
            self.failure = body[:500].decode(errors="replace")
        self._new += len(body)
        self.played += len(body)

    def connection_lost(self, exc: Exception | None) -> None:
        self.failure = self.failure or f"The connection ended: {exc}"

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _go_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()
