"""Every failure becomes an IntoneError and leaves in the envelope of the dialect it belongs to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import structlog
from litestar.exceptions import HTTPException, ValidationException

from intone.api.dialect import (
    MethodNotAllowedError,
    RangeNotSatisfiableError,
    RequestContext,
    dialect_of,
    neutral_envelope,
)
from intone.api.explain import explain
from intone.errors import (
    ForbiddenError,
    InternalError,
    IntoneError,
    InvalidInputError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar import Request, Response

    from intone.api.dialect import Dialect

__all__ = ["ErrorRenderer", "intone_error"]

_log = structlog.get_logger("intone.api")

_NO_SUCH_PATH = "There is nothing at this path; /docs lists what there is."
_BY_STATUS: dict[int, type[IntoneError]] = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    413: PayloadTooLargeError,
    429: RateLimitedError,
    503: UnavailableError,
}
_NOT_FOUND, _NOT_ALLOWED, _SERVER_ERROR = 404, 405, 500


def intone_error(exception: Exception) -> IntoneError:
    """What an exception, ours, the framework's or anybody's, is in our vocabulary."""
    if isinstance(exception, IntoneError):
        return exception
    if isinstance(exception, ValidationException):
        return InvalidInputError(_parameters(exception))
    return _http_error(exception) if isinstance(exception, HTTPException) else InternalError()


def _http_error(exception: HTTPException) -> IntoneError:
    status = exception.status_code
    if status == _NOT_ALLOWED:
        return MethodNotAllowedError(allow=(exception.headers or {}).get("allow", ""))
    if status == _NOT_FOUND:
        return NotFoundError(_NO_SUCH_PATH)
    if kind := _BY_STATUS.get(status):
        return kind()
    if status < _SERVER_ERROR:
        return InvalidInputError(f"The request is not valid: {exception.detail}.")
    return InternalError()


def _parameters(exception: ValidationException) -> str:
    """A sentence about the query, path or header parameters that do not fit."""
    found = exception.extra if isinstance(exception.extra, list) else []
    sentences = [
        explain(f"{part['message']} - at `$.{part['key']}`")
        for part in found
        if isinstance(part, dict) and "key" in part
    ]
    return " ".join(sentences) or f"The request is not valid: {exception.detail}."


class ErrorRenderer:
    """Renders exceptions as responses; the application's only exception handler.

    Args:
        dialects: Whose envelopes are used.
    """

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        self._dialects = tuple(dialects)

    def __call__(self, request: Request[Any, Any, Any], exception: Exception) -> Response[Any]:
        """The response to a request that failed."""
        error = intone_error(exception)
        path, context = request.scope["path"], self._context(request)
        dialect = dialect_of(path, self._dialects)
        if isinstance(error, InternalError):
            _log.error("request_failed", request_id=context.request_id, exc_info=exception)
        try:
            response = (dialect.render_error if dialect else neutral_envelope)(error, context)
        except Exception:  # noqa: BLE001 - an envelope's mistake must not show the framework's
            _log.exception("envelope_failed", request_id=context.request_id)
            response = neutral_envelope(InternalError(), context)
        response.headers.update(_headers(error))
        if request.method == "HEAD":
            response.content = None
        return response

    @staticmethod
    def _context(request: Request[Any, Any, Any]) -> RequestContext:
        request_id = request.scope["state"].get("request_id", "")
        return RequestContext(request_id, request.method, request.scope["path"])


def _headers(error: IntoneError) -> dict[str, str]:
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, MethodNotAllowedError):
        headers["allow"] = error.allow
    if isinstance(error, RangeNotSatisfiableError):
        headers["content-range"] = f"bytes */{error.total}"
    if isinstance(error, UnauthenticatedError):
        headers["www-authenticate"] = "Bearer"
    return headers
