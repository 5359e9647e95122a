"""What lies in the spool folder while a job is rendered, for those who follow it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import msgspec

from intone.audio.captions import Line, Word
from intone.audio.encode import DELAYS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from intone.audio.joins import Placed
    from intone.core.jobs import Order
    from intone.core.timing import Timing
    from intone.text.segments import Segment

__all__ = ["LineFile", "as_heard", "begin_spooling", "pieces_of", "spool_path", "words_path"]

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
    """Where the words of a try are, by where its audio is: a JSON `Line` a line."""
    return audio.with_suffix(".words")


class LineFile:
    """Writes down when each word of a take is heard, a whole line at a time.

    Args:
        audio: Where the take's audio is spooled.
        order: What is spoken.
    """

    def __init__(self, audio: Path, order: Order) -> None:
        self._path = words_path(audio)
        self._file = self._path.open("w+b", buffering=0)
        self._rate = order.sample_rate
        self._delay = DELAYS.get(order.format, 0)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def add(self, segment: Segment, timing: Timing, placed: Placed) -> None:
        """Write a segment down.

        Args:
            segment: The segment.
            timing: Its words, from the first sample that is heard of it.
            placed: Where it lies in the take.
        """
        start = self._ms(placed.start + self._delay)
        line = Line(
            text=segment.text,
            start=segment.start,
            end=segment.end,
            from_ms=round(start),
            to_ms=round(start + self._ms(placed.size)),
            source=timing.source,
            words=tuple(
                Word(word.start, word.end, round(start + word.from_ms), round(start + word.to_ms))
                for word in timing.words
            ),
        )
        self._file.write(_encoder.encode(line) + b"\n")

    def read(self) -> AsyncIterator[bytes]:
        """Everything that was written."""
        return pieces_of(self._file.fileno(), 0, os.fstat(self._file.fileno()).st_size)

    def _ms(self, samples: int) -> float:
        return samples / self._rate * 1000


def as_heard(timing: Timing, cut: int, size: int, sample_rate: int) -> Timing:
    """A segment's words from the first sample that is heard of it.

    Args:
        timing: From the first one that was spoken.
        cut: Samples between the two, which were cut off.
        size: Samples that are heard.
        sample_rate: In Hz.
    """
    return timing.shifted(-cut / sample_rate * 1000, size / sample_rate * 1000)


async def pieces_of(descriptor: int, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes of an open file from `start` to `end` (exclusive)."""
    for at in range(start, end, _PIECE):
        yield await asyncio.to_thread(os.pread, descriptor, min(_PIECE, end - at), at)
