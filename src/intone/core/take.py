"""One take of a recording: passages joined, metered and spooled, then levelled and encoded."""

from __future__ import annotations

import asyncio
import hashlib
import math
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Self

from intone.audio.encode import create_encoder
from intone.audio.formats import duration_ms, to_channels
from intone.audio.joins import Joiner
from intone.audio.loudness import LoudnessMeter, apply_gain, gain_to
from intone.core.recordings import Recording

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from intone.core.jobs import Order
    from intone.core.synthesis import Passage

__all__ = ["Take"]

#: How much PCM is worked on at a time, in bytes: what that makes on the way stays in the
#: processor's cache; with whole passages joining takes three times as long.
_BITE = 64 * 1024
#: How many of them are levelled and encoded in one visit to a thread (about 20 s at 24 kHz).
_BITES_AT_ONCE = 16


class Take:
    """The audio of one try at a job. Used as a context; leaving it removes the spool file."""

    def __init__(self, path: Path, order: Order) -> None:
        self._path = path
        self._order = order
        self._file = path.open("w+b", buffering=0)
        self._joiner = Joiner(order.sample_rate)
        self._meter = LoudnessMeter(order.sample_rate)
        self._size = 0
        self._encoded_size = 0
        self._hash = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def add(self, passage: Passage) -> None:
        """Append a passage; listeners can hear it when this returns."""
        pcm = memoryview(passage.pcm)
        for start in range(0, len(pcm), _BITE):
            self._write(self._joiner.feed(bytes(pcm[start : start + _BITE])))
        self._write(self._joiner.end_segment(passage.segment.pause_ms))

    def finish(self) -> None:
        """No more passages follow."""
        self._write(self._joiner.finish())

    async def encoded(self) -> AsyncIterator[bytes]:
        """The whole take at the right level, in the order's format."""
        order = self._order
        gain = gain_to(self._meter)
        encoder = create_encoder(
            order.format,
            sample_rate=order.sample_rate,
            channels=order.channels,
            total_bytes=self._size * order.channels,
        )

        def piece() -> bytes | None:
            bites = list(islice(iter(partial(self._file.read, _BITE), b""), _BITES_AT_ONCE))
            if not bites:
                return None
            encoded = b"".join(
                encoder.feed(to_channels(apply_gain(pcm, gain), order.channels)) for pcm in bites
            )
            self._hash.update(encoded)
            return encoded

        self._file.seek(0)
        while (encoded := await asyncio.to_thread(piece)) is not None:
            self._encoded_size += len(encoded)
            yield encoded
        rest = encoder.finish()
        self._hash.update(rest)
        self._encoded_size += len(rest)
        yield rest

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
        if measured is None:
            return None
        # The same voice from two loudspeakers is 3 LU louder (ITU-R BS.1770 sums the channels).
        return measured + gain_to(self._meter) + 10 * math.log10(self._order.channels)

    def _write(self, pcm: bytes) -> None:
        self._file.write(pcm)
        self._meter.feed(pcm)
        self._size += len(pcm)
