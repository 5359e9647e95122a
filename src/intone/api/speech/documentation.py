"""What the OpenAPI document says of streamed speech: examples that are real requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from intone.api.described import Answer, describe, header
from intone.api.events import Event
from intone.api.speech.schemas import AudioDelta, AudioDone, CreateSpeech, Usage
from intone.errors import (
    BreakerOpenError,
    ConcurrencyLimitError,
    InsufficientCreditError,
    PolicyBlockedError,
    ProviderError,
    ProviderTimeoutError,
    SpendLimitError,
    UnknownModelError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.openapi.spec import OpenAPIHeader

__all__ = ["SPEECH"]

_MODEL: Final = "espeak/default"
_VOICE: Final = "en-us.emma"
_EVENTS: Final = (
    Event(None, AudioDelta("//OExAAmi9nMAUZAAe93zCCGGECCDkwGFpueAwGmUAAA")),
    Event(None, AudioDone(Usage(13, 0, 13), "espeak", "default")),
)
_HEADERS: Final[Mapping[str, OpenAPIHeader]] = {
    "X-VoxRouter-Provider": header("Who serves the request.", "espeak"),
    "X-Intone-Provider": header("The same.", "espeak"),
}


def _example(**fields: Any) -> CreateSpeech:
    return CreateSpeech(model=_MODEL, input="Hello, world.", voice=_VOICE, **fields)


SPEECH: Final = describe(
    {
        200: Answer(
            "The audio, as it is made; `audio/l16` is little-endian at 24 kHz, one channel. With"
            " `stream_format` `sse`, events whose deltas are slices of it.",
            {
                "audio/mpeg": None,
                "audio/l16": None,
                "audio/wav": None,
                "audio/opus": None,
                "audio/aac": None,
                "audio/flac": None,
                "text/event-stream": _EVENTS,
            },
            _HEADERS,
        )
    },
    body=CreateSpeech,
    examples={
        "shortest": {"model": _MODEL, "input": "Hello, world.", "voice": _VOICE},
        "openai": {"model": "tts-1", "input": "Hello, world.", "voice": "alloy"},
        "pcm": _example(response_format="pcm", speed=1.25),
        "events": _example(stream_format="sse"),
    },
    errors=[
        UnknownModelError(),
        InsufficientCreditError(),
        SpendLimitError(),
        PolicyBlockedError(),
        ConcurrencyLimitError(),
        ProviderError(),
        BreakerOpenError(),
        ProviderTimeoutError(),
    ],
)
