"""Taking in what clients send: counted while it comes, decoded in a child, kept as it is."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from intone.audio.untrusted import DecodeLimits, decode_untrusted
from intone.core import uploads
from intone.core.ids import new_id
from intone.errors import PayloadTooLargeError, StorageFullError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from io import FileIO

    from intone.audio.untrusted import Decoded
    from intone.core.signing import Signer
    from intone.core.uploads import Upload
    from intone.storage.blobs import BlobStore
    from intone.storage.database import Database

__all__ = ["Presigned", "UploadRules", "Uploads"]

#: Seconds for which a signed address works.
_ADDRESS_S: Final = 600
#: Milliseconds for which a place is kept for a file that is on its way.
_ON_ITS_WAY_MS: Final = 3_600_000
#: Decoders at the same time; each may need 100 MB.
_DECODERS: Final = 2
#: Bytes written to the disk, or read from it, at a time.
_AT_ONCE: Final = 1 << 20
_PURPOSE: Final = "uploads"
_NOWHERE: Final = Path(os.devnull)


@dataclass(frozen=True, slots=True)
class UploadRules:
    """What a workspace may send."""

    #: Bytes of one file.
    max_bytes: int = 50 * 1024 * 1024
    #: Files at the same time.
    max_live: int = 100
    #: Hours that a file is kept.
    hours: float = 24.0
    limits: DecodeLimits = DecodeLimits()  # noqa: RUF009 - it is frozen


@dataclass(frozen=True, slots=True)
class Presigned:
    """A place for a file, and what its address must carry."""

    upload: Upload
    #: Seconds since the epoch.
    expires_at_s: int
    signature: str


class Uploads:
    """The files that clients send.

    Args:
        database: Where their rows are.
        blobs: Where they are kept.
        signer: Signs addresses.
        spool: A folder for files on their way.
        rules: What may be sent.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        signer: Signer,
        spool: Path,
        rules: UploadRules | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._blobs, self._signer = database, blobs, signer
        self._spool, self._rules, self._clock = spool, rules or UploadRules(), clock
        self._decoders = asyncio.Semaphore(_DECODERS)

    async def accept(
        self, workspace_id: str, name: str | None, body: AsyncIterator[bytes]
    ) -> Upload:
        """Take in a file.

        Args:
            workspace_id: Whose it is.
            name: What the sender calls it; it decides nothing.
            body: Its bytes; whatever this raises ends the upload.

        Raises:
            TooManyUploadsError: The workspace has as many as it may.
            PayloadTooLargeError: It is too large.
            MediaError: It is no audio that is accepted; the class says why.
            StorageFullError: There is no room for it.
        """
        upload = await self._reserve(workspace_id, name, _ON_ITS_WAY_MS)
        try:
            return await self._receive(upload, body)
        except Exception:
            await self._database.write(uploads.forget, [upload.id])
            raise

    async def presign(self, workspace_id: str, name: str | None) -> Presigned:
        """Make a place that a file can be sent to without a key, once, for ten minutes.

        Raises:
            TooManyUploadsError: The workspace has as many as it may.
        """
        upload = await self._reserve(workspace_id, name, _ADDRESS_S * 1000 + _ON_ITS_WAY_MS)
        expires_at_s = int(self._clock()) + _ADDRESS_S
        signature = await self._signer.sign(_PURPOSE, upload.id, expires_at_s)
        return Presigned(upload, expires_at_s, signature)

    async def receive(
        self, upload_id: str, expires_at_s: int, signature: str, body: AsyncIterator[bytes]
    ) -> Upload:
        """Take in the file for a signed address; one that cannot be used leaves the place free.

        Raises:
            SignatureError: The address is not ours, or its time is over.
            UploadUsedError: A file was sent to it before.
            NotFoundError: The place was deleted.
            PayloadTooLargeError: The file is too large.
            MediaError: It is no audio that is accepted; the class says why.
            StorageFullError: There is no room for it.
        """
        await self._signer.verify(_PURPOSE, upload_id, expires_at_s, signature)
        return await self._receive(await self._database.read(uploads.pending, upload_id), body)

    async def get(self, workspace_id: str, upload_id: str) -> Upload:
        """The workspace's upload of that id.

        Raises:
            NotFoundError: There is none, it has expired or it is somebody else's.
        """
        return await self._database.read(uploads.get, workspace_id, upload_id)

    async def list_all(self, workspace_id: str) -> list[Upload]:
        """The workspace's uploads, newest first."""
        return await self._database.read(uploads.list_all, workspace_id)

    async def delete(self, workspace_id: str, upload_id: str) -> None:
        """Erase an upload.

        Raises:
            NotFoundError: There is none, it has expired or it is somebody else's.
        """
        await self._database.write(uploads.end, workspace_id, upload_id)
        async for blob in self._blobs.list(uploads.folder_of(workspace_id, upload_id)):
            await self._blobs.delete(blob)
        await self._database.write(uploads.forget, [upload_id])

    async def decode(self, workspace_id: str, path: str, pcm: Path) -> Decoded:
        """Write an upload's audio to a local file, as mono s16le PCM at 24 kHz.

        Args:
            workspace_id: Who asks.
            path: As in `samplePaths`.
            pcm: The file; whoever calls removes it, whether this succeeds or not.

        Raises:
            NotFoundError: There is none, it has expired or it is somebody else's.
            MediaError: It cannot be decoded any more.
            StorageFullError: There is no room for it.
        """
        upload = await self._database.read(uploads.find, workspace_id, path)
        assert upload.blob is not None
        assert upload.bytes is not None
        with self._spooled() as original:
            await self._fill(original, self._blobs.read_range(upload.blob, 0, upload.bytes))
            return await self._decode(original, pcm)

    async def _reserve(self, workspace_id: str, name: str | None, lifetime_ms: int) -> Upload:
        return await self._database.write(
            uploads.reserve,
            workspace_id,
            name,
            most=self._rules.max_live,
            lifetime_ms=lifetime_ms,
        )

    async def _receive(self, upload: Upload, body: AsyncIterator[bytes]) -> Upload:
        with self._spooled() as path:
            size = await self._fill(path, body)
            content = await self._decode(path, _NOWHERE)
            # A name of its own for every try: two may be sent to one address at a time.
            folder = uploads.folder_of(upload.workspace_id, upload.id)
            blob = f"{folder}/{new_id()}.{content.form}"
            await self._blobs.put_stream(blob, _read(path))
        try:
            return await self._database.write(
                uploads.complete,
                upload.id,
                content,
                blob=blob,
                size=size,
                lifetime_ms=int(self._rules.hours * 3_600_000),
            )
        except Exception:
            await self._blobs.delete(blob)
            raise

    async def _decode(self, path: Path, pcm: Path) -> Decoded:
        async with self._decoders:
            return await decode_untrusted(path, pcm, self._rules.limits)

    async def _fill(self, path: Path, body: AsyncIterator[bytes]) -> int:
        """Write a file as it comes; returns its size in bytes."""
        size, gathered = 0, bytearray()
        with _disk_errors():
            file = await asyncio.to_thread(_create, path)
            try:
                async for piece in body:
                    size += len(piece)
                    if size > self._rules.max_bytes:
                        most = self._rules.max_bytes
                        raise PayloadTooLargeError(f"The file is larger than {most:,} bytes.")
                    gathered += piece
                    if len(gathered) >= _AT_ONCE:
                        await asyncio.to_thread(_write_all, file.fileno(), bytes(gathered))
                        gathered.clear()
                await asyncio.to_thread(_write_all, file.fileno(), bytes(gathered))
            finally:
                file.close()
        return size

    @contextmanager
    def _spooled(self) -> Iterator[Path]:
        """The path of a file that is gone afterwards; retention sees to those of a dead process."""
        path = self._spool / f"upload-{new_id()}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def _create(path: Path) -> FileIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb", 0)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


async def _read(path: Path) -> AsyncIterator[bytes]:
    with _disk_errors():
        file = await asyncio.to_thread(path.open, "rb", 0)
        try:
            while piece := await asyncio.to_thread(file.read, _AT_ONCE):
                yield piece
        finally:
            file.close()


@contextmanager
def _disk_errors() -> Iterator[None]:
    """What the disk says in our own words."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFullError from error
        raise UnavailableError("The server's disk cannot be used; see its log.") from error
