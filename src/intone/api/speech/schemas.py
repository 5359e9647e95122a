"""Bodies of `POST /v1/audio/speech`: seed 004, and OpenAI's reference where the seed is silent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from intone.api.described import PLAIN_TEXT

__all__ = ["AudioDelta", "AudioDone", "CreateSpeech", "StreamError", "Usage", "VoiceId", "Wanted"]

_Model = Annotated[str, Meta(min_length=1, max_length=256, description="`provider/model`.")]
_VoiceName = Annotated[str, Meta(min_length=1, max_length=256)]
#: Most models that one request may name.
_MOST_MODELS = 8


class VoiceId(msgspec.Struct, frozen=True):
    """A voice by its id, as OpenAI's clients send custom ones."""

    id: _VoiceName


class Wanted(msgspec.Struct, frozen=True):
    """A model and the voice to speak with there."""

    model: _Model
    voice: _VoiceName | VoiceId | None = None


class CreateSpeech(msgspec.Struct, frozen=True):
    """What to speak, and who may."""

    #: `provider/model`, an alias or a route; a list: whoever comes first that can.
    model: _Model | Annotated[list[_Model | Wanted], Meta(min_length=1, max_length=_MOST_MODELS)]
    #: The text.
    input: Annotated[str, Meta(min_length=1, extra_json_schema=PLAIN_TEXT)]
    #: The provider's own voice id, or one of the names it goes by here.
    voice: _VoiceName | VoiceId
    response_format: Literal["mp3", "pcm", "opus", "aac", "flac", "wav"] = "mp3"
    #: Speed multiplier.
    speed: Annotated[float, Meta(ge=0.25, le=4.0)] = 1.0
    #: How to speak, for models that follow instructions.
    instructions: Annotated[str, Meta(max_length=4096, extra_json_schema=PLAIN_TEXT)] | None = None
    #: `sse`: events whose deltas are slices of the audio.
    stream_format: Literal["audio", "sse"] = "audio"
    #: Fields for the provider's own API.
    provider_options: dict[str, Any] | None = None
    #: Whether the next model goes on at the next sentence where one breaks off.
    resume: bool = False


class Usage(msgspec.Struct, frozen=True):
    """What a stream has used."""

    #: Characters of text that were spoken.
    input_tokens: int
    #: Twentieths of a second of audio; 0 where the format does not tell its length.
    output_tokens: int
    total_tokens: int


class AudioDelta(msgspec.Struct, frozen=True, tag="speech.audio.delta", tag_field="type"):
    """The next slice of the audio."""

    #: In base64.
    audio: str


class SwitchNote(msgspec.Struct, frozen=True):
    """Another model has gone on reading."""

    provider: str
    model: str
    #: From this character of the text on.
    at: int


class AudioDone(msgspec.Struct, frozen=True, tag="speech.audio.done", tag_field="type"):
    """The audio is whole."""

    usage: Usage
    provider: str
    model: str
    resumed: list[SwitchNote] = []


class StreamError(msgspec.Struct, frozen=True, tag="error", tag_field="type"):
    """The audio broke off and is not whole."""

    error: dict[str, str]
