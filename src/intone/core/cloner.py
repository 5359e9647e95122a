"""Making cloned voices: from a claimed queue entry to a voice, or to a reason why not.

No transaction is open while an engine learns a voice. What it has learnt goes to a blob of this
try alone, so that a worker that was frozen and wakes late overwrites nothing.
"""

from __future__ import annotations

import asyncio
import errno
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import structlog

from intone.core import clone_steps
from intone.core.cloning import model_folder
from intone.errors import (
    InternalError,
    IntoneError,
    LeaseLostError,
    StorageFullError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from intone.core.clone_steps import Announce
    from intone.core.cloned_voices import ClonedVoice
    from intone.core.uploading import Uploads
    from intone.core.voices import ClonedVoices
    from intone.providers.cloning import CloneEngine
    from intone.queue.base import Claim, Queue
    from intone.storage.blobs import BlobStore
    from intone.storage.database import Database

__all__ = ["Cloner"]

_log = structlog.get_logger(__name__)

#: How often a voice is tried whose engine fails, and how often it is taken up in all: also by
#: processes that died with it, and onto full disks.
_MAX_ATTEMPTS: Final = 4
_MAX_CLAIMS: Final = 20
#: Milliseconds before the second try; doubled for each one after, with jitter, up to the most.
_RETRY_MS, _MOST_RETRY_MS = 1000, 60_000


class Cloner:
    """Makes cloned voices; `run` is the worker's handler for them.

    Args:
        database: Where the voices are.
        queue: Where the work comes from.
        blobs: Where models go.
        uploads: Decodes the samples.
        voices: Is told of every change.
        engines: Who can learn voices, the best first.
        spool: A folder for samples that are being worked on.
        announce: Tells of each voice that is ready or has failed.
    """

    def __init__(
        self,
        *,
        database: Database,
        queue: Queue,
        blobs: BlobStore,
        uploads: Uploads,
        voices: ClonedVoices,
        engines: Sequence[CloneEngine],
        spool: Path,
        announce: Announce | None = None,
    ) -> None:
        self._database = database
        self._queue = queue
        self._blobs = blobs
        self._uploads = uploads
        self._voices = voices
        self._engines = engines
        self._spool = spool
        self._announce = announce

    async def run(self, claim: Claim) -> None:
        """Make the claimed voice and end the claim: with a voice, an error or another try."""
        beginning = self._database.write(clone_steps.begin, self._queue, claim)
        try:
            voice = await asyncio.shield(beginning)
            if voice is not None:
                self._voices.forget(voice.workspace_id)
                await self._try(claim, voice)
                self._voices.forget(voice.workspace_id)
        except LeaseLostError:
            _log.info("voice.lease_lost", voice=claim.subject)
        except asyncio.CancelledError:
            # The process is stopping, or the lease has passed on: then giving back changes nothing.
            await asyncio.gather(beginning, return_exceptions=True)
            await asyncio.shield(self._give_back(claim, 0))
            raise

    async def _try(self, claim: Claim, voice: ClonedVoice) -> None:
        try:
            await self._make(claim, voice)
        except LeaseLostError:
            raise
        except IntoneError as error:
            await self._end(claim, voice, error)
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            await self._end(claim, voice, StorageFullError() if full else UnavailableError())
        except Exception:  # noqa: BLE001 - a bug of ours must end the voice, not the worker
            _log.exception("voice.crashed", voice=voice.id)
            await self._end(claim, voice, InternalError())

    async def _make(self, claim: Claim, voice: ClonedVoice) -> None:
        if claim.attempt > _MAX_CLAIMS:
            raise InternalError(f"The voice was given up after {_MAX_CLAIMS} tries.")
        engine = next((engine for engine in self._engines if engine.available()), None)
        if engine is None:
            raise UnavailableError("No engine here can clone voices.")
        async with AsyncExitStack() as stack:
            samples = await self._samples(voice, stack)
            prepared = await engine.prepare(samples, voice.language)
        blob = f"{model_folder(voice)}/{voice.attempts}.model"
        await self._blobs.put(blob, prepared.model)
        try:
            await self._database.write(
                clone_steps.finish,
                self._queue,
                claim,
                engine=engine.name,
                model=blob,
                prepared=prepared,
                announce=self._announce,
            )
        except LeaseLostError:
            # Only then is it sure that no row names the blob.
            await self._blobs.delete(blob)
            raise
        _log.info("voice.ready", voice=voice.id, engine=engine.name, attempt=voice.attempts)

    async def _samples(self, voice: ClonedVoice, stack: AsyncExitStack) -> list[Path]:
        """The samples as PCM, in files that go when the stack is left."""
        self._spool.mkdir(parents=True, exist_ok=True)
        files = []
        for number, path in enumerate(voice.samples):
            pcm = self._spool / f"{voice.id}.{voice.attempts}.{number}.sample"
            stack.callback(pcm.unlink, missing_ok=True)
            await self._uploads.decode(voice.workspace_id, path, pcm)
            files.append(pcm)
        return files

    async def _end(self, claim: Claim, voice: ClonedVoice, error: IntoneError) -> None:
        """Another try where that may help, else the voice has failed."""
        tries = _MAX_CLAIMS if isinstance(error, StorageFullError) else _MAX_ATTEMPTS
        if error.retryable and claim.attempt < tries:
            delay = min(_RETRY_MS * 2 ** (claim.attempt - 1), _MOST_RETRY_MS)
            delay *= random.uniform(0.5, 1.5)  # noqa: S311 - jitter
            _log.warning("voice.retry", voice=voice.id, error=error.code, attempt=claim.attempt)
            await self._give_back(claim, int(delay))
            return
        _log.warning("voice.failed", voice=voice.id, error=error.code, message=error.message)
        try:
            await self._database.write(
                clone_steps.fail, self._queue, claim, error, announce=self._announce
            )
        except UnavailableError as full:
            # Not even the failure can be written now; the lease runs out and another try begins.
            _log.warning("voice.end_not_written", voice=voice.id, error=full.code)

    async def _give_back(self, claim: Claim, delay_ms: int) -> None:
        try:
            await self._database.write(clone_steps.give_back, self._queue, claim, delay_ms)
        except IntoneError as error:
            _log.info("voice.not_given_back", voice=claim.subject, error=error.code)
