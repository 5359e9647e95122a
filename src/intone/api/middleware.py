"""What every request passes through: its id, its limits, its log line, its count.

Pure ASGI around the whole application, so that it also sees what no route answers.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from litestar import Request

from intone.api.headers import ANSWER_HEADERS
from intone.api.protocol import BODY_IS_HERE, MAX_HEAD_BYTES
from intone.core.ids import new_id
from intone.errors import InvalidInputError, PayloadTooLargeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.types import ASGIApp, Receive, Send

    from intone.api.failures import ErrorRenderer
    from intone.api.metrics import Metrics

    # ASGI's scopes and messages are dictionaries; unions of typed ones only get in the way here.
    Scope = Any
    Message = Any

__all__ = ["BodyLimits", "Platform"]

_access = structlog.get_logger("intone.access")
_log = structlog.get_logger("intone.api")

#: On every response; a page that needs more of its Content-Security-Policy sends its own.
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_CSP = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
#: Seconds in Retry-After where the error does not know better, by status.
_RETRY_AFTER = {429: (b"retry-after", b"1"), 503: (b"retry-after", b"5")}
#: An unread body of at most so many bytes is read away, so that the connection can be kept.
_SMALL_BODY = 64 * 1024
#: How long and how much is read away before a connection is closed. Closing with unread bytes
#: resets it, and the caller would lose the answer that says why.
_LINGER_SECONDS = 1.0
_LINGER_BYTES = 8 * 1024 * 1024
_CLIENT_CLOSED_REQUEST = 499


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a request body may be, and how slow."""

    #: Bytes.
    max_bytes: int = 1024 * 1024
    #: Seconds from the request's head to the last byte of its body.
    seconds: float = 30.0
    #: Where set, a body has time beyond that as long as it comes at this rate, in bytes a second.
    min_rate: int | None = None


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
        structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        self._metrics.in_flight += 1
        try:
            await self._answer(scope, exchange)
        finally:
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


class Exchange:
    """One request and its answer: counts and limits what passes, and dresses the answer."""

    __slots__ = (
        "_deadline",
        "_length",
        "_limits",
        "_read",
        "_reading",
        "_receive",
        "_scope",
        "_send",
        "client_left",
        "complete",
        "cut_short",
        "request_id",
        "sent",
        "status",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: BodyLimits) -> None:
        self.request_id = new_id()
        self.status = 0
        #: Bytes of the answer's body.
        self.sent = 0
        self.client_left = False
        #: The client left before its request was whole or its answer had begun.
        self.cut_short = False
        self.complete = False
        self._scope: Scope = scope
        self._receive: Any = receive
        self._send: Any = send
        self._limits = limits
        self._deadline = asyncio.get_running_loop().time() + limits.seconds
        self._read = 0
        #: The announced length of the body, or None where only its end will tell.
        self._length: int | None = 0
        #: Whether some of the request's body has not been read.
        self._reading = False

    def check_head(self) -> None:
        """Refuse what the request's head already shows to be too much.

        Raises:
            PayloadTooLargeError: The announced body is too large.
            InvalidInputError: The head itself is too long, or the body is compressed.
        """
        head = len(self._scope["raw_path"]) + len(self._scope["query_string"])
        for name, value in self._scope["headers"]:
            head += len(name) + len(value)
            if name == b"content-length":
                self._length = int(value)
                self._reading = self._length > 0
            elif name == b"transfer-encoding":
                self._length, self._reading = None, True
            elif name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
                raise InvalidInputError(
                    "A compressed body is not accepted; send it without Content-Encoding."
                )
        if head > MAX_HEAD_BYTES:
            raise InvalidInputError(f"The request's head is longer than {MAX_HEAD_BYTES} bytes.")
        if (self._length or 0) > self._limits.max_bytes:
            raise self._too_large()

    def _too_large(self) -> PayloadTooLargeError:
        limit = self._limits.max_bytes
        return PayloadTooLargeError(f"The request body is larger than {limit} bytes.")

    async def receive(self) -> Message:
        """The next message from the client, within the limits."""
        if not self._reading:
            message = await self._receive()
            if message["type"] == "http.disconnect" and not self.complete:
                self.client_left = True
                self.cut_short = not self.status
            return message
        message = await self._next_part()
        if message["type"] == "http.disconnect":
            self.client_left = self.cut_short = True
            self._reading = False
            raise InvalidInputError("The connection ended before the request did.")
        self._read += len(message.get("body", b""))
        if self._read > self._limits.max_bytes:
            raise self._too_large()
        self._reading = message.get("more_body", False)
        return message

    async def _next_part(self) -> Message:
        if BODY_IS_HERE in self._scope["state"]:  # so there is nothing to wait for
            return await self._receive()
        rate = self._limits.min_rate
        more = self._read / rate if rate else 0.0
        try:
            async with asyncio.timeout_at(self._deadline + more):
                return await self._receive()
        except TimeoutError:
            self._length = None  # it will not come now either
            seconds = self._limits.seconds + more
            raise InvalidInputError(
                f"The request body did not arrive within {seconds:g} seconds."
            ) from None

    async def send(self, message: Message) -> None:
        """Pass a message on to the client."""
        if message["type"] == "http.response.start":
            await self._start(message)
            return
        self.sent += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        if self.complete and self._reading:
            await self._send({**message, "more_body": True})
            await self._drain(_LINGER_BYTES)
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _start(self, message: Message) -> None:
        if self._reading and self._length is not None and self._length <= _SMALL_BODY:
            await self._drain(_SMALL_BODY)
        self.status = message["status"]
        headers = list(message.get("headers", ()))
        names = {name for name, _ in headers}
        for name, value in self._scope["state"].get(ANSWER_HEADERS, {}).items():
            if name not in names:
                headers.append((name, value))
        headers += _SECURITY_HEADERS
        headers.append((b"x-request-id", self.request_id.encode()))
        if b"content-security-policy" not in names:
            headers.append(_CSP)
        if b"retry-after" not in names and self.status in _RETRY_AFTER:
            headers.append(_RETRY_AFTER[self.status])
        if self._reading:
            headers.append((b"connection", b"close"))
        await self._send({**message, "headers": headers})

    async def _drain(self, most: int) -> None:
        """Read the rest of the body away, as far as it comes soon."""
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while self._reading and most > 0:
                    message = await self._receive()
                    most -= len(message.get("body", b""))
                    self.client_left |= message["type"] == "http.disconnect"
                    self._reading = message.get("more_body", False)
        except TimeoutError:
            return
