"""Between what the core knows of voices, models and providers and how the wire shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from intone.api.speech.catalogue_schemas import (
    AudioVoice,
    Capabilities,
    ModelDetail,
    ModelVoice,
    Pricing,
    ProviderInfo,
    ProviderModel,
    ProviderState,
    SpeechModel,
    SpeechVoice,
)
from intone.core.voices import UNKNOWN_LANGUAGE
from intone.providers.base import ListedVoice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Literal

    from intone.core.listings import Offer
    from intone.core.voices import SpeakingClone
    from intone.providers.base import Model, Provider

__all__ = [
    "FORMATS",
    "audio_voice",
    "clone_voice",
    "each_once",
    "listed_clones",
    "model_body",
    "model_detail",
    "provider_body",
    "speech_voices",
    "state_body",
]

#: Every provider's audio is converted into whatever was asked for.
FORMATS: Final = ("mp3", "pcm", "opus", "aac", "flac", "wav")
#: What a vendor may do and no route here does.
_UNWIRED: Final = ("websocket_streaming", "voice_cloning")


def speech_voices(
    voices: Iterable[tuple[str, ListedVoice]], models: Iterable[tuple[str, Model]]
) -> list[SpeechVoice]:
    """Voices as `/v1/voices` shows them, each with the models that speak it."""
    own: dict[str, list[str]] = {}
    for provider, model in models:
        own.setdefault(provider, []).append(f"{provider}/{model.id}")
    return [
        SpeechVoice(
            id=voice.id,
            provider=provider,
            name=voice.name,
            language=_language(voice),
            labels={**voice.labels, **({"gender": voice.gender} if voice.gender else {})},
            model_compatibility=(
                [f"{provider}/{model}" for model in voice.models]
                if voice.models
                else own.get(provider, [])
            ),
        )
        for provider, voice in voices
    ]


def clone_voice(clone: SpeakingClone) -> SpeechVoice:
    """A cloned voice as `/v1/voices` shows it; every local model's name leads to its engine."""
    return SpeechVoice(
        id=clone.uuid,
        provider=clone.provider,
        name=clone.name,
        language=clone.languages[0],
        labels={"gender": clone.gender, "kind": "cloned"},
        model_compatibility=[f"{clone.provider}/default"],
    )


def listed_clones(clones: Iterable[SpeakingClone]) -> list[tuple[str, ListedVoice]]:
    """Cloned voices beside those that providers list, with their providers' names."""
    return [
        (one.provider, ListedVoice(one.uuid, one.name, one.languages, one.gender)) for one in clones
    ]


def each_once(voices: Iterable[tuple[str, ListedVoice]]) -> list[tuple[str, ListedVoice]]:
    """Of voices with the same id, the first."""
    by_id: dict[str, tuple[str, ListedVoice]] = {}
    for provider, voice in voices:
        by_id.setdefault(voice.id, (provider, voice))
    return list(by_id.values())


def audio_voice(provider: str, voice: ListedVoice) -> AudioVoice:
    """A voice for a menu."""
    return AudioVoice(
        id=voice.id,
        name=voice.name,
        language=_language(voice),
        gender=voice.gender,
        provider=provider,
    )


def model_body(offer: Offer) -> SpeechModel:
    """A model in the list of models."""
    return SpeechModel(**_model_fields(offer))


def model_detail(offer: Offer, voices: Iterable[tuple[str, ListedVoice]]) -> ModelDetail:
    """A model with its voices, each id once."""
    shown = [
        ModelVoice(
            id=voice.id,
            name=voice.id,
            display_name=voice.name,
            language=_language(voice),
            gender=voice.gender,
        )
        for _, voice in each_once(voices)
    ]
    return ModelDetail(**_model_fields(offer), voices=shown)


def provider_body(provider: Provider, models: Sequence[Model]) -> ProviderInfo:
    """A provider with its models."""
    return ProviderInfo(
        id=provider.name,
        name=provider.title or provider.name,
        website=provider.website,
        models=[
            ProviderModel(
                id=model.id,
                name=model.name,
                response_formats=FORMATS,
                pricing=_pricing(model.nanos_per_character),
            )
            for model in models
        ],
        capabilities=Capabilities(
            supported_formats=FORMATS,
            unwired_capabilities=_UNWIRED,
            quirks=("passes_unlisted_models",) if provider.capabilities.passes_models else (),
            last_smoke_test=None,
        ),
    )


_BREAKERS: Final[Mapping[str, tuple[Literal["degraded", "unavailable"], str]]] = {
    "open": ("unavailable", "circuit_open"),
    "half_open": ("degraded", "circuit_half_open"),
}


def state_body(provider: Provider, breaker: str = "closed") -> ProviderState:
    """Whether a provider can be asked.

    Args:
        provider: Which one.
        breaker: How its breaker stands, where the operator shows that.
    """
    if provider.unavailable is not None:
        return ProviderState(id=provider.name, state="unavailable", reason=provider.unavailable)
    if breaker in _BREAKERS:
        state, reason = _BREAKERS[breaker]
        return ProviderState(id=provider.name, state=state, reason=reason)
    return ProviderState(id=provider.name, state="available")


def _model_fields(offer: Offer) -> dict[str, Any]:
    nanos = offer.nanos_per_character
    targets = [f"{provider}/{model}" for provider, model in offer.targets]
    return {
        "id": offer.id,
        "owned_by": offer.owner,
        "name": offer.name,
        "response_formats": FORMATS,
        "pricing": UNSET if nanos is None else _pricing(nanos),
        "stands_for": targets if offer.is_other_name else UNSET,
    }


def _pricing(nanos_per_character: int) -> Pricing:
    return Pricing(micros_per_million_characters=nanos_per_character * 1000)


def _language(voice: ListedVoice) -> str:
    return voice.languages[0] if voice.languages else UNKNOWN_LANGUAGE
