"""The one vocabulary of failure.

An error carries a stable `code`, a sentence for people and whether trying again
can help. It knows nothing of HTTP: every dialect maps these classes onto its own
status codes and envelope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    "MediaBrokenError",
    "MediaError",
    "MediaHasNoAudioError",
    "MediaTooLongError",
    "MediaTooShortError",
    "NotFoundError",
    "PayloadTooLargeError",
    "PlanFeatureError",
    "PolicyBlockedError",
    "PostLimitError",
    "ProviderAuthError",
    "ProviderBusyError",
    "ProviderError",
    "ProviderInvalidResponseError",
    "ProviderRejectedError",
    "ProviderTimeoutError",
    "QuotaExceededError",
    "RateLimitedError",
    "SampleClippedError",
    "SampleNoisyError",
    "SampleNotSpeechError",
    "SampleRejectedError",
    "SampleSilentError",
    "SampleTooShortError",
    "SignatureError",
    "SpendLimitError",
    "StorageFullError",
    "TooManyUploadsError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnknownModelError",
    "UnsupportedMediaError",
    "UploadUsedError",
    "VoiceNotReadyError",
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


class MediaError(InvalidInputError):
    """The file that was sent cannot be used."""


class UnsupportedMediaError(MediaError):
    """The file is not audio that is accepted; send WAV, MP3, FLAC, Ogg (Opus, Vorbis) or M4A."""

    code = "unsupported_media"


class MediaTooLongError(MediaError):
    """The audio is longer than is accepted; send a shorter piece of it."""

    code = "media_too_long"


class MediaTooShortError(MediaError):
    """The audio is too short to be of use."""

    code = "media_too_short"


class MediaHasNoAudioError(MediaError):
    """There is no audio in the file."""

    code = "media_has_no_audio"


class MediaBrokenError(MediaError):
    """The file is damaged or cut off: its audio cannot be decoded."""

    code = "media_broken"


class VoiceNotReadyError(InvalidInputError):
    """This voice is still being made, or could not be made; ask for it to see which."""

    code = "voice_not_ready"


class SampleRejectedError(InvalidInputError):
    """No voice can be made of these samples.

    Args:
        message: As of every error.
        analysis: What was found in the samples; of JSON's types.
    """

    code = "sample_rejected"

    def __init__(
        self, message: str | None = None, *, analysis: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.analysis = analysis


class SampleTooShortError(SampleRejectedError):
    """There is too little speech in the samples; send at least five seconds of it."""

    code = "sample_too_short"


class SampleSilentError(SampleRejectedError):
    """There is nothing to be heard in the samples; send louder ones."""

    code = "sample_silent"


class SampleClippedError(SampleRejectedError):
    """The samples are clipped: they were recorded too loudly; record them anew."""

    code = "sample_clipped"


class SampleNoisyError(SampleRejectedError):
    """There is too much noise in the samples; record them in a quieter place."""

    code = "sample_noisy"


class SampleNotSpeechError(SampleRejectedError):
    """What is to be heard in the samples is not one speaker's voice; send speech alone."""

    code = "sample_not_speech"


class UnauthenticatedError(IntoneError):
    """The credential is missing, invalid, expired or revoked."""

    code = "unauthenticated"


class ForbiddenError(IntoneError):
    """The credential is valid but does not allow this."""

    code = "forbidden"


class SignatureError(ForbiddenError):
    """The address has expired, or its signature is not ours; ask for a new one."""

    code = "invalid_signature"


class TooManyUploadsError(ForbiddenError):
    """The workspace keeps as many uploads as it may; delete some, or wait until they expire."""

    code = "too_many_uploads"


class AuthorizationPendingError(IntoneError):
    """Nobody has approved this login yet; ask again after the interval."""

    code = "authorization_pending"
    retryable = True


class DeviceCodeExpiredError(IntoneError):
    """This login was not approved in time; begin a new one."""

    code = "expired_token"


class PlanFeatureError(ForbiddenError):
    """The workspace's plan does not include this.

    Args:
        feature_code: What clients are told, e.g. `public_api_requires_scale`.
        message: One sentence that says what is missing.
    """

    code = "plan_feature"

    def __init__(self, feature_code: str, message: str | None = None) -> None:
        super().__init__(message)
        self.feature_code = feature_code


class PolicyBlockedError(IntoneError):
    """The text is not allowed by this server's content policy."""

    code = "policy_blocked"


class QuotaExceededError(IntoneError):
    """The workspace has not enough quota left for this request."""

    code = "quota_exceeded"


class InsufficientCreditError(QuotaExceededError):
    """The wallet has not enough credit left for this request."""

    code = "insufficient_credit"


class PostLimitError(QuotaExceededError):
    """The plan's new posts of this month are used up."""

    code = "post_limit_reached"


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


class UploadUsedError(IntoneError):
    """Something was sent to this address before; ask for a new one."""

    code = "upload_used"


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
