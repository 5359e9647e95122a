"""A request's headers, read one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection

__all__ = ["header_values"]


def header_values(connection: ASGIConnection[Any, Any, Any, Any], name: bytes) -> list[str]:
    """All values of a header, in order.

    Litestar's own `headers` first decodes all there are into a multidict, which costs several
    times as much as the two or three that a request is asked for.

    Args:
        connection: The request.
        name: In lower case, as ASGI has them.
    """
    return [
        value.decode("latin-1") for found, value in connection.scope["headers"] if found == name
    ]
