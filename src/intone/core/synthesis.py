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
from itertools import islice
from typing import TYPE_CHECKING, Self

from intone.audio.pitch import PitchShifter
from intone.audio.resample import Resampler
from intone.audio.tempo import TempoChanger
from intone.core.routing import Candidate
from intone.core.segment_cache import SegmentKeys
from intone.errors import ProviderError, UnavailableError
from intone.providers.base import SpeechRequest
from intone.text.segments import split

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from intone.core.jobs import Order
    from intone.core.routing import Answer, Router
    from intone.core.segment_cache import SegmentCache
    from intone.core.segment_rows import Place
    from intone.core.voices import CatalogueVoice
    from intone.providers.base import AudioChunk, Provider
    from intone.text.segments import Segment

__all__ = ["Passage", "Script", "Synthesizer"]

#: How often one segment is begun before its job fails, if it breaks off each time.
_TRIES = 3
#: Segments under way, for each one that the provider serves at once.
_AHEAD = 2
#: Segments that are looked for at once among those that are kept.
_LOOK_UP = 32


@dataclass(frozen=True, slots=True)
class Script:
    """What to speak and how."""

    text: str
    voice: CatalogueVoice
    #: BCP 47 tag of the text.
    language: str
    style: str = "neutral"
    #: Speed multiplier, 0.5–2.0.
    rate: float = 1.0
    #: Semitones above the voice's own pitch, -12 to 12.
    pitch: float = 0.0
    #: Of the audio wanted, in Hz.
    sample_rate: int = 24_000

    #: Whose kept segments are used again, where they are; None: every one is spoken.
    workspace_id: str | None = None

    @classmethod
    def of(cls, order: Order, voice: CatalogueVoice, workspace_id: str | None = None) -> Self:
        """What an order asks to be spoken, by the voice it names.

        Args:
            order: The order.
            voice: That voice.
            workspace_id: Whose order; needed where it asks for reuse.
        """
        return cls(
            text=order.text,
            voice=voice,
            language=order.language,
            style=order.style,
            rate=order.rate,
            pitch=order.pitch,
            sample_rate=order.sample_rate,
            workspace_id=workspace_id if order.reuse else None,
        )


@dataclass(frozen=True, slots=True)
class Passage:
    """One spoken segment."""

    segment: Segment
    #: Mono s16le at the script's sample rate.
    pcm: bytes
    #: Under which it can be kept; None where it is not to be.
    key: bytes | None = None
    #: Where it was kept already; None where it was spoken just now.
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
            UnavailableError: The voice's provider is not part of this process.
        """
        provider = self._providers.get(script.voice.provider)
        if provider is None:
            raise UnavailableError("No worker here speaks this voice.")
        ahead: deque[asyncio.Task[Passage]] = deque()
        try:
            async with aclosing(self._located(provider, script)) as segments:
                async for segment, key, place in segments:
                    passage = self._passage(provider, script, segment, key, place)
                    ahead.append(asyncio.create_task(passage))
                    await asyncio.sleep(0)  # it is under way before the next one is made out
                    if len(ahead) > _AHEAD * provider.capabilities.concurrency:
                        yield await ahead[0]
                        ahead.popleft()
            while ahead:
                yield await ahead[0]
                ahead.popleft()
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)

    async def _located(
        self, provider: Provider, script: Script
    ) -> AsyncGenerator[tuple[Segment, bytes | None, Place | None], None]:
        """The segments in order, with their keys and where they are kept."""
        if self._cache is None or script.workspace_id is None:
            for segment in split(script.text, script.language):
                yield segment, None, None
            return
        keys = SegmentKeys(script, provider.models[0].id)
        # A sentence each, so that a change of one does not move where the others are cut.
        segments = split(script.text, script.language, together=False)
        while some := list(islice(segments, _LOOK_UP)):
            keyed = [(segment, keys.of(segment.spoken)) for segment in some]
            places = await self._cache.find(script.workspace_id, [key for _, key in keyed])
            for segment, key in keyed:
                yield segment, key, places.get(key)

    async def _passage(
        self,
        provider: Provider,
        script: Script,
        segment: Segment,
        key: bytes | None,
        place: Place | None,
    ) -> Passage:
        if self._cache is not None and place is not None:
            pcm = await self._cache.read(place)
            if pcm is not None:
                return Passage(segment, pcm, key, place)
        return Passage(segment, await self._speak_segment(provider, script, segment), key)

    async def _speak_segment(self, provider: Provider, script: Script, segment: Segment) -> bytes:
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
        pcm = await self._spoken(provider, request, script.sample_rate)
        tempo = script.rate / native
        if tempo == 1.0 and not script.pitch:
            return pcm
        async with self._changing:
            return await asyncio.to_thread(_changed, pcm, script.sample_rate, tempo, script.pitch)

    async def _spoken(self, provider: Provider, request: SpeechRequest, sample_rate: int) -> bytes:
        """What the provider says, at that rate, begun again where it breaks off."""
        candidate = Candidate(provider, provider.models[0], request.voice)
        for _ in range(_TRIES - 1):
            answer = await self._router.begin([candidate], lambda _: provider.synthesize(request))
            with suppress(ProviderError):  # it broke off, and nobody has heard it yet
                return await _collect(answer, sample_rate)
        answer = await self._router.begin([candidate], lambda _: provider.synthesize(request))
        return await _collect(answer, sample_rate)


async def _collect(answer: Answer[AudioChunk], wanted_rate: int) -> bytes:
    pieces: list[bytes] = []
    sample_rate = wanted_rate
    async with aclosing(answer.pieces()) as chunks:
        async for chunk in chunks:
            pieces.append(chunk.pcm)
            sample_rate = chunk.sample_rate
    pcm = b"".join(pieces)
    if sample_rate == wanted_rate:
        return pcm
    return await asyncio.to_thread(_resample, pcm, sample_rate, wanted_rate)


def _resample(pcm: bytes, source: int, target: int) -> bytes:
    resampler = Resampler(source, target)
    return resampler.feed(pcm) + resampler.finish()


def _changed(pcm: bytes, sample_rate: int, tempo: float, pitch: float) -> bytes:
    """The same at another tempo and pitch, where the provider has not seen to them itself."""
    for change in (TempoChanger(sample_rate, tempo), PitchShifter(sample_rate, pitch)):
        pcm = change.feed(pcm) + change.finish()
    return pcm
