"""Matched voices as a provider: cloned voices that the built-in engine speaks."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from intone.errors import ProviderRejectedError
from intone.providers.base import Capabilities, Provider, Timeouts
from intone.providers.engines.espeak_provider import MAX_CHARACTERS, RATES, check
from intone.providers.engines.espeak_voices import STYLES, load_voices
from intone.providers.engines.pool import EnginePool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from intone.providers.base import AudioChunk, SpeechRequest
    from intone.providers.cloning import ResolvedClone
    from intone.providers.engines.pool import PoolLimits

__all__ = ["MatchingProvider"]


class MatchingProvider(Provider):
    """Speaks with eSpeak NG and converts it into cloned voices, in child processes.

    Args:
        resolve: Says what the id of a cloned voice stands for, without blocking; raises `KeyError`
            where there is no such voice.
        processes: How many; one a core by default.
        limits: What is put up with from a process.
    """

    name = "matching"
    title = "Voice matching"
    website = "https://github.com/mmorise/World"
    #: Longer than the pool waits itself: to wait for a free process is no failure.
    timeouts = Timeouts(first_byte_s=60.0, stall_s=60.0, total_s=120.0)

    def __init__(
        self,
        resolve: Callable[[str], ResolvedClone],
        *,
        processes: int | None = None,
        limits: PoolLimits | None = None,
    ) -> None:
        self._resolve = resolve
        self._is_open = False
        self.pool = EnginePool("matching", size=processes, limits=limits)
        self.capabilities = Capabilities(
            max_characters=MAX_CHARACTERS,
            concurrency=self.pool.size,
            rates=RATES,
            keeps_time=False,  # it speaks in the time of the preset underneath
            resamples=True,
            local=True,
            marks_words=True,
            styles=STYLES,
        )

    def synthesize(self, request: SpeechRequest) -> AsyncGenerator[AudioChunk, None]:
        """Speak one segment; see `Provider.synthesize` and `EnginePool.speak`.

        Args:
            request: Its voice is the id of a cloned voice.

        Raises:
            ProviderRejectedError: There is no such voice or style, or a value is out of bounds.
        """
        try:
            clone = self._resolve(request.voice)
            base = load_voices()[clone.base_local_id]
        except KeyError:
            raise ProviderRejectedError(f"There is no cloned voice {request.voice!r}.") from None
        if request.style not in STYLES:
            raise ProviderRejectedError(f"Matched voices have no style {request.style!r}.")
        check(request)
        settings = msgspec.structs.asdict(base.settings(request.style))
        return self._speak(request, {"base": settings, "model": str(clone.model.absolute())})

    async def _speak(
        self, request: SpeechRequest, voice: dict[str, Any]
    ) -> AsyncGenerator[AudioChunk, None]:
        if self._is_open:
            await self.pool.start()
        speaking = self.pool.speak(
            request.text,
            voice,
            rate=request.rate,
            sample_rate=request.sample_rate,
            urgent=request.urgent,
        )
        async with aclosing(speaking) as chunks:
            async for chunk in chunks:
                yield chunk

    async def start(self) -> None:
        """Make ready; the processes start with the first request, as many servers never get one."""
        self._is_open = True

    async def close(self) -> None:
        """End the processes; safe to call twice."""
        self._is_open = False
        await self.pool.close()
