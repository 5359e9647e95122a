"""What every request passes through: its id, its limits, its log line, its count.

Pure ASGI around the whole application, so that it also sees what no route answers.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog
from litestar import Request

from intone.api.exchange import BodyLimits, Exchange
from intone.api.protocol import EXCHANGE
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.types import ASGIApp, Receive, Send

    from intone.api.failures import ErrorRenderer
    from intone.api.metrics import Metrics

    Scope = Any

__all__ = ["Platform"]

_access = structlog.get_logger("intone.access")
_log = structlog.get_logger("intone.api")

_CLIENT_CLOSED_REQUEST = 499


class Platform:
    """The middleware.

    Args:
        app: The application.
        render: Renders what fails before the application sees it.
        metrics: Where requests are counted.
        limits: What a body may be, by the path that a request's path lies under; the longest
            counts, and `/` is there for all others.
    """

    def __init__(
        self,
        app: ASGIApp,
        render: ErrorRenderer,
        metrics: Metrics,
        limits: Mapping[str, BodyLimits],
    ) -> None:
        self._app, self._render, self._metrics = app, render, metrics
        self._usual = limits["/"]
        self._special = sorted(limits.items(), key=lambda item: -len(item[0]))[:-1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        exchange = Exchange(scope, receive, send, self._limits_of(scope["path"]))
        scope["state"]["request_id"] = exchange.request_id
        scope["state"][EXCHANGE] = exchange
        structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        self._metrics.in_flight += 1
        try:
            await self._answer(scope, exchange)
        finally:
            del scope["state"][EXCHANGE]  # else only the collector would free them
            self._metrics.in_flight -= 1
            self._record(scope, exchange, time.perf_counter() - started)

    def _limits_of(self, path: str) -> BodyLimits:
        for prefix, limits in self._special:
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in {"", "/"}:
                return limits
        return self._usual

    async def _answer(self, scope: Scope, exchange: Exchange) -> None:
        receive, send = exchange.receive, exchange.send
        try:
            try:
                exchange.check_head()
            except InvalidInputError as error:
                request: Request[Any, Any, Any] = Request(scope, receive, send)
                refusal = self._render(request, error)
                await refusal.to_asgi_response(None, request)(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        except Exception:  # noqa: BLE001 - logged here, once, with the request's id
            # The answer has begun, so it cannot become another one. Returning without its end
            # makes the server cut the connection: visibly broken, never silently short.
            if not exchange.client_left:
                _log.exception("response_broken", request_id=exchange.request_id)

    def _record(self, scope: Scope, exchange: Exchange, seconds: float) -> None:
        method, route = str(scope["method"]), str(scope.get("path_template", "unmatched"))
        status = _CLIENT_CLOSED_REQUEST if exchange.cut_short else exchange.status
        self._metrics.observe(method, route, status, seconds)
        left = {"client_left": True} if exchange.client_left else {}
        _access.info(
            "request",
            request_id=exchange.request_id,
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 3),
            bytes=exchange.sent,
            **left,
        )
