"""Asking one vendor's adapter as the router and the worker do, and what it is answered with."""

from __future__ import annotations

import asyncio
import functools
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import numpy as np
from aiohttp import web

from intone.audio.encode import create_encoder
from intone.errors import ProviderError
from intone.providers.base import SpeechRequest
from intone.providers.registry import create_providers
from intone.providers.settings import ProviderSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Coroutine, Mapping, Sequence

    from intone.providers.http import HttpProvider
    from loopback.vendor import Request, VendorServer

#: The key that opens the vendors' doors.
KEY = "sk-9c41-never-to-be-seen"
#: Words of the vendors' errors, which nobody else is to read.
PRIVATE = "account 4711 of Jane Roe"
TONE_HZ = 440


@functools.cache
def tone(form: str, sample_rate: int) -> tuple[bytes, ...]:
    """Half a second of a tone in some pieces, of odd sizes as they come from a network."""
    times = np.arange(sample_rate // 2) / sample_rate
    pcm = (np.sin(2 * np.pi * TONE_HZ * times) * 12_000).astype("<i2").tobytes()
    encoder = create_encoder(form, sample_rate=sample_rate)
    audio = encoder.feed(pcm) + encoder.finish()
    step = len(audio) // 3 | 1
    return tuple(audio[at : at + step] for at in range(0, len(audio), step))


@asynccontextmanager
async def connected(
    kind: str, server: VendorServer, *, api_key: str = KEY, **settings: Any
) -> AsyncGenerator[HttpProvider, None]:
    """A provider of that type, named as its type, that asks this server."""
    said = ProviderSettings(type=kind, base_url=server.base_url, api_key=api_key, **settings)
    provider: Any = create_providers({kind: said})[kind]
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


def speech(
    voice: str, text: str = "Good morning.", language: str = "", **more: Any
) -> SpeechRequest:
    return SpeechRequest(text, voice, language, **more)


async def whole(chunks: AsyncIterable[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def streamed(provider: HttpProvider, request: SpeechRequest, form: str) -> bytes:
    """All that `stream` yields."""
    return await whole(provider.stream(request, form))


async def pcm_of(provider: HttpProvider, request: SpeechRequest) -> tuple[bytes, int]:
    """What `synthesize` yields, and its sample rate."""
    chunks = [chunk async for chunk in provider.synthesize(request)]
    (sample_rate,) = {chunk.sample_rate for chunk in chunks}
    return b"".join(chunk.pcm for chunk in chunks), sample_rate


async def failure_of(work: Coroutine[Any, Any, Any]) -> ProviderError:
    """The error that something ends with; it must say nothing that is not ours to say."""
    try:
        await work
    except ProviderError as error:
        told = f"{error} {error!r} {error.message} {error.__cause__!r}"
        assert KEY not in told
        assert PRIVATE not in told
        return error
    raise AssertionError("it did not fail")


def query_of(request: Request) -> dict[str, str]:
    """The parameters of a request, decoded."""
    return dict(parse_qsl(request.path_qs.partition("?")[2], keep_blank_values=True))


@dataclass
class Gate:
    """An answer that stops after its first piece, until it is told to go on."""

    pieces: Sequence[bytes]
    headers: Mapping[str, str]
    #: Cut the connection in place of the last pieces.
    breaks_off: bool = False
    is_open: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, _: Request, wire: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=self.headers)
        await response.prepare(wire)
        await response.write(self.pieces[0])
        while not self.is_open.is_set():
            await asyncio.sleep(0.002)
        if self.breaks_off:
            assert wire.transport is not None
            wire.transport.close()
            return response
        for piece in self.pieces[1:]:
            await response.write(piece)
        await response.write_eof()
        return response
