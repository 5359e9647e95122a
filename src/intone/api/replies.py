"""A reply that is ready to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.response.base import ASGIResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.types import Receive, Scope, Send

__all__ = ["JsonReply"]


class JsonReply(ASGIResponse):
    """JSON that is encoded already.

    It sends what an `ASGIResponse` would and costs a fraction of it, which looks through all
    headers for each that it sets. To Litestar it is one, so that it goes out as it is.

    Args:
        body: The document.
        status: Any that allows a body.
        headers: Beside Content-Type and Content-Length; names in any case.
    """

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str]) -> None:
        self.body = body
        self.status_code = status
        self._pairs = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Send it."""
        status, headers = self.status_code, self._pairs
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})
