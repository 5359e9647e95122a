"""Which providers there are. The only module that imports them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.providers.engines.espeak_provider import EspeakProvider

if TYPE_CHECKING:
    from intone.providers.base import Provider

__all__ = ["create_providers"]


def create_providers(*, processes: int | None = None) -> dict[str, Provider]:
    """Every provider of this process by its name, none of them started.

    Args:
        processes: How many processes a local engine has; one a core by default.
    """
    providers: list[Provider] = [EspeakProvider(processes=processes)]
    return {provider.name: provider for provider in providers}
