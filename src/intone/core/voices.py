"""The catalogue of voices, over all providers and under all their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from intone.providers.base import PresetVoice, Provider

__all__ = ["VoiceCatalogue", "speaks"]


def speaks(languages: Iterable[str], wanted: str) -> bool:
    """Whether one of the BCP 47 tags is for `wanted`, a language or accent, in any case."""
    wanted = wanted.lower()
    return any(tag.lower() == wanted or tag.lower().startswith(f"{wanted}-") for tag in languages)


class VoiceCatalogue:
    """Every preset voice of the given providers."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self.presets: Sequence[PresetVoice] = tuple(
            voice for provider in providers for voice in provider.voices()
        )
        self._by_slug = {voice.slug: voice for voice in self.presets}

    def by_slug(self, slug: str) -> PresetVoice:
        """The voice with that slug, e.g. `voice_en_us_001`.

        Raises:
            NotFoundError: There is none.
        """
        try:
            return self._by_slug[slug]
        except KeyError:
            raise NotFoundError("There is no voice of that name.") from None

    def speaking(self, language: str) -> list[PresetVoice]:
        """The voices for a language or accent, e.g. `en` or `en-GB`, in catalogue order."""
        return [voice for voice in self.presets if speaks(voice.languages, language)]
