"""THE path from text to audio: text, segments, provider, audio in order.

Segments are rendered in parallel, as many as the provider serves at once, and handed
on in their order. A few more wait for their turn, so that nobody who can speak is idle
while a long segment holds up those behind it. No more than these are in memory, however
long the text. A segment whose engine dies is spoken again by another process.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, NamedTuple

from intone.audio.pieces import Piece, piece_of
from intone.audio.pitch import PitchShifter
from intone.audio.resample import Resampler
from intone.audio.sounding import Outline
from intone.audio.tempo import TempoChanger
from intone.core.kept import KeptPart, KeptPcm, origin, words_moved
from intone.core.routing import Candidate
from intone.core.script import Script
from intone.core.segment_cache import SegmentKeys
from intone.core.timing import Hearing, time_words
from intone.errors import ProviderError, UnavailableError
from intone.providers.base import SpeechRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from intone.core.routing import Answer, Router
    from intone.core.script import Stretch
    from intone.core.segment_cache import SegmentCache
    from intone.core.segment_rows import Place
    from intone.core.timing import Timing
    from intone.providers.base import AudioChunk, Provider, WordMark
    from intone.text.segments import Segment

__all__ = ["Heard", "Passage", "Script", "Synthesizer"]

#: How often one segment is begun before its job fails, if it breaks off each time.
_TRIES = 3
#: Segments under way, for each one that the provider serves at once.
_AHEAD = 2
#: Segments that are looked for at once among those that are kept.
_LOOK_UP = 32


class Heard(NamedTuple):
    """What is heard of a segment."""

    #: At the script's sample rate; a part of an MP3 where it was kept as one.
    piece: Piece | KeptPart
    #: When its words are heard, from its first sample, or what it takes to make that out: nobody
    #: may ever ask.
    timing: Timing | Hearing


@dataclass(frozen=True, slots=True)
class Passage:
    """One spoken segment."""

    segment: Segment
    #: Gives what is heard of it. Some milliseconds of work for a minute of what was spoken just
    #: now, so it is for the thread that then goes on with it: each visit to one has its price.
    hear: Callable[[], Heard]
    #: Under which it can be kept; None where it is not to be.
    key: bytes | None = None
    #: Where it was kept already; None where it was spoken just now.
    place: Place | None = None
    #: Slug of its voice.
    voice: str = ""


class _Sought(NamedTuple):
    """A segment that is to be spoken, or found."""

    segment: Segment
    #: The whole one that it is of.
    text: str
    #: What its stretch asks for.
    script: Script
    provider: Provider
    key: bytes | None = None
    place: Place | None = None


class Synthesizer:
    """Speaks scripts with the given providers, reached through a router.

    Segments that a script's workspace has in `cache` already are not spoken again.
    """

    def __init__(
        self, providers: Mapping[str, Provider], router: Router, cache: SegmentCache | None = None
    ) -> None:
        self._providers = providers
        self._router = router
        self._cache = cache
        # One at a time: side by side, they would only take the interpreter from the event loop.
        self._changing = asyncio.Lock()

    async def speak(self, script: Script) -> AsyncGenerator[Passage, None]:
        """Speak the whole script, a passage a segment, in order.

        Raises:
            ProviderError: A segment could not be spoken after several tries.
            UnavailableError: The provider of one of its voices is not part of this process.
        """
        ahead: deque[asyncio.Task[Passage]] = deque()
        try:
            async with aclosing(self._located(script)) as segments:
                async for sought in segments:
                    ahead.append(asyncio.create_task(self._passage(sought)))
                    if len(ahead) > 1:
                        # Under way before the next one is made out; the first, which is short,
                        # together with the second, so that another core begins as well.
                        await asyncio.sleep(0)
                    if len(ahead) > _AHEAD * sought.provider.capabilities.concurrency:
                        yield await ahead[0]
                        ahead.popleft()
            while ahead:
                yield await ahead[0]
                ahead.popleft()
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)

    async def _located(self, script: Script) -> AsyncGenerator[_Sought, None]:
        """The segments in order, with their keys and where they are kept."""
        stretches = [(stretch, self._provider(stretch)) for stretch in script.stretches()]
        cache, workspace_id, numbers = self._cache, script.workspace_id, count()
        for stretch, provider in stretches:
            own = stretch.script
            if cache is None or workspace_id is None:
                for segment in stretch.segments(numbers, together=True):
                    yield _Sought(segment, script.text, own, provider)
                continue
            keys = SegmentKeys(own, provider.models[0].id)
            # A sentence each, so that a change of one does not move where the others are cut.
            segments = stretch.segments(numbers, together=False)
            while some := list(islice(segments, _LOOK_UP)):
                keyed = [(segment, keys.of(segment, script.text)) for segment in some]
                places = await cache.find(workspace_id, [key for _, key in keyed])
                for segment, key in keyed:
                    yield _Sought(segment, script.text, own, provider, key, places.get(key))

    def _provider(self, stretch: Stretch) -> Provider:
        provider = self._providers.get(stretch.script.voice.provider)
        if provider is None:
            raise UnavailableError("No worker here speaks this voice.")
        return provider

    async def _passage(self, sought: _Sought) -> Passage:
        segment, _, script, provider, key, place = sought
        voice = script.voice.slug
        if self._cache is not None and place is not None:
            shape: type[KeptPart | KeptPcm] = KeptPart if script.part_channels else KeptPcm
            kept = await self._cache.read(place, shape)
            if kept is not None:
                hear = partial(_heard_before, sought, kept)
                return Passage(segment, hear, key, place, voice)
        spoken = await self._speak_segment(provider, script, segment)
        return Passage(segment, partial(_heard, sought, spoken), key, None, voice)

    async def _speak_segment(self, provider: Provider, script: Script, segment: Segment) -> _Spoken:
        can = provider.capabilities
        slowest, fastest = can.rates if can.keeps_time else (1.0, 1.0)
        native = min(max(script.rate, slowest), fastest)
        request = SpeechRequest(
            text=segment.spoken,
            voice=script.voice.local_id,
            language=script.language,
            style=script.style,
            rate=native,
            sample_rate=script.sample_rate,
        )
        spoken = await self._spoken(provider, request, script.sample_rate)
        tempo = script.rate / native
        if tempo == 1.0 and not script.pitch:
            return spoken
        async with self._changing:
            pcm = await asyncio.to_thread(
                _changed, spoken.pcm, script.sample_rate, tempo, script.pitch
            )
        return _Spoken(pcm, tuple(mark._replace(at_ms=mark.at_ms / tempo) for mark in spoken.marks))

    async def _spoken(
        self, provider: Provider, request: SpeechRequest, sample_rate: int
    ) -> _Spoken:
        """What the provider says, at that rate, begun again where it breaks off."""
        candidate = Candidate(provider, provider.models[0], request.voice)
        for _ in range(_TRIES - 1):
            answer = await self._router.begin([candidate], lambda _: provider.synthesize(request))
            with suppress(ProviderError):  # it broke off, and nobody has heard it yet
                return await _collect(answer, sample_rate)
        answer = await self._router.begin([candidate], lambda _: provider.synthesize(request))
        return await _collect(answer, sample_rate)


class _Spoken(NamedTuple):
    """What a provider said, and when its words begin."""

    pcm: bytes
    marks: tuple[WordMark, ...]


def _heard_before(sought: _Sought, kept: KeptPart | KeptPcm) -> Heard:
    piece = Piece(kept.pcm, kept.loudness) if isinstance(kept, KeptPcm) else kept
    return Heard(piece, words_moved(kept.timing, origin(sought.segment, sought.text)))


def _heard(sought: _Sought, spoken: _Spoken) -> Heard:
    """What is heard of what was spoken; its words are made out where that is kept with it."""
    segment, script = sought.segment, sought.script
    piece, cut = piece_of(spoken.pcm, script.sample_rate)
    outline = Outline.of(piece.pcm, script.sample_rate)
    cut_ms = cut * 1000 / script.sample_rate
    hearing = Hearing(segment.spoken, script.language, spoken.marks, outline, cut_ms)
    if sought.key is None and not script.part_channels:
        return Heard(piece, hearing)
    return Heard(piece, time_words(hearing, sought.text, segment.start, segment.end))


async def _collect(answer: Answer[AudioChunk], wanted_rate: int) -> _Spoken:
    pieces: list[bytes] = []
    marks: list[WordMark] = []
    sample_rate = wanted_rate
    async with aclosing(answer.pieces()) as chunks:
        async for chunk in chunks:
            pieces.append(chunk.pcm)
            marks += chunk.words
            sample_rate = chunk.sample_rate
    pcm = b"".join(pieces)
    if sample_rate != wanted_rate:
        pcm = await asyncio.to_thread(_resample, pcm, sample_rate, wanted_rate)
    return _Spoken(pcm, tuple(marks))


def _resample(pcm: bytes, source: int, target: int) -> bytes:
    resampler = Resampler(source, target)
    return resampler.feed(pcm) + resampler.finish()


def _changed(pcm: bytes, sample_rate: int, tempo: float, pitch: float) -> bytes:
    """The same at another tempo and pitch, where the provider has not seen to them itself."""
    for change in (TempoChanger(sample_rate, tempo), PitchShifter(sample_rate, pitch)):
        pcm = change.feed(pcm) + change.finish()
    return pcm
