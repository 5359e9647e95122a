"""Captions of jobs: kept beside finished recordings, and as far as they are while one is made."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from intone.core.jobs import ENDED
from intone.core.recordings import words_blob
from intone.core.spool import SpooledLine, spool_path, words_path
from intone.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from intone.audio.captions import Line
    from intone.core.jobs import Job
    from intone.storage.blobs import BlobStore

__all__ = ["Captions"]

#: Bytes read at a time while a job is rendered.
_PIECE = 256 * 1024

_decoder = msgspec.json.Decoder(SpooledLine)


class Captions:
    """Gives out the captions of jobs.

    Args:
        blobs: Where recordings are, and beside each its captions.
        spool: Where those of running jobs are, if this machine renders them.
    """

    def __init__(self, blobs: BlobStore, spool: Path) -> None:
        self._blobs = blobs
        self._spool = spool

    async def lines(self, job: Job, after: int = 0) -> AsyncGenerator[Line, None]:
        """The lines of a job in their order: all of them, or those that there are by now.

        Args:
            job: Which one, as it stands.
            after: How many lines to leave out.

        Raises:
            NotFoundError: It has ended without any, or its recording has none.
        """
        number = 0
        async for piece in _whole_lines(self._pieces(job)):
            for line in piece.splitlines():
                number += 1
                if number > after:
                    yield await _made(_decoder.decode(line), job.order.text)

    async def _pieces(self, job: Job) -> AsyncIterator[bytes]:
        if job.recording is not None:
            blob = words_blob(job.recording.blob)
            async for piece in self._blobs.read_range(blob, 0, await self._blobs.size(blob)):
                yield piece
            return
        if job.state in ENDED:
            raise NotFoundError("This job has no captions; its status says why.")
        path = words_path(spool_path(self._spool, job.id, job.attempts))
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError:
            return  # nothing is said yet
        with file:
            while piece := await asyncio.to_thread(file.read, _PIECE):
                yield piece


async def _made(spooled: SpooledLine, text: str) -> Line:
    if spooled.hearing is None:  # too little work for a thread
        return spooled.line(text)
    return await asyncio.to_thread(spooled.line, text)


async def _whole_lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes cut at line ends; what follows the last one is still being written."""
    rest = b""
    async for piece in pieces:
        rest += piece
        end = rest.rfind(b"\n") + 1
        if end:
            yield rest[:end]
            rest = rest[end:]
