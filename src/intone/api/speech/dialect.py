"""The speech dialect: its paths, its envelope, and the same for OpenAI's clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.api.dialect import Dialect
from intone.api.speech.catalogue import catalogue_routes
from intone.api.speech.errors import openai_envelope, speech_envelope
from intone.api.speech.keys import ROUTES as KEY_ROUTES
from intone.api.speech.login import ROUTES as LOGIN_ROUTES
from intone.api.speech.speak import SPEAK_ROUTES
from intone.api.speech.wallet import WALLET_ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["speech_dialects"]

_PREFIXES = (
    *("/v1/audio/speech", "/v1/audio/voices", "/v1/audio/models", "/audio"),
    *("/v1/models", "/v1/providers", "/v1/status"),
    *("/v1/credits", "/v1/usage", "/v1/keys", "/v1/auth"),
)


def speech_dialects(
    *, public_voices: bool = False, breaker_state: Callable[[str], str] | None = None
) -> list[Dialect]:
    """The dialect, and what of it OpenAI's clients know under a prefix of their own.

    Below `/openai` the routes are the same; only the envelope of errors differs (wire.md §7).

    Args:
        public_voices: As `catalogue_routes`.
        breaker_state: As `catalogue_routes`.
    """
    catalogue = catalogue_routes(public_voices=public_voices, breaker_state=breaker_state)
    handlers = [*SPEAK_ROUTES, *catalogue, *WALLET_ROUTES, *KEY_ROUTES, *LOGIN_ROUTES]
    return [
        Dialect("speech", _PREFIXES, handlers, speech_envelope),
        Dialect("openai", ("/openai",), [], openai_envelope),
    ]
