"""The units of work of `intone sites`: what people type becomes a site.

They name sites and voices as they like; a site keeps its voices by their slugs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intone.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.config import Settings
    from intone.core.keys import NewKey
    from intone.core.sites import Site
    from intone.core.voices import VoiceCatalogue
    from intone.storage.database import Transaction

__all__ = ["add_domain", "catalogue_of", "create", "remove_domain", "update"]


def catalogue_of(chosen: Settings) -> VoiceCatalogue:
    """The presets that these settings give, to find voices in."""
    from intone.core.voices import VoiceCatalogue
    from intone.providers.registry import create_providers

    providers = create_providers(chosen.providers, processes=1, engine=chosen.engine)
    return VoiceCatalogue(providers.values())


def create(
    tx: Transaction,
    workspace: str,
    catalogue: VoiceCatalogue,
    voice: str | None,
    voices: Sequence[str],
    wanted: dict[str, Any],
    *,
    key: bool,
) -> tuple[Site, NewKey | None]:
    """Make a site, read in the first voice for its language unless one is named; and a key."""
    from intone.core import sites, workspaces

    owner = workspaces.find(tx, workspace).id
    site = sites.create(
        tx,
        owner,
        voice=_usual(catalogue, wanted["language"])
        if voice is None
        else _slug(tx, owner, catalogue, voice),
        voices=[_slug(tx, owner, catalogue, name) for name in voices],
        **wanted,
    )
    return site, sites.rotate_key(tx, site) if key else None


def update(
    tx: Transaction,
    name: str,
    catalogue: VoiceCatalogue,
    voice: str | None,
    voices: Sequence[str] | None,
    changes: dict[str, Any],
) -> Site:
    """Change the site of that number, id or domain; None leaves its voice or voices."""
    from intone.core import sites

    site = sites.find(tx, name)
    if voice is not None:
        changes["voice"] = _slug(tx, site.workspace_id, catalogue, voice)
    if voices is not None:
        changes["voices"] = tuple(_slug(tx, site.workspace_id, catalogue, one) for one in voices)
    return sites.update(tx, site.id, **changes)


def add_domain(tx: Transaction, name: str, domain: str) -> Site:
    """Give the site of that number, id or domain one more domain."""
    from intone.core import site_domains, sites

    site = sites.find(tx, name)
    site_domains.add(tx, site.id, domain)
    return sites.find_by_id(tx, site.id)


def remove_domain(tx: Transaction, name: str, domain: str) -> Site:
    """Take a domain from the site of that number, id or domain."""
    from intone.core import site_domains, sites

    site = sites.find(tx, name)
    site_domains.remove(tx, site.id, domain)
    return sites.find_by_id(tx, site.id)


def _slug(tx: Transaction, workspace_id: str, catalogue: VoiceCatalogue, name: str) -> str:
    """The slug of the voice that somebody named: a preset, or one that the workspace has cloned."""
    from intone.core import cloned_voices
    from intone.core.voices import short_slug

    preset = catalogue.preset(name)
    if preset is not None:
        return preset.slug
    for cloned in cloned_voices.list_all(tx, workspace_id):
        if name in {cloned.id, short_slug(cloned.id)} and cloned.state == "ready":
            return short_slug(cloned.id)
    raise NotFoundError(f"There is no voice {name[:100]!r}; see `intone voices list`.")


def _usual(catalogue: VoiceCatalogue, language: str) -> str:
    """The slug of the first voice for a language."""
    from intone.text.language import primary

    found = catalogue.speaking(language) or catalogue.speaking(primary(language))
    if not found:
        raise InvalidInputError(f"No voice speaks {language!r}; name one with --voice.")
    return found[0].slug
