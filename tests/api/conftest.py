"""A live server on loopback: the small dialect on the real platform, under real uvicorn."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import uvicorn
from litestar import Litestar

from helpers.small_dialect import SMALL, Core
from intone.api.app import create_app
from intone.api.metrics import Metrics
from intone.api.middleware import BodyLimits
from intone.api.protocol import EnvelopeProtocol


@dataclass
class LiveApp:
    app: Litestar
    core: Core
    metrics: Metrics
    checks: dict[str, str]
    http: aiohttp.ClientSession
    port: int

    async def raw(self, *parts: bytes | float, end: bool = False) -> bytes:
        """Send parts as they are, numbers being pauses in seconds; returns all that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)
        if end:
            writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return answer


@pytest.fixture
def limits() -> BodyLimits:
    return BodyLimits(max_bytes=100_000, seconds=1.0)


@pytest.fixture
async def live_app(limits: BodyLimits) -> AsyncIterator[LiveApp]:
    core, metrics, checks = Core(), Metrics(), {"database": "ok", "blobs": "ok", "queue": "ok"}

    async def readiness() -> dict[str, str]:
        return checks

    app = create_app(core, [SMALL], readiness=readiness, metrics=metrics, limits=limits)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=EnvelopeProtocol,
        access_log=False,
        log_level="critical",
        server_header=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer speaks"}
    ) as http:
        yield LiveApp(app, core, metrics, checks, http, port)
    server.should_exit = True
    await serving
