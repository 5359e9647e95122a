"""Forgetting what has expired: jobs, recordings, replies, logins and left-over spool files."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from intone.core import calls, idempotency, ledger, logins, sessions, uploads, webhook_deliveries
from intone.core.segment_cache import SegmentCache
from intone.errors import IntoneError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from pathlib import Path

    from intone.core.cloning import Cloning
    from intone.queue.base import Queue
    from intone.storage.blobs import BlobStore
    from intone.storage.database import Database, Row, Transaction

__all__ = ["Retention"]

_log = structlog.get_logger(__name__)

#: Rows of one unit of work, small so that requests are not kept waiting.
_BATCH = 200
#: Seconds after which nobody can be writing an unfinished file any more.
_ABANDONED_S = 6 * 3600
#: Milliseconds for which dead letters, the queue's history and what webhooks were told are kept:
#: 30 days.
_HISTORY_MS = 30 * 86_400_000
#: Milliseconds for which streamed calls are kept: what `/v1/usage` can ask for, and a day.
_CALLS_MS = 366 * 86_400_000
#: Seconds between two prunings; each is a write, and an idle server should not write.
_PRUNE_EVERY_S = 3600


class Retention:
    """Sweeps the store every so often.

    Args:
        database: Where it is written what there is.
        queue: Whose history is pruned.
        blobs: Where audio is.
        spool: Where what is being worked on is.
        cloning: Knows of deleted voices, where voices are cloned.
    """

    def __init__(
        self,
        database: Database,
        queue: Queue,
        blobs: BlobStore,
        spool: Path,
        cloning: Cloning | None = None,
    ) -> None:
        self._database = database
        self._queue = queue
        self._next_prune = 0.0
        self._blobs = blobs
        self._segments = SegmentCache(database, blobs)
        self._spool = spool
        self._cloning = cloning

    async def run(self, every_s: float) -> None:
        """Sweep now and every `every_s` seconds until cancelled; a failed sweep is tried again."""
        while True:
            try:
                await self.sweep()
            except IntoneError as error:
                _log.warning("retention.failed", error=error.code)
            except Exception:  # noqa: BLE001 - one failure must not end all sweeping
                _log.exception("retention.failed")
            await asyncio.sleep(every_s)

    async def sweep(self) -> int:
        """Erase everything that has expired; returns the number of jobs erased."""
        erased = 0
        if self._cloning is not None:
            await self._cloning.sweep()  # first: recordings by deleted voices expire by it
        while rows := await self._database.read(_expired_jobs):
            # Audio first: should this process die in between, the rows still say what to erase.
            for row in rows:
                await self._erase_audio(f"recordings/{row['id']}")
                if row["has_segments"]:
                    await self._segments.release(row["id"])
            erased += await self._database.write(_erase_jobs, [row["id"] for row in rows])
        await self._sweep_uploads()
        while await self._database.write(idempotency.sweep, _BATCH) == _BATCH:
            pass
        while holds := await self._database.read(ledger.forgotten, _BATCH):
            await self._database.write(ledger.release_forgotten, holds)
        if time.monotonic() >= self._next_prune:
            await self._prune()
            self._next_prune = time.monotonic() + _PRUNE_EVERY_S
        await asyncio.to_thread(self._sweep_spool)
        await self._blobs.remove_unfinished(older_than_s=_ABANDONED_S)
        return erased

    async def _prune(self) -> None:
        """Erase what need not be gone to the minute."""
        await self._queue.prune(older_than_ms=_HISTORY_MS)
        for kept, age_ms in ((calls, _CALLS_MS), (webhook_deliveries, _HISTORY_MS)):
            before = now_ms() - age_ms
            while await self._database.write(kept.forget, before, _BATCH) == _BATCH:
                pass
        for forget in (sessions.sweep, logins.sweep):
            while await self._database.write(forget, _BATCH) == _BATCH:
                pass
        await self._segments.sweep()

    async def _sweep_uploads(self) -> None:
        while over := await self._database.read(uploads.expired, _BATCH):
            for upload in over:
                await self._erase_audio(uploads.folder_of(upload.workspace_id, upload.id))
            await self._database.write(uploads.forget, [upload.id for upload in over])

    async def _erase_audio(self, folder: str) -> None:
        # Until nothing is left: an MP3 may be put beside a recording that is just being erased.
        while found := [blob async for blob in self._blobs.list(folder)]:
            for blob in found:
                await self._blobs.delete(blob)

    def _sweep_spool(self) -> None:
        if not self._spool.is_dir():
            return
        for path in self._spool.iterdir():
            with suppress(FileNotFoundError):  # its worker was faster
                if path.stat().st_mtime < time.time() - _ABANDONED_S:
                    path.unlink()


def _expired_jobs(tx: Transaction) -> list[Row]:
    return tx.all(
        "SELECT id, EXISTS (SELECT 1 FROM job_segments WHERE job_id = jobs.id) AS has_segments"
        " FROM jobs WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit",
        now=now_ms(),
        limit=_BATCH,
    )


def _erase_jobs(tx: Transaction, job_ids: list[str]) -> int:
    for job_id in job_ids:
        tx.execute("DELETE FROM jobs WHERE id = :id", id=job_id)  # and its recording, by cascade
    return len(job_ids)
