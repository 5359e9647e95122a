"""What operators and their machines ask: is it alive, is it ready, how much has it done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import structlog
from litestar import MediaType, Response, get
from prometheus_client import CONTENT_TYPE_LATEST

from intone import __version__
from intone.api.described import JSON, Answer, describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from litestar.handlers import HTTPRouteHandler

    from intone.api.metrics import Metrics

__all__ = ["operations_routes"]

_log = structlog.get_logger("intone.api")

#: Seconds after which a check that has not answered counts as failed.
_READY_SECONDS = 5.0


class ServerInfo(msgspec.Struct, frozen=True):
    """What this server is and where to go on from here."""

    name: str = "Intone"
    version: str = __version__
    docs: str = "/docs"
    openapi: str = "/openapi.json"
    health: str = "/health"


class Readiness(msgspec.Struct, frozen=True):
    """What each part says of itself."""

    status: Literal["ready", "unavailable"]
    #: By name, `ok` or what is wrong.
    checks: dict[str, str]


_READY = Readiness("ready", {"database": "ok", "blobs": "ok", "queue": "ok"})
_UNAVAILABLE = Readiness("unavailable", {**_READY.checks, "blobs": "OSError"})
_SAMPLE = "# TYPE intone_http_requests_in_flight gauge\nintone_http_requests_in_flight 1.0\n"
_COMMON: dict[str, Any] = {"tags": ["Operations"]}


def operations_routes(
    readiness: Callable[[], Awaitable[Mapping[str, str]]], metrics: Metrics
) -> list[HTTPRouteHandler]:
    """The routes `/`, `/health`, `/ready` and `/metrics`.

    Args:
        readiness: By name, `ok` or a sentence about what is wrong.
        metrics: What `/metrics` shows.
    """

    @get(
        "/",
        sync_to_thread=False,
        operation_id="getServer",
        summary="What this server is",
        opt=describe({200: Answer("Its name and version.", {JSON: ServerInfo()})}),
        **_COMMON,
    )
    def landing() -> ServerInfo:
        return ServerInfo()

    @get(
        "/health",
        sync_to_thread=False,
        media_type=MediaType.TEXT,
        operation_id="getHealth",
        summary="Whether the process is alive",
        opt=describe({200: Answer("It is.", {"text/plain": "OK"})}),
        **_COMMON,
    )
    def health() -> str:
        return "OK"

    @get(
        "/ready",
        operation_id="getReadiness",
        summary="Whether requests can be served",
        opt=describe(
            {
                200: Answer("They can.", {JSON: _READY}),
                503: Answer("Something that they need is missing.", {JSON: _UNAVAILABLE}),
            }
        ),
        **_COMMON,
    )
    async def ready() -> Response[Readiness]:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                checks = dict(await readiness())
        except Exception:  # noqa: BLE001 - whatever it is, the answer is: not ready
            _log.exception("readiness_failed")
            checks = {"server": "The checks did not answer; see the log."}
        fine = all(state == "ok" for state in checks.values())
        return Response(
            Readiness("ready" if fine else "unavailable", checks),
            status_code=200 if fine else 503,
            headers={"cache-control": "no-store"},
        )

    @get(
        "/metrics",
        sync_to_thread=False,
        media_type=CONTENT_TYPE_LATEST,
        operation_id="getMetrics",
        summary="Counters in Prometheus' text format",
        opt=describe({200: Answer("The counters.", {"text/plain": _SAMPLE})}),
        **_COMMON,
    )
    def show_metrics() -> bytes:
        return metrics.render()

    return [landing, health, ready, show_metrics]
