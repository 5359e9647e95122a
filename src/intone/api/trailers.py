"""Fields after the body (RFC 9110 §6.5): what is known only when all has been sent.

ASGI's extension `http.response.trailers`, which uvicorn does not have. They need chunks, so
HTTP/1.0 has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TRAILERS", "TrailingCycle"]

#: The extension's name, and the type of its message.
TRAILERS: Final = "http.response.trailers"
_EXTENSIONS: Final[Mapping[str, Any]] = {TRAILERS: {}}


class TrailingCycle(RequestResponseCycle):
    """A request and its answer, which may announce trailers and then ends with them."""

    _has_trailers = False

    def offer(self) -> None:
        """Tell the application that it may send them."""
        self.scope["extensions"] = {**self.scope.get("extensions", {}), **_EXTENSIONS}

    async def send(self, message: Any) -> None:
        """Pass a message on to the client."""
        kind = message["type"]
        if kind == TRAILERS:
            self._end(message["headers"])
            return
        if kind == "http.response.start":
            self._has_trailers = message.get("trailers", False)
        elif self._has_trailers and not message.get("more_body", False):
            message = {**message, "more_body": True}  # the end is the trailers'
        await super().send(message)

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
