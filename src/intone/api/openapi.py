"""The OpenAPI 3.1 document, made from the routes and from what their handlers say."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Server
from litestar.routes import HTTPRoute

from intone import __version__
from intone.api.described import JSON, Answer, Described, header
from intone.api.dialect import RequestContext, dialect_of, neutral_envelope
from intone.api.events import frame
from intone.errors import (
    ForbiddenError,
    InternalError,
    InvalidInputError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from litestar import Litestar
    from litestar.handlers import HTTPRouteHandler
    from litestar.openapi.spec import OpenAPIHeader
    from litestar.types import ControllerRouterHandler, Method, OperationIDCreator
    from litestar.types.internal_types import PathParameterDefinition

    from intone.api.dialect import Dialect
    from intone.api.events import Event
    from intone.errors import IntoneError

__all__ = ["openapi_config", "openapi_document", "operation_id"]

_DESCRIPTION = (
    "Text goes in by any of several API dialects; one core decides who may speak and what it"
    " costs, an engine speaks, and the audio comes out. Authenticate with `Authorization: Bearer"
    " <key>` or `X-API-Key: <key>`."
)
_REQUEST_ID = "8b3f1c8e-3f2b-4ad2-9ef0-2a8c9b2a4f19"
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
#: What the platform puts on every answer, and on those of some statuses.
_HEADERS = {"X-Request-Id": header("Names this request in the server's log.", _REQUEST_ID)}
_RETRY_AFTER = {"Retry-After": header("Seconds after which to try again.", 5)}
_HEADERS_BY_STATUS = {
    "401": {"WWW-Authenticate": header("The scheme to use.", "Bearer")},
    "416": {"Content-Range": header("How long the whole is, in bytes.", "bytes */60000")},
    "429": _RETRY_AFTER,
    "503": _RETRY_AFTER,
}


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
                    description="An API key, a session or the identity provider's access token.",
                ),
                "apiKey": SecurityScheme(
                    type="apiKey", name="X-API-Key", security_scheme_in="header"
                ),
            }
        ),
        openapi_router=_NoPages(path="/openapi", route_handlers=[], include_in_schema=False),
        render_plugins=[],
    )


def operation_id(name: str) -> OperationIDCreator:
    """For a handler of several paths or methods: an id for each, as OpenAPI wants.

    Args:
        name: The id at version 1; others follow it, e.g. `getAudio`, `getAudioHead`, `getAudioV2`.
    """

    def create(
        _: HTTPRouteHandler, method: Method, path: list[str | PathParameterDefinition]
    ) -> str:
        version = str(path[0]).upper() if path else "V1"
        is_first = version == "V1" or "." in version  # a file, such as /player.js
        return name + ("" if is_first else version) + ("Head" if method == "HEAD" else "")

    return create


def openapi_document(app: Litestar, dialects: Sequence[Dialect]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of everything that `app` serves."""
    document: dict[str, Any] = app.openapi_schema.to_schema()
    schemas = _Schemas()
    for path, method, handler, operation in _operations(app, document):
        described = Described.by(handler.opt)
        operation.setdefault("security", [])
        _document_request(operation, described, schemas)
        if described.answers:
            operation["responses"] = {
                str(status): _answer(answer, schemas)
                for status, answer in described.answers.items()
            }
        _drop_the_frameworks(operation["responses"])
        errors = (*_usual_errors(path, operation), *described.errors)
        _document_errors(operation["responses"], path, errors, dialects, schemas)
        for status, response in operation["responses"].items():
            headers = _HEADERS | _HEADERS_BY_STATUS.get(status, {})
            response["headers"] = response.get("headers", {}) | _headers(headers)
            if method == "HEAD":
                response.pop("content", None)
    document["components"].setdefault("schemas", {}).update(schemas.components)
    return document


def _operations(
    app: Litestar, document: dict[str, Any]
) -> Iterator[tuple[str, str, HTTPRouteHandler, dict[str, Any]]]:
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            for method in handler.http_methods:
                operation = document["paths"].get(route.path_format, {}).get(method.lower())
                if operation is not None:
                    yield route.path_format, method, handler, operation


class _Schemas:
    """The schemas of Structs; msgspec writes JSON Schema as OpenAPI 3.1 does."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {}

    def of(self, kind: type) -> dict[str, Any]:
        (schema,), components = msgspec.json.schema_components(
            [kind], ref_template="#/components/schemas/{name}"
        )
        _type_choices(components)
        self.components |= components
        return schema


def _type_choices(schema: Any) -> None:
    """Give every choice the type of its values, which msgspec leaves out and readers want."""
    if isinstance(schema, dict):
        if isinstance(schema.get("enum"), list) and "type" not in schema:
            schema["type"] = _TYPES[type(schema["enum"][0])]
        for child in schema.values():
            _type_choices(child)
    elif isinstance(schema, list):
        for child in schema:
            _type_choices(child)


def _document_request(operation: dict[str, Any], described: Described, schemas: _Schemas) -> None:
    if described.parameters:
        by_hand = [parameter.to_schema() for parameter in described.parameters]
        operation["parameters"] = [*operation.get("parameters", []), *by_hand]
    content = {kind: {"schema": dict(schema)} for kind, schema in described.files.items()}
    if described.body is not None:
        content[JSON] = {"schema": schemas.of(described.body)}
        if described.examples:
            content[JSON]["examples"] = {
                name: {"value": msgspec.to_builtins(value)}
                for name, value in described.examples.items()
            }
    if content:
        operation["requestBody"] = {"required": True, "content": content}


def _answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    response: dict[str, Any] = {"description": answer.description}
    if answer.content:
        response["content"] = {
            media_type: _example(example, schemas) for media_type, example in answer.content.items()
        }
    if answer.headers:
        response["headers"] = _headers(answer.headers)
    if answer.links:
        response["links"] = {
            name: {"operationId": name, "parameters": dict(parameters)}
            for name, parameters in answer.links.items()
        }
    return response


def _example(
    example: msgspec.Struct | str | tuple[Event, ...] | None, schemas: _Schemas
) -> dict[str, Any]:
    if example is None:
        return {"schema": {"type": "string", "format": "binary"}}
    if isinstance(example, tuple):
        return _events(example, schemas)
    if isinstance(example, str):
        return {"schema": {"type": "string"}, "example": example}
    return {"schema": schemas.of(type(example)), "example": msgspec.to_builtins(example)}


def _events(events: tuple[Event, ...], schemas: _Schemas) -> dict[str, Any]:
    """A stream of events; before OpenAPI 3.2 its schema is taken to describe each of them."""
    kinds = [schemas.of(kind) for kind in dict.fromkeys(type(event.data) for event in events)]
    data = {
        "type": "string",
        "contentMediaType": JSON,
        "contentSchema": kinds[0] if len(kinds) == 1 else {"anyOf": kinds},
    }
    schema: dict[str, Any] = {"type": "object", "properties": {"data": data}, "required": ["data"]}
    if names := sorted({event.event for event in events if event.event is not None}):
        schema["properties"]["event"] = {"type": "string", "enum": names}
        schema["required"] = ["event", "data"]
    return {"schema": schema, "example": b"".join(map(frame, events)).decode()}


def _headers(headers: Mapping[str, OpenAPIHeader]) -> dict[str, Any]:
    return {name: described.to_schema() for name, described in headers.items()}


def _usual_errors(path: str, operation: dict[str, Any]) -> Iterator[IntoneError]:
    """The failures that every operation of its kind has."""
    yield InternalError()
    if "requestBody" in operation:
        yield PayloadTooLargeError()
    if "requestBody" in operation or any(
        parameter["in"] != "path" for parameter in operation.get("parameters", ())
    ):
        yield InvalidInputError()
    if "{" in path:
        yield NotFoundError()
    if operation["security"]:
        yield from (UnauthenticatedError(), ForbiddenError(), RateLimitedError())
        yield UnavailableError()


def _document_errors(
    responses: dict[str, Any],
    path: str,
    errors: Sequence[IntoneError],
    dialects: Sequence[Dialect],
    schemas: _Schemas,
) -> None:
    """Show each failure in the dialect's envelope; what the handler itself has said stays."""
    dialect = dialect_of(path, dialects)
    render = dialect.render_error if dialect else neutral_envelope
    rendered = defaultdict(list)
    for error in errors:
        response = render(error, RequestContext(_REQUEST_ID, "", path))
        rendered[str(response.status_code)].append((error, response.content))
    for status, found in sorted(rendered.items()):
        if status in responses:
            continue
        responses[status] = {
            "description": " Or: ".join(error.message for error, _ in found),
            "content": {
                JSON: {
                    "schema": schemas.of(type(found[0][1])),
                    "examples": {
                        error.code: {"value": msgspec.to_builtins(content)}
                        for error, content in found
                    },
                }
            },
        }


def _drop_the_frameworks(responses: dict[str, Any]) -> None:
    """Take away the errors that the framework would have answered, in its own envelope."""
    for status in list(responses):
        schema = responses[status].get("content", {}).get(JSON, {}).get("schema", {})
        if {"detail", "status_code"} <= set(schema.get("properties", ())):
            del responses[status]
