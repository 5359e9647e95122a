"""THE path from text to audio: text, segments, provider, audio in order.

Segments are rendered in parallel, as many as the provider serves at once, and handed
on in their order. A few more wait for their turn, so that nobody who can speak is idle
while a long segment holds up those behind it. No more than these are in memory, however
long the text. A segment whose engine dies is spoken again by another process.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from intone.audio.resample import Resampler
from intone.errors import ProviderError, UnavailableError
from intone.providers.base import SpeechRequest
from intone.text.segments import split

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from intone.core.jobs import Order
    from intone.providers.base import PresetVoice, Provider
    from intone.text.segments import Segment

__all__ = ["Passage", "Script", "Synthesizer"]

#: How often one segment is tried before its job fails.
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
    """Speaks scripts with the given providers."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers

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
                task = asyncio.create_task(_speak_segment(provider, script, segment))
                ahead.append((segment, task))
                if len(ahead) > _AHEAD * provider.capabilities.concurrency:
                    yield await _next(ahead)
            while ahead:
                yield await _next(ahead)
        finally:
            for _, task in ahead:
                task.cancel()
            await asyncio.gather(*(task for _, task in ahead), return_exceptions=True)


async def _next(ahead: deque[tuple[Segment, asyncio.Task[bytes]]]) -> Passage:
    segment, task = ahead[0]
    pcm = await task
    ahead.popleft()
    return Passage(segment, pcm)


async def _speak_segment(provider: Provider, script: Script, segment: Segment) -> bytes:
    request = SpeechRequest(
        text=segment.spoken,
        voice=script.voice.local_id,
        language=script.language,
        style=script.style,
        rate=script.rate,
        sample_rate=script.sample_rate,
    )
    for attempt in range(1, _TRIES + 1):
        try:
            return await _collect(provider, request)
        except ProviderError as error:
            if not error.retryable or attempt == _TRIES:
                raise
    raise AssertionError("unreachable")


async def _collect(provider: Provider, request: SpeechRequest) -> bytes:
    pieces: list[bytes] = []
    sample_rate = request.sample_rate
    async for chunk in provider.synthesize(request):
        pieces.append(chunk.pcm)
        sample_rate = chunk.sample_rate
    pcm = b"".join(pieces)
    assert request.sample_rate is not None
    assert sample_rate is not None
    if sample_rate == request.sample_rate:
        return pcm
    return await asyncio.to_thread(_resample, pcm, sample_rate, request.sample_rate)


def _resample(pcm: bytes, source: int, target: int) -> bytes:
    resampler = Resampler(source, target)
    return resampler.feed(pcm) + resampler.finish()
