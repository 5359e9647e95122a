"""One take of a recording: passages joined, metered and spooled, and encoded at one level.

Of an MP3 that may be edited, `intone.core.part_take` makes the take instead.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Self

from intone.audio.encode import create_encoder
from intone.audio.formats import BYTES_PER_SAMPLE, duration_ms, to_channels
from intone.audio.loudness import LoudnessMeter, apply_gain, gain_to, loudness_with
from intone.audio.pieces import Piece
from intone.audio.tags import provenance
from intone.core.kept import Kept, KeptPcm, origin, words_moved
from intone.core.recordings import Recording
from intone.core.spool import LineFile, SpoolFile
from intone.core.timing import Timing
from intone.core.voices import looks_cloned

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from intone.audio.encode import Encoder
    from intone.core.jobs import Order
    from intone.core.synthesis import Passage
    from intone.text.segments import Segment

__all__ = ["SETTLED_S", "TOLERANCE_LU", "OffLevelError", "Pauses", "Take", "tags_of"]

#: Seconds after which a voice's level is taken as known, and encoding begins.
SETTLED_S = 30
#: How far, in LU, it may then be from what the whole take would have been given; EBU R128 allows
#: as much. Of 56 takes by 14 voices two were further off.
TOLERANCE_LU = 0.5
#: Formats that name their length at the start, which is known only at the end.
_NAME_THEIR_LENGTH = frozenset({"wav"})
#: How much PCM is levelled and encoded at a time, in bytes: what that makes on the way stays in
#: the processor's cache.
_BITE = 512 * 1024
#: How much in one visit to a thread, about 5 s at 24 kHz or more, and 20 s at most.
_AT_LEAST, _AT_ONCE = 256 * 1024, 2 * _BITE


def tags_of(order: Order) -> Mapping[str, str]:
    """What an order's audio says of itself."""
    return provenance(cloned=any(map(looks_cloned, order.voices())))


class OffLevelError(Exception):
    """What was encoded is not at the level of the whole take; now that level is known."""


class Pauses:
    """How much silence goes before each passage of a take, in samples."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._next = 0
        self._has_begun = False

    def before(self, segment: Segment, *, is_heard: bool) -> int:
        """The silence before the segment that follows; 0 where nothing is heard of it."""
        order = self._order
        after = round(segment.pause_ms / order.rate) * order.sample_rate // 1000
        if is_heard:
            before, self._next, self._has_begun = self._next, after, True
            return before
        if self._has_begun:
            # Nothing was said between two pauses: the longer one stands for both.
            self._next = max(self._next, after)
        return 0


class Take:
    """The audio of one try at a job. Used as a context; leaving it removes the spool files.

    Args:
        path: Where its audio is spooled.
        order: What is spoken, and in which form it is wanted.
    """

    def __init__(self, path: Path, order: Order) -> None:
        self._order = order
        self._lines = LineFile(path, order)
        self._file = SpoolFile(path)
        self._meter = LoudnessMeter(order.sample_rate)
        self._size = 0
        self._pauses = Pauses(order)
        self._given: list[Kept] = []
        #: Held while a passage is added: a caller that is cancelled does not stop its thread.
        self._adding = threading.Lock()
        self._whole = asyncio.Event()
        #: In dB; None where it cannot be told yet.
        self._gain: float | None = None
        self._grown = asyncio.Event()
        self._encoded_size = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._close)

    async def add(self, passage: Passage) -> Sequence[Kept]:
        """Append a passage; listeners can hear it when this returns.

        Returns:
            What can be kept now, of this passage or of earlier ones.
        """
        await asyncio.to_thread(self._add, passage)
        self._grown.set()
        return self._take_given()

    async def finish(self) -> Sequence[Kept]:
        """No more passages follow.

        Returns:
            What could not be kept before.
        """
        gain = gain_to(self._meter)
        if self._gain is None or abs(gain - self._gain) > TOLERANCE_LU:
            self._gain = gain
        self._whole.set()
        self._grown.set()
        return ()

    async def left(self) -> Sequence[Kept]:
        """What can be kept of a take that ends early, and was not given out yet."""
        return await asyncio.to_thread(self._take_given)

    async def encoded(self) -> AsyncIterator[bytes]:
        """The whole take at one level, in the order's format, while passages are still added.

        Raises:
            OffLevelError: The whole take needs another level than its beginning promised. Asked
                again, this gives it.
        """
        order = self._order
        self._encoded_size = 0
        while self._gain is None:
            await self._growth()
        gain, at, is_over = self._gain, 0, False
        encoder = create_encoder(
            order.format,
            sample_rate=order.sample_rate,
            channels=order.channels,
            total_bytes=self._size * order.channels if self._whole.is_set() else None,
            tags=tags_of(order),
        )
        while not is_over:
            while self._size < at + _AT_LEAST and not self._whole.is_set():
                await self._growth()
            if self._gain != gain:
                raise OffLevelError
            end = min(self._size, at + _AT_ONCE)
            is_over = self._whole.is_set() and end == self._size
            for piece in await asyncio.to_thread(self._encode, encoder, gain, at, end, is_over):
                yield piece
            at = end

    async def lines(self) -> AsyncIterator[bytes]:
        """When each word is heard, once no more follow: a JSON `SpooledLine` a line."""
        await self._whole.wait()
        async for piece in self._lines.read():
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
            loudness=loudness_with(self._meter, self._gain, order.channels),
        )

    def _close(self) -> None:
        self._file.close()
        self._lines.close()

    async def _growth(self) -> None:
        """Wait until there is more of the take, or no more can come."""
        await self._grown.wait()
        self._grown.clear()

    def _add(self, passage: Passage) -> None:
        order, segment = self._order, passage.segment
        with self._adding:
            piece, timing = passage.hear()
            assert isinstance(piece, Piece)
            if isinstance(timing, Timing) and passage.key is not None and passage.place is None:
                moved = words_moved(timing, -origin(segment, order.text))
                kept = KeptPcm(piece.pcm, piece.loudness, moved).packed()
                self._given.append(Kept(passage.key, passage.voice, kept))
            pause = self._pauses.before(segment, is_heard=bool(piece.pcm))
            if not piece.pcm:
                return
            silence = bytes(pause * BYTES_PER_SAMPLE)
            self._file.write(silence, piece.pcm)
            self._meter.add(piece.loudness, pause / order.sample_rate)
            start = self._size // BYTES_PER_SAMPLE + pause
            self._lines.add(segment, timing, start, piece.samples)
            self._size += len(silence) + len(piece.pcm)
            self._settle()

    def _take_given(self) -> Sequence[Kept]:
        with self._adding:
            given, self._given = self._given, []
        return given

    def _settle(self) -> None:
        """Take the level as known once there is enough to tell it by."""
        settled = SETTLED_S * self._order.sample_rate * BYTES_PER_SAMPLE
        if (
            self._gain is None
            and self._size >= settled
            and self._order.format not in _NAME_THEIR_LENGTH
        ):
            self._gain = gain_to(self._meter)

    def _encode(
        self, encoder: Encoder, gain: float, start: int, end: int, is_last: bool
    ) -> Sequence[bytes]:
        """Level and encode the spooled bytes from `start` to `end`."""
        pieces = []
        for at in range(start, end, _BITE):
            pcm = os.pread(self._file.fileno(), min(_BITE, end - at), at)
            pieces.append(encoder.feed(to_channels(apply_gain(pcm, gain), self._order.channels)))
        if is_last:
            pieces.append(encoder.finish())
        self._encoded_size += sum(map(len, pieces))
        return [piece for piece in pieces if piece]
