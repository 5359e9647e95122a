"""Requests for posts, and what is to be spoken for them: by whom, and in which language.

A text may hold stretches in other languages; each is read by a preset that speaks its language,
of the same gender as the post's own voice if there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from msgspec import structs

from intone.core.jobs import Order, Switch
from intone.core.voices import speaks
from intone.text.language import primary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from intone.core.voices import CatalogueVoice, VoiceCatalogue
    from intone.providers.base import PresetVoice

__all__ = [
    "LONGEST_TEXT",
    "SHORTEST_TEXT",
    "PostRequest",
    "Update",
    "in_voice",
    "order_of",
    "preset_for",
]

#: Shortest and longest text that is read, in characters.
SHORTEST_TEXT: Final = 50
LONGEST_TEXT: Final = 200_000
#: Of their audio, in Hz.
_SAMPLE_RATE: Final = 24_000

#: What to do with a post that has been rendered or is being rendered: leave it, render it anew
#: where what is read or how has changed, render it anew.
Update = Literal["never", "if-changed", "always"]


@dataclass(frozen=True, slots=True)
class PostRequest:
    """A post that is to be read aloud."""

    post_id: str
    #: ISO 639-1.
    language: str
    title: str | None
    #: Where the article is.
    url: str | None
    #: What is read.
    text: str
    voice: CatalogueVoice
    #: Parts of the text in other languages: where they begin and end, and which.
    stretches: Sequence[tuple[int, int, str]] = ()
    update: Update = "never"


def order_of(voices: VoiceCatalogue, request: PostRequest) -> Order:
    """What is to be spoken for a request: for as long as the post is there."""
    voice = request.voice
    language = _tag(voice, request.language)
    return Order(
        text=request.text,
        voice=voice.slug,
        language=language,
        retention_hours=None,
        format="mp3",
        sample_rate=_SAMPLE_RATE,
        reuse=True,
        switches=tuple(_switches(voices, request, language)),
    )


def _switches(voices: VoiceCatalogue, request: PostRequest, language: str) -> Iterable[Switch]:
    """Where voices of other languages read, and where the post's own reads on.

    A stretch in a language that no voice speaks is read by the post's own.
    """
    own, reached = request.voice, 0
    for start, end, tag in request.stretches:
        if primary(tag) == primary(language):
            continue
        other = preset_for(voices, tag, own.gender)
        if other is None:
            continue
        if 0 < reached < start:
            yield Switch(reached, language, own.slug)
        yield Switch(start, _tag(other, tag), other.slug)
        reached = end
    if 0 < reached < len(request.text):
        yield Switch(reached, language, own.slug)


def in_voice(voices: VoiceCatalogue, order: Order, voice: CatalogueVoice) -> Order:
    """The same order with another voice, and with others beside it where languages change."""
    language = _tag(voice, primary(order.language))
    switches = []
    for switch in order.switches:
        speaker = None
        if switch.voice != order.voice:
            speaker = preset_for(voices, switch.language, voice.gender)
        changed = (language, voice.slug) if speaker is None else (switch.language, speaker.slug)
        switches.append(Switch(switch.start, *changed))
    return structs.replace(order, voice=voice.slug, language=language, switches=tuple(switches))


def preset_for(voices: VoiceCatalogue, language: str, gender: str) -> PresetVoice | None:
    """The preset for a language or accent, or else for any accent of it; alike if there is one."""
    found = voices.speaking(language) or voices.speaking(primary(language))
    return next((voice for voice in found if voice.gender == gender), found[0] if found else None)


def _tag(voice: CatalogueVoice, language: str) -> str:
    """The tag by which a voice speaks a language."""
    return next((tag for tag in voice.languages if speaks([tag], language)), voice.languages[0])
