"""A vendor of speech on loopback that costs next to nothing, so that what is measured is not it.

`python -m bench.vendor PORT` answers `POST /v1/audio/speech` as OpenAI's API does, with the same
32,000 bytes whatever the text. The model says how they come: `once` as one body with its length,
`paced-10` as 20 chunks, the first at once and one more every 10 milliseconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvloop

from bench.servers import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.servers import Server

__all__ = ["AUDIO", "CHUNKS", "DIGEST", "vendor_server"]

#: The head of a frame of MPEG-1 layer III (128 kbit/s, 44.1 kHz), then noise, always the same.
AUDIO = b"\xff\xfb\x90\x00" + random.Random(3).randbytes(31_996)
#: What every answer's SHA-256 has to be.
DIGEST = hashlib.sha256(AUDIO).digest()
CHUNKS = 20

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PACE = re.compile(rb'"paced-(\d+)"')
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n"
_WHOLE = _HEAD + b"Content-Length: %d\r\n\r\n" % len(AUDIO) + AUDIO
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_SIZE = len(AUDIO) // CHUNKS
_PIECES = [b"%x\r\n%s\r\n" % (_SIZE, AUDIO[at : at + _SIZE]) for at in range(0, len(AUDIO), _SIZE)]
_END = b"0\r\n\r\n"
_READY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def vendor_server(folder: Path, *, core: int | None = None) -> Iterator[Server]:
    """The vendor in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "bench.vendor", str(port)]
    with running(command, port, log=folder / "vendor.log", core=core) as server:
        yield server


class _Vendor(asyncio.Protocol):
    """One connection, which is kept."""

    def __init__(self) -> None:
        self._transport: Any = None  # uvloop's are not asyncio's
        self._received = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        length = _LENGTH.search(self._received, 0, end)
        whole = end + len(_HEAD_END) + (int(length[1]) if length else 0)
        if len(self._received) < whole:
            return
        request, self._received = self._received[:whole], self._received[whole:]
        if request.startswith(b"GET "):
            self._transport.write(_READY)
        elif pace := _PACE.search(request, end):
            self._transport.write(_CHUNKED)
            self._send(0, self._loop.time(), int(pace[1]) / 1000)
        else:
            self._transport.write(_WHOLE)

    def _send(self, number: int, began: float, pause_s: float) -> None:
        """Send a chunk, and the next in time; by the clock, so that delays do not add up."""
        if self._transport.is_closing():
            return
        if number + 1 == CHUNKS:
            self._transport.write(_PIECES[number] + _END)
            return
        self._transport.write(_PIECES[number])
        at = began + (number + 1) * pause_s
        self._loop.call_at(at, self._send, number + 1, began, pause_s)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(
        _Vendor, "127.0.0.1", port, backlog=2048
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
