"""One request and its answer on a connection: what uvicorn's own does not do.

A head is sent with the first piece of its body, where that follows at once: each call of the
kernel, and each packet on the way, costs more than all that is done to make one. Trailers are
fields after the body (RFC 9110 §6.5), for what is known only when all has been sent: ASGI's
extension `http.response.trailers`. They need chunks, so HTTP/1.0 has none. And a client that takes
nothing of its answer for long is cut off: its stream would keep a place and money for ever.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TRAILERS", "Cycle"]

#: The extension's name, and the type of its message.
TRAILERS: Final = "http.response.trailers"
#: Seconds after which a client that takes nothing is taken for gone.
_STUCK_S = 60.0
_EXTENSIONS: Final[Mapping[str, Any]] = {TRAILERS: {}}


class _Held:
    """Stands in for a connection's transport, and keeps back what is written."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._pieces.append(data)

    def close(self) -> None:
        self.release()
        self.transport.close()

    def release(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces and not self.transport.is_closing():
            # Not `writelines`, with which uvloop waits for the end of its turn.
            self.transport.write(b"".join(pieces))


class Cycle(RequestResponseCycle):
    """A request and its answer; an answer that announces trailers ends with them."""

    _has_trailers = False
    #: What waits for the first piece of the body.
    _held: _Held | None = None

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
            self._held = _Held(self.transport)
            await self._hold(self._held, message)
            asyncio.get_running_loop().call_soon(self._held.release)
            return
        if self._has_trailers and not message.get("more_body", False):
            message = {**message, "more_body": True}  # the end is the trailers'
        if self._held is None:
            await super().send(message)
            return
        held, self._held = self._held, None
        await self._hold(held, message)
        held.release()

    async def _hold(self, held: _Held, message: Any) -> None:
        self.transport = cast("asyncio.Transport", held)
        try:
            await super().send(message)
        finally:
            self.transport = held.transport

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
