"""The voice jobs envelope: `{"error": {"code", "message", "retryable"}}` (seed 003)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from litestar import Response

from intone.api.dialect import STATUSES, status_of
from intone.api.voice_jobs.schemas import ErrorBody, ErrorEnvelope
from intone.errors import StorageFullError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intone.api.dialect import RequestContext
    from intone.api.voice_jobs.schemas import ErrorCode
    from intone.core.jobs import Job
    from intone.errors import IntoneError

__all__ = ["job_error", "render_error"]

#: The seed knows no 507; a full disk is a temporary failure of the service.
_STATUSES = {**STATUSES, StorageFullError: 503}

#: What this dialect calls each of the core's codes; the seed has eight of its own.
_CODES: Final[Mapping[str, ErrorCode]] = {
    "invalid_input": "invalid_input",
    "voice_not_ready": "invalid_input",
    "payload_too_large": "invalid_input",
    "method_not_allowed": "invalid_input",
    "range_not_satisfiable": "invalid_input",
    "unauthenticated": "unauthenticated",
    "quota_exceeded": "quota_exceeded",
    "forbidden": "forbidden",
    "policy_blocked": "policy_blocked",
    "not_found": "not_found",
    "idempotency_conflict": "idempotency_conflict",
    "rate_limited": "rate_limited",
    "service_unavailable": "service_unavailable",
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
    code = _CODES.get(core_code, "internal_error")
    return ErrorBody(code=code, message=message, retryable=code in _RETRYABLE)
