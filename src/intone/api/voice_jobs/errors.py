"""The voice jobs envelope: `{"error": {"code", "message", "retryable"}}` (seed 003)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Response

from intone.api.dialect import STATUSES, status_of
from intone.api.voice_jobs.schemas import ErrorBody, ErrorEnvelope
from intone.errors import StorageFullError

if TYPE_CHECKING:
    from intone.api.dialect import RequestContext
    from intone.core.jobs import Job
    from intone.errors import IntoneError

__all__ = ["job_error", "render_error"]

#: The seed knows no 507; a full disk is a temporary failure of the service.
_STATUSES = {**STATUSES, StorageFullError: 503}

#: The seed's eight codes; what it does not name keeps its own.
_CODES = {
    "payload_too_large": "invalid_input",
    "method_not_allowed": "invalid_input",
    "range_not_satisfiable": "invalid_input",
    "storage_full": "service_unavailable",
    "provider_error": "service_unavailable",
    "provider_timeout": "service_unavailable",
    "provider_rejected": "service_unavailable",
    "engine_crashed": "service_unavailable",
}

#: "Retry with backoff" is the seed's advice for these two alone.
_RETRYABLE = frozenset({"rate_limited", "service_unavailable"})


def render_error(error: IntoneError, _: RequestContext) -> Response[ErrorEnvelope]:
    """Status and envelope of an error."""
    body = _body(error.code, error.message)
    return Response(ErrorEnvelope(error=body), status_code=status_of(error, _STATUSES))


def job_error(job: Job) -> ErrorBody | None:
    """Why a job failed, in the words of create-time errors; None where it did not."""
    if job.error_code is None:
        return None
    return _body(job.error_code, job.error_message or "The job failed.")


def _body(core_code: str, message: str) -> ErrorBody:
    code = _CODES.get(core_code, core_code)
    return ErrorBody(code=code, message=message, retryable=code in _RETRYABLE)
