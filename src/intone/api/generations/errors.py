"""The generations envelope: `{"error": "<code>"}` (seed 002), with a sentence beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from litestar import Response
from msgspec import UNSET, UnsetType

from intone.api.dialect import STATUSES, status_of
from intone.errors import (
    IntoneError,
    PlanFeatureError,
    RateLimitedError,
    StorageFullError,
    VoiceNotReadyError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intone.api.dialect import RequestContext

__all__ = ["GenerationEnvelope", "code_of", "generation_envelope"]

_STATUSES: Final[Mapping[type[IntoneError], int]] = {
    **STATUSES,
    StorageFullError: 503,
    VoiceNotReadyError: 409,
}
#: What this dialect calls the core's codes; those not named here keep their names.
_CODES: Final[Mapping[str, str]] = {
    "invalid_input": "invalid_request",
    "unauthenticated": "unauthorized",
    "quota_exceeded": "insufficient_credits",
    "rate_limited": "rate_limit_exceeded",
    "storage_full": "service_unavailable",
}
#: What `retryAfter` says (seed 002).
_RETRY_AFTER_S: Final = 60


class GenerationEnvelope(msgspec.Struct, frozen=True, rename="camel"):
    """An error of this API."""

    #: What kind of failure this is.
    error: str
    #: What is wrong and what to do, for people.
    message: str
    #: With `rate_limit_exceeded`: seconds after which to try again.
    retry_after: int | UnsetType = UNSET


def code_of(error: IntoneError) -> str:
    """What this dialect calls a failure."""
    if isinstance(error, PlanFeatureError):
        return error.feature_code
    return _CODES.get(error.code, error.code)


def generation_envelope(error: IntoneError, _: RequestContext) -> Response[GenerationEnvelope]:
    """Status and envelope of an error."""
    is_rate = isinstance(error, RateLimitedError)
    body = GenerationEnvelope(
        code_of(error), error.message, retry_after=_RETRY_AFTER_S if is_rate else UNSET
    )
    return Response(body, status_code=status_of(error, _STATUSES))
