"""The one vocabulary of failure.

An error carries a stable `code`, a sentence for people and whether trying again
can help. It knows nothing of HTTP: every dialect maps these classes onto its own
status codes and envelope.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AuthorizationPendingError",
    "BreakerOpenError",
    "ConcurrencyLimitError",
    "DeviceCodeExpiredError",
    "EngineCrashedError",
    "ForbiddenError",
    "IdempotencyConflictError",
    "InsufficientCreditError",
    "InternalError",
    "IntoneError",
    "InvalidDeviceCodeError",
    "InvalidInputError",
    "LeaseLostError",
    "NotFoundError",
    "PayloadTooLargeError",
    "PolicyBlockedError",
    "ProviderAuthError",
    "ProviderBusyError",
    "ProviderError",
    "ProviderInvalidResponseError",
    "ProviderRejectedError",
    "ProviderTimeoutError",
    "QuotaExceededError",
    "RateLimitedError",
    "SpendLimitError",
    "StorageFullError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnknownModelError",
]


class IntoneError(Exception):
    """Something the caller or the operator is told about.

    Args:
        message: One sentence that says what is wrong and what to do; the class's
            docstring is the default.
        retry_after: Seconds after which another try may succeed, where known.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.retry_after = retry_after
        super().__init__(self.message)


class InternalError(IntoneError):
    """Something went wrong on our side; the details are in the server's log."""

    code = "internal_error"


class InvalidInputError(IntoneError):
    """The request is not valid."""

    code = "invalid_input"


class UnknownModelError(InvalidInputError):
    """There is no such model."""

    code = "unknown_model"


class PayloadTooLargeError(InvalidInputError):
    """The request body is larger than this server accepts."""

    code = "payload_too_large"


class UnauthenticatedError(IntoneError):
    """The credential is missing, invalid, expired or revoked."""

    code = "unauthenticated"


class ForbiddenError(IntoneError):
    """The credential is valid but does not allow this."""

    code = "forbidden"


class AuthorizationPendingError(IntoneError):
    """Nobody has approved this login yet; ask again after the interval."""

    code = "authorization_pending"
    retryable = True


class DeviceCodeExpiredError(IntoneError):
    """This login was not approved in time; begin a new one."""

    code = "expired_token"


class PolicyBlockedError(IntoneError):
    """The text is not allowed by this server's content policy."""

    code = "policy_blocked"


class QuotaExceededError(IntoneError):
    """The workspace has not enough quota left for this request."""

    code = "quota_exceeded"


class InsufficientCreditError(QuotaExceededError):
    """The wallet has not enough credit left for this request."""

    code = "insufficient_credit"


class SpendLimitError(QuotaExceededError):
    """This key has reached its spending limit."""

    code = "spend_limit_exceeded"


class NotFoundError(IntoneError):
    """There is nothing here, or it has expired."""

    code = "not_found"


class InvalidDeviceCodeError(NotFoundError):
    """There is no such device code, or it was exchanged before; begin a new login."""

    code = "invalid_device_code"


class IdempotencyConflictError(IntoneError):
    """This Idempotency-Key was used with a different request body; use a new key."""

    code = "idempotency_conflict"


class RateLimitedError(IntoneError):
    """Too many requests; wait before the next one."""

    code = "rate_limited"
    retryable = True


class ConcurrencyLimitError(RateLimitedError):
    """Too many requests of this key are under way; wait until one has ended."""

    code = "concurrency_limited"


class UnavailableError(IntoneError):
    """The service cannot do this right now; try again shortly."""

    code = "service_unavailable"
    retryable = True


class BreakerOpenError(UnavailableError):
    """The speech provider has failed too often; it is left alone for a while."""

    code = "breaker_open"

    def __init__(
        self, message: str | None = None, *, state: str = "open", retry_after: float | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        #: `open`, or `half_open` while a single probe finds out.
        self.state = state


class StorageFullError(UnavailableError):
    """The server's disk is full; reading still works, and writing will once space is back."""

    code = "storage_full"


class LeaseLostError(IntoneError):
    """Another worker has taken this work over; this one must write nothing more."""

    code = "lease_lost"


class ProviderError(IntoneError):
    """The speech provider failed."""

    code = "provider_error"
    retryable = True
    #: Whether it says something of the provider's health, for its breaker; a refusal does not.
    is_outage: ClassVar[bool] = True


class ProviderRejectedError(ProviderError):
    """The speech provider does not accept this request; trying again will not help."""

    code = "provider_rejected"
    retryable = False
    is_outage = False


class ProviderAuthError(ProviderError):
    """The speech provider does not accept this server's credentials; tell its operator."""

    code = "provider_auth"
    retryable = False
    is_outage = False


class ProviderBusyError(ProviderError):
    """The speech provider takes no more requests of this server for now."""

    code = "provider_rate_limited"
    is_outage = False


class ProviderInvalidResponseError(ProviderError):
    """The speech provider's answer is not the audio that was asked for."""

    code = "provider_invalid_response"


class ProviderTimeoutError(ProviderError):
    """The speech provider did not answer in time."""

    code = "provider_timeout"


class EngineCrashedError(ProviderError):
    """The local engine's process died while it was speaking."""

    code = "engine_crashed"
    is_outage = False  # the text may be to blame; its pool starts another process at once
