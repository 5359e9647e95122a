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
from litestar import MediaType, Request, Response, Router, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Server
from litestar.routes import HTTPRoute

from intone import __version__
from intone.api.bodies import DocumentedBody
from intone.api.dialect import RequestContext, dialect_of, neutral_envelope
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar import Litestar
    from litestar.handlers import HTTPRouteHandler
    from litestar.types import ControllerRouterHandler

    from intone.api.dialect import Dialect

__all__ = ["docs_routes", "openapi_config", "openapi_document"]

_DESCRIPTION = (
    "Text goes in by any of several API dialects; one core decides who may speak and what it"
    " costs, an engine speaks, and the audio comes out. Authenticate with `Authorization: Bearer"
    " <key>` or `X-API-Key: <key>`."
)
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob: data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ONE_YEAR = "public, max-age=31536000, immutable"
_JSON = "application/json"
_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


class _NoPages(Router):
    """Takes the schema pages that Litestar always adds, and serves none of them."""

    def register(self, value: ControllerRouterHandler) -> list[Any]:  # noqa: ARG002 - its signature
        return []


def openapi_config(public_url: str) -> OpenAPIConfig:
    """The head of the OpenAPI document.

    Args:
        public_url: Where clients find this server.
    """
    return OpenAPIConfig(
        title="Intone",
        version=__version__,
        description=_DESCRIPTION,
        servers=[Server(url=public_url)],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description="An API key, or an access token of the identity provider.",
                ),
                "apiKey": SecurityScheme(
                    type="apiKey", name="X-API-Key", security_scheme_in="header"
                ),
            }
        ),
        openapi_router=_NoPages(path="/openapi", route_handlers=[], include_in_schema=False),
        render_plugins=[],
    )


def openapi_document(app: Litestar, dialects: Sequence[Dialect]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of everything that `app` serves."""
    document: dict[str, Any] = app.openapi_schema.to_schema()
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            for method in handler.http_methods:
                operation = document["paths"].get(route.path_format, {}).get(method.lower())
                if operation is None:
                    continue
                _document_errors(operation["responses"], route.path_format, dialects)
                if body := DocumentedBody.of(handler.opt):
                    _document_body(document, operation, body)
    return document


def _document_body(
    document: dict[str, Any], operation: dict[str, Any], body: DocumentedBody
) -> None:
    """Add what a handler reads to the document; msgspec writes JSON Schema as OpenAPI 3.1 does."""
    (schema,), components = msgspec.json.schema_components(
        [body.struct], ref_template="#/components/schemas/{name}"
    )
    _type_choices(components)
    document.setdefault("components", {}).setdefault("schemas", {}).update(components)
    content: dict[str, Any] = {"schema": schema}
    if body.examples:
        content["examples"] = {
            name: {"value": msgspec.to_builtins(value)} for name, value in body.examples.items()
        }
    operation["requestBody"] = {"required": True, "content": {_JSON: content}}


def _document_errors(responses: dict[str, Any], path: str, dialects: Sequence[Dialect]) -> None:
    """Show the dialect's envelope, in place of the one that the framework would have used."""
    bad_request = responses.get("400", {}).get("content", {}).get(_JSON, {}).get("schema", {})
    if {"detail", "status_code"} <= bad_request.get("properties", {}).keys():
        del responses["400"]
    dialect = dialect_of(path, dialects)
    render = dialect.render_error if dialect else neutral_envelope
    example = render(InvalidInputError(), RequestContext("", "POST", path)).content
    responses.setdefault(
        "default",
        {
            "description": "An error; its id for the operator is in the X-Request-Id header.",
            "content": {_JSON: {"example": msgspec.to_builtins(example)}},
        },
    )


def _type_choices(schema: Any) -> None:
    """Give every choice the type of its values, which msgspec leaves out and readers want."""
    if isinstance(schema, dict):
        if isinstance(schema.get("enum"), list) and "type" not in schema:
            schema["type"] = _JSON_TYPES[type(schema["enum"][0])]
        for child in schema.values():
            _type_choices(child)
    elif isinstance(schema, list):
        for child in schema:
            _type_choices(child)


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
        return _cached(request, content, etag, _JSON, "no-cache")

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
