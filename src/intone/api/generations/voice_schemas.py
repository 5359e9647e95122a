"""Bodies about single voices and about making them (seed 002, wire.md §2)."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads it
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from intone.api.described import PLAIN_TEXT
from intone.api.moments import Moment  # noqa: TC001 - msgspec reads it
from intone.core.cloning import MAX_GIVEN_BY, MAX_NAME, MAX_SAMPLES

__all__ = [
    "CloneFailure",
    "CloneQueued",
    "CloneStatus",
    "CloneVoice",
    "GivenConsent",
    "ShownConsent",
    "VoiceDetail",
]

VoiceUuid = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
CloneStatus = Literal["queued", "running", "ready", "failed"]


class GivenConsent(Struct, frozen=True, kw_only=True, rename="camel"):
    """Who has agreed that this voice is cloned."""

    given_by: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_GIVEN_BY,
            description="The person whose voice it is, or who may speak for them.",
            extra_json_schema=PLAIN_TEXT,
        ),
    ]
    given_at: Annotated[datetime, Meta(tz=True, description="RFC 3339, not in the future.")]


class CloneVoice(Struct, frozen=True, kw_only=True, rename="camel"):
    """A voice to make."""

    sample_paths: Annotated[
        list[Annotated[str, Meta(max_length=200, examples=["uploads/sample1.wav"])]],
        Meta(
            min_length=1,
            max_length=MAX_SAMPLES,
            description="Paths of uploads: recordings of one speaker, five seconds of speech or"
            " more in all.",
        ),
    ]
    language: Annotated[
        str,
        Meta(
            pattern="^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$",
            max_length=35,
            description="BCP 47 tag of what the voice is to speak.",
            examples=["en-GB"],
        ),
    ] = "en"
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, extra_json_schema=PLAIN_TEXT)] = (
        "Cloned voice"
    )
    consent: Annotated[
        GivenConsent | None, Meta(description="Required, unless this server's operator says not.")
    ] = None


class CloneQueued(Struct, frozen=True, kw_only=True):
    """A voice that will be made."""

    id: VoiceUuid
    status: Literal["queued"] = "queued"


class ShownConsent(Struct, frozen=True, kw_only=True, rename="camel"):
    """Who has agreed that this voice is cloned."""

    given_by: str
    given_at: Moment


class CloneFailure(Struct, frozen=True, kw_only=True):
    """Why a voice could not be made."""

    code: str
    message: str


class VoiceDetail(Struct, frozen=True, kw_only=True, rename="camel"):
    """A voice; what comes after `status` is there of cloned voices alone."""

    id: VoiceUuid
    #: As the dialects of voice jobs and generations take it as well.
    slug: Annotated[str, Meta(description="A shorter name.", examples=["voice_en_us_001"])]
    name: str
    kind: Literal["preset", "cloned"]
    language: Annotated[str, Meta(description="BCP 47 tag.", examples=["en-US"])]
    status: CloneStatus
    consent: ShownConsent | UnsetType | None = UNSET
    analysis: Annotated[
        dict[str, Any] | UnsetType | None, Meta(description="What was found in the samples.")
    ] = UNSET
    created_at: Moment | UnsetType = UNSET
    error: CloneFailure | UnsetType | None = UNSET
