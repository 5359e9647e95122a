"""Spoken segments, kept so that nothing is spoken twice.

A segment is known by a hash of everything that decides how it sounds, and belongs to one
workspace. Speech is not the same to the byte each time, so what is kept stands for every
rendering of its request. Whatever cannot be read, or is not what was written, counts as never
kept: then it is spoken again, and takes the place of what was there.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

import structlog

from intone.core import segment_rows
from intone.core.kept import unpacked
from intone.errors import IntoneError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from intone.core.kept import KeptPart, KeptPcm
    from intone.core.script import Script
    from intone.core.segment_rows import Place
    from intone.storage.blobs import BlobStore
    from intone.storage.database import Database
    from intone.text.segments import Segment

__all__ = ["SegmentCache", "SegmentKeys"]

_Shape = TypeVar("_Shape", bound="KeptPart | KeptPcm")

_log = structlog.get_logger(__name__)

#: To be raised when the same request would be spoken or kept otherwise: by new rules of
#: normalisation that leave the words alone, another way of resampling, another `KeptPcm`.
_PIPELINE = 3
#: Fields of a script that do not say how a segment sounds, or are put into its key otherwise.
_NOT_SETTINGS = frozenset({"text", "voice", "workspace_id", "turns"})
#: Rows of one unit of work, small so that requests are not kept waiting.
_ROWS = 500
#: Packs that are looked up at a time.
_PACKS = 500


class SegmentKeys:
    """The keys of a script's segments.

    Args:
        script: What one voice speaks; its workspace must be known.
        model: The provider's own id of the model.
    """

    def __init__(self, script: Script, model: str) -> None:
        voice = script.voice
        # Every field there is, so that a setting made later cannot be forgotten here.
        settings = [
            f"{field.name}={getattr(script, field.name)!r}"
            for field in fields(script)
            if field.name not in _NOT_SETTINGS
        ]
        self._common = hashlib.sha256()
        for part in (
            str(_PIPELINE), str(script.workspace_id), voice.provider, model, voice.slug,
            voice.local_id, voice.version, str(len(settings)), *settings,
        ):  # fmt: skip
            self._common.update(_framed(part))

    def of(self, segment: Segment, text: str) -> bytes:
        """The key of a segment, by the words as they are spoken and as they are written: 32 bytes.

        Both, because what is kept says when each written word is heard.

        Args:
            segment: The segment.
            text: The text that its offsets are of.
        """
        whole = self._common.copy()
        whole.update(_framed(segment.spoken))
        whole.update(_framed(text[segment.start : segment.end].strip()))
        return whole.digest()


class SegmentCache:
    """Finds, reads and erases what is kept; `intone.core.segment_keeper` adds to it."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    async def find(self, workspace_id: str, keys: Sequence[bytes]) -> dict[bytes, Place]:
        """Where the segments of those keys are that the workspace has.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        return await self._database.read(segment_rows.find, workspace_id, keys)

    async def read(self, place: Place, shape: type[_Shape]) -> _Shape | None:
        """What is kept there; None where it is gone or damaged.

        Args:
            place: Where.
            shape: In which form it was kept, as its key says.
        """
        try:
            end = place.start + place.size
            pieces = [p async for p in self._blobs.read_range(place.blob, place.start, end)]
        except IntoneError as error:
            _log.info("segment.unreadable", blob=place.blob, error=error.code)
            return None
        kept = await asyncio.to_thread(_checked, b"".join(pieces), place.sha256, shape)
        if kept is None:
            _log.warning("segment.damaged", blob=place.blob)
        return kept

    async def release(self, job_id: str) -> None:
        """Erase a job's segments that no other job uses, before its row is erased."""
        is_over = False
        while not is_over:
            packs, is_over = await self._database.write(segment_rows.release, job_id, _ROWS)
            await self.discard(packs)

    async def discard(self, packs: Iterable[str]) -> None:
        """Remove packs that no row names."""
        for pack in packs:
            await self._blobs.delete(pack)

    async def sweep(self) -> int:
        """Remove the packs that processes left behind which died; returns their number."""
        removed, packs = 0, []
        async for pack in self._blobs.list(segment_rows.FOLDER):
            packs.append(pack)
            if len(packs) == _PACKS:
                removed += await self._remove_orphans(packs)
                packs = []
        return removed + await self._remove_orphans(packs)

    async def _remove_orphans(self, packs: Sequence[str]) -> int:
        orphans = await self._database.read(segment_rows.orphans, packs)
        await self.discard(orphans)
        return len(orphans)


def _framed(part: str) -> bytes:
    """The part with its length before it, so that no two rows of parts are the same bytes."""
    raw = part.encode("utf-8", "surrogatepass")
    return len(raw).to_bytes(8, "big") + raw


def _checked(data: bytes, sha256: bytes, shape: type[_Shape]) -> _Shape | None:
    return unpacked(data, shape) if hashlib.sha256(data).digest() == sha256 else None
