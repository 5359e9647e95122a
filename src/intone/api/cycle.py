"""One request and its answer on a connection: what uvicorn's own does not do.

Trailers are fields after the body (RFC 9110 §6.5), for what is known only when all has been sent:
ASGI's extension `http.response.trailers`. They need chunks, so HTTP/1.0 has none. And a client that
takes nothing of its answer for long is cut off: its stream would keep a place and money for ever.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TRAILERS", "Cycle"]

#: The extension's name, and the type of its message.
TRAILERS: Final = "http.response.trailers"
#: Seconds after which a client that takes nothing is taken for gone.
_STUCK_S = 60.0
_EXTENSIONS: Final[Mapping[str, Any]] = {TRAILERS: {}}


class Cycle(RequestResponseCycle):
    """A request and its answer; an answer that announces trailers ends with them."""

    _has_trailers = False

    def offer(self) -> None:
        """Tell the application that it may send them."""
        self.scope["extensions"] = {**self.scope.get("extensions", {}), **_EXTENSIONS}

    async def send(self, message: Any) -> None:
        """Pass a message on to the client."""
        if self.flow.write_paused and not self.disconnected:
            await self._drain()
        kind = message["type"]
        if kind == TRAILERS:
            self._end(message["headers"])
            return
        if kind == "http.response.start":
            self._has_trailers = message.get("trailers", False)
        elif self._has_trailers and not message.get("more_body", False):
            message = {**message, "more_body": True}  # the end is the trailers'
        await super().send(message)

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(_STUCK_S):
                await self.flow.drain()
        except TimeoutError:
            self.transport.abort()

    def _end(self, headers: list[tuple[bytes, bytes]]) -> None:
        if self.disconnected or self.response_complete:
            return
        fields = b"".join(b"%b: %b\r\n" % field for field in headers)
        self.transport.write(b"0\r\n" + fields + b"\r\n")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
