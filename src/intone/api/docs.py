"""The reference: `/openapi.json`, and `/docs` with everything it needs from this server.

The page is Scalar's API reference (MIT, see `web/scalar/`). It asks nothing of the
internet and runs under a Content-Security-Policy without inline scripts.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import MediaType, Request, Response, get

from intone.api.described import JSON
from intone.api.openapi import openapi_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar.handlers import HTTPRouteHandler

    from intone.api.dialect import Dialect

__all__ = ["docs_routes"]

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob: data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ONE_YEAR = "public, max-age=31536000, immutable"


def docs_routes(dialects: Sequence[Dialect]) -> list[HTTPRouteHandler]:
    """The routes `/openapi.json`, `/docs` and the page's scripts.

    Args:
        dialects: Whose envelopes the document shows.
    """
    documents: dict[int, tuple[bytes, str]] = {}

    @get("/openapi.json", include_in_schema=False)
    async def openapi_json(request: Request[Any, Any, Any]) -> Response[bytes]:
        app = request.app
        if id(app) not in documents:  # made at the first request: it would slow every start
            content = msgspec.json.encode(openapi_document(app, dialects))
            documents[id(app)] = content, _etag(content)
        content, etag = documents[id(app)]
        return _cached(request, content, etag, JSON, "no-cache")

    @get("/docs", include_in_schema=False, sync_to_thread=False)
    def page() -> Response[bytes]:
        return Response(
            _asset("index.html"),
            media_type=MediaType.HTML,
            headers={"content-security-policy": _PAGE_POLICY, "cache-control": "no-cache"},
        )

    @get("/docs/start.js", include_in_schema=False, sync_to_thread=False)
    def start_script(request: Request[Any, Any, Any]) -> Response[bytes]:
        content = _asset("start.js")
        return _cached(request, content, _etag(content), "text/javascript", "no-cache")

    @get("/docs/scalar.js", include_in_schema=False)
    async def scalar_script(request: Request[Any, Any, Any]) -> Response[bytes]:
        packed = _asset("standalone.js.gz")
        etag = _etag(packed)
        if "gzip" in request.headers.get("accept-encoding", ""):
            response = _cached(request, packed, etag, "text/javascript", _ONE_YEAR)
            response.headers["content-encoding"] = "gzip"
        else:
            plain = gzip.decompress(packed)
            response = _cached(request, plain, etag[:-1] + '-plain"', "text/javascript", _ONE_YEAR)
        response.headers["vary"] = "accept-encoding"
        return response

    return [openapi_json, page, start_script, scalar_script]


@cache
def _asset(name: str) -> bytes:
    return (resources.files("intone.web") / "scalar" / name).read_bytes()


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _cached(
    request: Request[Any, Any, Any], content: bytes, etag: str, media_type: str, policy: str
) -> Response[bytes]:
    headers = {"etag": etag, "cache-control": policy}
    if etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
