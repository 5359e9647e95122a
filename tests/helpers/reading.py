"""The reading side of the speech dialect on the real platform: engine voices and one vendor."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from helpers.serving import serving
from helpers.work import make_workspace
from intone.api.app import create_app
from intone.api.dialect import Dialect
from intone.api.speech.catalogue import catalogue_routes
from intone.api.speech.errors import openai_envelope, speech_envelope
from intone.api.speech.wallet import WALLET_ROUTES
from intone.api.voices import voices_dialect
from intone.core import keys, sessions
from intone.core.access import Access
from intone.core.limits import RateLimiter
from intone.core.listings import Catalogue, Listings
from intone.core.models import ModelDirectory, RoutePlan
from intone.core.plans import load_plans
from intone.core.routing import Router
from intone.core.service import Core
from intone.core.voices import VoiceCatalogue
from intone.providers.registry import create_providers
from intone.providers.settings import ProviderSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from intone.providers.base import Provider
    from intone.storage.database import Database

#: Voices as a compatible server lists them; `en-us.emma` is also an id of the engine's.
VENDOR_VOICES = {
    "voices": [
        {"id": "bella", "name": "Bella", "language": "en-GB", "gender": "female"},
        {"id": "adam", "name": "Adam", "language": "en-US", "gender": "male"},
        {"id": "en-us.emma", "name": "Another Emma", "language": "en-US"},
        "plain",
    ]
}


class ReadingCore:
    """What of the core these routes touch."""

    admit = Core.admit
    balance = Core.balance

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self.database = database
        self.access = Access(database, load_plans(), None)
        self.limiter = RateLimiter()
        self.voices = VoiceCatalogue(catalogue.providers.values())
        self.listings = catalogue


@dataclass
class Site:
    """A server, and who may ask it."""

    core: ReadingCore
    http: aiohttp.ClientSession
    workspace_id: str
    #: By name, a secret: `both`, `speaker`, `manager`, `vk`, `pk`, `vg` and `session`.
    secrets: dict[str, str] = field(default_factory=dict)

    async def ask(self, path: str, who: str | None = "speaker", **options: Any) -> Any:
        """GET; returns status, headers and body, which is parsed where it is JSON."""
        headers = options.pop("headers", {})
        if who is not None:
            headers = {"Authorization": f"Bearer {self.secrets.get(who, who)}", **headers}
        async with self.http.get(path, headers=headers, **options) as answer:
            is_json = answer.content_type == "application/json"
            body = await (answer.json() if is_json else answer.text())
            return answer.status, answer.headers, body

    async def use_up_the_minute(self) -> None:
        """Make as many requests as the plan allows in a minute."""
        allowed = load_plans()["starter"].requests_per_minute
        for _ in range(allowed):
            await self.core.limiter.hit(f"workspace:{self.workspace_id}", allowed)

    async def get(self, path: str, who: str = "speaker") -> Any:
        """The body of a good answer."""
        status, _, body = await self.ask(path, who)
        assert status == 200, body
        return body


def providers_with(vendor_url: str | None) -> dict[str, Provider]:
    """The engine; a compatible server, if there is one; and OpenAI without a key."""
    settings = {"openai": ProviderSettings(type="openai")}
    if vendor_url is not None:
        settings["near"] = ProviderSettings(
            type="openai", base_url=f"{vendor_url}/v1", models=["kokoro", "org/other"],
            prices={"kokoro": 15.0},
        )  # fmt: skip
    return create_providers(settings, processes=1)


@asynccontextmanager
async def reading_site(
    database: Database,
    providers: Mapping[str, Provider],
    *,
    aliases: Mapping[str, str] | None = None,
    routes: Mapping[str, Sequence[str]] | None = None,
    public_voices: bool = False,
    breaker_state: Callable[[str], str] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Site]:
    """Serve the routes; only vendors are started, for no engine has to speak."""
    plans = {name: RoutePlan(models) for name, models in (routes or {}).items()}
    directory = ModelDirectory(providers, Router(), aliases=aliases, routes=plans)
    listings = Listings(providers, clock=clock)
    core = ReadingCore(database, Catalogue(directory, listings))
    paths = catalogue_routes(public_voices=public_voices, breaker_state=breaker_state)
    own = ("/v1/audio", "/audio", "/v1/models", "/v1/providers", "/v1/status", "/v1/credits")
    dialects = [
        Dialect("speech", (*own, "/v1/usage"), [*paths, *WALLET_ROUTES], speech_envelope),
        Dialect("openai", ("/openai",), [], openai_envelope),
        voices_dialect(),
    ]
    async with AsyncExitStack() as stack:
        for provider in providers.values():
            if not provider.capabilities.local:
                stack.push_async_callback(provider.close)
                await provider.start()
        stack.push_async_callback(listings.close)
        workspace_id, secrets = await database.write(_credentials)
        app = create_app(core, dialects, readiness=_ready)
        port = await stack.enter_async_context(serving(app))
        http = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
        yield Site(core, http, workspace_id, secrets)


async def _ready() -> dict[str, str]:
    return {"database": "ok"}


def _credentials(tx: Any) -> tuple[str, dict[str, str]]:
    workspace_id = make_workspace(tx)
    secrets = {
        "both": keys.create(tx, workspace_id, "both", ("speak", "manage")).secret,
        "speaker": keys.create(tx, workspace_id, "speaker").secret,
        "manager": keys.create(tx, workspace_id, "manager", ("manage",)).secret,
        "session": sessions.create(tx, workspace_id).token,
    }
    for name, prefix in (("vk", "vk_live_"), ("pk", "pk_"), ("vg", "vg_live_")):
        secret = prefix + "a1b2c3d4e5f6g7h8"
        secrets[name] = keys.import_key(tx, workspace_id, name, ("speak",), secret).secret
    return workspace_id, secrets
