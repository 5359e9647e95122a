"""Bodies about what there is: voices, models, providers (wire.md §4)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

__all__ = [
    "AudioModels",
    "AudioVoice",
    "AudioVoices",
    "Capabilities",
    "MenuModel",
    "ModelDetail",
    "ModelList",
    "ModelVoice",
    "Pricing",
    "ProviderInfo",
    "ProviderList",
    "ProviderModel",
    "ProviderState",
    "ProviderStates",
    "SpeechModel",
    "SpeechVoice",
    "SpeechVoices",
]

ModelName = Annotated[str, Meta(description="`provider/model`.", examples=["espeak/default"])]
VoiceId = Annotated[
    str,
    Meta(
        description="The provider's own id; send it as `voice`.",
        examples=["en-us.emma"],
    ),
]
Language = Annotated[
    str,
    Meta(
        description="BCP 47 tag; `und` where the provider does not say.",
        examples=["en-US"],
    ),
]
Gender = Literal["female", "male", "neutral"]


class SpeechVoice(Struct, frozen=True, kw_only=True):
    """A voice."""

    id: VoiceId
    provider: str
    name: Annotated[str, Meta(examples=["Emma"])]
    language: Language
    labels: Annotated[
        dict[str, str], Meta(description="`gender` where it is known, and the provider's own.")
    ]
    model_compatibility: Annotated[list[ModelName], Meta(description="The models that speak it.")]


class SpeechVoices(Struct, frozen=True, kw_only=True):
    """Voices."""

    voices: list[SpeechVoice]


class AudioVoice(Struct, frozen=True, kw_only=True):
    """A voice, as clients with a menu of voices want it."""

    id: VoiceId
    name: str
    language: Language
    gender: Gender | None
    provider: str


class AudioVoices(Struct, frozen=True, kw_only=True):
    """Voices, each id once; with `legacy=true` their ids alone."""

    voices: list[AudioVoice | str]


class MenuModel(Struct, frozen=True, kw_only=True):
    """A model, as clients with a menu of models want it."""

    id: str
    name: str


class AudioModels(Struct, frozen=True, kw_only=True):
    """Every name that can be sent as `model`."""

    models: list[MenuModel]


class Pricing(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a model costs."""

    currency: Literal["USD"] = "USD"
    micros_per_million_characters: Annotated[
        int, Meta(ge=0, description="Millionths of a US dollar for 1,000,000 characters.")
    ]


class SpeechModel(Struct, frozen=True, kw_only=True):
    """A name that can be sent as `model`."""

    id: ModelName
    object: Literal["model"] = "model"
    created: Annotated[int, Meta(description="Not known of any model: always 0.")] = 0
    owned_by: Annotated[str, Meta(description="The provider; `intone` of a route.")]
    name: str
    response_formats: tuple[str, ...]
    pricing: Pricing | UnsetType = UNSET
    stands_for: Annotated[
        list[ModelName] | UnsetType,
        Meta(description="Of an operator's other name or route: who may speak."),
    ] = UNSET


class ModelList(Struct, frozen=True, kw_only=True):
    """Every name that can be sent as `model`."""

    object: Literal["list"] = "list"
    data: list[SpeechModel]


class ModelVoice(Struct, frozen=True, kw_only=True):
    """A voice of a model."""

    id: VoiceId
    name: Annotated[
        str, Meta(description="The id again: clients of speaches send the name as `voice`.")
    ]
    display_name: Annotated[str, Meta(examples=["Emma"])]
    language: Language
    gender: Gender | None


class ModelDetail(SpeechModel, frozen=True, kw_only=True):
    """A model and its voices."""

    voices: list[ModelVoice]


class ProviderModel(Struct, frozen=True, kw_only=True):
    """A model of a provider; its name for `model` is the provider's id, a slash and this id."""

    id: Annotated[str, Meta(examples=["default"])]
    name: str
    response_formats: tuple[str, ...]
    pricing: Pricing


class Capabilities(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a provider can do here."""

    supported_formats: tuple[str, ...]
    unwired_capabilities: Annotated[
        tuple[str, ...], Meta(description="What providers may be able to do and this API not yet.")
    ]
    quirks: Annotated[
        tuple[str, ...],
        Meta(description="`passes_unlisted_models`: other models of its own may be sent as well."),
    ]
    last_smoke_test: Annotated[
        str | None, Meta(description="None is kept: `intone providers test` makes one.")
    ]


class ProviderInfo(Struct, frozen=True, kw_only=True):
    """A provider and its models."""

    id: Annotated[str, Meta(examples=["espeak"])]
    name: str
    website: str
    models: list[ProviderModel]
    capabilities: Capabilities


class ProviderList(Struct, frozen=True, kw_only=True):
    """Every provider."""

    providers: list[ProviderInfo]


class ProviderState(Struct, frozen=True, kw_only=True):
    """Whether a provider can be asked."""

    id: str
    state: Annotated[
        Literal["available", "degraded", "unavailable"],
        Meta(description="`degraded` only where the operator shows breakers."),
    ]
    reason: Annotated[
        str | UnsetType,
        Meta(description="`missing_api_key`, `circuit_open` or `circuit_half_open`."),
    ] = UNSET


class ProviderStates(Struct, frozen=True, kw_only=True):
    """Every provider's state."""

    providers: list[ProviderState]
