"""Matched voices in an engine process: eSpeak NG speaks, and what it says is converted there.

Only engine processes import this.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from intone.errors import InvalidInputError, ProviderRejectedError
from intone.providers.engines.espeak import Espeak
from intone.providers.engines.espeak_voices import EspeakSettings  # noqa: TC001 - msgspec reads it
from intone.providers.matching.convert import VoiceConverter
from intone.providers.matching.model import MatchingModel
from intone.providers.matching.world import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from intone.providers.base import WordMark
    from intone.providers.engines.host import Emit

__all__ = ["Matching", "MatchingSettings"]

#: Models kept open, about 3 MB each.
_MODELS = 8


class MatchingSettings(msgspec.Struct, frozen=True):
    """A matched voice in one style."""

    #: How the base preset is set.
    base: EspeakSettings
    #: Path of the model's file; a file never changes.
    model: str


class Matching:
    """eSpeak NG with a converter behind it.

    Raises:
        ProviderError: The library cannot be opened.
    """

    def __init__(self) -> None:
        self._espeak = Espeak()
        self._converters: OrderedDict[str, VoiceConverter] = OrderedDict()

    def speak(
        self,
        text: str,
        voice: dict[str, Any],
        rate: float,
        emit: Emit,
    ) -> None:
        """Speak a text; see `host.Engine`.

        The first clause is converted while the library waits with the second. What is converted
        keeps its times, so that the words begin when the preset's do.

        Args:
            text: What to say.
            voice: The fields of a `MatchingSettings`.
            rate: Speed multiplier, 0.5–2.0.
            emit: Takes the audio; returns whether more is wanted.

        Raises:
            ProviderRejectedError: There is no such preset or no such model.
            ProviderError: The library failed.
        """
        settings = msgspec.convert(voice, MatchingSettings)
        stream = self._converter(settings.model).stream(self._espeak.sample_rate)
        wanted = True
        waiting: list[WordMark] = []

        def give(parts: Iterator[NDArray[np.int16]]) -> None:
            nonlocal wanted
            for part in parts:
                wanted = wanted and emit(part.tobytes(), SAMPLE_RATE, tuple(waiting))
                waiting.clear()

        def take(pcm: bytes, _sample_rate: int, words: Sequence[WordMark] = (), /) -> bool:
            waiting.extend(words)
            give(stream.feed(np.frombuffer(pcm, "<i2")))
            return wanted

        self._espeak.speak(text, msgspec.structs.asdict(settings.base), rate, take)
        if wanted:
            give(stream.finish())

    def _converter(self, path: str) -> VoiceConverter:
        converter = self._converters.pop(path, None)
        if converter is None:
            try:
                model = MatchingModel.from_bytes(Path(path).read_bytes())
            except OSError:
                raise ProviderRejectedError("The model of this matched voice is gone.") from None
            except InvalidInputError as error:
                raise ProviderRejectedError(error.message) from None
            converter = VoiceConverter(model)
        self._converters[path] = converter
        if len(self._converters) > _MODELS:
            self._converters.popitem(last=False)
        return converter
