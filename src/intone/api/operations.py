"""What operators and their machines ask: is it alive, is it ready, how much has it done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog
from litestar import MediaType, Response, get
from prometheus_client import CONTENT_TYPE_LATEST

from intone import __version__

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from litestar.handlers import HTTPRouteHandler

    from intone.api.metrics import Metrics

__all__ = ["operations_routes"]

_log = structlog.get_logger("intone.api")

#: Seconds after which a check that has not answered counts as failed.
_READY_SECONDS = 5.0


def operations_routes(
    readiness: Callable[[], Awaitable[Mapping[str, str]]], metrics: Metrics
) -> list[HTTPRouteHandler]:
    """The routes `/`, `/health`, `/ready` and `/metrics`.

    Args:
        readiness: By name, `ok` or a sentence about what is wrong.
        metrics: What `/metrics` shows.
    """

    @get("/", sync_to_thread=False, tags=["Operations"], summary="What this server is")
    def landing() -> dict[str, str]:
        return {
            "name": "Intone",
            "version": __version__,
            "docs": "/docs",
            "openapi": "/openapi.json",
            "health": "/health",
        }

    @get(
        "/health",
        sync_to_thread=False,
        media_type=MediaType.TEXT,
        tags=["Operations"],
        summary="Whether the process is alive",
    )
    def health() -> str:
        return "OK"

    @get("/ready", tags=["Operations"], summary="Whether requests can be served")
    async def ready() -> Response[dict[str, Any]]:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                checks = dict(await readiness())
        except Exception:  # noqa: BLE001 - whatever it is, the answer is: not ready
            _log.exception("readiness_failed")
            checks = {"server": "The checks did not answer; see the log."}
        fine = all(state == "ok" for state in checks.values())
        return Response(
            {"status": "ready" if fine else "unavailable", "checks": checks},
            status_code=200 if fine else 503,
            headers={"cache-control": "no-store"},
        )

    @get(
        "/metrics",
        sync_to_thread=False,
        media_type=CONTENT_TYPE_LATEST,
        tags=["Operations"],
        summary="Counters in Prometheus' text format",
    )
    def show_metrics() -> bytes:
        return metrics.render()

    return [landing, health, ready, show_metrics]
