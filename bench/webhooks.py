"""1,000 events to 20 receivers, 30 % failing, while the server is killed every few seconds.

Every event has to arrive at least once and to verify, by the library of Standard Webhooks as well
as by the seed's header; nothing may connect to a forbidden address. Events are published by the
core over the server's own database, in units of work as jobs end in.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from bench.report import Row, at_least, at_most, tell
from bench.servers import intone_server
from intone.core import webhooks, workspaces
from intone.core.webhook_signatures import verify_seed
from intone.queue.open import open_queue
from intone.storage.open import open_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from intone.core.webhooks import NewWebhook
    from intone.queue.base import Queue
    from intone.storage.database import Database, Transaction

__all__ = ["measure"]

_RECEIVERS, _EVENTS, _FAILING = 20, 1000, 0.3
_KILLS, _BETWEEN_KILLS_S = 6, 3.0
#: Seconds between two events, so that they go on until about the last kill, and of a receiver.
_PACE_S, _SLOWNESS_S = 0.025, (0.0, 0.4)
#: Seconds after the last kill within which everything must have arrived: leases run out after 10,
#: and what was refused is tried again after 5.
_PATIENCE_S = 45.0
_EVENT: webhooks.EventName = "generation.ready"
#: Receivers are at the one address that is open; the canary is at its neighbour.
_OPEN, _CANARY = "127.0.0.1", "127.0.0.2"
_ENVIRONMENT = {
    "INTONE_EGRESS_ALLOW": f"{_OPEN}/32",
    "INTONE_WEBHOOKS_ALLOW_HTTP": "true",
    "INTONE_ENGINE_PROCESSES": "1",
}


@dataclass(slots=True)
class _Seen:
    """What the receivers saw."""

    #: By the receiver's path, the secret that its events are signed with.
    secrets: dict[str, str] = field(default_factory=dict)
    #: Events that are answered badly when they come first.
    unlucky: set[str] = field(default_factory=set)
    #: By event, how often it came, and how often it was taken.
    came: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    unverified: int = 0
    #: Connections to the address that is forbidden.
    forbidden: int = 0
    last_at: float = 0.0
    all_taken: threading.Event = field(default_factory=threading.Event)

    async def receive(self, request: web.Request) -> web.Response:
        """Verify an event, and take it unless it is its turn to fail."""
        body, secret = await request.read(), self.secrets[request.path]
        try:
            event = str(Webhook(secret).verify(body, dict(request.headers))["data"]["id"])
        except WebhookVerificationError:
            self.unverified += 1
            return web.Response(status=400)
        self.unverified += not verify_seed(body, secret, request.headers)
        self.came[event] += 1
        await asyncio.sleep(random.uniform(*_SLOWNESS_S))
        if event in self.unlucky:
            self.unlucky.remove(event)
            return _fail(request, self.came.total())
        self.taken[event] += 1
        self.last_at = time.monotonic()
        if len(self.taken) == _EVENTS:
            self.all_taken.set()
        return web.Response()

    async def trap(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Count who connects where nobody may."""
        self.forbidden += 1
        writer.close()


async def measure(folder: Path) -> list[Row]:
    """Publish between kills, then wait for the last to arrive."""
    seen, data_dir = _Seen(), folder / "webhooks"
    with intone_server(data_dir, "--no-worker", environment=_ENVIRONMENT):
        pass  # makes the database and its first workspace
    async with _receivers(seen) as (port, canary_port), _database(data_dir) as (database, queue):
        workspace_ids = await _register(database, seen, port, canary_port)
        publishing = asyncio.create_task(_publish(database, queue, workspace_ids))
        for number in range(_KILLS):
            # In a thread: events go on being published and received meanwhile.
            await asyncio.to_thread(_live_and_die, data_dir)
            tell(f"webhooks: killed {number + 1} of {_KILLS}, {len(seen.taken)} events taken")
        await publishing
        killed_at = time.monotonic()
        await asyncio.to_thread(_live_until, data_dir, seen.all_taken)
    note = (
        f"{_KILLS} kills; {seen.came.total():,} tries, {_FAILING:.0%} of events fail at first,"
        f" {seen.taken.total() - len(seen.taken)} taken twice"
    )
    return [
        Row("webhooks", "events that arrived", len(seen.taken), "", at_least(_EVENTS), note),
        Row("webhooks", "deliveries that did not verify", seen.unverified, "", at_most(0)),
        Row("webhooks", "connections to a forbidden address", seen.forbidden, "", at_most(0)),
        Row("webhooks", "from the last kill to the last event", seen.last_at - killed_at, "s"),
    ]


@asynccontextmanager
async def _receivers(seen: _Seen) -> AsyncIterator[tuple[int, int]]:
    """The receivers and the canary; yields their ports."""
    app = web.Application()
    app.router.add_post("/{number}", seen.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, _OPEN, 0).start()
    canary = await asyncio.start_server(seen.trap, _CANARY, 0)
    try:
        yield runner.addresses[0][1], canary.sockets[0].getsockname()[1]
    finally:
        canary.close()
        await runner.cleanup()


@asynccontextmanager
async def _database(data_dir: Path) -> AsyncIterator[tuple[Database, Queue]]:
    """The server's database, beside the server."""
    database = open_database(f"sqlite:///{(data_dir / 'intone.db').absolute()}")
    await database.start()
    queue = open_queue(database)
    await queue.start()
    try:
        yield database, queue
    finally:
        await queue.close()
        await database.close()


async def _register(database: Database, seen: _Seen, port: int, canary_port: int) -> list[str]:
    """A workspace for each receiver, with a webhook to it and one to the canary."""

    def make(tx: Transaction, number: int) -> NewWebhook:
        plan = workspaces.find(tx, "default").plan
        workspace = workspaces.create(tx, f"receiver-{number}", _plan(plan))
        webhooks.create(tx, workspace.id, f"http://{_CANARY}:{canary_port}/{number}", [_EVENT])
        return webhooks.create(tx, workspace.id, f"http://{_OPEN}:{port}/{number}", [_EVENT])

    workspace_ids = []
    for number in range(_RECEIVERS):
        new = await database.write(make, number)
        seen.secrets[f"/{number}"] = new.secret
        workspace_ids.append(new.webhook.workspace_id)
    chosen = random.Random(7).sample(range(_EVENTS), int(_FAILING * _EVENTS))
    seen.unlucky.update(str(event) for event in chosen)
    return workspace_ids


def _plan(name: str) -> Any:
    from intone.core.plans import load_plans

    return load_plans()[name]


async def _publish(database: Database, queue: Queue, workspace_ids: list[str]) -> None:
    for event in range(_EVENTS):
        body = b'{"event":"%b","data":{"id":"%d"}}' % (_EVENT.encode(), event)
        workspace_id = workspace_ids[event % _RECEIVERS]
        await database.write(webhooks.publish, queue, workspace_id, {_EVENT: body})
        await asyncio.sleep(_PACE_S)


def _live_and_die(data_dir: Path) -> None:
    with intone_server(data_dir, environment=_ENVIRONMENT) as server:
        time.sleep(_BETWEEN_KILLS_S)
        os.kill(server.pid, signal.SIGKILL)


def _live_until(data_dir: Path, is_over: threading.Event) -> None:
    with intone_server(data_dir, environment=_ENVIRONMENT):
        is_over.wait(_PATIENCE_S)


def _fail(request: web.Request, number: int) -> web.Response:
    """One of the ways in which receivers fail."""
    if number % 3 == 0 and request.transport is not None:
        request.transport.abort()
    if number % 3 == 1:
        return web.Response(status=302, headers={"Location": f"http://{_CANARY}/"})
    return web.Response(status=503, text="later")
