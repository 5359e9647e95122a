"""What the local disk needs beside writing."""

from __future__ import annotations

import errno
import mmap
import os
import random
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["NewFile", "sync_folder", "write_whole"]

#: Bytes written at a time, and what their number and their place in memory must be a multiple of
#: to go past the system's cache: the largest block that disks have.
_AT_ONCE, _BLOCK = 1 << 20, 4096
#: Linux's flag for that; other systems have none.
_DIRECT = getattr(os, "O_DIRECT", 0)
#: How often a folder is made that somebody else removes again because it is empty.
_TRIES = 5


class NewFile:
    """A file that takes its name when all of it is there, in place of what had the name before.

    Until then it lies beside it, with `#` and a number after the name. The content goes past the
    system's cache where the file system lets it: it has to be on disk before anybody hears of it,
    and so it is with a fifth of the processor time.

    Every method may be called from any thread; one waits for another.

    Args:
        path: Its name; folders that are missing are made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f"{path.name}#{random.getrandbits(60)}")
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._is_over = False
        self._buffer = mmap.mmap(-1, _AT_ONCE)  # lies at the beginning of a block
        self._filled = 0

    def write(self, pieces: Iterable[bytes]) -> None:
        """Append bytes.

        Raises:
            OSError: The disk is full or failed, or the file was discarded.
        """
        with self._lock:
            self._write(pieces)

    def finish(self, pieces: Iterable[bytes]) -> None:
        """Append the last bytes, give the file its name and put its content on disk.

        The name itself is safe when its folder is synced as well.

        Raises:
            OSError: As `write`.
        """
        with self._lock:
            self._write(pieces)
            descriptor = self._opened()
            whole = self._filled - self._filled % _BLOCK
            self._put(0, whole)
            if whole < self._filled:
                _through_the_cache(descriptor)
                self._put(whole, self._filled)
            self._beside.replace(self._path)
            self._is_over = True
            os.fsync(descriptor)
            self._close()

    def discard(self) -> None:
        """Leave nothing of a file that is not finished; safe to call twice."""
        with self._lock:
            self._close()
            if not self._is_over:
                self._is_over = True
                self._beside.unlink(missing_ok=True)

    def _write(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                taken = rest[: _AT_ONCE - self._filled]
                self._buffer[self._filled : self._filled + len(taken)] = taken
                self._filled += len(taken)
                rest = rest[len(taken) :]
                if self._filled == _AT_ONCE:
                    self._put(0, _AT_ONCE)
                    self._filled = 0

    def _put(self, start: int, end: int) -> None:
        """Write that part of the buffer."""
        descriptor = self._opened()
        with memoryview(self._buffer) as whole:
            while start < end:
                try:
                    start += os.write(descriptor, whole[start:end])
                except OSError as error:
                    if error.errno != errno.EINVAL or not _through_the_cache(descriptor):
                        raise

    def _opened(self) -> int:
        if self._is_over:
            raise OSError(errno.EBADF, "The file was discarded.")
        if self._descriptor is None:
            self._descriptor = _create(self._beside)
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | _DIRECT
    for _ in range(_TRIES):
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno != errno.EINVAL or not flags & _DIRECT:
                raise
            # A file system that has no such way; it may have made the file all the same.
            path.unlink(missing_ok=True)
            flags &= ~_DIRECT
    raise FileNotFoundError(errno.ENOENT, "The folder is removed again and again.", str(path))


def _through_the_cache(descriptor: int) -> bool:
    """Let the next bytes written have any number; False where they could already."""
    if not _DIRECT:
        return False
    import fcntl

    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags & ~_DIRECT)
    return bool(flags & _DIRECT)


def write_whole(descriptor: int, *pieces: bytes, at: int | None = None) -> None:
    """Write all of it; a disk that runs full takes a part first, and says nothing.

    Args:
        descriptor: Of the file.
        pieces: What to write, in their order.
        at: Where, in bytes; None where the file stands.

    Raises:
        OSError: Not all of it could be written.
    """
    left = sum(map(len, pieces))
    while left:
        if at is None:
            written = os.writev(descriptor, pieces)
        else:
            written = os.pwritev(descriptor, pieces, at)
            at += written
        left -= written
        if left:
            pieces = (b"".join(pieces)[written:],)


def sync_folder(path: Path) -> None:
    """Put a folder's entries on disk: a new file is safe only when its name is.

    Raises:
        OSError: It cannot be read, or the disk failed.
    """
    if os.name != "posix":  # elsewhere folders cannot be opened, and need not be
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
