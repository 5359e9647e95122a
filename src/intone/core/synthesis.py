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
from typing import TYPE_CHECKING, Self

from intone.audio.resample import Resampler
from intone.core.routing import Candidate
from intone.errors import ProviderError, UnavailableError
from intone.providers.base import SpeechRequest
from intone.text.segments import split

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from intone.core.jobs import Order
    from intone.core.routing import Answer, Router
    from intone.providers.base import AudioChunk, PresetVoice, Provider
    from intone.text.segments import Segment

__all__ = ["Passage", "Script", "Synthesizer"]

#: How often one segment is begun before its job fails, if it breaks off each time.
_TRIES = 3
#: Segments under way, for each one that the provider serves at once.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Script:
    """What to speak and how."""

    text: str
    voice: PresetVoice
    #: BCP 47 tag of the text.
    language: str
    style: str = "neutral"
    #: Speed multiplier, 0.5–2.0.
    rate: float = 1.0
    #: Of the audio wanted, in Hz.
    sample_rate: int = 24_000

    @classmethod
    def of(cls, order: Order, voice: PresetVoice) -> Self:
        """What an order asks to be spoken, by the voice it names."""
        return cls(
            text=order.text,
            voice=voice,
            language=order.language,
            style=order.style,
            rate=order.rate,
            sample_rate=order.sample_rate,
        )


@dataclass(frozen=True, slots=True)
class Passage:
    """One spoken segment."""

    segment: Segment
    #: Mono s16le at the script's sample rate.
    pcm: bytes


class Synthesizer:
    """Speaks scripts with the given providers, reached through a router."""

    def __init__(self, providers: Mapping[str, Provider], router: Router) -> None:
        self._providers = providers
        self._router = router

    async def speak(self, script: Script) -> AsyncGenerator[Passage, None]:
        """Speak the whole script, a passage a segment, in order.

        Raises:
            ProviderError: A segment could not be spoken after several tries.
            UnavailableError: The voice's provider is not part of this process.
        """
        provider = self._providers.get(script.voice.provider)
        if provider is None:
            raise UnavailableError("No worker here speaks this voice.")
        segments = split(script.text, script.language)
        ahead: deque[tuple[Segment, asyncio.Task[bytes]]] = deque()
        try:
            for segment in segments:
                task = asyncio.create_task(self._speak_segment(provider, script, segment))
                ahead.append((segment, task))
                await asyncio.sleep(0)  # it is under way before the next one is made out
                if len(ahead) > _AHEAD * provider.capabilities.concurrency:
                    yield await _next(ahead)
            while ahead:
                yield await _next(ahead)
        finally:
            for _, task in ahead:
                task.cancel()
            await asyncio.gather(*(task for _, task in ahead), return_exceptions=True)

    async def _speak_segment(self, provider: Provider, script: Script, segment: Segment) -> bytes:
        request = SpeechRequest(
            text=segment.spoken,
            voice=script.voice.local_id,
            language=script.language,
            style=script.style,
            rate=script.rate,
            sample_rate=script.sample_rate,
        )
        candidate = Candidate(provider, provider.models[0], script.voice.local_id)
        for _ in range(_TRIES - 1):
            answer = await self._router.begin([candidate], lambda _: provider.synthesize(request))
            with suppress(ProviderError):  # it broke off, and nobody has heard it yet
                return await _collect(answer, script.sample_rate)
        answer = await self._router.begin([candidate], lambda _: provider.synthesize(request))
        return await _collect(answer, script.sample_rate)


async def _next(ahead: deque[tuple[Segment, asyncio.Task[bytes]]]) -> Passage:
    segment, task = ahead[0]
    pcm = await task
    ahead.popleft()
    return Passage(segment, pcm)


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
