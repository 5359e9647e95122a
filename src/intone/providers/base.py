"""What a provider is: anything that turns text into audio, behind one small interface."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

__all__ = [
    "AudioChunk",
    "Capabilities",
    "Gender",
    "PresetVoice",
    "Provider",
    "SpeechRequest",
]

Gender = Literal["female", "male", "neutral"]

#: Namespace of the uuids that name preset voices; never change it, clients keep those ids.
_VOICE_NAMESPACE = uuid.UUID("6f1c2a0e-5d0b-4c38-9f0e-1b2f2f7a9d10")


@dataclass(frozen=True, slots=True)
class PresetVoice:
    """One voice a provider speaks with, under all its names."""

    #: Integer id, unique over all providers and stable between releases.
    number: int
    #: Slug such as `voice_en_us_001`, unique over all providers and stable.
    slug: str
    #: The name people see, e.g. `Emma`.
    name: str
    #: Name of the provider that speaks it, e.g. `espeak`.
    provider: str
    #: The provider's own id of the voice.
    local_id: str
    #: BCP 47 language tags, the main one first, e.g. `("en-US",)`.
    languages: tuple[str, ...]
    gender: Gender
    #: One line on how it sounds.
    description: str = ""
    #: Styles it can speak in; `neutral` is always the first.
    styles: tuple[str, ...] = ("neutral",)
    #: Changes whenever the same text would sound different; part of every cache key.
    version: str = "1"

    @property
    def uuid(self) -> str:
        """The voice's uuid, derived from provider and local id, so it never changes."""
        return str(uuid.uuid5(_VOICE_NAMESPACE, f"{self.provider}:{self.local_id}"))


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """One segment of text to be spoken."""

    #: Normalised text, at most `Capabilities.max_characters` long.
    text: str
    #: The provider's own voice id.
    voice: str
    #: BCP 47 tag of the text.
    language: str
    style: str = "neutral"
    #: Speed multiplier, 0.5–2.0; 1.0 is the voice's own speed.
    rate: float = 1.0
    #: The sample rate in Hz the caller would like; `None` leaves it to the provider.
    sample_rate: int | None = None


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of mono audio."""

    #: Signed 16-bit little-endian samples.
    pcm: bytes
    #: In Hz; the same for every chunk of one request.
    sample_rate: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, declared so that nobody has to ask by trying."""

    #: Longest text of one request, in characters.
    max_characters: int = 4096
    #: How many requests it serves at once without queueing.
    concurrency: int = 1
    #: Whether it honours `SpeechRequest.sample_rate` itself.
    resamples: bool = False
    #: Whether it runs on this machine.
    local: bool = False
    styles: tuple[str, ...] = field(default=("neutral",))


class Provider(ABC):
    """Turns text into audio. One instance serves the whole process."""

    #: Unique name, the `provider` part of a voice and of `provider/model`.
    name: str
    capabilities: Capabilities

    @abstractmethod
    def voices(self) -> Sequence[PresetVoice]:
        """Every voice this provider speaks with, in a stable order."""

    @abstractmethod
    def synthesize(self, request: SpeechRequest) -> AsyncIterator[AudioChunk]:
        """Speak one segment, yielding audio as soon as there is some.

        Closing the iterator early stops the work upstream.

        Raises:
            ProviderRejectedError: The request can never succeed (unknown voice, no speakable text
                is *not* an error: it yields a little silence or nothing).
            ProviderError: Any other failure; `retryable` says whether to try again.
        """

    async def start(self) -> None:  # noqa: B027 - most providers have nothing to start
        """Make ready to speak (start processes, open connections)."""

    async def close(self) -> None:  # noqa: B027 - most providers have nothing to stop
        """Stop everything `start` began; safe to call twice."""
