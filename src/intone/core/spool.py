"""What lies in the spool folder while a job is rendered, for those who follow it."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from intone.audio.captions import Line, Source, Word
from intone.audio.encode import DELAYS
from intone.core.timing import Hearing, Timing, time_words
from intone.storage.files import write_whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from intone.core.jobs import Order
    from intone.text.segments import Segment

__all__ = [
    "LineFile",
    "SpoolFile",
    "SpooledLine",
    "begin_spooling",
    "pieces_of",
    "spool_path",
    "words_path",
]

#: Bytes read at a time.
_PIECE = 1024 * 1024

_encoder = msgspec.json.Encoder()


def spool_path(spool: Path, job_id: str, attempt: int) -> Path:
    """Where the audio of a running try is, which listeners follow.

    It is mono s16le at the order's rate, before its level is set; or MP3, where the order's
    recording is made of parts (`intone.core.kept.in_parts`).
    """
    return spool / f"{job_id}.{attempt}.pcm"


def begin_spooling(spool: Path, job_id: str, attempt: int) -> Path:
    """Make ready for a try and remove what earlier ones left that were killed; returns its path."""
    spool.mkdir(parents=True, exist_ok=True)
    for earlier in range(1, attempt):
        path = spool_path(spool, job_id, earlier)
        path.unlink(missing_ok=True)
        words_path(path).unlink(missing_ok=True)
    return spool_path(spool, job_id, attempt)


def words_path(audio: Path) -> Path:
    """Where the words of a try are, by where its audio is: a JSON `SpooledLine` a line."""
    return audio.with_suffix(".words")


class SpoolFile:
    """A file in the spool: it only grows, and is gone when it is closed.

    Every method may be called in any thread. Who writes after it was closed, as a thread whose
    caller was cancelled may, gets a `ValueError` and never another's file.

    Args:
        path: Where it is; what was there is replaced.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w+b", buffering=0)
        self._lock = threading.Lock()

    def write(self, *pieces: bytes) -> None:
        """Append all of these bytes.

        Raises:
            OSError: Not all of them could be written.
            ValueError: It is closed.
        """
        with self._lock:
            write_whole(self._file.fileno(), *pieces)

    def fileno(self) -> int:
        """Its descriptor, to read from."""
        return self._file.fileno()

    def close(self) -> None:
        """Remove it."""
        with self._lock:
            self._file.close()
            self._path.unlink(missing_ok=True)


class SpooledLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A `Line`, or what it takes to make one: few recordings are ever asked for their words."""

    text: str
    start: int
    end: int
    from_ms: int
    to_ms: int
    source: Source = "engine"
    words: tuple[Word, ...] = ()
    #: What was heard of it, where the words are not made out yet.
    hearing: Hearing | None = None

    def line(self, text: str) -> Line:
        """The line; some work where its words are not made out yet, for a thread.

        Args:
            text: The whole text.
        """
        source, words = self.source, self.words
        if self.hearing is not None:
            timing = time_words(self.hearing, text, self.start, self.end)
            source = timing.source
            words = _words(timing, self.from_ms)
        return Line(self.text, self.start, self.end, self.from_ms, self.to_ms, source, words)


class LineFile:
    """Writes down when each word of a take is heard, a whole line at a time.

    Args:
        audio: Where the take's audio is spooled.
        order: What is spoken.
    """

    def __init__(self, audio: Path, order: Order) -> None:
        self._file = SpoolFile(words_path(audio))
        self._rate = order.sample_rate
        self._delay = DELAYS.get(order.format, 0)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def add(self, segment: Segment, heard: Timing | Hearing, start: int, size: int) -> None:
        """Write a segment down.

        Args:
            segment: The segment.
            heard: Its words from its first sample, or what it takes to make them out.
            start: Where it begins in the take, in samples.
            size: How long it is, in samples.
        """
        from_ms, to_ms = (self._ms(at + self._delay) for at in (start, start + size))
        told: dict[str, Any] = {"hearing": heard}
        if isinstance(heard, Timing):
            told = {"source": heard.source, "words": _words(heard, from_ms)}
        line = SpooledLine(
            text=segment.text,
            start=segment.start,
            end=segment.end,
            from_ms=round(from_ms),
            to_ms=round(to_ms),
            **told,
        )
        self._file.write(_encoder.encode(line), b"\n")

    def read(self) -> AsyncIterator[bytes]:
        """Everything that was written."""
        return pieces_of(self._file.fileno(), 0, os.fstat(self._file.fileno()).st_size)

    def _ms(self, samples: int) -> float:
        return samples / self._rate * 1000


def _words(timing: Timing, start_ms: float) -> tuple[Word, ...]:
    return tuple(
        Word(word.start, word.end, round(start_ms + word.from_ms), round(start_ms + word.to_ms))
        for word in timing.words
    )


async def pieces_of(descriptor: int, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes of an open file from `start` to `end` (exclusive)."""
    for at in range(start, end, _PIECE):
        yield await asyncio.to_thread(os.pread, descriptor, min(_PIECE, end - at), at)
