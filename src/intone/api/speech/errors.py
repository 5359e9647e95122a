"""The speech envelopes: the seed's `{"error", "code", "details"}`, and OpenAI's for its clients.

Seed 004 names the discriminating field `error` in one table row and `code` in others, so both
carry the code. Clients made for OpenAI read `error.message`; below `/openai` they find it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec
from litestar import Response

from intone.api.dialect import STATUSES, status_of
from intone.errors import (
    AuthorizationPendingError,
    BreakerOpenError,
    DeviceCodeExpiredError,
    ForbiddenError,
    IntoneError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    StorageFullError,
    UnauthenticatedError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intone.api.dialect import RequestContext

__all__ = [
    "OpenAIEnvelope",
    "SpeechEnvelope",
    "code_of",
    "openai_envelope",
    "speech_envelope",
    "wire_code",
]

#: A full disk is a temporary failure of the service; seed 004 knows no 507.
_STATUSES: Final[Mapping[type[IntoneError], int]] = {
    **STATUSES,
    StorageFullError: 503,
    AuthorizationPendingError: 400,
    DeviceCodeExpiredError: 410,
}

#: What this dialect calls the core's codes; those not named here keep their names.
_CODES: Final[Mapping[str, str]] = {
    "invalid_input": "invalid_body",
    "unknown_model": "invalid_model",
    "unauthenticated": "unauthorized",
    "forbidden": "scope_required",
    "quota_exceeded": "insufficient_credit",
    "rate_limited": "rate_limit_exceeded",
    "concurrency_limited": "concurrency_limit_exceeded",
    "provider_rejected": "provider_bad_request",
    "engine_crashed": "provider_error",
    "breaker_open": "provider_unavailable",
    "storage_full": "service_unavailable",
}


class SpeechEnvelope(msgspec.Struct, frozen=True):
    """An error of the speech API."""

    #: What kind of failure this is.
    error: str
    #: The same; of a provider's failure, its category.
    code: str
    #: What is wrong and what to do, for people.
    details: str


class OpenAIError(msgspec.Struct, frozen=True):
    """What went wrong."""

    message: str
    type: str
    code: str
    param: str | None = None


class OpenAIEnvelope(msgspec.Struct, frozen=True):
    """An error as clients made for OpenAI expect it."""

    error: OpenAIError


def wire_code(core_code: str) -> str:
    """What this dialect calls the core's code of a failure."""
    return _CODES.get(core_code, core_code)


def code_of(error: IntoneError) -> str:
    """What this dialect calls a failure."""
    return wire_code(error.code)


def speech_envelope(error: IntoneError, _: RequestContext) -> Response[SpeechEnvelope]:
    """Status and envelope of an error (seed 004)."""
    code, status = code_of(error), status_of(error, _STATUSES)
    kind = "provider_error" if status == 502 else code  # noqa: PLR2004 - Bad Gateway
    return Response(
        SpeechEnvelope(kind, code, error.message),
        status_code=status,
        headers=_breaker_headers(error),
    )


def openai_envelope(error: IntoneError, _: RequestContext) -> Response[OpenAIEnvelope]:
    """Status and envelope of an error, as OpenAI words it."""
    body = OpenAIError(error.message, _openai_type(error), code_of(error))
    return Response(
        OpenAIEnvelope(body),
        status_code=status_of(error, _STATUSES),
        headers=_breaker_headers(error),
    )


def _breaker_headers(error: IntoneError) -> dict[str, str]:
    return {"X-VoxRouter-Breaker-State": error.state} if isinstance(error, BreakerOpenError) else {}


def _openai_type(
    error: IntoneError,
) -> Literal[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "insufficient_quota",
    "rate_limit_error",
    "server_error",
]:
    match error:
        case UnauthenticatedError():
            return "authentication_error"
        case ForbiddenError():
            return "permission_error"
        case QuotaExceededError():
            return "insufficient_quota"
        case RateLimitedError():
            return "rate_limit_error"
        case ProviderError():
            return "server_error"
    return "invalid_request_error" if status_of(error, _STATUSES) < 500 else "server_error"  # noqa: PLR2004
