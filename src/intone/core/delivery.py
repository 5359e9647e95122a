"""From an utterance to bytes in the format asked for, while they are still being made.

A vendor that has the format delivers the whole text in one call, and its bytes pass through
untouched. All else is spoken part by part, brought to 24 kHz mono PCM and encoded here: local
engines by segments, so that the first clause is heard at once and memory does not grow with the
text; vendors where the text is too long for one call, or where the caller wants the reading to
go on with another provider should this one break off.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from intone.audio import mpeg
from intone.audio.encode import create_encoder
from intone.audio.formats import BYTES_PER_SAMPLE
from intone.audio.joins import Joiner
from intone.audio.resample import Resampler
from intone.audio.tags import provenance
from intone.audio.tempo import TempoChanger
from intone.core.voices import looks_cloned
from intone.errors import ProviderError, UnavailableError
from intone.providers.base import AudioChunk, SpeechRequest
from intone.text.segments import split

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

    from intone.audio.encode import Encoder
    from intone.core.models import Wish
    from intone.core.routing import Answer, Candidate, Router

__all__ = ["SAMPLE_RATE", "Delivery", "Switch", "Utterance"]

#: Of all speech that is streamed, in Hz (seed 004).
SAMPLE_RATE: Final = 24_000
#: Longest part of a text in characters where each part is heard while the next is spoken.
_PART = 200
#: PCM up to this size is encoded on the spot: a thread would take longer to wake.
_SMALL = 8192
#: How many characters a second of speech has, more or less.
_CHARACTERS_PER_S = 15
#: Formats that need no encoding.
_PLAIN = ("pcm", "wav")


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a caller wants to hear."""

    text: str
    #: Models and voices in the order in which they may speak; at least one.
    wishes: tuple[Wish, ...]
    form: str = "mp3"
    #: Speed multiplier, 0.25–4.0.
    rate: float = 1.0
    instructions: str = ""
    #: For the provider's own API.
    options: Mapping[str, object] = field(default_factory=dict)
    #: Whether another candidate goes on at the next sentence where one breaks off.
    resumes: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """Another candidate has gone on reading."""

    provider: str
    model: str
    #: Where in the text it began, in characters.
    at: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the text that is spoken by one call."""

    spoken: str
    #: Where it begins in the text, and where it ends, exclusive.
    start: int
    end: int
    pause_ms: int


class Delivery:
    """One utterance on its way out.

    Args:
        router: Gets the answers.
        candidates: Who may speak, in order.
        utterance: What.
    """

    def __init__(
        self, router: Router, candidates: Sequence[Candidate], utterance: Utterance
    ) -> None:
        self._router = router
        self._waiting = list(candidates)
        self._utterance = utterance
        self._answer: Answer[Any] | None = None
        self._parts: Iterator[_Part] = iter(())
        self._part = _Part("", 0, 0, 0)
        #: Who speaks now.
        self.candidate = candidates[0]
        #: By candidate, how many characters it has spoken.
        self.spoken: dict[Candidate, int] = {}
        self.switches: list[Switch] = []

    async def begin(self) -> None:
        """Have somebody speak; returns when the first audio is there.

        Raises:
            ProviderError, BreakerOpenError, UnavailableError: As `Router.begin`.
        """
        await self._find_speaker(0)

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The audio, in the utterance's format.

        Raises:
            ProviderError, BreakerOpenError: It broke off; what came is not whole.
        """
        if self._answer is not None and self._passes(self.candidate):
            return self._untouched(self._answer)
        return self._encoded()

    async def _encoded(self) -> AsyncGenerator[bytes, None]:
        """What is spoken part by part, brought into the format here."""
        tags = provenance(cloned=self._is_cloned())
        encoder = create_encoder(self._utterance.form, sample_rate=SAMPLE_RATE, tags=tags)
        async with aclosing(self._pcm()) as pieces:
            async for pcm in pieces:
                if encoded := await self._encode(encoder, pcm):
                    yield encoded
        if rest := await asyncio.to_thread(encoder.finish):
            yield rest

    def _is_cloned(self) -> bool:
        """Whether a voice of a workspace's own speaks; vendors' and presets' ids look alike."""
        speaker, names = self.candidate, (wish.voice for wish in self._utterance.wishes)
        return (
            speaker.provider.capabilities.local
            and any(map(looks_cloned, names))
            and all(speaker.voice != preset.local_id for preset in speaker.provider.voices())
        )

    async def close(self) -> None:
        """Stop whoever speaks."""
        if self._answer is not None:
            await self._answer.aclose()

    async def _untouched(self, answer: Answer[bytes]) -> AsyncGenerator[bytes, None]:
        """A vendor's own bytes; how far it has read is known by how much has come."""
        length, size, rate, is_whole = len(self._utterance.text), 0, 0, False
        try:
            async with aclosing(answer.pieces()) as pieces:
                async for chunk in pieces:
                    rate = rate or _byte_rate(self._utterance.form, chunk)
                    size += len(chunk)
                    yield chunk
            is_whole = True
        finally:
            heard = self._characters(size / rate) if rate else length
            self.spoken[self.candidate] = length if is_whole else min(length, heard if size else 0)

    async def _pcm(self) -> AsyncGenerator[bytes, None]:
        """All parts as mono s16le at 24 kHz."""
        began_at, line = 0, self._line()
        while self._answer is not None:
            start, end, heard_s = self._part.start, self._part.end, 0.0
            try:
                async with aclosing(self._answer.pieces()) as pieces:
                    async for piece in pieces:
                        heard_s += len(piece.pcm) / (BYTES_PER_SAMPLE * piece.sample_rate)
                        read = min(end, start + self._characters(heard_s))
                        self.spoken[self.candidate] = read - began_at
                        if pcm := line.feed(piece):
                            yield pcm
                if heard_s:
                    self.spoken[self.candidate] = end - began_at
                yield line.end_part(self._part.pause_ms)
                await self._next_part()
            except (ProviderError, UnavailableError):
                if not self._utterance.resumes or not self._waiting:
                    raise
                yield line.finish()
                await self._find_speaker(end)
                if self._answer is None:
                    raise  # it was the last sentence that broke off, and it is not whole
                began_at, line = end, self._line()
                self.switches.append(
                    Switch(self.candidate.provider.name, self.candidate.model.id, end)
                )
        yield line.finish()

    def _characters(self, seconds: float) -> int:
        """How many characters are read in so many seconds of a provider's audio, more or less."""
        return int(seconds * self._native_rate(self.candidate) * _CHARACTERS_PER_S) + 1

    async def _find_speaker(self, start: int) -> None:
        """Have one of the candidates left read from `start`."""
        parts = {candidate: self._cut(candidate, start) for candidate in self._waiting}
        first = {c: part for c, cut in parts.items() if (part := next(cut, None)) is not None}
        if not first:
            self._answer = None  # there is nothing to say
            return
        answer = self._answer = await self._router.begin(
            list(first), lambda candidate: self._speak(candidate, first[candidate])
        )
        self.candidate = answer.candidate
        self._waiting = self._waiting[self._waiting.index(self.candidate) + 1 :]
        self._parts, self._part = parts[self.candidate], first[self.candidate]

    async def _next_part(self) -> None:
        part = next(self._parts, None)
        if part is None:
            self._answer = None
            return
        self._part = part
        self._answer = await self._router.begin(
            [self.candidate], lambda candidate: self._speak(candidate, part)
        )

    def _passes(self, candidate: Candidate) -> bool:
        """Whether the provider's own bytes are what was asked for."""
        can, utterance = candidate.provider.capabilities, self._utterance
        return (
            utterance.form in can.formats
            and can.rates[0] <= utterance.rate <= can.rates[1]
            and len(utterance.text) <= can.max_characters
            and not utterance.resumes
        )

    def _cut(self, candidate: Candidate, start: int) -> Iterator[_Part]:
        """The text from `start` on, in the parts that the candidate gets."""
        text, can = self._utterance.text[start:], candidate.provider.capabilities
        whole = len(text) <= can.max_characters and not self._utterance.resumes
        if whole and not can.local:
            yield _Part(text, start, len(self._utterance.text), 0)
            return
        longest = _PART if can.local or self._utterance.resumes else can.max_characters
        for segment in split(
            text,
            candidate.language or "en",
            limit=min(longest, can.max_characters),
            max_characters=can.max_characters,
        ):
            spoken = segment.spoken if can.local else text[segment.start : segment.end]
            yield _Part(spoken, start + segment.start, start + segment.end, segment.pause_ms)

    def _speak(self, candidate: Candidate, part: _Part) -> AsyncGenerator[Any, None]:
        provider, utterance = candidate.provider, self._utterance
        request = SpeechRequest(
            text=part.spoken,
            voice=candidate.voice,
            language=candidate.language,
            rate=self._native_rate(candidate),
            sample_rate=SAMPLE_RATE,
            model=candidate.model.id,
            instructions=utterance.instructions,
            urgent=True,
            options=utterance.options,
        )
        if self._passes(candidate):
            return provider.stream(request, utterance.form)
        pieces = provider.synthesize(request)
        return _eagerly(pieces) if provider.capabilities.local else pieces

    def _native_rate(self, candidate: Candidate) -> float:
        """How fast the provider itself speaks."""
        slowest, fastest = candidate.provider.capabilities.rates
        return min(max(self._utterance.rate, slowest), fastest)

    def _line(self) -> _Line:
        native = self._native_rate(self.candidate)
        in_parts = (
            self.candidate.provider.capabilities.local
            or self._utterance.resumes
            or self._part.end < len(self._utterance.text)
        )
        return _Line(native, self._utterance.rate / native, joins=in_parts)

    async def _encode(self, encoder: Encoder, pcm: bytes) -> bytes:
        if len(pcm) <= _SMALL or self._utterance.form in _PLAIN:
            return encoder.feed(pcm)
        return await asyncio.to_thread(encoder.feed, pcm)


class _Line:
    """One speaker's audio on its way to the encoder: its sample rate, its seams, its tempo.

    Args:
        native: How fast the provider speaks.
        tempo: How much faster that is made here.
        joins: Whether it comes in parts.
    """

    def __init__(self, native: float, tempo: float, *, joins: bool) -> None:
        self._native = native
        self._resampler: Resampler | None = None
        self._joiner = Joiner(SAMPLE_RATE) if joins else None
        self._tempo = TempoChanger(SAMPLE_RATE, tempo) if tempo != 1.0 else None

    def feed(self, chunk: AudioChunk) -> bytes:
        pcm = chunk.pcm
        if chunk.sample_rate != SAMPLE_RATE:
            if self._resampler is None:
                self._resampler = Resampler(chunk.sample_rate, SAMPLE_RATE)
            pcm = self._resampler.feed(pcm)
        if self._joiner is not None:
            pcm = self._joiner.feed(pcm)
        return self._tempo.feed(pcm) if self._tempo and pcm else pcm

    def end_part(self, pause_ms: int) -> bytes:
        pcm = b""
        if self._resampler is not None:
            pcm, self._resampler = self._resampler.finish(), None
        if self._joiner is not None:
            pcm = self._joiner.feed(pcm) + self._joiner.end_segment(round(pause_ms / self._native))
        return self._tempo.feed(pcm) if self._tempo and pcm else pcm

    def finish(self) -> bytes:
        pcm = self.end_part(0)
        return pcm + self._tempo.finish() if self._tempo else pcm


async def _eagerly(pieces: AsyncGenerator[AudioChunk, None]) -> AsyncGenerator[AudioChunk, None]:
    """Take a part from an engine as fast as it speaks: a slow listener must not occupy it."""
    ready: asyncio.Queue[AudioChunk | Exception | None] = asyncio.Queue()

    async def take() -> None:
        try:
            async for piece in pieces:
                ready.put_nowait(piece)
        except Exception as error:  # noqa: BLE001 - raised again where the audio is wanted
            ready.put_nowait(error)
        else:
            ready.put_nowait(None)

    task = asyncio.create_task(take())
    try:
        while (piece := await ready.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await pieces.aclose()


def _byte_rate(form: str, head: bytes) -> int:
    """Bytes a second of a stream that begins with `head`; 0 where that cannot be told."""
    if form in _PLAIN:
        return SAMPLE_RATE * BYTES_PER_SAMPLE
    return mpeg.byte_rate(head) if form == "mp3" else 0
