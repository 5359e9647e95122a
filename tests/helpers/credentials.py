"""The routes of keys and logins on the real platform, over a real database."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from helpers.serving import serving
from helpers.work import make_workspace
from intone.api.app import create_app
from intone.api.dialect import Dialect
from intone.api.speech import keys as key_routes
from intone.api.speech import login as login_routes
from intone.api.speech.errors import speech_envelope
from intone.core import keys
from intone.core.access import Access
from intone.core.limits import RateLimiter
from intone.core.plans import load_plans
from intone.core.service import Core

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar import Litestar

    from intone.storage.database import Database

CREDENTIALS = Dialect(
    name="credentials",
    prefixes=("/v1/keys", "/v1/auth"),
    handlers=[*key_routes.ROUTES, *login_routes.ROUTES],
    render_error=speech_envelope,
)


class SmallCore:
    """What of the core these routes touch."""

    admit = Core.admit

    def __init__(self, database: Database) -> None:
        self.database = database
        self.access = Access(database, load_plans(), None)
        self.limiter = RateLimiter()


@dataclass
class Served:
    app: Litestar
    core: SmallCore
    http: aiohttp.ClientSession
    workspace_id: str
    #: May manage and speak.
    manager: keys.NewKey
    #: May only speak.
    speaker: keys.NewKey

    async def ask(self, method: str, path: str, key: str | None = None, **options):
        """Send a request; returns status, headers and body, which is parsed where it is JSON."""
        headers = options.pop("headers", {})
        if key is not None:
            headers = {"Authorization": f"Bearer {key}", **headers}
        async with self.http.request(method, path, headers=headers, **options) as answer:
            is_json = answer.content_type == "application/json"
            return (
                answer.status,
                answer.headers,
                await (answer.json() if is_json else answer.text()),
            )


async def ready() -> dict[str, str]:
    return {"database": "ok"}


@asynccontextmanager
async def served(database: Database) -> AsyncIterator[Served]:
    """Serve the routes over `database`, with a workspace and two keys in it."""
    core = SmallCore(database)
    app = create_app(core, [CREDENTIALS], readiness=ready)
    workspace_id = await database.write(make_workspace)
    manager = await database.write(keys.create, workspace_id, "manager", ("manage", "speak"))
    speaker = await database.write(keys.create, workspace_id, "speaker")
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        yield Served(app, core, http, workspace_id, manager, speaker)
