"""What a provider is: anything that turns text into audio, behind one small interface."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

__all__ = [
    "AudioChunk",
    "Capabilities",
    "Gender",
    "ListedVoice",
    "Model",
    "PresetVoice",
    "Provider",
    "SpeechRequest",
    "Timeouts",
    "WordMark",
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
class ListedVoice:
    """A voice as a provider lists it, for people to choose from."""

    #: The provider's own id of the voice.
    id: str
    name: str
    #: BCP 47 tags, the main one first; empty where the provider does not say.
    languages: tuple[str, ...] = ()
    gender: Gender | None = None
    #: Further labels of the provider's, e.g. `{"accent": "british"}`.
    labels: Mapping[str, str] = field(default_factory=dict)
    #: Ids of the models that speak it; empty: all of the provider's.
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A model of a provider's."""

    #: The provider's own id.
    id: str
    name: str
    #: Thousandths of a micro-dollar a character: a price of 15 US dollars for a million
    #: characters is 15,000.
    nanos_per_character: int = 0

    def cost(self, characters: int) -> int:
        """What so many characters cost, in micro-dollars, rounded up."""
        return -(-characters * self.nanos_per_character // 1000)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a provider is waited for, in seconds."""

    connect_s: float = 5.0
    #: From the request to the first byte of audio.
    first_byte_s: float = 15.0
    #: Between two pieces of audio.
    stall_s: float = 10.0
    #: For everything until the first byte of audio, retries and failover included.
    total_s: float = 30.0


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """One segment of text to be spoken."""

    #: At most `Capabilities.max_characters` long; local engines get it normalised.
    text: str
    #: The provider's own voice id.
    voice: str
    #: BCP 47 tag of the text; empty where nobody has said.
    language: str
    style: str = "neutral"
    #: Speed multiplier, within `Capabilities.rates`; 1.0 is the voice's own speed.
    rate: float = 1.0
    #: The sample rate in Hz the caller would like; `None` leaves it to the provider.
    sample_rate: int | None = None
    #: The provider's own model id; empty: its default.
    model: str = ""
    #: How to speak, in words, for models that follow them.
    instructions: str = ""
    #: Whether somebody is listening already: a local engine serves such requests first.
    urgent: bool = False
    #: Further fields for the provider's own API, as the caller wrote them.
    options: Mapping[str, Any] = field(default_factory=dict)


class WordMark(NamedTuple):
    """Where a word begins, as the provider itself says it."""

    #: The word in `SpeechRequest.text`, in code points; `end` is exclusive.
    start: int
    end: int
    #: When it begins, in milliseconds from the first sample of the request's audio.
    at_ms: float


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of mono audio."""

    #: Signed 16-bit little-endian samples.
    pcm: bytes
    #: In Hz; the same for every chunk of one request.
    sample_rate: int
    #: Words that the provider has said to begin, in order; those of this chunk or of the chunks
    #: around it.
    words: tuple[WordMark, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, declared so that nobody has to ask by trying."""

    #: Longest text of one request, in characters.
    max_characters: int = 4096
    #: How many requests it serves at once without queueing.
    concurrency: int = 1
    #: Slowest and fastest `SpeechRequest.rate` it speaks at itself.
    rates: tuple[float, float] = (1.0, 1.0)
    #: Whether the length follows that rate to within 5 %, whatever the voice and the text. Where
    #: it does not, jobs have it speak at its own speed and change the tempo themselves.
    keeps_time: bool = True
    #: What `stream` can deliver ready-made; `pcm` among them means 24 kHz mono s16le.
    formats: tuple[str, ...] = ()
    #: Whether models that it does not list are passed on to it.
    passes_models: bool = False
    #: Whether it honours `SpeechRequest.sample_rate` itself.
    resamples: bool = False
    #: Whether it runs on this machine.
    local: bool = False
    #: Whether it says where each word begins (`AudioChunk.words`).
    marks_words: bool = False
    styles: tuple[str, ...] = field(default=("neutral",))


class Provider(ABC):
    """Turns text into audio. One instance serves the whole process."""

    #: Unique name, the `provider` part of a voice and of `provider/model`.
    name: str
    #: What people call it, and where they read about it.
    title: str = ""
    website: str = ""
    capabilities: Capabilities
    #: Its models, the default first.
    models: Sequence[Model] = (Model("default", "Default"),)
    timeouts: Timeouts = Timeouts()
    #: Names of voices that it speaks with a voice of its own: by that name, its own id.
    voice_aliases: Mapping[str, str] = MappingProxyType({})
    #: Why it cannot be asked, e.g. `missing_api_key`; None where it can.
    unavailable: str | None = None

    def voices(self) -> Sequence[PresetVoice]:
        """The voices it brings along under stable ids, in a stable order."""
        return ()

    def find_model(self, model_id: str) -> Model | None:
        """The model of that id, or None where it cannot be had."""
        return next((model for model in self.models if model.id == model_id), None)

    async def list_models(self) -> Sequence[Model]:
        """Every model it offers; asked from its own endpoint where only that knows them.

        Raises:
            ProviderError: It could not be asked.
        """
        return self.models

    async def list_voices(self) -> Sequence[ListedVoice]:
        """Every voice it speaks with, asked from its own endpoint where it is a vendor.

        Raises:
            ProviderError: It could not be asked.
        """
        return [
            ListedVoice(voice.local_id, voice.name, voice.languages, voice.gender)
            for voice in self.voices()
        ]

    @abstractmethod
    def synthesize(self, request: SpeechRequest) -> AsyncGenerator[AudioChunk, None]:
        """Speak one segment, yielding audio as soon as there is some.

        Closing the iterator early stops the work upstream.

        Raises:
            ProviderRejectedError: The request can never succeed (unknown voice, no speakable text
                is *not* an error: it yields a little silence or nothing).
            ProviderError: Any other failure; `retryable` says whether to try again.
        """

    def stream(self, _request: SpeechRequest, form: str) -> AsyncGenerator[bytes, None]:
        """Speak one text, yielding bytes in one of `Capabilities.formats` as they come.

        Closing the iterator early stops the work upstream. Fails as `synthesize` does, or when it
        is called; a failure after the first bytes means that the audio is not whole.

        Args:
            _request: What to speak; its sample rate does not count.
            form: The format.
        """
        raise AssertionError(f"{self.name} delivers no {form}")

    async def start(self) -> None:  # noqa: B027 - most providers have nothing to start
        """Make ready to speak (start processes, open connections)."""

    async def close(self) -> None:  # noqa: B027 - most providers have nothing to stop
        """Stop everything `start` began; safe to call twice."""
