"""A dialect: one public HTTP API over the core, with its own paths and its own envelope."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from litestar import Response

from intone.errors import (
    ForbiddenError,
    IdempotencyConflictError,
    IntoneError,
    InvalidInputError,
    NotFoundError,
    PayloadTooLargeError,
    PolicyBlockedError,
    ProviderError,
    ProviderTimeoutError,
    QuotaExceededError,
    RateLimitedError,
    StorageFullError,
    UnauthenticatedError,
    UnavailableError,
    UploadUsedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from litestar.types import ASGIApp, ControllerRouterHandler

    from intone.api.exchange import BodyLimits

__all__ = [
    "STATUSES",
    "Dialect",
    "MethodNotAllowedError",
    "RangeNotSatisfiableError",
    "RequestContext",
    "dialect_of",
    "neutral_envelope",
    "status_of",
]


class MethodNotAllowedError(InvalidInputError):
    """This path does not know this method; the Allow header lists those it knows."""

    code: ClassVar[str] = "method_not_allowed"

    def __init__(self, message: str | None = None, *, allow: str = "") -> None:
        super().__init__(message)
        self.allow = allow


class RangeNotSatisfiableError(InvalidInputError):
    """The range that was asked for lies behind the end of the audio."""

    code: ClassVar[str] = "range_not_satisfiable"

    def __init__(self, message: str | None = None, *, total: int) -> None:
        super().__init__(message)
        self.total = total


#: What HTTP calls each failure; the nearest class counts. A dialect may bring a table of its own.
STATUSES: Mapping[type[IntoneError], int] = {
    IntoneError: 500,
    InvalidInputError: 400,
    MethodNotAllowedError: 405,
    PayloadTooLargeError: 413,
    RangeNotSatisfiableError: 416,
    UnauthenticatedError: 401,
    QuotaExceededError: 402,
    ForbiddenError: 403,
    PolicyBlockedError: 403,
    NotFoundError: 404,
    IdempotencyConflictError: 409,
    UploadUsedError: 409,
    RateLimitedError: 429,
    UnavailableError: 503,
    StorageFullError: 507,
    ProviderError: 502,
    ProviderTimeoutError: 504,
}


def status_of(error: IntoneError, statuses: Mapping[type[IntoneError], int] = STATUSES) -> int:
    """The HTTP status of an error: that of the nearest of its classes in the table."""
    return next(statuses[cls] for cls in type(error).__mro__ if cls in statuses)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What an envelope may say of the request that failed."""

    #: The request's id, as in the X-Request-Id header.
    request_id: str
    method: str
    path: str


@dataclass(frozen=True)
class Dialect:
    """One HTTP API.

    Attributes:
        name: What it is called in logs, e.g. `voice_jobs`.
        prefixes: The paths that are its own, e.g. `("/v1/voice", "/v1/quota")`; an error below
            one of them wears this dialect's envelope. The longest prefix of all dialects wins.
        handlers: Its Litestar controllers, routers and handlers, with their whole paths.
        render_error: Its envelope. Status and body are the dialect's; the platform adds
            X-Request-Id, Retry-After, Allow and WWW-Authenticate.
        body_limits: What a body may be below some of its paths, where it is not as everywhere.
        layer: Puts something of its own around the application, below the platform; it is called
            with the application and the core.
    """

    name: str
    prefixes: tuple[str, ...]
    handlers: Sequence[ControllerRouterHandler]
    render_error: Callable[[IntoneError, RequestContext], Response[Any]]
    body_limits: Mapping[str, BodyLimits] = field(default_factory=dict)
    layer: Callable[[ASGIApp, Any], ASGIApp] | None = None


def dialect_of(path: str, dialects: Sequence[Dialect]) -> Dialect | None:
    """The dialect whose longest prefix the path lies under, or None."""
    path = "/" + "/".join(filter(None, path.split("/")))
    candidates = [
        (len(prefix), dialect)
        for dialect in dialects
        for prefix in dialect.prefixes
        if path == prefix or path.startswith(prefix + "/")
    ]
    return max(candidates, key=lambda candidate: candidate[0])[1] if candidates else None


class Failure(msgspec.Struct, frozen=True):
    """What went wrong."""

    code: str
    message: str
    retryable: bool


class FailureEnvelope(msgspec.Struct, frozen=True):
    """An error of a path that is no dialect's."""

    error: Failure


def neutral_envelope(error: IntoneError, _: RequestContext) -> Response[FailureEnvelope]:
    """The envelope of paths that are no dialect's."""
    return Response(
        FailureEnvelope(Failure(error.code, error.message, error.retryable)),
        status_code=status_of(error),
    )
