"""Keeping what a job speaks, while it is spoken.

Segments gather into packs, so that a short job costs one more file and its rows cost nothing of
their own: they are written with the job's end. A long job writes a pack every few seconds, and
goes on from there if its process dies.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import TYPE_CHECKING

import structlog

from intone.core import job_steps, segment_rows
from intone.core.segment_rows import Batch, Place, Tally, pack_path
from intone.errors import IntoneError, LeaseLostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from intone.core.jobs import Job
    from intone.core.kept import Kept
    from intone.core.synthesis import Passage
    from intone.queue.base import Claim
    from intone.storage.blobs import BlobStore
    from intone.storage.database import Database, Transaction

__all__ = ["SegmentKeeper"]

_log = structlog.get_logger(__name__)

#: When a pack is written: at that many bytes (87 s of PCM at 24 kHz), segments, or seconds after
#: the last one.
_PACK_BYTES, _PACK_SEGMENTS, _PACK_EVERY_S = 4 * 1024 * 1024, 500, 5.0


class SegmentKeeper:
    """Keeps the segments of one try at a job whose order asks for reuse; of others, none.

    Args:
        database: Where it is written which segments there are.
        blobs: Where they are put.
        claim: Under which the job is rendered.
        job: As it was begun.
    """

    def __init__(self, database: Database, blobs: BlobStore, claim: Claim, job: Job) -> None:
        self._database = database
        self._blobs = blobs
        self._claim = claim
        self._job = job
        self._total = self._reused = self._characters = 0
        self._spoken: dict[bytes, Kept] = {}
        self._bytes = 0
        self._found: set[bytes] = set()
        self._packs = 0
        self._wrote = time.monotonic()
        self._writing: asyncio.Task[None] | None = None

    async def add(self, passage: Passage, kept: Iterable[Kept]) -> None:
        """Take in the next passage; the disk works while others are spoken.

        Args:
            passage: Counts as a segment of the job.
            kept: What can be kept of the job by now, of this passage or of earlier ones.

        Raises:
            LeaseLostError: Another worker has the job, or it was cancelled.
            IntoneError: What was kept before could not be written down.
        """
        if passage.key is None:
            return
        self._count(passage, passage.key)
        self._gather(kept)
        is_due = (
            self._bytes >= _PACK_BYTES
            or len(self._spoken) + len(self._found) >= _PACK_SEGMENTS
            or time.monotonic() - self._wrote >= _PACK_EVERY_S
        )
        if is_due:
            await self._written()  # no more than two packs are in memory
            self._writing = asyncio.create_task(self._write())

    async def finish(self, kept: Iterable[Kept]) -> Tally | None:
        """Put what is left on disk; its rows are for the caller to write, with the job's end.

        Args:
            kept: What could not be kept before.

        Returns:
            None where the order asks for no reuse.

        Raises:
            LeaseLostError, IntoneError: As `add`.
        """
        if not self._job.order.reuse:
            return None
        self._gather(kept)
        await self._written()
        rest = await self._packed()
        return Tally(self._total, self._reused, self._characters, rest)

    async def save(self, kept: Iterable[Kept]) -> None:
        """Keep what there is of a try that ends early, for the next one; errors are only logged."""
        try:
            self._gather(kept)
            await self._written()
            if self._spoken or self._found:
                await self._write()
        except IntoneError as error:
            _log.info("segments.not_kept", job=self._job.id, error=error.code)

    def _count(self, passage: Passage, key: bytes) -> None:
        self._total += 1
        if passage.place is not None:
            self._found.add(key)
        if passage.place is None or passage.place.is_of(self._job):
            self._characters += passage.segment.end - passage.segment.start
        else:
            self._reused += 1

    def _gather(self, kept: Iterable[Kept]) -> None:
        for one in kept:
            self._spoken[one.key] = one
            self._bytes += len(one.data)

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def _write(self) -> None:
        batch = await self._packed()
        try:
            await self._database.write(_keep, self._claim, self._job, batch)
        except LeaseLostError:
            # Only then is it sure that no row names the pack.
            await self.discard(batch)
            raise

    async def _packed(self) -> Batch:
        """Put what has gathered into a pack."""
        spoken, found = self._spoken, frozenset(self._found)
        self._spoken, self._found, self._bytes = {}, set(), 0
        self._wrote = time.monotonic()
        if not spoken:
            return Batch({}, found)
        blob = pack_path(self._job, self._packs)
        self._packs += 1
        try:
            await self._blobs.put_stream(blob, _pieces(spoken.values()))
        except IntoneError as error:
            _log.warning("segments.not_kept", job=self._job.id, error=error.code)
            return Batch({}, found)
        own = self._job.order.voice
        voices = {key: kept.voice for key, kept in spoken.items() if kept.voice != own}
        return Batch(await asyncio.to_thread(_places, blob, spoken), found, voices)

    async def discard(self, batch: Batch) -> None:
        """Remove a pack whose rows are sure not to be written."""
        for blob in {place.blob for place in batch.spoken.values()}:
            await self._blobs.delete(blob)


def _keep(tx: Transaction, claim: Claim, job: Job, batch: Batch) -> None:
    job_steps.fence(tx, claim)
    segment_rows.keep(tx, job, batch)


def _places(blob: str, spoken: dict[bytes, Kept]) -> dict[bytes, Place]:
    places, start = {}, 0
    for key, kept in spoken.items():
        size = len(kept.data)
        places[key] = Place(blob, start, size, hashlib.sha256(kept.data).digest())
        start += size
    return places


async def _pieces(spoken: Iterable[Kept]) -> AsyncIterator[bytes]:
    for kept in spoken:
        yield kept.data
