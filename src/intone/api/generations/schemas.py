"""Bodies of the generations API (seeds 001 and 002, wire.md §2).

The seeds describe two forms of one request. Who sends `script` gets the words of seed 002, who
sends `text` those of seed 001; fields that only one of them names are there for both.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from intone.api.described import PLAIN_TEXT
from intone.api.moments import Moment  # noqa: TC001 - msgspec reads it

__all__ = [
    "LONGEST_SCRIPT",
    "CreateGeneration",
    "Form",
    "Format",
    "Generation",
    "GenerationEvent",
    "GenerationList",
    "ReusedSegments",
    "Settings",
    "Status",
]

#: Longest script, in characters.
LONGEST_SCRIPT = 100_000
#: By which form a generation was asked for: the field that carried its text.
Form = Literal["script", "text"]
Format = Literal["mp3", "wav", "opus", "flac", "aac", "pcm"]
Status = Literal["queued", "running", "enhancing", "ready", "failed", "processing", "completed"]
_Script = Annotated[
    str, Meta(min_length=1, max_length=LONGEST_SCRIPT, extra_json_schema=PLAIN_TEXT)
]
_VoiceId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        description="A voice's uuid, or its `voice_…` name.",
        examples=["voice_en_us_001"],
    ),
]
GenerationId = Annotated[
    str,
    Meta(
        description="A uuid; `gen_…` where the generation was asked for with `text`.",
        examples=["5b2a5b7a-6c2d-4d40-9e7b-1f25c08e6a1f"],
    ),
]


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How to speak."""

    #: Speed multiplier.
    speed: Annotated[float, Meta(ge=0.5, le=2.0)] = 1.0
    #: How much higher or lower than the voice's own pitch.
    pitch_semitones: Annotated[float, Meta(ge=-12, le=12)] = 0.0


class CreateGeneration(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A generation to make: one of `script` and `text`, or both if they are equal."""

    voice_id: _VoiceId
    script: _Script | UnsetType = UNSET
    text: _Script | UnsetType = UNSET
    format: Format = "mp3"
    settings: Settings = Settings()


class ReusedSegments(msgspec.Struct, frozen=True, kw_only=True):
    """How much had been spoken before and was not spoken again."""

    #: Sentence-sized pieces that were reused, and all there are.
    segments: int
    of: int


class GenerationFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a generation failed."""

    code: str
    message: str


class Generation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A generation as it stands."""

    id: GenerationId
    status: Status
    voice_id: str
    format: Format
    #: What it costs: held when it is asked for, charged when it is ready.
    credits: int
    estimated_credits: int
    progress_percent: Annotated[int, Meta(ge=0, le=100)]
    created_at: Moment
    completed_at: Moment | None = None
    #: Whole seconds, rounded up.
    duration_sec: int | None = None
    duration_ms: int | None = None
    #: Works for ten minutes and without a key; each answer has a new one.
    download_url: str | None = None
    #: The same address.
    audio_url: str | None = None
    reused: ReusedSegments | None = None
    error: GenerationFailure | None = None


class GenerationList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Generations, newest first."""

    items: list[Generation]
    #: Sent as `cursor`, it leads to those after; null where there are none.
    next_cursor: str | None


class GenerationEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What has changed."""

    id: GenerationId
    status: Status
    progress_percent: int
