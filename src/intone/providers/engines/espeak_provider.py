"""eSpeak NG as a provider: the default engine, which needs nothing but pip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from intone.errors import ProviderRejectedError
from intone.providers.base import Capabilities, Provider, Timeouts
from intone.providers.engines.espeak_voices import OPENAI_NAMES, STYLES, load_voices
from intone.providers.engines.pool import EnginePool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from intone.providers.base import AudioChunk, Model, PresetVoice, SpeechRequest
    from intone.providers.engines.pool import PoolLimits

__all__ = ["MAX_CHARACTERS", "RATES", "EspeakProvider", "check"]

#: Longest text of one request.
MAX_CHARACTERS = 5000
#: Slowest and fastest multiplier.
RATES = 0.5, 2.0
_MIN_SAMPLE_RATE, _MAX_SAMPLE_RATE = 8_000, 48_000


class EspeakProvider(Provider):
    """Speaks with eSpeak NG in child processes.

    Args:
        processes: How many; one a core by default.
        limits: What is put up with from a process.
        models: What it is offered as.
        aliases: Further names for its voices.
    """

    name = "espeak"
    title = "eSpeak NG"
    website = "https://github.com/espeak-ng/espeak-ng"
    #: Longer than the pool waits itself: to wait for a free process is no failure.
    timeouts = Timeouts(first_byte_s=60.0, stall_s=60.0, total_s=120.0)

    def __init__(
        self,
        *,
        processes: int | None = None,
        limits: PoolLimits | None = None,
        models: Sequence[Model] = Provider.models,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.pool = EnginePool("espeak", size=processes, limits=limits)
        self.models = models
        self.voice_aliases = {**OPENAI_NAMES, **(aliases or {})}
        self.capabilities = Capabilities(
            max_characters=MAX_CHARACTERS,
            concurrency=self.pool.size,
            rates=RATES,
            keeps_time=False,  # in some voices 10 % off at half speed, 21 % at twice the speed
            resamples=True,
            local=True,
            marks_words=True,
            styles=STYLES,
        )

    def voices(self) -> Sequence[PresetVoice]:
        """Every preset, in catalogue order."""
        return [voice.preset for voice in load_voices().values()]

    def synthesize(self, request: SpeechRequest) -> AsyncGenerator[AudioChunk, None]:
        """Speak one segment; see `Provider.synthesize` and `EnginePool.speak`.

        Sample rates of 8,000 to 48,000 Hz are honoured. The audio ends with the pause that belongs
        between sentences.

        Raises:
            ProviderRejectedError: There is no such voice or style, or a value is out of bounds.
        """
        voice = load_voices().get(request.voice)
        if voice is None:
            raise ProviderRejectedError(f"There is no eSpeak NG voice {request.voice!r}.")
        if request.style not in STYLES:
            raise ProviderRejectedError(f"eSpeak NG voices have no style {request.style!r}.")
        check(request)
        return self.pool.speak(
            request.text,
            msgspec.structs.asdict(voice.settings(request.style)),
            rate=request.rate,
            sample_rate=request.sample_rate,
            urgent=request.urgent,
        )

    async def start(self) -> None:
        """Begin to start the processes."""
        await self.pool.start()

    async def close(self) -> None:
        """End the processes; safe to call twice."""
        await self.pool.close()


def check(request: SpeechRequest) -> None:
    """Refuse what the engine cannot speak.

    Raises:
        ProviderRejectedError: The text is too long, or a rate out of bounds.
    """
    if len(request.text) > MAX_CHARACTERS:
        raise ProviderRejectedError(f"A text may have at most {MAX_CHARACTERS} characters.")
    slowest, fastest = RATES
    if not slowest <= request.rate <= fastest:
        raise ProviderRejectedError(f"The rate must lie in {slowest}–{fastest}.")
    rate = request.sample_rate
    if rate is not None and not _MIN_SAMPLE_RATE <= rate <= _MAX_SAMPLE_RATE:
        raise ProviderRejectedError(
            f"The sample rate must lie in {_MIN_SAMPLE_RATE}–{_MAX_SAMPLE_RATE} Hz."
        )
