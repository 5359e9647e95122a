"""What providers offer: their voices and models, asked of them, remembered, under all names.

A vendor's list is asked for when somebody wants to see it and kept for an hour. However many
want it, one request is under way; a vendor that is slow or down keeps the list it last gave.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import structlog

from intone.core.voices import speaks
from intone.errors import IntoneError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from intone.core.models import ModelDirectory
    from intone.providers.base import ListedVoice, Model, Provider

__all__ = ["Catalogue", "Listings", "Offer", "Target", "VoiceFilter"]

T = TypeVar("T")

_log = structlog.get_logger(__name__)

#: Seconds for which a vendor's list is good.
_KEPT_S = 3600.0
#: Seconds after which a vendor that could not be asked is asked again.
_RETRY_S = 30.0
#: Seconds after which an asking is given up.
_ASKING_S = 30.0
#: Seconds that anybody waits for an asking, counted from its beginning.
_PATIENCE_S = 3.0
#: How many names a sentence about an unknown model lists at most.
_NAMED = 50
#: Longest name of a model that is quoted back.
_QUOTED = 80
#: The model that clients made for OpenAI send when nobody has told them another.
_OPENAI_DEFAULT: Final = "tts-1"
#: Who owns a model that only stands for others.
_OURSELVES: Final = "intone"

#: A provider's name and its own id of a model.
Target = tuple[str, str]


@dataclass(slots=True)
class _Asked(Generic[T]):
    """A list of one provider's, as it last gave it."""

    provider: Provider
    ask: Callable[[], Awaitable[Sequence[T]]]
    clock: Callable[[], float]
    items: tuple[T, ...] = ()
    #: When it is asked again, and when the asking under way began, on that clock.
    due: float = -math.inf
    began: float = 0.0
    asking: asyncio.Task[None] | None = None

    def freshen(self) -> asyncio.Task[None] | None:
        """Ask anew if it is time to; returns the asking under way."""
        now = self.clock()
        if self.asking is None and now >= self.due:
            self.began = now
            self.asking = asyncio.create_task(self._ask())
        return self.asking

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(_ASKING_S):
                items = tuple(await self.ask())
        except Exception as error:  # noqa: BLE001 - one vendor must not take the others along
            self.due = self.began + _RETRY_S
            code = error.code if isinstance(error, IntoneError) else type(error).__name__
            _log.warning("listing.failed", provider=self.provider.name, error=code)
        else:
            if items != self.items:
                self.items = items
            # What runs on this machine is asked every time: that costs nothing.
            self.due = self.clock() + (0 if self.provider.capabilities.local else _KEPT_S)
        finally:
            self.asking = None


class _Lists(Generic[T]):
    """The lists of all providers, joined."""

    def __init__(self, lists: Sequence[_Asked[T]], clock: Callable[[], float]) -> None:
        self._lists = lists
        self._clock = clock
        self._parts: list[tuple[T, ...]] = []
        self._joined: tuple[tuple[str, T], ...] = ()

    async def joined(self) -> tuple[tuple[str, T], ...]:
        """Every item with its provider's name; the same object for as long as nothing changes."""
        await self._freshen()
        parts = [asked.items for asked in self._lists]
        # Compared by identity: a list that has not changed stays the tuple it was.
        if list(map(id, parts)) != list(map(id, self._parts)):
            self._parts = parts
            self._joined = tuple(
                (asked.provider.name, item) for asked in self._lists for item in asked.items
            )
        return self._joined

    def of(self, provider: str) -> Sequence[T]:
        """What one provider has last given; nothing of one that is not asked."""
        return next((one.items for one in self._lists if one.provider.name == provider), ())

    async def close(self) -> None:
        """Give up what is being asked."""
        tasks = [asked.asking for asked in self._lists if asked.asking is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _freshen(self) -> None:
        """Ask whom it is time to ask, and wait for answers as long as that is bearable."""
        tasks, patience_s = set(), 0.0
        for asked in self._lists:
            task = asked.freshen()
            left = asked.began + _PATIENCE_S - self._clock()
            if task is not None and left > 0:
                tasks.add(task)
                patience_s = max(patience_s, left)
        if tasks:
            await asyncio.wait(tasks, timeout=patience_s)


class Listings:
    """Asks the providers that can be asked for what they offer. One serves the whole process.

    Args:
        providers: By name; those that are `unavailable` offer nothing.
        clock: Monotonic seconds.
    """

    def __init__(
        self, providers: Mapping[str, Provider], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        ready = [provider for provider in providers.values() if provider.unavailable is None]
        self._voices = _Lists([_Asked(one, one.list_voices, clock) for one in ready], clock)
        self._models = _Lists([_Asked(one, one.list_models, clock) for one in ready], clock)

    async def voices(self) -> tuple[tuple[str, ListedVoice], ...]:
        """Every voice with its provider's name, in the providers' order.

        Waits at most three seconds for vendors; what arrives later is there the next time. The
        same object is returned for as long as nothing has changed.
        """
        return await self._voices.joined()

    async def models(self) -> tuple[tuple[str, Model], ...]:
        """Every model with its provider's name, as `voices` does it."""
        return await self._models.joined()

    def listed(self, provider: str) -> Sequence[ListedVoice]:
        """The voices that a provider has listed of late, without asking it now."""
        return self._voices.of(provider)

    async def close(self) -> None:
        """Give up what is being asked; safe to call twice."""
        await self._voices.close()
        await self._models.close()


@dataclass(frozen=True, slots=True)
class Offer:
    """A name that a caller may send as `model`."""

    #: `provider/model`, an operator's other name for one, or an operator's route.
    id: str
    #: What people call it.
    name: str
    #: The provider's name, or `intone` of a route.
    owner: str
    #: What may speak, in the order in which it is listed.
    targets: tuple[Target, ...]
    #: Thousandths of a micro-dollar a character; None where it depends, or nobody has said.
    nanos_per_character: int | None = None
    #: Whether it only stands for its targets.
    is_other_name: bool = False


@dataclass(frozen=True, slots=True)
class VoiceFilter:
    """Which voices somebody wants to see."""

    #: Names of providers; empty: all.
    providers: frozenset[str] = frozenset()
    #: A BCP 47 tag or the beginning of one, e.g. `en`; empty: all.
    language: str = ""
    #: `female`, `male` or `neutral`; empty: all.
    gender: str = ""

    def accepts(self, provider: str, languages: Sequence[str], gender: str | None) -> bool:
        """Whether a voice is one of them."""
        return (
            (not self.providers or provider in self.providers)
            and (not self.language or speaks(languages, self.language))
            and (not self.gender or gender == self.gender)
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that can be asked for, and under which names."""

    directory: ModelDirectory
    listings: Listings

    @property
    def providers(self) -> Mapping[str, Provider]:
        """Everyone who may speak, by name, those who cannot be asked included."""
        return self.directory.providers

    async def offers(self) -> list[Offer]:
        """Every model, then every other name and every route that leads to one."""
        return list((await self._known()).values())

    async def offer(self, name: str) -> Offer:
        """What a caller means by `name`; models that a provider passes on need not be listed.

        Raises:
            UnknownModelError: There is no such model.
        """
        known = await self._known()
        found = known.get(name) or known.get(self.directory.meant_by(name))
        found = found or self._passed_on(name)
        if found is None:
            names = ", ".join(list(known)[:_NAMED]) or "none"
            more = " and more" if len(known) > _NAMED else ""
            raise UnknownModelError(
                f"There is no model {name[:_QUOTED]!r}; a model is 'provider/model', one of:"
                f" {names}{more}."
            )
        return found

    async def voices_of(self, targets: Sequence[Target]) -> list[tuple[str, ListedVoice]]:
        """The voices that one of the targets speaks with, the first target's first."""
        voices = await self.listings.voices()
        found = [
            (name, voice)
            for provider, model in targets
            for name, voice in voices
            if name == provider and (not voice.models or model in voice.models)
        ]
        return list({(name, voice.id): (name, voice) for name, voice in found}.values())

    async def default_provider(self) -> str | None:
        """Who speaks for clients that name no model of ours: whoever `tts-1` leads to."""
        known = await self._known()
        found = known.get(_OPENAI_DEFAULT) or next(iter(known.values()), None)
        return found.targets[0][0] if found else None

    async def _known(self) -> dict[str, Offer]:
        offers = (_offer(provider, model) for provider, model in await self.listings.models())
        known = {offer.id: offer for offer in offers}
        return known | {offer.id: offer for offer in self._other_names(known)}

    def _other_names(self, known: Mapping[str, Offer]) -> Iterator[Offer]:
        aliases, routes = self.directory.aliases, self.directory.routes
        for name in (*aliases, *routes):
            meant = aliases.get(name, name)
            wanted = routes[meant].models if meant in routes else (meant,)
            members = [one for name in wanted if (one := known.get(name) or self._passed_on(name))]
            if not members:
                continue
            targets = tuple(member.targets[0] for member in members)
            if meant in routes:
                yield Offer(name, name, _OURSELVES, targets, is_other_name=True)
            else:
                (one,) = members
                price = one.nanos_per_character
                yield Offer(name, one.name, one.owner, targets, price, is_other_name=True)

    def _passed_on(self, name: str) -> Offer | None:
        """A model that its provider has not listed and yet can be asked for."""
        owner, _, model_id = name.partition("/")
        provider = self.providers.get(owner)
        if not model_id or provider is None or provider.unavailable is not None:
            return None
        model = provider.find_model(model_id)
        return None if model is None else _offer(owner, model)


def _offer(provider: str, model: Model) -> Offer:
    target = (provider, model.id)
    return Offer("/".join(target), model.name, provider, (target,), model.nanos_per_character)
