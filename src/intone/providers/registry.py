"""Which providers there are. The only module that imports them."""

from __future__ import annotations

import tomllib
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import resources
from typing import TYPE_CHECKING, Final

import msgspec

from intone.errors import InvalidInputError
from intone.providers.azure import AzureProvider
from intone.providers.base import Model
from intone.providers.cartesia import CartesiaProvider
from intone.providers.deepgram import DeepgramProvider
from intone.providers.elevenlabs import ElevenLabsProvider
from intone.providers.engines.espeak_provider import EspeakProvider
from intone.providers.engines.matching_provider import MatchingProvider
from intone.providers.google import GoogleProvider
from intone.providers.matching.learner import MatchingLearner
from intone.providers.openai import OpenAIProvider
from intone.providers.polly import PollyProvider
from intone.providers.settings import ProviderSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from intone.providers.base import Provider
    from intone.providers.cloning import CloneEngine, ResolvedClone
    from intone.providers.http import HttpProvider

__all__ = ["create_clone_engines", "create_providers", "running"]

#: The engine inside, which is there whatever the settings say.
_ENGINE: Final = "espeak"
#: Vendors by the `type` of their settings.
_VENDORS: Final[Mapping[str, type[HttpProvider]]] = {
    "openai": OpenAIProvider,
    "elevenlabs": ElevenLabsProvider,
    "cartesia": CartesiaProvider,
    "deepgram": DeepgramProvider,
    "azure": AzureProvider,
    "google": GoogleProvider,
    "polly": PollyProvider,
}


class _KnownModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of `models.toml`."""

    name: str
    usd: float


def create_providers(
    settings: Mapping[str, ProviderSettings] | None = None,
    *,
    processes: int | None = None,
    engine: bool = True,
    clones: Callable[[str], ResolvedClone] | None = None,
) -> dict[str, Provider]:
    """Every provider of this process by its name, none of them started.

    Args:
        settings: By its name, what the operator says of a provider.
        processes: How many processes a local engine has; one a core by default.
        engine: Whether the engine inside is one of them.
        clones: Says what the id of a cloned voice stands for, without blocking, or raises
            `KeyError`; without it nobody speaks with cloned voices.

    Raises:
        InvalidInputError: A provider's type is unknown, or its name cannot be one.
    """
    inside = {_ENGINE: ProviderSettings(type=_ENGINE)} if engine else {}
    settings = {**inside, **(settings or {})}
    known = _known_models()
    providers = {
        name: _create(name, said, known.get(said.type, {}), processes)
        for name, said in settings.items()
    }
    if engine and clones is not None:
        matching = MatchingProvider(clones, processes=processes)
        providers[matching.name] = matching
    return providers


def create_clone_engines(providers: Mapping[str, Provider]) -> list[CloneEngine]:
    """Who can learn voices with these providers, the best first."""
    engine = providers.get(_ENGINE)
    return [MatchingLearner(engine)] if engine else []


def _create(
    name: str,
    said: ProviderSettings,
    known: Mapping[str, _KnownModel],
    processes: int | None,
) -> Provider:
    if not name or "/" in name or "," in name:
        raise InvalidInputError(f"A provider cannot be called {name!r}: no slash, no comma.")
    if name == MatchingProvider.name:
        raise InvalidInputError(f"The name {name!r} is that of cloned voices; choose another.")
    if (said.type == _ENGINE) != (name == _ENGINE):
        raise InvalidInputError(f"The provider {_ENGINE!r} is the engine inside, and the only one.")
    if said.type == _ENGINE:
        return EspeakProvider(processes=processes, models=_models(said, known), aliases=said.voices)
    vendor = _VENDORS.get(said.type)
    if vendor is None:
        types = ", ".join([_ENGINE, *_VENDORS])
        raise InvalidInputError(
            f"The provider {name!r} has the unknown type {said.type!r}; choose one of {types}."
        )
    return vendor(name, said, _models(said, known))


def _models(said: ProviderSettings, known: Mapping[str, _KnownModel]) -> Sequence[Model]:
    """The models to offer, at the operator's price, or else at the one that is known."""

    def model(model_id: str) -> Model:
        listed = known.get(model_id)
        price = said.nanos_per_character(model_id)
        if price is None:
            price = round(listed.usd * 1000) if listed else 0
        return Model(model_id, listed.name if listed else model_id, price)

    return tuple(model(model_id) for model_id in (said.models or known))


def _known_models() -> Mapping[str, Mapping[str, _KnownModel]]:
    text = resources.files("intone.providers").joinpath("models.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, dict[str, _KnownModel]])


@asynccontextmanager
async def running(providers: Mapping[str, Provider]) -> AsyncIterator[None]:
    """Start the providers, and close them in the end."""
    async with AsyncExitStack() as stack:
        for provider in providers.values():
            stack.push_async_callback(provider.close)
            await provider.start()
        yield
