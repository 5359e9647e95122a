"""Paths that a router cannot find: a post's id is its publisher's, and may hold slashes.

A server decodes `%2F` before it looks for a route, and then it is a separator; proxies decode it
as well. An id may also be a word that stands in another route, such as `speech`. So these paths
are put as the router finds them; the handler reads the id from the path as it was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from intone.errors import NotFoundError

if TYPE_CHECKING:
    from litestar import Request
    from litestar.types import ASGIApp, Receive, Send

    Scope = Any

__all__ = ["AUDIO", "FIGURES", "PostPaths", "known_post_id", "sent_post_id"]

AUDIO: Final = "/v1/audio/"
FIGURES: Final = "/v1/analytics/posts/"
_STATUS: Final = "/status"
#: Stands for the id; no route has this word.
_ANY: Final = "-"


def sent_post_id(request: Request[Any, Any, Any], before: str, behind: str = "") -> str:
    """The id in a path, as its publisher knows it.

    Args:
        request: The request.
        before: What stands before the id.
        behind: What stands behind it.

    Raises:
        NotFoundError: It is no text.
    """
    raw: bytes = request.scope["raw_path"].partition(b"?")[0].rstrip(b"/")
    sent = raw[raw.index(before.encode()) + len(before) : len(raw) - len(behind)]
    try:
        return known_post_id(unquote_to_bytes(sent).decode())
    except UnicodeDecodeError:
        raise NotFoundError("There is no such post.") from None


def known_post_id(said: str) -> str:
    """An id that some post may have; PostgreSQL cannot even be asked about others.

    Raises:
        NotFoundError: It holds a NUL.
    """
    if "\0" in said:
        raise NotFoundError("There is no such post.")
    return said


class PostPaths:
    """Has the router find the routes of one post.

    `GET /v1/audio/{post_id}/status`, `DELETE /v1/audio/{post_id}` and
    `GET /v1/analytics/posts/{post_id}`.

    Args:
        app: Answers every request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"].startswith(AUDIO):
            path = scope["path"].rstrip("/")
            is_status = path.endswith(_STATUS) and len(path) > len(AUDIO + _STATUS)
            if scope["method"] in {"GET", "HEAD"} and is_status:
                scope["path"] = AUDIO + _ANY + _STATUS
            elif scope["method"] == "DELETE" and len(path) > len(AUDIO):
                scope["path"] = AUDIO + _ANY
        elif scope["type"] == "http" and scope["path"].rstrip("/").startswith(FIGURES):
            scope["path"] = FIGURES + _ANY
        await self._app(scope, receive, send)
