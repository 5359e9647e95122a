"""Serving HTTP: the dialects on the platform, under uvicorn, with the worker beside them."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import structlog
import uvicorn

from intone.api.app import create_app
from intone.api.exchange import BodyLimits
from intone.api.generations.dialect import generations_dialect
from intone.api.metrics import Metrics
from intone.api.posts.dialect import posts_dialect
from intone.api.protocol import EnvelopeProtocol
from intone.api.speech.dialect import speech_dialects
from intone.api.voice_jobs.dialect import VOICE_JOBS
from intone.api.voices import voices_dialect
from intone.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from litestar import Litestar

    from intone.runtime import Runtime

__all__ = ["create_server_app", "run_server"]

_log = structlog.get_logger(__name__)

#: Seconds that open requests get to end when the server stops.
_GRACE_S = 10
#: Seconds an idle connection is kept.
_KEEP_ALIVE_S = 75
#: Objects that come to life, less those that went, before the young ones are searched for cycles.
#: Python's 700 are a few requests' worth, which all live still; their search was an eighth of what
#: a request costs.
_YOUNG_OBJECTS = 5_000
#: Connections that may wait to be accepted.
_BACKLOG = 2048


def create_server_app(runtime: Runtime) -> Litestar:
    """The application with every dialect."""
    settings = runtime.settings

    @asynccontextmanager
    async def background(_: Litestar) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(runtime.retention.run(settings.retention_sweep_s)),
            asyncio.create_task(runtime.measure()),
            asyncio.create_task(runtime.core.speech.keep_holds()),
            asyncio.create_task(runtime.warm_up()),
        ]
        if settings.worker:
            tasks.append(asyncio.create_task(runtime.work()))
        for task in tasks:
            task.add_done_callback(_report)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    speech = speech_dialects(
        public_voices=settings.public_voices,
        breaker_state=runtime.router.state if settings.status_breakers else None,
    )
    generations = generations_dialect(max_upload_bytes=settings.max_upload_bytes)
    return create_app(
        runtime.core,
        [VOICE_JOBS, *speech, generations, posts_dialect(), voices_dialect()],
        readiness=runtime.ready,
        metrics=Metrics(runtime.registry),
        limits=BodyLimits(settings.max_body_bytes, settings.body_timeout_s),
        public_url=settings.public_url,
        lifespan=[background],
    )


def _report(task: asyncio.Task[None]) -> None:
    """A background task ends when it is cancelled; any other end is a bug to be seen."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("background_task_ended", exc_info=error)


class _Server(uvicorn.Server):
    """Leaves by the front door: uvicorn's own would end the process before all is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have SIGINT and SIGTERM end the serving, and nothing more."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


async def run_server(runtime: Runtime) -> None:
    """Serve until the process is told to stop.

    Raises:
        UnavailableError: Somebody else listens at the address, or there is no such address.
    """
    settings = runtime.settings
    config = uvicorn.Config(
        create_server_app(runtime),
        host=settings.host,
        port=settings.port,
        http=EnvelopeProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # anybody may send them; only the login's limits go by an address
        server_header=False,
        date_header=True,
        lifespan="on",
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
    )
    gc.freeze()  # what has been made until here stays: no collection need look at it
    gc.set_threshold(_YOUNG_OBJECTS)
    await _Server(config).serve([_listen(settings.host, settings.port)])


def _listen(host: str, port: int) -> socket.socket:
    # Here and not in uvicorn, which ends the process where it fails.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise UnavailableError(f"{host}:{port} cannot be listened on: {error.strerror}.") from error
