"""A live server on loopback: the small dialect on the real platform, under real uvicorn."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from litestar import Litestar

from helpers.serving import serving
from helpers.small_dialect import SMALL, Core
from intone.api.app import create_app
from intone.api.exchange import BodyLimits
from intone.api.metrics import Metrics


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
    async with (
        serving(app, patience_s=1) as port,
        aiohttp.ClientSession(
            f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer speaks"}
        ) as http,
    ):
        yield LiveApp(app, core, metrics, checks, http, port)
