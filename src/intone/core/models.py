"""What a request's `model` and `voice` mean: who may speak, in which order, with which voice.

A model is `provider/model`, an operator's alias such as `tts-1`, or an operator's route such as
`auto/fast` that stands for several and says which goes first. A voice is a provider's own id, a
name that the operator or the engine gives one of its voices, or any of a preset's names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from intone.core.routing import Candidate
from intone.core.voices import looks_cloned
from intone.errors import InvalidInputError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from intone.core.routing import Router
    from intone.core.voices import CatalogueVoice
    from intone.providers.base import Gender, ListedVoice, Model, Provider

__all__ = ["ModelDirectory", "RoutePlan", "Wish"]

#: Names that OpenAI's clients send whatever the server; they mean the engine inside, unless the
#: operator or a provider that lists them says otherwise.
OPENAI_MODELS: Final = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
#: A model's name that OpenAI's clients may send with the day of its making.
_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{4})$")
#: How many models a refusal names at most.
_NAMED = 40
#: Longest name of a model or voice that is quoted back.
_QUOTED = 80


@dataclass(frozen=True, slots=True)
class Wish:
    """A model that the caller asks for, and the voice to speak with there."""

    model: str
    voice: str


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """An operator's route."""

    #: `provider/model` names.
    models: Sequence[str]
    #: What goes first: as listed, the cheapest, or the one that was quickest of late.
    by: Literal["order", "price", "latency"] = "order"


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a voice."""

    id: str
    languages: tuple[str, ...]
    gender: Gender | None


class ModelDirectory:
    """Turns wishes into candidates.

    Args:
        providers: By name.
        router: Knows how the providers do.
        aliases: By a name for a model, the model or route it means.
        routes: By name.
        listed: What a vendor has listed of late, without asking it now.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        router: Router,
        *,
        aliases: Mapping[str, str] | None = None,
        routes: Mapping[str, RoutePlan] | None = None,
        listed: Callable[[str], Sequence[ListedVoice]] = lambda _: (),
    ) -> None:
        self.providers = providers
        self.aliases = _aliases(providers, aliases or {})
        self.routes = routes or {}
        self._router = router
        self._listed = listed
        #: By provider, the list that an index was made of, and the index.
        self._indexes: dict[str, tuple[Sequence[ListedVoice], Mapping[str, _Known]]] = {}
        self._presets = {
            name: {
                alias: _Known(voice.local_id, voice.languages, voice.gender)
                for voice in provider.voices()
                for alias in (voice.uuid, voice.slug, voice.local_id)
            }
            for name, provider in providers.items()
        }
        for route in self.routes.values():
            for model in route.models:
                self._model(model)
        for name in self.aliases.values():
            if name not in self.routes:
                self._model(name)

    def names(self) -> list[str]:
        """Everything that `model` may be, but for models that are passed on unlisted."""
        models = (
            f"{name}/{model.id}"
            for name, provider in self.providers.items()
            for model in provider.models
        )
        return [*models, *self.routes, *self.aliases]

    def candidates(
        self, wishes: Sequence[Wish], clones: Mapping[str, CatalogueVoice] = MappingProxyType({})
    ) -> list[Candidate]:
        """Who may speak, in the order in which they should be tried.

        Args:
            wishes: At least one; those after the first are for when it fails.
            clones: By the name that a wish has for it, a cloned voice of the caller's.

        Raises:
            UnknownModelError: One of the models does not exist.
            InvalidInputError: The first has no such voice.
        """
        found: list[Candidate] = []
        for wish in wishes:
            if clone := clones.get(wish.voice):
                found.append(self._cloned(wish, clone))
                continue
            for provider, model in self._targets(wish.model):
                found.append(self._candidate(provider, model, wish.voice, found[:1]))
        # The same twice would only make a failure last longer: the first of them stays.
        chosen: dict[tuple[str, str], Candidate] = {}
        for candidate in found:
            chosen.setdefault((candidate.provider.name, candidate.model.id), candidate)
        return list(chosen.values())

    def may_be_cloned(self, wish: Wish) -> bool:
        """Whether the voice may be a cloned one; a vendor's model has the vendor's voices."""
        provider = self.providers.get(self.meant_by(wish.model).partition("/")[0])
        is_vendors = provider is not None and not provider.capabilities.local
        return looks_cloned(wish.voice) and (not is_vendors or wish.model in self.aliases)

    def meant_by(self, name: str) -> str:
        """The model or route that a name stands for; itself where it is no alias."""
        return self.aliases.get(name) or self.aliases.get(_DATED.sub("", name), name)

    def _cloned(self, wish: Wish, clone: CatalogueVoice) -> Candidate:
        """A cloned voice is spoken by the engine that has made it, whichever model is named."""
        targets = [*self._targets(wish.model)]
        provider = self.providers.get(clone.provider)
        if provider is None:
            raise InvalidInputError(f"This server has no {clone.provider!r} to speak this voice.")
        model = next((model for one, model in targets if one is provider), provider.models[0])
        return Candidate(provider, model, clone.local_id, clone.languages[0])

    def _targets(self, name: str) -> Iterator[tuple[Provider, Model]]:
        name = self.meant_by(name)
        route = self.routes.get(name)
        if route is None:
            yield self._model(name)
            return
        targets = [self._model(model) for model in route.models]
        if route.by == "price":
            targets.sort(key=lambda target: target[1].nanos_per_character)
        elif route.by == "latency":
            targets.sort(key=lambda target: self._router.latency_s(target[0].name) or 0.0)
        # Who is down or not set up goes last, whatever the order.
        yield from sorted(targets, key=lambda target: not self._is_well(target[0]))

    def _is_well(self, provider: Provider) -> bool:
        return provider.unavailable is None and self._router.state(provider.name) == "closed"

    def _model(self, name: str) -> tuple[Provider, Model]:
        provider_name, _, model_id = name.partition("/")
        provider = self.providers.get(provider_name)
        model = provider.find_model(model_id) if provider and model_id else None
        if provider is None or model is None:
            raise UnknownModelError(self._unknown(name))
        return provider, model

    def _unknown(self, name: str) -> str:
        names = self.names()
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return (
            f"There is no model {name[:_QUOTED]!r}; a model is 'provider/model', one of:"
            f" {', '.join(names[:_NAMED])}{more}."
        )

    def _candidate(
        self, provider: Provider, model: Model, voice: str, first: Sequence[Candidate]
    ) -> Candidate:
        """A candidate with the voice that was asked for, or one like that of the first."""
        wanted = provider.voice_aliases.get(voice, voice)
        known = self._known(provider, wanted)
        if known is not None:
            return _speaking(provider, model, known)
        if first:
            offered = self._presets[provider.name] or self._listed_by_id(provider.name)
            if like := self._like(first[0], list(offered.values())):
                return _speaking(provider, model, like)
        # An engine inside has no voices but those it lists, and nobody's clones but the caller's.
        if self._presets[provider.name] or provider.capabilities.local:
            raise InvalidInputError(
                f"The provider {provider.name!r} has no voice {voice[:_QUOTED]!r};"
                f" GET /v1/voices?provider={provider.name} lists those it has."
            )
        # A vendor knows its own voices best, new ones and private ones included.
        return Candidate(provider, model, wanted)

    def _known(self, provider: Provider, voice: str) -> _Known | None:
        preset = self._presets[provider.name].get(voice)
        if preset is not None:
            return preset
        return self._listed_by_id(provider.name).get(voice)

    def _listed_by_id(self, provider: str) -> Mapping[str, _Known]:
        """What a vendor has listed; a list of thousands is gone through once, not at each call."""
        listed = self._listed(provider)
        if provider not in self._indexes or self._indexes[provider][0] is not listed:
            index = {voice.id: _Known(voice.id, voice.languages, voice.gender) for voice in listed}
            self._indexes[provider] = listed, index
        return self._indexes[provider][1]

    def _like(self, candidate: Candidate, offered: Sequence[_Known]) -> _Known | None:
        """The voice most like the candidate's: its language first, then accent and gender."""
        voice = self._known(candidate.provider, candidate.voice)
        if voice is None or not voice.languages:
            return offered[0] if offered else None

        def likeness(other: _Known) -> tuple[bool, bool, bool]:
            mine, others = voice.languages[0].lower(), [tag.lower() for tag in other.languages]
            same_language = mine.partition("-")[0] in (tag.partition("-")[0] for tag in others)
            return same_language, other.gender == voice.gender, mine in others

        return max(offered, key=likeness, default=None)


def _speaking(provider: Provider, model: Model, voice: _Known) -> Candidate:
    language = voice.languages[0] if voice.languages else ""
    return Candidate(provider, model, voice.id, language)


def _aliases(providers: Mapping[str, Provider], said: Mapping[str, str]) -> dict[str, str]:
    """The operator's aliases, and OpenAI's names: for a provider that lists them, or the first."""
    aliases = dict(said)
    for name in OPENAI_MODELS:
        for provider in providers.values():
            listed = any(model.id == name for model in provider.models)
            if listed and not provider.unavailable:
                aliases.setdefault(name, f"{provider.name}/{name}")
        for provider in providers.values():
            if provider.models:
                aliases.setdefault(name, f"{provider.name}/{provider.models[0].id}")
    return aliases
