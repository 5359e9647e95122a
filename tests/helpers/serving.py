"""An application under real uvicorn on loopback, in the test's own event loop."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import uvicorn

from intone.api.protocol import EnvelopeProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar import Litestar


@asynccontextmanager
async def serving(app: Litestar, *, patience_s: int = 60) -> AsyncIterator[int]:
    """Serve `app`, and keep idle connections that long; yields the port."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=EnvelopeProtocol,
        access_log=False,
        log_level="critical",
        server_header=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=patience_s,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running
