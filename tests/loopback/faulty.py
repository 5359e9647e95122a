"""A raw TCP server on 127.0.0.1 that reads HTTP requests and answers them as badly as it is told."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
import struct
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from helpers.background import BackgroundLoop

#: Seconds that `wait_until_left` waits for.
_PATIENCE_S = 10.0


@dataclass
class Exchange:
    """One request as it came, and the ways to answer it badly."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: FaultyServer
    #: Head and body as they came.
    request: bytes
    #: How many requests came over this connection before.
    earlier: int

    async def head(self, status: str = "200 OK", /, **headers: str) -> None:
        """Send the head of an answer; `content_length=` is `Content-Length`."""
        lines = [f"{name.replace('_', '-').title()}: {text}" for name, text in headers.items()]
        await self.send("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode())

    async def send(self, data: bytes) -> None:
        self.server.sent += len(data)
        self.writer.write(data)
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        """Send one chunk of a chunked body; an empty one ends it."""
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def whole(self, status: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send an answer in which everything is in order."""
        await self.head(status, content_length=str(len(body)), **headers)
        await self.send(body)

    async def wait_for_client(self) -> None:
        """Do nothing until the client has gone."""
        await self.reader.read()

    def reset(self) -> None:
        """Close so that the client is told of an error, not of an end."""
        lingering = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, lingering
        )
        self.writer.transport.abort()

    def close(self) -> None:
        self.writer.close()


Fault = Callable[[Exchange], Awaitable[None]]


class FaultyServer:
    """Answers every request by its fault.

    Args:
        fault: What happens after a request has been read.
        tls: A context that makes it an HTTPS server; see `certificate`.
        greets: What it sends at once to whoever connects, before any request.
    """

    def __init__(
        self, fault: Fault, *, tls: ssl.SSLContext | None = None, greets: bytes = b""
    ) -> None:
        self.fault = fault
        self.tls = tls
        self.greets = greets
        #: The requests, head and body, and how many bytes were sent to whom they came from.
        self.requests: list[bytes] = []
        self.sent = 0
        #: Connections that were made, and those that are open now.
        self.accepted = 0
        self.open = 0
        self.port = 0
        self._background: BackgroundLoop | None = None
        self._server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        """Where OpenAI's API would be."""
        return f"http{'s' if self.tls or self.greets else ''}://127.0.0.1:{self.port}/v1"

    def wait_until_left(self) -> None:
        """Wait until no connection is open; fail where a client stays."""
        deadline = time.monotonic() + _PATIENCE_S
        while self.open:
            assert time.monotonic() < deadline, "the client did not close its connection"
            time.sleep(0.005)

    def __enter__(self) -> Self:
        self._background = BackgroundLoop()
        self._background.run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        assert self._background is not None
        assert self._server is not None
        self._background.loop.call_soon_threadsafe(self._server.close)
        self._background.stop()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.open += 1
        try:
            if self.greets:
                writer.write(self.greets)
                await reader.read()
            earlier = 0
            while not writer.is_closing():
                request = await _read_request(reader)
                self.requests.append(request)
                await self.fault(Exchange(reader, writer, self, request, earlier))
                earlier += 1
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            self.open -= 1
            with suppress(OSError, RuntimeError):
                writer.close()


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)


def certificate(*, expired: bool) -> ssl.SSLContext:
    """A context with a certificate for 127.0.0.1 that is signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=-1 if expired else 30)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - dt.timedelta(days=60))
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.write_bytes(plain + signed.public_bytes(pem))
        context.load_cert_chain(file)
    return context
