"""The catalogue of voices, over all providers and under all their names.

Presets belong to everybody and are known from the start. Cloned voices belong to a workspace,
which finds them beside the presets; for everybody else they do not exist.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from intone.core import cloned_voices
from intone.errors import NotFoundError, VoiceNotReadyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from intone.core.clone_models import CloneModels
    from intone.core.cloned_voices import ClonedVoice
    from intone.providers.base import Gender, PresetVoice, Provider
    from intone.storage.database import Database

__all__ = [
    "UNKNOWN_LANGUAGE",
    "CatalogueVoice",
    "ClonedVoices",
    "SpeakingClone",
    "VoiceCatalogue",
    "looks_cloned",
    "short_slug",
    "speaks",
]

_NOBODY: Final = "There is no voice of that name."
#: BCP 47 for a language that nobody has named.
UNKNOWN_LANGUAGE: Final = "und"
#: A cloned voice's names: its uuid, and its short slug.
_CLONED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|voice_[0-9a-f]{12}")
#: Hexadecimal digits of the uuid in the short slug.
_SHORT: Final = 12
#: Integer ids of cloned voices begin here; those of presets are far below.
_FIRST_NUMBER: Final = 1_000_000_000
#: Seconds for which a workspace's list of cloned voices is good without asking again.
_TRUST_S: Final = 1.0
#: How many workspaces' lists are remembered at most.
_REMEMBERED: Final = 10_000


class CatalogueVoice(Protocol):
    """A voice that a workspace can speak with: a preset, or one that it has cloned.

    The attributes are those of `intone.providers.base.PresetVoice`.
    """

    @property
    def number(self) -> int:
        """Integer id, unique."""

    @property
    def slug(self) -> str:
        """Slug such as `voice_en_us_001`, unique within the workspace."""

    @property
    def uuid(self) -> str:
        """Unique and stable."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def provider(self) -> str:
        """Name of the provider that speaks it."""

    @property
    def local_id(self) -> str:
        """The provider's own id."""

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP 47 tags, the main one first."""

    @property
    def gender(self) -> Gender:
        """How it sounds."""

    @property
    def description(self) -> str:
        """One line on how it sounds."""

    @property
    def styles(self) -> tuple[str, ...]:
        """Styles it can speak in, the default first."""

    @property
    def version(self) -> str:
        """Changes whenever the same text would sound different."""


@dataclass(frozen=True, slots=True)
class SpeakingClone:
    """A cloned voice that is ready, under all its names; see `CatalogueVoice`."""

    number: int
    slug: str
    uuid: str
    name: str
    #: The engine that has made it.
    provider: str
    local_id: str
    languages: tuple[str, ...]
    gender: Gender
    version: str
    #: Path in the blob store of what the engine needs, and the preset it is spoken from.
    model: str
    base: PresetVoice
    styles: tuple[str, ...]
    description: str = "Cloned voice"


def speaks(languages: Iterable[str], wanted: str) -> bool:
    """Whether one of the BCP 47 tags is for `wanted`, a language or accent, in any case."""
    wanted = wanted.lower()
    return any(tag.lower() == wanted or tag.lower().startswith(f"{wanted}-") for tag in languages)


def short_slug(voice_id: str) -> str:
    """The slug of a cloned voice."""
    return "voice_" + voice_id.replace("-", "")[:_SHORT]


def looks_cloned(name: str) -> bool:
    """Whether a cloned voice may have that name; says nothing about whether there is one."""
    return _CLONED.fullmatch(name) is not None


class ClonedVoices:
    """The cloned voices of workspaces, remembered for a moment.

    Args:
        database: Where they are.
        models: Is told of each that somebody is about to speak with.
    """

    def __init__(self, database: Database, models: CloneModels) -> None:
        self._database = database
        self.models = models
        #: By workspace: when it was asked for on the monotonic clock, and what was found.
        self._lists: OrderedDict[str, tuple[float, Sequence[ClonedVoice]]] = OrderedDict()

    async def of(self, workspace_id: str, *, now: bool = False) -> Sequence[ClonedVoice]:
        """The workspace's, in every state, oldest first; the list is a second old at most.

        Args:
            workspace_id: Whose.
            now: Whether it must be as fresh as this question.
        """
        asked = time.monotonic()
        at, found = self._lists.get(workspace_id, (-_TRUST_S, ()))
        if not now and asked - at < _TRUST_S:
            return found
        found = tuple(await self._database.read(cloned_voices.list_all, workspace_id))
        self._lists[workspace_id] = (asked, found)
        self._lists.move_to_end(workspace_id)
        if len(self._lists) > _REMEMBERED:
            self._lists.popitem(last=False)
        return found

    async def find(self, workspace_id: str, name: str) -> ClonedVoice | None:
        """The workspace's cloned voice of that name, if it has one."""
        for now in (False, True):
            for voice in await self.of(workspace_id, now=now):
                if name in {voice.id, short_slug(voice.id)} and (now or voice.state == "ready"):
                    return voice
        return None

    def forget(self, workspace_id: str) -> None:
        """The workspace's list has changed."""
        self._lists.pop(workspace_id, None)


class VoiceCatalogue:
    """Every preset voice of the given providers, and the cloned ones, if there are any.

    Args:
        providers: Whose presets.
        clones: The cloned voices of all workspaces.
    """

    def __init__(self, providers: Iterable[Provider], clones: ClonedVoices | None = None) -> None:
        self.presets: Sequence[PresetVoice] = tuple(
            voice for provider in providers for voice in provider.voices()
        )
        self.clones = clones
        self._by_slug = {voice.slug: voice for voice in self.presets}
        self._by_name = _named(self.presets)

    def by_slug(self, slug: str) -> PresetVoice:
        """The preset with that slug, e.g. `voice_en_us_001`.

        Raises:
            NotFoundError: There is none.
        """
        try:
            return self._by_slug[slug]
        except KeyError:
            raise NotFoundError(_NOBODY) from None

    def preset(self, name: str) -> PresetVoice | None:
        """The preset of that slug, uuid, provider's own id or number, if there is one."""
        return self._by_name.get(name)

    def speaking(self, language: str) -> list[PresetVoice]:
        """The presets for a language or accent, e.g. `en` or `en-GB`, in catalogue order."""
        return [voice for voice in self.presets if speaks(voice.languages, language)]

    async def find(self, workspace_id: str, name: str) -> CatalogueVoice:
        """The voice of that name with which the workspace can speak now.

        Asks the database only where no preset has the name.

        Args:
            workspace_id: Who wants to speak.
            name: Any of a preset's names, or a cloned voice's uuid or slug.

        Raises:
            NotFoundError: There is none; another workspace's is none either.
            VoiceNotReadyError: It is still being made, or could not be made.
        """
        voice = self._by_name.get(name) or await self.clone(workspace_id, name)
        if voice is None:
            raise NotFoundError(_NOBODY)
        return voice

    async def clone(self, workspace_id: str, name: str) -> SpeakingClone | None:
        """The workspace's cloned voice of that name, ready to be spoken with, if it has one.

        Raises:
            VoiceNotReadyError: It is still being made, or could not be made.
        """
        if self.clones is None or not looks_cloned(name):
            return None
        found = await self.clones.find(workspace_id, name)
        if found is None:
            return None
        if found.state != "ready":
            raise VoiceNotReadyError
        clone = self._speaking(found)
        if clone is not None:
            self.clones.models.remember(clone)
        return clone

    async def cloned(self, workspace_id: str) -> list[SpeakingClone]:
        """The workspace's cloned voices that are ready, oldest first."""
        if self.clones is None:
            return []
        found = await self.clones.of(workspace_id)
        return [clone for voice in found if (clone := self._speaking(voice))]

    async def in_every_state(self, workspace_id: str) -> Sequence[ClonedVoice]:
        """The workspace's cloned voices, also those that are still to be made, oldest first."""
        return () if self.clones is None else await self.clones.of(workspace_id)

    def _speaking(self, voice: ClonedVoice) -> SpeakingClone | None:
        base = self._by_slug.get(voice.base_voice or "")
        if voice.state != "ready" or base is None or voice.engine is None or voice.model is None:
            return None
        return SpeakingClone(
            number=_FIRST_NUMBER + voice.number,
            slug=short_slug(voice.id),
            uuid=voice.id,
            name=voice.name,
            provider=voice.engine,
            local_id=voice.id,
            languages=base.languages,
            gender=base.gender,
            version=f"{base.version}/{voice.model}",
            model=voice.model,
            base=base,
            styles=base.styles,
        )


def _named(presets: Sequence[PresetVoice]) -> Mapping[str, PresetVoice]:
    """By each of its names, a preset; where two have one name, the first."""
    named: dict[str, PresetVoice] = {}
    for voice in presets:
        for name in (voice.slug, voice.uuid, voice.local_id, str(voice.number)):
            named.setdefault(name, voice)
    return named
