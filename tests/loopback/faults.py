"""Vendors on a bad day: raw TCP servers on 127.0.0.1, each wrong in one way.

A server runs on a thread of its own and answers every request by its fault, one of the functions
below (`FAULTS` has them by name)::

    with FaultyServer(truncated_chunk) as server:
        base_url = server.base_url  # for ProviderSettings(type="openai", base_url=...)
        ...
        server.wait_until_left()  # the client has closed its connections

Not being there at all (`refusing`) and being slow to connect (`full_backlog`) are context managers
of their own, which give a base URL. What a fault says of itself holds `PRIVATE`, which nobody is
to be shown; what begins well begins with `AUDIO`, a real MP3.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import random
import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from helpers.vendors import PRIVATE, tone
from loopback.faulty import Exchange, Fault, FaultyServer, certificate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: A whole MP3.
AUDIO = b"".join(tone("mp3", 24_000))
#: Size of the garbage, in bytes.
GARBAGE = 10_000_000
_MP3 = {"Content-Type": "audio/mpeg"}


# --- Answers that are none, or come too slowly


async def silent(exchange: Exchange) -> None:
    """Takes the request and never answers."""
    await exchange.wait_for_client()


async def silent_body(exchange: Exchange) -> None:
    """Begins an answer, and sends nothing of its body."""
    await exchange.head(transfer_encoding="chunked", **_MP3)
    await exchange.wait_for_client()


async def one_byte_a_second(exchange: Exchange) -> None:
    """Sends real audio, a byte every second."""
    await exchange.head(content_length=str(len(AUDIO)), **_MP3)
    for at in range(len(AUDIO)):
        await exchange.send(AUDIO[at : at + 1])
        with suppress(TimeoutError):
            await asyncio.wait_for(exchange.wait_for_client(), 1)
            return


async def stalling(exchange: Exchange) -> None:
    """Sends the first half of the audio, and then nothing more."""
    await exchange.head(transfer_encoding="chunked", **_MP3)
    await exchange.chunk(AUDIO[: len(AUDIO) // 2])
    await exchange.wait_for_client()


async def hanging_up(exchange: Exchange) -> None:
    """Closes the connection in place of an answer."""
    exchange.close()


# --- Answers that say what is wrong


async def error_500(exchange: Exchange) -> None:
    """An internal error whose body holds what nobody is to see."""
    body = f'{{"error": {{"message": "Traceback: {PRIVATE}", "request": "{_words(exchange)}"}}}}'
    await exchange.whole(
        "500 Internal Server Error", body.encode(), {"Content-Type": "application/json"}
    )


async def endless_500(exchange: Exchange) -> None:
    """An internal error whose body never comes."""
    await exchange.head(f"500 {PRIVATE}", transfer_encoding="chunked")
    await exchange.wait_for_client()


async def busy_429(exchange: Exchange) -> None:
    """Asks to be left alone for seven seconds."""
    body = f'{{"error": {{"message": "{PRIVATE}", "code": "rate_limit_exceeded"}}}}'
    await exchange.whole("429 Too Many Requests", body.encode(), {"Retry-After": "7"})


async def unauthorized_401(exchange: Exchange) -> None:
    """Quotes the key that it refuses, as OpenAI does in part."""
    body = f'{{"error": {{"message": "Incorrect API key: {_words(exchange)}"}}}}'
    await exchange.whole("401 Unauthorized", body.encode(), {})


async def redirect(exchange: Exchange) -> None:
    """Sends the client, and its key, elsewhere."""
    target = exchange.server.base_url + "/elsewhere"
    await exchange.whole("307 Temporary Redirect", b"", {"Location": target})


def _words(exchange: Exchange) -> str:
    """What a careless server would quote of the request."""
    return " ".join(
        line.decode()
        for line in exchange.request.split(b"\r\n")
        if line.lower().startswith(b"authorization")
    )


# --- Answers that are not what was asked for


async def html_page(exchange: Exchange) -> None:
    """A page of a proxy that is being mended, with status 200."""
    body = f"<html>{PRIVATE}</html>".encode()
    await exchange.whole("200 OK", body, {"Content-Type": "text/html"})


async def json_error(exchange: Exchange) -> None:
    """An error with status 200."""
    body = f'{{"error": "{PRIVATE}"}}'.encode()
    await exchange.whole("200 OK", body, {"Content-Type": "application/json"})


async def mislabelled_json(exchange: Exchange) -> None:
    """An error with status 200 that calls itself audio."""
    await exchange.whole("200 OK", f'{{"error": "{PRIVATE}"}}'.encode(), _MP3)


async def wav_for_mp3(exchange: Exchange) -> None:
    """Audio of another format than was asked for."""
    body = b"".join(tone("wav", 24_000))
    await exchange.whole("200 OK", body, {"Content-Type": "audio/wav"})


async def empty(exchange: Exchange) -> None:
    """Status 200 and no audio."""
    await exchange.whole("200 OK", b"", _MP3)


async def garbage(exchange: Exchange) -> None:
    """Ten megabytes of noise that call themselves audio."""
    await _garbage(exchange, _MP3)


async def unlabelled_garbage(exchange: Exchange) -> None:
    """Ten megabytes of noise that call themselves nothing."""
    await _garbage(exchange, {})


async def _garbage(exchange: Exchange, headers: Mapping[str, str]) -> None:
    noise = b"\x00" + random.Random(7).randbytes(99_999)
    await exchange.head(content_length=str(GARBAGE), **headers)
    for _ in range(GARBAGE // len(noise)):
        await exchange.send(noise)


async def header_bomb(exchange: Exchange) -> None:
    """A header as long as a book."""
    await exchange.send(b"HTTP/1.1 200 OK\r\nX-Bomb: ")
    for _ in range(1000):
        await exchange.send(PRIVATE.encode() * 500)


async def many_headers(exchange: Exchange) -> None:
    """Headers without end."""
    await exchange.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000_000):
        await exchange.send(b"X-%d: %b\r\n" % (number, PRIVATE.encode()))


async def not_http(exchange: Exchange) -> None:
    """Another protocol altogether."""
    await exchange.send(f"SSH-2.0-{PRIVATE}\r\n".encode())
    await exchange.wait_for_client()


async def gzip_bomb(exchange: Exchange) -> None:
    """A hundred megabytes of nothing, packed, although no packing was asked for."""
    await exchange.whole("200 OK", _bomb(), {**_MP3, "Content-Encoding": "gzip"})


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(bytes(100_000_000), 9)


async def not_gzip(exchange: Exchange) -> None:
    """Says that it is packed, and is not."""
    await exchange.whole("200 OK", AUDIO, {**_MP3, "Content-Encoding": "gzip"})


# --- Answers that break off


async def truncated_chunk(exchange: Exchange) -> None:
    """A chunk that is shorter than it says, and then the end of the connection."""
    await exchange.head(transfer_encoding="chunked", **_MP3)
    await exchange.send(b"%x\r\n" % (len(AUDIO) + 1000) + AUDIO)
    exchange.close()


async def missing_last_chunk(exchange: Exchange) -> None:
    """Whole chunks, but not the one that says that there are no more."""
    await exchange.head(transfer_encoding="chunked", **_MP3)
    await exchange.chunk(AUDIO)
    exchange.close()


async def broken_chunk(exchange: Exchange) -> None:
    """A chunk whose size is none; aiohttp 3.14 hangs up then, and does not tell who is reading."""
    await exchange.head(transfer_encoding="chunked", **_MP3)
    await exchange.chunk(AUDIO)
    await asyncio.sleep(0.1)  # for the beginning to be taken on its own
    await exchange.send(f"{PRIVATE}\r\n".encode())
    await exchange.wait_for_client()


async def short_body(exchange: Exchange) -> None:
    """Fewer bytes than Content-Length says."""
    await exchange.head(content_length=str(len(AUDIO) + 1000), **_MP3)
    await exchange.send(AUDIO)
    exchange.close()


async def reset_after_1_kb(exchange: Exchange) -> None:
    """A kilobyte of audio, and a reset connection once it has arrived."""
    await exchange.head(content_length=str(len(AUDIO)), **_MP3)
    await exchange.send(AUDIO[:1024])
    await asyncio.sleep(0.2)  # a reset throws away what has not been read
    exchange.reset()


# --- Answers that are in order, and yet unusual


async def http_1_0(exchange: Exchange) -> None:
    """Good audio that ends where its connection does."""
    await exchange.send(b"HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n" + AUDIO)
    exchange.close()


async def gzip_answer(exchange: Exchange) -> None:
    """Good audio that is packed although no packing was asked for."""
    headers = {**_MP3, "Content-Encoding": "gzip"}
    await exchange.whole("200 OK", gzip.compress(AUDIO), headers)


async def gone_stale(exchange: Exchange) -> None:
    """Good audio, but each connection serves one request, without saying so."""
    if exchange.earlier:
        exchange.close()
        return
    await exchange.whole("200 OK", AUDIO, _MP3)


#: All of the above by name, but for those that answer well.
FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        *(silent, silent_body, one_byte_a_second, stalling, hanging_up),
        *(error_500, endless_500, busy_429, unauthorized_401, redirect),
        *(html_page, json_error, mislabelled_json, wav_for_mp3, empty),
        *(garbage, unlabelled_garbage, header_bomb, many_headers, not_http, gzip_bomb, not_gzip),
        *(truncated_chunk, missing_last_chunk, broken_chunk, short_body, reset_after_1_kb),
    )
}


# --- Connections that never stand


@contextmanager
def refusing() -> Iterator[str]:
    """The base URL of a server that is down: its port is taken, and nobody listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


@contextmanager
def full_backlog() -> Iterator[str]:
    """The base URL of a server that is slow to connect: it accepts nobody, and its queue is full."""
    waiting: list[socket.socket] = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
            waiting.append(one)
        time.sleep(0.05)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            for one in waiting:
                one.close()


def garbled_tls() -> FaultyServer:
    """An HTTPS server whose handshake is noise."""
    return FaultyServer(silent, greets=b"\x15\x03\x01" + PRIVATE.encode() * 3)


def untrusted_tls(*, expired: bool = False) -> FaultyServer:
    """An HTTPS server with a certificate that nobody has signed, or that has expired besides."""
    return FaultyServer(silent, tls=certificate(expired=expired))
