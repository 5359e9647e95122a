"""Rendering a job: from a claimed queue entry to a recording, or to a reason why not.

No transaction is open while a voice speaks. The audio goes to a spool file as it comes,
where listeners can follow it. From there its level is set and it is encoded into the
blob store, all at the end or, once the level of a long one is known, while the rest is
being spoken. The blob's path is of this try alone, so that a worker that was frozen and
wakes late overwrites nothing.
"""

from __future__ import annotations

import asyncio
import errno
import random
import time
from contextlib import aclosing, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING

import structlog

from intone.core import job_steps
from intone.core.kept import in_parts
from intone.core.part_take import PartTake
from intone.core.recordings import words_blob
from intone.core.script import Script
from intone.core.segment_keeper import SegmentKeeper
from intone.core.spool import begin_spooling
from intone.core.take import OffLevelError, Take
from intone.errors import (
    BreakerOpenError,
    InternalError,
    IntoneError,
    LeaseLostError,
    StorageFullError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from intone.core.job_metrics import JobMetrics
    from intone.core.job_steps import Announce
    from intone.core.jobs import Job
    from intone.core.kept import Kept
    from intone.core.recordings import Recording
    from intone.core.segment_rows import Tally
    from intone.core.synthesis import Synthesizer
    from intone.core.voices import VoiceCatalogue
    from intone.core.watch import Watchers
    from intone.queue.base import Claim, Queue
    from intone.storage.blobs import BlobStore
    from intone.storage.database import Database

__all__ = ["Renderer"]

_log = structlog.get_logger(__name__)

#: How often a job whose provider fails is tried before it fails itself.
_MAX_ATTEMPTS = 4
#: How often a job is taken up in all: also by processes that died with it, onto full disks, for
#: providers that were left alone.
_MAX_CLAIMS = 20
#: Milliseconds before the second try; doubled for each one after, with jitter, up to the most.
_RETRY_MS, _MOST_RETRY_MS = 1000, 60_000
#: Seconds between two notes of a job's progress.
_NOTE_EVERY_S = 0.5
#: Seconds in which the rest of most recordings is encoded; only of others that is noted.
_MOMENT_S = 0.05


class Renderer:
    """Renders jobs; `run` is the worker's handler for them.

    `announce` tells, by dialect, of each job that has ended. With `charge_reused` a job is charged
    in full; without, not for what other jobs had spoken before.
    """

    def __init__(
        self,
        *,
        database: Database,
        queue: Queue,
        blobs: BlobStore,
        voices: VoiceCatalogue,
        synthesizer: Synthesizer,
        watchers: Watchers,
        metrics: JobMetrics,
        spool: Path,
        announce: Mapping[str, Announce] = MappingProxyType({}),
        charge_reused: bool = True,
    ) -> None:
        self._database = database
        self._announce = announce
        self._charge_reused = charge_reused
        self._queue = queue
        self._blobs = blobs
        self._voices = voices
        self._synthesizer = synthesizer
        self._watchers = watchers
        self._metrics = metrics
        self._spool = spool

    async def run(self, claim: Claim) -> None:
        """Render the claimed job and end the claim: with a recording, an error or another try."""
        # As with the claim, the power that is lost takes all who know of it: what this try leaves
        # behind under its number, its successor replaces.
        beginning = self._database.reserve(job_steps.begin, self._queue, claim)
        try:
            job = await asyncio.shield(beginning)
            if job is not None:
                await self._try(claim, job)
        except LeaseLostError:
            _log.info("job.lease_lost", job=claim.subject)
        except asyncio.CancelledError:
            # The process is stopping, or the lease has passed on: then giving back changes nothing.
            await asyncio.gather(beginning, return_exceptions=True)
            await asyncio.shield(self._give_back(claim, 0))
            raise
        finally:
            self._watchers.publish(claim.subject)

    async def _try(self, claim: Claim, job: Job) -> None:
        self._metrics.began(job)
        self._watchers.publish(job.id)
        try:
            await self._render(claim, job)
        except LeaseLostError:
            raise
        except IntoneError as error:
            await self._end(claim, job, error)
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            await self._end(claim, job, StorageFullError() if full else UnavailableError())
        except Exception:  # noqa: BLE001 - a bug of ours must end the job, not the worker
            _log.exception("job.crashed", job=job.id)
            await self._end(claim, job, InternalError())

    async def _render(self, claim: Claim, job: Job) -> None:
        if claim.attempt > _MAX_CLAIMS:
            raise InternalError(f"The job was given up after {_MAX_CLAIMS} tries.")
        path = begin_spooling(self._spool, job.id, job.attempts)
        blob = f"recordings/{job.id}/{job.attempts}.{job.order.format}"
        keeper = SegmentKeeper(self._database, self._blobs, claim, job)
        making = PartTake(path, job.order) if in_parts(job.order) else Take(path, job.order)
        async with making as take:
            tally = await self._perform(claim, job, take, blob, keeper)
            await self._finish(claim, job, take.recording(blob), keeper, tally)

    async def _finish(
        self,
        claim: Claim,
        job: Job,
        recording: Recording,
        keeper: SegmentKeeper,
        tally: Tally | None,
    ) -> None:
        """End the job with its recording, which is on disk, and tell those who wait for it."""
        try:
            await self._database.write(
                job_steps.finish,
                self._queue,
                claim,
                job,
                recording,
                tally=tally,
                amount=self._amount(tally),
                announce=self._announce.get(job.dialect),
            )
        except LeaseLostError:
            # Only then is it sure that no row names the blob: what fails otherwise, or is
            # cancelled, may have been committed all the same.
            await self._discard(recording.blob)
            if tally is not None:
                await keeper.discard(tally.rest)
            raise
        self._watchers.publish(job.id)
        self._metrics.ready(job, recording)
        _log.info(
            "job.ready",
            job=job.id,
            characters=len(job.order.text),
            audio_ms=recording.duration_ms,
            attempt=job.attempts,
        )

    async def _perform(
        self, claim: Claim, job: Job, take: Take | PartTake, blob: str, keeper: SegmentKeeper
    ) -> Tally | None:
        """Speak, and meanwhile encode what is there already."""
        words = self._blobs.put_stream(words_blob(blob), take.lines())
        keeping = [asyncio.create_task(self._keep(take, blob)), asyncio.create_task(words)]
        rest: Sequence[Kept] = ()
        try:
            await self._speak(claim, job, take, keeper)
            rest = await take.finish()
            tally = await keeper.finish(rest)
            if (await asyncio.wait(keeping, timeout=_MOMENT_S))[1]:
                await self._database.reserve(job_steps.advance, claim, "enhancing", 100)
                self._watchers.publish(job.id)
            await asyncio.gather(*keeping)
        except BaseException:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)
            with suppress(IntoneError):
                await self._discard(blob)  # it may be whole already, but no row names it
            await asyncio.shield(self._save(take, keeper, rest))
            raise
        return tally

    async def _save(
        self, take: Take | PartTake, keeper: SegmentKeeper, rest: Sequence[Kept]
    ) -> None:
        """Keep what there is of a try that ends early."""
        await keeper.save([*rest, *await take.left()])

    async def _discard(self, blob: str) -> None:
        """Remove a recording that no row names, and its words."""
        await self._blobs.delete(blob)
        await self._blobs.delete(words_blob(blob))

    async def _speak(
        self, claim: Claim, job: Job, take: Take | PartTake, keeper: SegmentKeeper
    ) -> None:
        order, noted = job.order, time.monotonic()
        voices = {slug: await self._voices.find(job.workspace_id, slug) for slug in order.voices()}
        script = Script.of(order, voices[order.voice], job.workspace_id, voices)
        async with aclosing(self._synthesizer.speak(script)) as passages:
            async for passage in passages:
                await keeper.add(passage, await take.add(passage))
                self._watchers.publish_sound(job.id)
                if time.monotonic() - noted >= _NOTE_EVERY_S:
                    noted = time.monotonic()
                    percent = min(99, 100 * passage.segment.end // len(order.text))
                    await self._database.reserve(job_steps.advance, claim, "running", percent)
                    self._watchers.publish(job.id)

    def _amount(self, tally: Tally | None) -> int | None:
        """The characters to charge; None: what was held."""
        if tally is None or self._charge_reused or not tally.reused:
            return None
        return tally.characters

    async def _keep(self, take: Take | PartTake, blob: str) -> None:
        try:
            await self._blobs.put_stream(blob, take.encoded())
        except OffLevelError:
            await self._blobs.put_stream(blob, take.encoded())

    async def _end(self, claim: Claim, job: Job, error: IntoneError) -> None:
        """Another try where that may help, else the job has failed."""
        was_tried = not isinstance(error, StorageFullError | BreakerOpenError)
        tries = _MAX_ATTEMPTS if was_tried else _MAX_CLAIMS
        if error.retryable and claim.attempt < tries:
            delay = min(_RETRY_MS * 2 ** (claim.attempt - 1), _MOST_RETRY_MS)
            delay *= random.uniform(0.5, 1.5)  # noqa: S311 - jitter
            delay = max(delay, 1000 * (error.retry_after or 0))
            _log.warning("job.retry", job=job.id, error=error.code, attempt=claim.attempt)
            self._metrics.retried(error.code)
            await self._give_back(claim, int(delay))
            return
        _log.error("job.failed", job=job.id, error=error.code, message=error.message)
        self._metrics.failed()
        try:
            await self._database.write(
                job_steps.fail,
                self._queue,
                claim,
                job,
                error,
                announce=self._announce.get(job.dialect),
            )
        except UnavailableError as full:
            # Not even the failure can be written now; the lease runs out and another try begins.
            _log.warning("job.end_not_written", job=job.id, error=full.code)

    async def _give_back(self, claim: Claim, delay_ms: int) -> None:
        try:
            await self._database.write(job_steps.give_back, self._queue, claim, delay_ms)
        except IntoneError as error:
            _log.info("job.not_given_back", job=claim.subject, error=error.code)
