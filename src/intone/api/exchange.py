"""One request and its answer: counted and limited as they pass, and the client that may leave."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from intone.api.headers import ANSWER_HEADERS
from intone.api.protocol import BODY_IS_HERE, EXCHANGE, MAX_HEAD_BYTES
from intone.core.ids import new_id
from intone.errors import InvalidInputError, PayloadTooLargeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litestar import Request
    from litestar.types import Receive, Send

    # ASGI's scopes and messages are dictionaries; unions of typed ones only get in the way here.
    Scope = Any
    Message = Any

__all__ = ["BodyLimits", "Departure", "Exchange"]

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a request body may be, and how slow."""

    #: Bytes.
    max_bytes: int = 1024 * 1024
    #: Seconds from the request's head to the last byte of its body.
    seconds: float = 30.0
    #: Where set, a body has time beyond that as long as it comes at this rate, in bytes a second.
    min_rate: int | None = None


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
        "on_departure",
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
        #: Called once, when the client leaves before the end of its answer.
        self.on_departure: Callable[[], None] | None = None
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
            if message["type"] == "http.disconnect":
                self.depart()
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

    def depart(self) -> None:
        """The client has left; by the server, at once, or by whoever waits for a message."""
        if self.complete or self.client_left:
            return
        self.client_left, self.cut_short = True, not self.status
        if self.on_departure is not None:
            self.on_departure()

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


class Departure:
    """Cancels the task that serves a request when its client leaves.

    Args:
        request: Its body has been read.
    """

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        self._exchange: Exchange = request.scope["state"][EXCHANGE]
        self._serving = asyncio.current_task()
        self._has_cancelled = False
        if self._exchange.client_left:
            self._cancel()
        else:
            self._exchange.on_departure = self._cancel

    async def unless(self, coming: Awaitable[T]) -> T:
        """What is coming, unless the client leaves before: then it is cancelled.

        Raises:
            InvalidInputError: The client has left.
        """
        try:
            return await coming
        except BaseException as error:
            self.over()
            if self.is_why(error):
                raise InvalidInputError("The connection ended before the answer began.") from None
            raise

    def over(self) -> None:
        """Stop watching."""
        self._exchange.on_departure = None

    def is_why(self, error: BaseException) -> bool:
        """Whether the client's leaving is why the task was cancelled; it then goes on."""
        if not self._has_cancelled or not isinstance(error, asyncio.CancelledError):
            return False
        if self._serving is not None:
            self._serving.uncancel()
        return True

    def _cancel(self) -> None:
        self._has_cancelled = True
        if self._serving is not None:
            self._serving.cancel()
