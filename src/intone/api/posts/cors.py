"""CORS (Fetch standard): pages of a site's domains may read what is theirs, and no others.

A player on a page of the site asks this server from another origin. The host of that origin
decides; its scheme and port do not, so that a site can be tried on `http://localhost:8000`. Audio
files are for everybody who has their address, as podcast players fetch them from anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from intone.api.headers import header_values, set_answer_header
from intone.core import sites
from intone.errors import IntoneError, NotFoundError

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection
    from litestar.types import ASGIApp, Receive, Send

    from intone.core.service import Core
    from intone.core.sites import Site

    Scope = Any

__all__ = ["PUBLIC", "Preflights", "allow_all_origins", "allow_origin"]

#: Below these paths readers' browsers ask.
PUBLIC: Final = "/v1/public/"
FILES: Final = "/v1/public/audio/files/"
_EXPOSED: Final = (
    "Accept-Ranges, Content-Length, Content-Range, ETag, Retry-After, X-RateLimit-Limit,"
    " X-RateLimit-Remaining, X-Request-Id"
)
#: Chromium keeps an answer to a preflight no longer.
_KEPT_S: Final = 7200
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (b"access-control-allow-headers", b"Content-Type, Range, If-None-Match, If-Range"),
    (b"access-control-max-age", str(_KEPT_S).encode()),
)


async def allow_origin(
    connection: ASGIConnection[Any, Any, Any, Any], core: Core, site: Site | None
) -> None:
    """Have the answer be readable for the page that asks, if it is one of the site's.

    Args:
        connection: The request.
        core: Knows the sites.
        site: Whose answer it is; None where the request names no site: then a page of any may
            read why.
    """
    set_answer_header(connection, "Vary", "Origin")
    origin = next(iter(header_values(connection, b"origin")), "")
    if await _is_allowed(core, origin, site):
        set_answer_header(connection, "Access-Control-Allow-Origin", origin)
        set_answer_header(connection, "Access-Control-Expose-Headers", _EXPOSED)


def allow_all_origins(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Have the answer be readable for every page."""
    set_answer_header(connection, "Access-Control-Allow-Origin", "*")
    set_answer_header(connection, "Access-Control-Expose-Headers", _EXPOSED)


async def _is_allowed(core: Core, origin: str, site: Site | None) -> bool:
    if not origin.startswith(("http://", "https://")):
        return False  # none, or `null`: a page without an origin of its own
    if site is None:
        try:
            await core.database.read(sites.find_by_domain, origin)
        except NotFoundError:
            return False
        return True
    return site.is_at(origin)


class Preflights:
    """Answers what browsers ask before a request from another origin.

    A preflight has no body, so it may be from a page of any site; the answer to the request that
    follows says whether the page may read it.

    Args:
        app: Answers everything else.
        core: Knows the sites.
    """

    def __init__(self, app: ASGIApp, core: Core) -> None:
        self._app, self._core = app, core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        asked = scope["type"] == "http" and scope["method"] == "OPTIONS"
        if not asked or not scope["path"].startswith(PUBLIC):
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"])
        if b"access-control-request-method" not in given:
            await self._app(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = [(b"vary", b"Origin")]
        origin = given.get(b"origin", b"")
        if scope["path"].startswith(FILES):
            headers += [(b"access-control-allow-origin", b"*"), *_PREFLIGHT]
        elif await self._knows(origin.decode("latin-1")):
            headers += [(b"access-control-allow-origin", origin), *_PREFLIGHT]
        start: Any = {"type": "http.response.start", "status": 204, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _knows(self, origin: str) -> bool:
        try:
            return await _is_allowed(self._core, origin, None)
        except IntoneError:  # the database cannot be asked; the browser will ask again
            return False
