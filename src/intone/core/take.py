"""One take of a recording: passages joined, metered and spooled, and encoded at one level."""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
from typing import TYPE_CHECKING, Self

from intone.audio.encode import create_encoder
from intone.audio.formats import BYTES_PER_SAMPLE, duration_ms, to_channels
from intone.audio.joins import Joiner
from intone.audio.loudness import LoudnessMeter, apply_gain, gain_to
from intone.audio.tags import provenance
from intone.core.recordings import Recording
from intone.core.voices import looks_cloned

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from intone.audio.encode import Encoder
    from intone.core.jobs import Order
    from intone.core.synthesis import Passage

__all__ = ["OffLevelError", "Take"]

#: Seconds after which a voice's level is taken as known, and encoding begins.
_SETTLED_S = 30
#: How far, in LU, it may then be from what the whole take would have been given; EBU R128 allows
#: as much. Of 56 takes by 14 voices two were further off.
_TOLERANCE_LU = 0.5
#: Formats that name their length at the start, which is known only at the end.
_NAME_THEIR_LENGTH = frozenset({"wav"})
#: How much PCM is levelled and encoded at a time, in bytes: what that makes on the way stays in
#: the processor's cache.
_BITE = 64 * 1024
#: How much in one visit to a thread (about 20 s at 24 kHz).
_AT_ONCE = 16 * _BITE


class OffLevelError(Exception):
    """What was encoded is not at the level of the whole take; now that level is known."""


class Take:
    """The audio of one try at a job. Used as a context; leaving it removes the spool file."""

    def __init__(self, path: Path, order: Order) -> None:
        self._path = path
        self._order = order
        self._file = path.open("w+b", buffering=0)
        self._joiner = Joiner(order.sample_rate)
        self._meter = LoudnessMeter(order.sample_rate)
        self._size = 0
        self._is_whole = False
        #: In dB; None where it cannot be told yet.
        self._gain: float | None = None
        self._grown = asyncio.Event()
        self._encoded_size = 0
        self._hash = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    async def add(self, passage: Passage) -> None:
        """Append a passage; listeners can hear it when this returns."""
        await asyncio.to_thread(self._add, passage)
        self._grown.set()

    def finish(self) -> None:
        """No more passages follow."""
        gain = gain_to(self._meter)
        if self._gain is None or abs(gain - self._gain) > _TOLERANCE_LU:
            self._gain = gain
        self._is_whole = True
        self._grown.set()

    async def encoded(self) -> AsyncIterator[bytes]:
        """The whole take at one level, in the order's format, while passages are still added.

        Raises:
            OffLevelError: The whole take needs another level than its beginning promised. Asked
                again, this gives it.
        """
        order = self._order
        self._encoded_size, self._hash = 0, hashlib.sha256()
        while self._gain is None:
            await self._growth()
        gain, at, is_over = self._gain, 0, False
        encoder = create_encoder(
            order.format,
            sample_rate=order.sample_rate,
            channels=order.channels,
            total_bytes=self._size * order.channels if self._is_whole else None,
            tags=provenance(cloned=looks_cloned(order.voice)),
        )
        while not is_over:
            while self._size < at + _AT_ONCE and not self._is_whole:
                await self._growth()
            if self._gain != gain:
                raise OffLevelError
            end = min(self._size, at + _AT_ONCE)
            is_over = self._is_whole and end == self._size
            piece = await asyncio.to_thread(self._encode, encoder, gain, at, end, is_over)
            at = end
            if piece:
                yield piece

    def recording(self, blob: str) -> Recording:
        """What is to be known of the encoded take, once all of it was read.

        Args:
            blob: Where it was put.
        """
        order = self._order
        return Recording(
            blob=blob,
            format=order.format,
            sample_rate=order.sample_rate,
            channels=order.channels,
            bytes=self._encoded_size,
            duration_ms=duration_ms(self._size, order.sample_rate),
            loudness=self._loudness(),
            sha256=self._hash.hexdigest(),
        )

    def _loudness(self) -> float | None:
        measured = self._meter.integrated()
        if measured is None or self._gain is None:
            return None
        # The same voice from two loudspeakers is 3 LU louder (ITU-R BS.1770 sums the channels).
        return measured + self._gain + 10 * math.log10(self._order.channels)

    async def _growth(self) -> None:
        """Wait until there is more of the take, or no more can come."""
        await self._grown.wait()
        self._grown.clear()

    def _add(self, passage: Passage) -> None:
        self._write(self._joiner.feed(passage.pcm))
        pause_ms = round(passage.segment.pause_ms / self._order.rate)
        self._write(self._joiner.end_segment(pause_ms))
        settled = _SETTLED_S * self._order.sample_rate * BYTES_PER_SAMPLE
        if (
            self._gain is None
            and self._size >= settled
            and self._order.format not in _NAME_THEIR_LENGTH
        ):
            self._gain = gain_to(self._meter)

    def _write(self, pcm: bytes) -> None:
        self._file.write(pcm)
        self._meter.feed(pcm)
        self._size += len(pcm)

    def _encode(self, encoder: Encoder, gain: float, start: int, end: int, is_last: bool) -> bytes:
        """Level and encode the spooled bytes from `start` to `end`."""
        pieces = []
        for at in range(start, end, _BITE):
            pcm = os.pread(self._file.fileno(), min(_BITE, end - at), at)
            pieces.append(encoder.feed(to_channels(apply_gain(pcm, gain), self._order.channels)))
        if is_last:
            pieces.append(encoder.finish())
        encoded = b"".join(pieces)
        self._hash.update(encoded)
        self._encoded_size += len(encoded)
        return encoded
