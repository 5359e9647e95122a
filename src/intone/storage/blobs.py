"""Where audio is kept: named, immutable pieces of bytes, whole or not there."""

from __future__ import annotations

import asyncio
import errno
import re
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from intone.errors import NotFoundError, StorageFullError, UnavailableError
from intone.storage.files import NewFile, sync_folder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

__all__ = ["BlobStore"]

#: Bytes that reading yields at a time.
_READ_CHUNK = 256 * 1024
#: Bytes that writing hands to the disk at a time; as many may come meanwhile.
_WRITE_CHUNK = 1024 * 1024
_PATH = re.compile(r"(?!\.)[\w.=-]+(/(?!\.)[\w.=-]+)*", re.ASCII)
_FULL = (errno.ENOSPC, errno.EDQUOT)
#: obstore names the system's error only in its message.
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


class BlobStore:
    """A folder of blobs.

    A blob is written beside its name and renamed when all is there, so no reader sees half of
    one. obstore would do that too, but leave the bytes in the system's cache, where a power cut
    takes them; here every write ends with an fsync of the file and of the folders that lead to it.

    Paths are relative, of ASCII letters, digits and `_ . = -`, with `/` between; no part begins
    with a dot. Anything else raises `ValueError`.

    Args:
        folder: Where the blobs are kept; it is made where it is missing.

    Raises:
        UnavailableError: The folder cannot be made.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder).absolute()
        with _explained("."):
            self._store = LocalStore(self._folder, mkdir=True, automatic_cleanup=True)

    async def put(self, path: str, data: bytes) -> None:
        """Keep `data` under `path`, in place of what was there.

        Raises:
            StorageFullError: The disk is full; nothing changed.
            UnavailableError: The disk failed.
        """
        with _explained(_checked(path)):
            await asyncio.to_thread(self._put, path, data)

    async def put_stream(self, path: str, chunks: AsyncIterator[bytes]) -> int:
        """Keep all `chunks` under `path`, in place of what was there; returns their size in bytes.

        The disk works on what has come while more is fetched. Where the iterator raises, or the
        caller is cancelled, nothing changes.

        Raises:
            StorageFullError: The disk is full; nothing changed.
            UnavailableError: The disk failed.
        """
        with _explained(_checked(path)):
            file = NewFile(self._folder / path)
            try:
                return await self._pour(file, path, chunks)
            except BaseException:
                await asyncio.shield(asyncio.to_thread(file.discard))
                raise

    async def size(self, path: str) -> int:
        """How many bytes the blob has.

        Raises:
            NotFoundError: There is none.
        """
        with _explained(_checked(path)):
            return (await obstore.head_async(self._store, path))["size"]

    async def read_range(self, path: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to but not including `end`, in pieces of at most 256 KiB.

        Raises:
            NotFoundError: There is no such blob.
            UnavailableError: The disk failed, or the blob ends before `start`.
        """
        if start >= end:
            return
        with _explained(_checked(path)):
            found = await obstore.get_async(self._store, path, options={"range": (start, end)})
            async for chunk in found.stream(min_chunk_size=_READ_CHUNK):
                yield bytes(chunk)

    def file(self, path: str) -> Path:
        """Where the blob is on this machine, for code that reads files; it may be missing."""
        return self._folder / _checked(path)

    async def delete(self, path: str) -> None:
        """Remove the blob, if it is there, and folders that become empty."""
        try:
            with _explained(_checked(path)):
                await obstore.delete_async(self._store, path)
        except NotFoundError:
            pass

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """The paths of all blobs in the folder `prefix` and below; `""` for every blob."""
        if prefix:
            _checked(prefix)
        with _explained(prefix):
            async for batch in obstore.list(self._store, prefix):
                for blob in batch:
                    yield blob["path"]

    async def check(self) -> None:
        """Write, read and remove a small blob.

        Raises:
            StorageFullError: The disk is full.
            UnavailableError: Something else is wrong.
        """
        path, data = f"check/{uuid.uuid4()}", uuid.uuid4().bytes
        await self.put(path, data)
        try:
            read = b"".join([chunk async for chunk in self.read_range(path, 0, len(data))])
        finally:
            await self.delete(path)
        if read != data:
            raise UnavailableError("The audio folder gives back other bytes than it was given.")

    async def remove_unfinished(self, *, older_than_s: float) -> int:
        """Remove what writers left behind that died halfway, and return how many files it was.

        Args:
            older_than_s: Seconds since a file was last written to; live writers are faster.
        """
        return await asyncio.to_thread(self._remove_unfinished, time.time() - older_than_s)

    def _remove_unfinished(self, before: float) -> int:
        removed = 0
        for path in self._folder.rglob("*#*"):  # the mark of a `NewFile`, which no blob's path has
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    async def _pour(self, file: NewFile, path: str, chunks: AsyncIterator[bytes]) -> int:
        size = 0
        gathered: list[bytes] = []
        writing: asyncio.Future[None] | None = None
        try:
            async for chunk in chunks:
                gathered.append(chunk)
                size += len(chunk)
                if sum(map(len, gathered)) >= _WRITE_CHUNK:
                    if writing is not None:
                        await writing
                    writing = asyncio.ensure_future(asyncio.to_thread(file.write, gathered))
                    gathered = []
        finally:
            if writing is not None:
                await writing
        await asyncio.to_thread(self._finish, file, path, gathered)
        return size

    def _put(self, path: str, data: bytes) -> None:
        file = NewFile(self._folder / path)
        try:
            self._finish(file, path, [data])
        except BaseException:
            file.discard()
            raise

    def _finish(self, file: NewFile, path: str, rest: Iterable[bytes]) -> None:
        file.finish(rest)
        for folder in (self._folder / path).parents:
            sync_folder(folder)
            if folder == self._folder:
                break


def _checked(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ValueError(f"not a blob's path: {path!r}")
    return path


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Errors of the store in our own vocabulary."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no blob {path!r}.") from error
    except (BaseError, OSError) as error:
        named = _OS_ERROR.search(str(error))
        if (int(named[1]) if named else getattr(error, "errno", None)) in _FULL:
            raise StorageFullError from error
        raise UnavailableError("The audio folder cannot be used; see the server's log.") from error
