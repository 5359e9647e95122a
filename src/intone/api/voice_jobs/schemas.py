"""Bodies of the voice jobs dialect (seed 003; GET shapes are our own, wire.md §3)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from intone.api.described import PLAIN_TEXT

__all__ = [
    "CreateVoiceJobRequest",
    "CreateVoiceJobRequestV2",
    "ErrorCode",
    "ErrorEnvelope",
    "JobCreated",
    "JobEvent",
    "ProfileList",
    "Quota",
    "VoiceJob",
    "VoiceJobV2",
    "VoiceProfile",
]


SampleRate = Literal[8000, 16000, 22050, 24000, 44100]
Status = Literal["pending", "processing", "completed", "failed", "cancelled"]
ErrorCode = Literal[
    "invalid_input",
    "unauthenticated",
    "quota_exceeded",
    "policy_blocked",
    "forbidden",
    "not_found",
    "idempotency_conflict",
    "rate_limited",
    "internal_error",
    "service_unavailable",
]
Moment = Annotated[
    str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-11-20T12:00:00.000Z"])
]
JobId = Annotated[
    str,
    Meta(
        extra_json_schema={"format": "uuid"},
        description="UUID v4.",
        examples=["5b2a5b7a-6c2d-4d40-9e7b-1f25c08e6a1f"],
    ),
]
Progress = Annotated[int, Meta(ge=0, le=100, description="How much is rendered.")]
Count = Annotated[int, Meta(ge=0)]
Style = Annotated[
    str,
    Meta(
        description="Rendering style; the profile lists its own. Default: `neutral`.",
        examples=["neutral"],
    ),
]
Rate = Annotated[float, Meta(ge=0.5, le=2.0, description="Speed multiplier.", examples=[1.0])]
ProfileId = Annotated[
    str, Meta(description="Voice profile ID.", examples=["voice_en_us_001"], max_length=200)
]


class Input(Struct, frozen=True, kw_only=True):
    """What to synthesize."""

    content: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=2000,
            description="Text, 1 to 2,000 characters (Unicode code points).",
            examples=["Hello, world."],
            extra_json_schema=PLAIN_TEXT,
        ),
    ]
    content_type: Literal["text/plain"]


class Voice(Struct, frozen=True, kw_only=True):
    """Voice selection and rendering options."""

    profile_id: ProfileId
    style: Style = "neutral"
    rate: Rate = 1.0


class Output(Struct, frozen=True, kw_only=True):
    """Output formatting (version 1)."""

    format: Literal["pcm_s16le"]
    sample_rate_hz: SampleRate


class AudioOutput(Struct, frozen=True, kw_only=True):
    """Audio formatting (version 2)."""

    format: Literal["pcm_s16le"]
    sample_rate_hz: SampleRate
    channels: Literal[1, 2] = 1


class OutputV2(Struct, frozen=True, kw_only=True):
    """Output formatting (version 2)."""

    audio: AudioOutput


class Client(Struct, frozen=True, kw_only=True):
    """Metadata for correlation."""

    request_tag: (
        Annotated[
            str,
            Meta(
                max_length=128,
                description="Echoed on the job; at most 128 characters.",
                examples=["msg-001"],
                extra_json_schema=PLAIN_TEXT,
            ),
        ]
        | None
    ) = None


class CreateVoiceJobRequest(Struct, frozen=True, kw_only=True):
    """A voice job, version 1."""

    input: Input
    voice: Voice
    output: Output
    client: Client | None = None

    @property
    def channels(self) -> int:
        """Version 1 is mono."""
        return 1

    @property
    def audio(self) -> Output:
        """Format and sample rate."""
        return self.output


class CreateVoiceJobRequestV2(Struct, frozen=True, kw_only=True):
    """A voice job, version 2."""

    input: Input
    voice: Voice
    output: OutputV2
    client: Client | None = None

    @property
    def channels(self) -> int:
        """1 (default) or 2."""
        return self.output.audio.channels

    @property
    def audio(self) -> AudioOutput:
        """Format and sample rate."""
        return self.output.audio


class JobCreated(Struct, frozen=True, kw_only=True):
    """The job was accepted."""

    job_id: JobId


class ErrorBody(Struct, frozen=True, kw_only=True):
    """What went wrong."""

    code: ErrorCode
    message: Annotated[str, Meta(description="A sentence for people.")]
    retryable: Annotated[bool, Meta(description="Whether the same request may succeed later.")]


class ErrorEnvelope(Struct, frozen=True, kw_only=True):
    """Every error of this dialect."""

    error: ErrorBody


class _VoiceJob(Struct, frozen=True, kw_only=True):
    job_id: JobId
    status: Status
    progress_percent: Progress
    request_tag: Annotated[str | None, Meta(description="As it was sent.")]
    created_at: Moment
    started_at: Moment | None
    completed_at: Annotated[Moment | None, Meta(description="When it ended, however it did.")]
    expires_at: Annotated[Moment | None, Meta(description="From then on it is a 404.")]
    voice: Voice
    duration_ms: Annotated[Count | None, Meta(description="Length of the audio.")]
    error: Annotated[ErrorBody | None, Meta(description="Why it failed, if it did.")]


class VoiceJob(_VoiceJob, frozen=True, kw_only=True):
    """A job as it stands (version 1)."""

    output: Output


class VoiceJobV2(_VoiceJob, frozen=True, kw_only=True):
    """A job as it stands (version 2)."""

    output: OutputV2


class JobEvent(Struct, frozen=True, kw_only=True):
    """What an event says of its job."""

    job_id: JobId
    status: Status
    progress_percent: Progress
    duration_ms: Count | UnsetType = UNSET
    error: ErrorBody | UnsetType = UNSET


class VoiceProfile(Struct, frozen=True, kw_only=True):
    """One voice."""

    profile_id: ProfileId
    name: str
    language: Annotated[str, Meta(description="BCP 47 tag.", examples=["en-US"])]
    gender: Literal["female", "male", "neutral"]
    styles: tuple[str, ...]
    default_style: str
    description: str


class ProfileList(Struct, frozen=True, kw_only=True):
    """All voices."""

    profiles: list[VoiceProfile]


class Quota(Struct, frozen=True, kw_only=True):
    """Limit and use of the current billing period."""

    limit: Count
    remaining: Count
    used: Annotated[Count, Meta(description="Charged and held.")]
    unit: Literal["characters"]
    period_start: Moment
    period_end: Moment
