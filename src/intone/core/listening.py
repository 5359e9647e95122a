"""Hearing recordings: finished ones in several formats, unfinished ones as they grow."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from intone.audio.encode import create_encoder
from intone.audio.formats import BYTES_PER_SAMPLE, to_channels, wav_header
from intone.audio.tags import id3v1_tag, riff_info
from intone.core import jobs
from intone.core.kept import in_parts
from intone.core.spool import spool_path
from intone.core.take import tags_of
from intone.errors import InvalidInputError, NotFoundError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from intone.audio.encode import Encoder
    from intone.core.jobs import Job, Order
    from intone.core.recordings import Recording
    from intone.core.watch import Watchers
    from intone.storage.blobs import BlobStore
    from intone.storage.database import Database

__all__ = ["Listening", "Rendition"]

#: Seconds between two looks at a job that another process renders.
_LOOK_AGAIN_S = 0.1
#: Bytes handed on at a time.
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Rendition:
    """A recording in one format: a few bytes of header, then a blob."""

    format: str
    blob: str
    #: Size of the blob in bytes.
    blob_bytes: int
    header: bytes
    #: Strong entity tag, without quotes.
    etag: str


class Listening:
    """Gives out the audio of jobs."""

    def __init__(
        self, database: Database, blobs: BlobStore, watchers: Watchers, spool: Path
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._watchers = watchers
        self._spool = spool
        self._encoding: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def rendition(self, job: Job, wanted: str) -> Rendition:
        """A job's recording as `wanted`: its own format, or wav or mp3 from PCM.

        An MP3 is encoded on the first request and kept beside the recording.

        Raises:
            NotFoundError: The job has no recording, or it has expired.
            InvalidInputError: This recording cannot be had in that format.
        """
        recording = job.recording
        if recording is None:
            raise NotFoundError("The job has no audio.")
        etag = f"{recording.etag}-{wanted}"
        if wanted == recording.format:
            return Rendition(wanted, recording.blob, recording.bytes, b"", etag)
        if recording.format != "pcm" or wanted not in {"wav", "mp3"}:
            raise InvalidInputError(f"This recording cannot be had as {wanted!r}.")
        if wanted == "wav":
            header = wav_header(
                recording.sample_rate,
                recording.channels,
                recording.bytes,
                riff_info(tags_of(job.order)),
            )
            return Rendition(wanted, recording.blob, recording.bytes, header, etag)
        blob = f"{recording.blob}.mp3"
        return Rendition(wanted, blob, await self._mp3_size(job.order, recording, blob), b"", etag)

    def read(self, blob: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes `start` to `end` (exclusive) of a blob, in pieces."""
        return self._blobs.read_range(blob, start, end)

    async def live(self, job: Job, wanted: str) -> AsyncGenerator[bytes, None]:
        """The audio of a job as it is rendered, in a format and in its order's channels.

        Raises:
            InvalidInputError: There is no such format, or it is another than that of an order
                whose recording is made of parts.
            NotFoundError, UnavailableError: As `follow`.
        """
        order = job.order
        if in_parts(order):
            if wanted != order.format:
                raise InvalidInputError(
                    f"While it is rendered, this can be heard as {order.format}."
                )
            async with aclosing(self.follow(job.workspace_id, job.id)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        encoder = create_encoder(
            wanted, sample_rate=order.sample_rate, channels=order.channels, tags=tags_of(order)
        )
        async with aclosing(self.follow(job.workspace_id, job.id)) as pcm:
            async for encoded in _encode(encoder, pcm, order.channels):
                yield encoded

    async def follow(self, workspace_id: str, job_id: str) -> AsyncGenerator[bytes, None]:
        """The audio of a job from its beginning, as it is rendered.

        Mono s16le at the order's rate, before its level is set, or after it where the job ended
        before we could listen. Of an order whose recording is made of parts, the MP3 itself: but
        for parts that the recording has at another level, byte by byte. Ends when the rendering
        does.

        Raises:
            NotFoundError: The job ended without audio before the first byte.
            UnavailableError: The rendering broke off; what came so far is not whole.
        """
        file: BinaryIO | None = None
        attempt = 0
        try:
            watching = self._watchers.changes(job_id, _LOOK_AGAIN_S, sound=True)
            async with aclosing(watching) as changes:
                async for _ in changes:
                    # Asked before reading: what is there when the job has moved on is all there is.
                    job = await self._database.read(jobs.find, workspace_id, job_id)
                    if file is None and job.attempts:
                        file, attempt = await asyncio.to_thread(self._open, job), job.attempts
                    if file is None:
                        if job.state in jobs.ENDED:
                            break
                        continue
                    while piece := await asyncio.to_thread(file.read, _PIECE):
                        yield piece
                    if job.attempts != attempt or job.state in {"failed", "cancelled"}:
                        raise UnavailableError("The rendering broke off; fetch the finished audio.")
                    if job.state in {"enhancing", "ready"}:
                        break
        finally:
            if file is not None:
                file.close()
        async for piece in self._late(job) if file is None else self._end(job.order):
            yield piece

    async def _end(self, order: Order) -> AsyncIterator[bytes]:
        """What a recording has behind its audio."""
        if in_parts(order):
            yield id3v1_tag(tags_of(order))

    async def _late(self, job: Job) -> AsyncIterator[bytes]:
        """A recording as its listeners would have heard it, had they been there in time."""
        recording = job.recording
        if recording is None:
            raise NotFoundError("The job has ended without audio.")
        if in_parts(job.order):
            async for piece in self._blobs.read_range(recording.blob, 0, recording.bytes):
                yield piece
            return
        if recording.format != "pcm":
            raise UnavailableError("The rendering has ended; fetch the finished audio.")
        frame, rest = BYTES_PER_SAMPLE * recording.channels, b""
        async for piece in self._blobs.read_range(recording.blob, 0, recording.bytes):
            whole = rest + piece
            frames = len(whole) // frame
            rest = whole[frames * frame :]
            yield memoryview(whole[: frames * frame]).cast("h")[:: recording.channels].tobytes()

    def _open(self, job: Job) -> BinaryIO | None:
        try:
            return spool_path(self._spool, job.id, job.attempts).open("rb")
        except FileNotFoundError:
            return None

    async def _mp3_size(self, order: Order, recording: Recording, blob: str) -> int:
        async with self._encoding[blob]:
            try:
                return await self._blobs.size(blob)
            except NotFoundError:
                return await self._put_mp3(order, recording, blob)
            finally:
                self._encoding.pop(blob, None)

    async def _put_mp3(self, order: Order, recording: Recording, blob: str) -> int:
        size = await self._blobs.put_stream(blob, self._as_mp3(order, recording))
        try:
            await self._blobs.size(recording.blob)
        except NotFoundError:
            # It expired meanwhile; what is put beside it now, no sweep would find.
            await self._blobs.delete(blob)
            raise
        return size

    async def _as_mp3(self, order: Order, recording: Recording) -> AsyncIterator[bytes]:
        encoder = create_encoder(
            "mp3",
            sample_rate=recording.sample_rate,
            channels=recording.channels,
            tags=tags_of(order),
        )
        pcm = self._blobs.read_range(recording.blob, 0, recording.bytes)
        async for encoded in _encode(encoder, pcm):
            yield encoded


async def _encode(
    encoder: Encoder, pcm: AsyncIterator[bytes], copies: int = 1
) -> AsyncIterator[bytes]:
    """Encode PCM as it comes, each sample `copies` times, off the event loop."""
    async for piece in pcm:
        encoded = await asyncio.to_thread(encoder.feed, to_channels(piece, copies))
        if encoded:
            yield encoded
    rest = await asyncio.to_thread(encoder.finish)
    if rest:
        yield rest
