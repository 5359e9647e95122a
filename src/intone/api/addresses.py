"""Where this server is, as its clients reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar import Request

__all__ = ["server_url"]


def server_url(request: Request[Any, Any, Any]) -> str:
    """The server's address without a slash at its end, for links in the answer to this request.

    The operator's `public_url`, or else what the request itself says: only its own caller is told
    that. Behind a proxy that ends TLS, `X-Forwarded-Proto` says so.
    """
    if request.app.state.public_url:
        return str(request.app.state.public_url).rstrip("/")
    scheme = request.url.scheme
    if request.headers.get("x-forwarded-proto") == "https":
        scheme = "https"
    return f"{scheme}://{request.url.netloc}"
