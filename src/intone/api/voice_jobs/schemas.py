"""Bodies of the voice jobs dialect (seed 003; GET shapes are our own, wire.md §3)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = [
    "CreateVoiceJobRequest",
    "CreateVoiceJobRequestV2",
    "ErrorEnvelope",
    "JobCreated",
    "ProfileList",
    "Quota",
    "VoiceJob",
    "VoiceJobV2",
    "VoiceProfile",
]

SampleRate = Literal[8000, 16000, 22050, 24000, 44100]
Status = Literal["pending", "processing", "completed", "failed", "cancelled"]
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

    #: UUID v4.
    job_id: str


class ErrorBody(Struct, frozen=True, kw_only=True):
    """What went wrong."""

    code: str
    message: str
    retryable: bool


class ErrorEnvelope(Struct, frozen=True, kw_only=True):
    """Every error of this dialect."""

    error: ErrorBody


class _VoiceJob(Struct, frozen=True, kw_only=True):
    job_id: str
    status: Status
    #: Percent rendered.
    progress_percent: int
    request_tag: str | None
    created_at: str
    started_at: str | None
    completed_at: str | None
    expires_at: str | None
    voice: Voice
    duration_ms: int | None
    error: ErrorBody | None


class VoiceJob(_VoiceJob, frozen=True, kw_only=True):
    """A job as it stands (version 1)."""

    output: Output


class VoiceJobV2(_VoiceJob, frozen=True, kw_only=True):
    """A job as it stands (version 2)."""

    output: OutputV2


class VoiceProfile(Struct, frozen=True, kw_only=True):
    """One voice."""

    profile_id: str
    name: str
    language: str
    gender: Literal["female", "male", "neutral"]
    styles: tuple[str, ...]
    default_style: str
    description: str


class ProfileList(Struct, frozen=True, kw_only=True):
    """All voices."""

    profiles: list[VoiceProfile]


class Quota(Struct, frozen=True, kw_only=True):
    """Limit and use of the current billing period."""

    limit: int
    remaining: int
    #: Charged and reserved.
    used: int
    unit: Literal["characters"]
    period_start: str
    period_end: str
