"""A take of an MP3 that may be edited: parts that are kept are taken over as they are.

New parts are encoded several at once, at the level that the parts kept before have. Where there
are none, the first part's level is taken until the voice's is known: then what was encoded at
another is encoded again. Who listens meanwhile is given the first version, as the two are not to be
mixed within a part; the recording gets the second.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self

import msgspec

from intone.audio.loudness import LoudnessMeter, gain_to, loudness_with
from intone.audio.parts import PartCoder
from intone.audio.tags import id3v1_tag
from intone.core.kept import Kept, KeptPart, origin, unpacked, words_moved
from intone.core.part_store import Part, PartStore
from intone.core.recordings import Recording
from intone.core.spool import LineFile
from intone.core.take import SETTLED_S, TOLERANCE_LU, Pauses, tags_of
from intone.core.timing import Timing
from intone.machine import usable_cores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from intone.core.jobs import Order
    from intone.core.synthesis import Passage
    from intone.text.segments import Segment

__all__ = ["PartTake"]

#: How far, in LU, a kept part may be from the level of the others, and a take with such parts from
#: the level wanted, before they are decoded and encoded once more. EBU R128 allows as much where
#: the level cannot be known before.
_KEPT_TOLERANCE_LU = 1.0
#: Frames of a recording without sound; players take fewer for something else than MP3.
_MOMENT = 4


class PartTake:
    """As `Take`, of an order that is `in_parts`.

    Args:
        path: Where its audio is spooled.
        order: What is spoken, and in which form it is wanted.
    """

    def __init__(self, path: Path, order: Order) -> None:
        self._order = order
        self._store = PartStore(path)
        self._lines = LineFile(path, order)
        self._coder = PartCoder(order.sample_rate, order.channels)
        self._meter = LoudnessMeter(order.sample_rate)
        self._parts: list[Part] = []
        #: Those that were written before the level is known, and are not to be kept yet.
        self._early: list[Part] = []
        self._given: deque[Kept] = deque()
        #: Those that are to be written, in order, as soon as they are encoded.
        self._pending: deque[Part] = deque()
        self._writing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._most = usable_cores()
        self._slots = asyncio.Semaphore(self._most)
        #: Length.
        self._frames = 0
        self._pauses = Pauses(order)
        #: In dB; None before the first part.
        self._gain: float | None = None
        self._is_settled = self._has_kept = False
        self._whole = asyncio.Event()
        self._encoded_size = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.to_thread(self._close)

    async def add(self, passage: Passage) -> Sequence[Kept]:
        """Append a passage; listeners can hear it soon, and the first one when this returns.

        Returns:
            What can be kept now, of this passage or of earlier ones.
        """
        part = await asyncio.to_thread(self._take_in, passage)
        if part is not None:
            if part.frames is not None and not self._is_settled:
                await self._level(part.gain_db, 0.0, self._early)
            elif self._gain is None:
                self._gain = gain_to(self._meter)
            self._begin(part)
            await self._done(2 * self._most if self._store.size else 0)
        seconds = self._frames * self._coder.frame / self._order.sample_rate
        if not self._is_settled and seconds >= SETTLED_S:
            await self._level(gain_to(self._meter), TOLERANCE_LU, self._early)
        return self._take_given()

    async def finish(self) -> Sequence[Kept]:
        """No more passages follow.

        Returns:
            What could not be kept before.
        """
        await self._done(0)
        if not self._parts:
            # No bytes at all are no MP3 file: an empty recording becomes a moment of silence.
            await asyncio.to_thread(self._store.fill, self._coder.silence(_MOMENT))
            self._frames = _MOMENT
        gain = gain_to(self._meter)
        tolerance = _KEPT_TOLERANCE_LU if self._has_kept else TOLERANCE_LU
        is_off = self._gain is not None and abs(gain - self._gain) > tolerance
        await self._level(gain, tolerance, self._parts if is_off else self._early)
        self._whole.set()
        return self._take_given()

    async def left(self) -> Sequence[Kept]:
        """What can be kept of a take that ends early, and was not given out yet."""
        return await asyncio.to_thread(self._left)

    async def encoded(self) -> AsyncIterator[bytes]:
        """The whole take at one level, once it is whole."""
        await self._whole.wait()
        self._encoded_size = 0
        async for piece in self._store.newest(self._parts):
            self._encoded_size += len(piece)
            yield piece
        tag = id3v1_tag(tags_of(self._order))
        self._encoded_size += len(tag)
        yield tag

    async def lines(self) -> AsyncIterator[bytes]:
        """When each word is heard, once no more follow: a JSON `SpooledLine` a line."""
        await self._whole.wait()
        async for piece in self._lines.read():
            yield piece

    def recording(self, blob: str) -> Recording:
        """As of `Take`."""
        order = self._order
        return Recording(
            blob=blob,
            format=order.format,
            sample_rate=order.sample_rate,
            channels=order.channels,
            bytes=self._encoded_size,
            duration_ms=-(-self._frames * self._coder.frame * 1000 // order.sample_rate),
            loudness=loudness_with(self._meter, self._gain, order.channels),
        )

    def _close(self) -> None:
        self._store.close()
        self._lines.close()

    def _take_in(self, passage: Passage) -> Part | None:
        """Place and measure a passage; returns what is still to be encoded or written."""
        order, segment = self._order, passage.segment
        piece, timing = passage.hear()
        assert isinstance(timing, Timing)
        if isinstance(piece, KeptPart):
            kept, pcm, key = piece, b"", None
        else:
            moved = words_moved(timing, -origin(segment, order.text))
            kept = KeptPart(b"", piece.samples, 0.0, piece.loudness, moved)
            pcm, key = piece.pcm, passage.key
        pause = self._pauses.before(segment, is_heard=bool(kept.samples))
        if not kept.samples:
            if key is not None:
                self._given.append(Kept(key, passage.voice, kept.packed()))
            return None
        silence = self._place(segment, kept, timing, pause)
        part = Part(kept.samples, kept.gain_db, silence, passage.voice, key)
        self._parts.append(part)
        if pcm:
            note = kept.packed()
            part.pcm_at, part.note_size = self._store.set_aside(pcm + note), len(note)
            return part
        self._has_kept, part.frames = True, kept.frames
        if self._is_settled and self._fits(part) and all(task.done() for task in self._tasks):
            self._write(part)
            return None
        return part

    def _place(self, segment: Segment, kept: KeptPart, timing: Timing, pause: int) -> int:
        """Have a part follow the last one; returns the silent frames between the two."""
        frame, silence, gap = self._coder.frame, 0, 0
        if self._parts:
            last = self._parts[-1].samples
            silence = self._coder.pause(pause, last)
            gap = (silence + self._coder.frames(last)) * frame - last
        self._meter.add(kept.loudness, gap / self._order.sample_rate)
        self._lines.add(segment, timing, (self._frames + silence) * frame, kept.samples)
        self._frames += silence + self._coder.frames(kept.samples)
        return silence

    def _fits(self, part: Part) -> bool:
        """Whether a part is at the level of the others, near enough."""
        assert self._gain is not None
        allowed = _KEPT_TOLERANCE_LU if part.pcm_at is None else 0.0
        return abs(part.gain_db - self._gain) <= allowed

    def _begin(self, part: Part) -> None:
        """Have a part encoded, unless it is, and written when its turn comes."""
        mp3 = part.frames
        if mp3 is not None and self._fits(part):
            making = self._advance()
        else:
            part.frames = None
            making = self._make(part, mp3)
        self._pending.append(part)
        self._tasks.add(asyncio.create_task(making))

    async def _make(self, part: Part, mp3: bytes | None) -> None:
        async with self._slots:
            part.frames = await asyncio.to_thread(self._encoded, part, mp3)
        await self._advance()

    async def _advance(self) -> None:
        """Write down all parts whose turn it is."""
        async with self._writing:
            while self._pending and self._pending[0].frames is not None:
                await asyncio.to_thread(self._write, self._pending.popleft())

    def _encoded(self, part: Part, mp3: bytes | None) -> bytes:
        """A part at the level of the others.

        Args:
            part: Which.
            mp3: It at another level, in case there is no PCM of it.
        """
        assert self._gain is not None
        if part.pcm_at is not None:
            frames = self._coder.encode(self._store.pcm(part), self._gain)
        else:
            assert mp3 is not None
            frames = self._coder.relevel(mp3, part.samples, self._gain - part.gain_db)
        part.gain_db = self._gain
        return frames

    def _write(self, part: Part) -> None:
        frames = part.frames
        assert frames is not None
        self._store.append(self._coder.silence(part.pause), part)
        if not self._is_settled:
            self._early.append(part)
        elif part.key is not None:
            self._given.append(self._kept(part, part.key, frames))

    async def _done(self, most: int) -> None:
        """Wait until no more parts than that are being encoded."""
        while True:
            for task in [task for task in self._tasks if task.done()]:
                self._tasks.remove(task)
                task.result()
            if len(self._tasks) <= most:
                return
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def _level(self, gain: float, tolerance: float, parts: list[Part]) -> None:
        """Take the level as known; parts that then are not at it are encoded again."""
        await self._done(0)
        if self._gain is None or abs(gain - self._gain) > tolerance:
            self._gain = gain
        self._is_settled, self._early = True, []
        await asyncio.gather(*(self._relevel(part) for part in parts))

    async def _relevel(self, part: Part) -> None:
        async with self._slots:
            await asyncio.to_thread(self._relevelled, part)

    def _relevelled(self, part: Part) -> None:
        mp3 = self._store.mp3(part)
        if not self._fits(part):
            mp3 = self._encoded(part, mp3)
            part.again_at = self._store.set_aside(mp3)
        if part.key is not None:
            self._given.append(self._kept(part, part.key, mp3))

    def _kept(self, part: Part, key: bytes, mp3: bytes) -> Kept:
        known = unpacked(self._store.note(part), KeptPart)
        assert known is not None
        kept = msgspec.structs.replace(known, frames=mp3, gain_db=part.gain_db)
        return Kept(key, part.voice, kept.packed())

    def _left(self) -> Sequence[Kept]:
        early = [
            self._kept(part, part.key, self._store.mp3(part))
            for part in self._early
            if part.key is not None
        ]
        return [*self._take_given(), *early]

    def _take_given(self) -> Sequence[Kept]:
        given = []
        while self._given:
            given.append(self._given.popleft())
        return given
