"""Bodies of uploads (wire.md §2 names `path`; the rest is ours)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from intone.api.moments import Moment  # noqa: TC001 - msgspec reads it

__all__ = ["CreateUpload", "UploadBody", "UploadList"]

_Path = Annotated[
    str,
    Meta(
        description="What `samplePaths` names.",
        examples=["uploads/0f8fad5b-d9cb-469f-a165-70867728950e.wav"],
    ),
]


class CreateUpload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is to be sent to an address of its own."""

    filename: Annotated[
        str, Meta(description="What people call it; it decides nothing.", max_length=255)
    ] = ""


class UploadBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An upload; what is missing is not known before its file is there."""

    id: str
    path: _Path
    status: Annotated[
        Literal["pending", "ready"],
        Meta(description="`pending` until the file has been sent and found to be good."),
    ]
    filename: str | UnsetType = UNSET
    format: Annotated[
        Literal["wav", "mp3", "flac", "ogg", "m4a"] | UnsetType,
        Meta(description="What the file is, by its content."),
    ] = UNSET
    bytes: int | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET
    sample_rate: Annotated[int | UnsetType, Meta(description="In Hz.")] = UNSET
    channels: int | UnsetType = UNSET
    created_at: Moment
    expires_at: Annotated[
        Moment,
        Meta(description="When it is erased; beside an `uploadUrl`, until when that works."),
    ]
    upload_url: Annotated[
        str | UnsetType,
        Meta(
            description="Where to send the file's bytes, once; no key is needed. Only the answer"
            " that makes the address has it."
        ),
    ] = UNSET
    method: Annotated[
        Literal["PUT"] | UnsetType, Meta(description="By which method to send them.")
    ] = UNSET


class UploadList(msgspec.Struct, frozen=True, kw_only=True):
    """The workspace's uploads."""

    items: list[UploadBody]
