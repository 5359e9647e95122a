"""Which providers there are. The only module that imports them."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from intone.providers.engines.espeak_provider import EspeakProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from intone.providers.base import Provider

__all__ = ["create_providers", "running"]


def create_providers(*, processes: int | None = None) -> dict[str, Provider]:
    """Every provider of this process by its name, none of them started.

    Args:
        processes: How many processes a local engine has; one a core by default.
    """
    providers: list[Provider] = [EspeakProvider(processes=processes)]
    return {provider.name: provider for provider in providers}


@asynccontextmanager
async def running(providers: Mapping[str, Provider]) -> AsyncIterator[None]:
    """Start the providers, and close them in the end."""
    async with AsyncExitStack() as stack:
        for provider in providers.values():
            stack.push_async_callback(provider.close)
            await provider.start()
        yield
