"""A request's headers, read one by one, and headers of whatever its answer becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection

__all__ = ["ANSWER_HEADERS", "header_values", "set_answer_header"]

#: In a request's state: headers for its answer, which the platform adds.
ANSWER_HEADERS = "answer_headers"


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


def set_answer_header(
    connection: ASGIConnection[Any, Any, Any, Any], name: str, value: str
) -> None:
    """Have the answer to a request carry a header, also where it becomes an error.

    Args:
        connection: The request.
        name: In any case; one that the answer itself has stays as it is.
        value: In place of one that was set before.
    """
    headers = connection.scope["state"].setdefault(ANSWER_HEADERS, {})
    headers[name.lower().encode()] = value.encode("latin-1")
