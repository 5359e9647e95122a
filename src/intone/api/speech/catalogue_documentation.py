"""What the OpenAPI document says of the catalogue's routes, with answers as they really are."""

from __future__ import annotations

from typing import Final

from intone.api.described import JSON, Answer, describe, header, request_header
from intone.api.speech.catalogue_mapping import FORMATS
from intone.api.speech.catalogue_schemas import (
    AudioModels,
    AudioVoice,
    AudioVoices,
    Capabilities,
    MenuModel,
    ModelDetail,
    ModelList,
    ModelVoice,
    Pricing,
    ProviderInfo,
    ProviderList,
    ProviderModel,
    ProviderState,
    ProviderStates,
    SpeechModel,
    SpeechVoice,
)
from intone.errors import UnknownModelError

__all__ = ["AUDIO_MODELS", "AUDIO_VOICES", "MODEL", "MODELS", "PROVIDERS", "STATUS", "VOICE"]

_FREE: Final = Pricing(micros_per_million_characters=0)
_PRICED: Final = Pricing(micros_per_million_characters=15_000_000)
_ETAG: Final = '"9f86d081884c7d659a2feaa0c55ad015"'

#: A voice as `/v1/voices` shows it.
VOICE: Final = SpeechVoice(
    id="en-us.emma",
    provider="espeak",
    name="Emma",
    language="en-US",
    labels={"gender": "female"},
    model_compatibility=["espeak/default"],
)

MODELS = describe(
    {
        200: Answer(
            "All of them.",
            {
                JSON: ModelList(
                    data=[
                        SpeechModel(
                            id="espeak/default",
                            owned_by="espeak",
                            name="Default",
                            response_formats=FORMATS,
                            pricing=_FREE,
                        ),
                        SpeechModel(
                            id="auto/fast",
                            owned_by="intone",
                            name="auto/fast",
                            response_formats=FORMATS,
                            stands_for=["openai/tts-1", "espeak/default"],
                        ),
                    ]
                )
            },
        )
    }
)
MODEL = describe(
    {
        200: Answer(
            "The model.",
            {
                JSON: ModelDetail(
                    id="espeak/default",
                    owned_by="espeak",
                    name="Default",
                    response_formats=FORMATS,
                    pricing=_FREE,
                    voices=[
                        ModelVoice(
                            id="en-us.emma",
                            name="en-us.emma",
                            display_name="Emma",
                            language="en-US",
                            gender="female",
                        )
                    ],
                )
            },
        )
    }
)
PROVIDERS = describe(
    {
        200: Answer(
            "All of them.",
            {
                JSON: ProviderList(
                    providers=[
                        ProviderInfo(
                            id="openai",
                            name="OpenAI",
                            website="https://platform.openai.com/docs/guides/text-to-speech",
                            models=[
                                ProviderModel(
                                    id="tts-1",
                                    name="TTS-1",
                                    response_formats=FORMATS,
                                    pricing=_PRICED,
                                )
                            ],
                            capabilities=Capabilities(
                                supported_formats=FORMATS,
                                unwired_capabilities=("websocket_streaming", "voice_cloning"),
                                quirks=("passes_unlisted_models",),
                                last_smoke_test=None,
                            ),
                        )
                    ]
                )
            },
            {
                "ETag": header("Names this list and no other.", _ETAG),
                "Cache-Control": header("How long to keep it.", "private, max-age=14400"),
            },
        ),
        304: Answer(
            "`If-None-Match` names what there is.",
            headers={"ETag": header("Names this list and no other.", _ETAG)},
        ),
    },
    parameters=[request_header("If-None-Match", "Ask for the list only if it is not this.", _ETAG)],
)
STATUS = describe(
    {
        200: Answer(
            "All of them.",
            {
                JSON: ProviderStates(
                    providers=[
                        ProviderState(id="espeak", state="available"),
                        ProviderState(id="openai", state="unavailable", reason="missing_api_key"),
                    ]
                )
            },
        )
    }
)
AUDIO_VOICES = describe(
    {
        200: Answer(
            "The voices.",
            {
                JSON: AudioVoices(
                    voices=[
                        AudioVoice(
                            id="en-us.emma",
                            name="Emma",
                            language="en-US",
                            gender="female",
                            provider="espeak",
                        )
                    ]
                )
            },
        )
    },
    errors=[UnknownModelError()],
)

AUDIO_MODELS = describe(
    {
        200: Answer(
            "The models.",
            {JSON: AudioModels(models=[MenuModel(id="espeak/default", name="eSpeak NG")])},
        )
    }
)
