"""Where the parts of a take lie while it is made: first versions, second versions, their PCM."""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intone.audio.formats import BYTES_PER_SAMPLE
from intone.core.spool import SpoolFile, pieces_of
from intone.storage.files import write_whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

__all__ = ["Part", "PartStore"]


@dataclass(slots=True)
class Part:
    """One part of a take. A take has thousands, so what is large lies on disk."""

    samples: int
    #: At which its MP3 is encoded, or is to be.
    gain_db: float
    #: How many silent frames go before it.
    pause: int
    #: Slug of its voice.
    voice: str
    #: Under which it is to be kept; None where it is already.
    key: bytes | None
    #: Its MP3 until that is written down.
    frames: bytes | None = None
    #: Where its PCM lies in the scratch file, followed by so many bytes of what else is known of
    #: it; None where only its MP3 is there.
    pcm_at: int | None = None
    note_size: int = 0
    #: Where its MP3 lies in the spool, in bytes.
    at: int = 0
    size: int = 0
    #: Where a version at another level lies in the scratch file, if there is one.
    again_at: int | None = None


class PartStore:
    """The spool file, which listeners follow and which only grows, and a scratch file.

    Every method may be called in any thread; those that write the spool, in one at a time.

    Args:
        path: Of the spool file.
    """

    def __init__(self, path: Path) -> None:
        self._spool = SpoolFile(path)
        # It has no name, so that it is gone with this process however that ends.
        self._scratch = tempfile.TemporaryFile(dir=path.parent, buffering=0)  # noqa: SIM115
        self._lock = threading.Lock()
        #: Bytes in the spool and in the scratch file.
        self.size = self._scratch_size = 0

    def close(self) -> None:
        """Remove both files."""
        self._spool.close()
        with self._lock:
            self._scratch.close()

    def append(self, silence: bytes, part: Part) -> None:
        """Write a part into the spool, after a pause."""
        assert part.frames is not None
        part.at, part.size = self.size + len(silence), len(part.frames)
        self.fill(silence + part.frames)
        part.frames = None

    def fill(self, frames: bytes) -> None:
        """Write frames into the spool that are of no part."""
        self._spool.write(frames)
        self.size += len(frames)

    def set_aside(self, data: bytes) -> int:
        """Write into the scratch file; returns where."""
        with self._lock:
            at = self._scratch_size
            self._scratch_size += len(data)
            write_whole(self._scratch.fileno(), data, at=at)
        return at

    def pcm(self, part: Part) -> bytes:
        """The PCM of a part that has one."""
        assert part.pcm_at is not None
        return os.pread(self._scratch.fileno(), part.samples * BYTES_PER_SAMPLE, part.pcm_at)

    def note(self, part: Part) -> bytes:
        """What lies behind its PCM."""
        assert part.pcm_at is not None
        at = part.pcm_at + part.samples * BYTES_PER_SAMPLE
        return os.pread(self._scratch.fileno(), part.note_size, at)

    def mp3(self, part: Part) -> bytes:
        """A part's newest version."""
        if part.again_at is not None:
            return os.pread(self._scratch.fileno(), part.size, part.again_at)
        return os.pread(self._spool.fileno(), part.size, part.at)

    async def newest(self, parts: Iterable[Part]) -> AsyncIterator[bytes]:
        """The spool's content, with the newest versions of these parts, which are in its order."""
        at = 0
        for part in parts:
            if part.again_at is None:
                continue
            async for piece in pieces_of(self._spool.fileno(), at, part.at):
                yield piece
            end = part.again_at + part.size
            async for piece in pieces_of(self._scratch.fileno(), part.again_at, end):
                yield piece
            at = part.at + part.size
        async for piece in pieces_of(self._spool.fileno(), at, self.size):
            yield piece
