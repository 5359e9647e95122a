"""Presets that may become the base of a matched voice, and how they sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.providers.base import SpeechRequest

if TYPE_CHECKING:
    from intone.providers.base import PresetVoice, Provider
    from intone.providers.matching.fit import Candidate

__all__ = ["base_candidates", "reference_text", "render_candidates"]

#: Presets that are rendered at most.
_MOST = 8
#: In Hz; what the conversion works at.
_SAMPLE_RATE = 16_000

#: Plain sentences with all sounds of English; pitch depends on the kind of sentence.
_ENGLISH = (
    "The old mill stands by a shallow river. Five boys chased the brown puppy around the yard."
    " She bought fresh bread and a jar of honey. Nothing measures time like a good watch."
    " We heard thunder long before the rain began. Put the yellow cup on the upper shelf."
    " His job was to join the pieces together. The path goes through a dark and quiet wood."
)
#: Numbers are read in the voice's own language, whichever it is.
_NUMBERS = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10. 11, 12, 13, 15, 20, 37, 58, 94. 100, 265, 1000, 7412."


def reference_text(language: str) -> str:
    """What presets of a language say to be measured, about 15 seconds of it.

    Args:
        language: BCP 47 tag.
    """
    return _ENGLISH if language.lower().partition("-")[0] == "en" else _NUMBERS


def base_candidates(provider: Provider, language: str) -> list[PresetVoice]:
    """At most eight presets that speak a language, those whose main language it is first.

    Args:
        provider: The built-in engine.
        language: BCP 47 tag, e.g. `en-GB`; `en` stands for any of its kind.
    """

    def is_other(voice: PresetVoice) -> bool:
        return voice.languages[0].lower() != wanted

    def speaks(voice: PresetVoice) -> bool:
        return voice.languages[0].lower().partition("-")[0] == wanted.partition("-")[0]

    wanted = language.lower()
    ranked = sorted(filter(speaks, provider.voices()), key=is_other)
    women = [voice for voice in ranked if voice.gender == "female"]
    men = [voice for voice in ranked if voice.gender != "female"]
    half = _MOST // 2
    return [*women[: max(half, _MOST - len(men))], *men[: max(half, _MOST - len(women))]]


async def render_candidates(provider: Provider, language: str) -> list[Candidate]:
    """Let the candidates of a language speak.

    Args:
        provider: The built-in engine, started.
        language: BCP 47 tag.

    Raises:
        ProviderError: It could not speak.
    """
    import numpy as np

    from intone.providers.matching.fit import Candidate

    rendered = []
    for voice in base_candidates(provider, language):
        request = SpeechRequest(
            text=reference_text(language),
            voice=voice.local_id,
            language=voice.languages[0],
            sample_rate=_SAMPLE_RATE,
        )
        pcm = b"".join([chunk.pcm async for chunk in provider.synthesize(request)])
        rendered.append(Candidate(voice.local_id, np.frombuffer(pcm, "<i2"), _SAMPLE_RATE))
    return rendered
