"""`intone webhooks`: where workspaces are told of events, and a receiver for developers."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intone.cli.common import (
    DataDir,
    Json,
    in_database,
    moment,
    print_json,
    print_table,
    runs,
    serves,
    settings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from intone.core.webhooks import NewWebhook, Webhook
    from intone.storage.database import Transaction

app = typer.Typer(help="Webhooks: what tells applications of events.", no_args_is_help=True)

Workspace = Annotated[str, typer.Option("--workspace", "-w", help="Its name or id.")]


@app.command("listen")
@serves
async def listen(
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65_535, help="Port on 127.0.0.1; 0: any.")
    ] = 8421,
    secret: Annotated[
        str | None,
        typer.Option(
            "--secret",
            envvar="INTONE_WEBHOOK_SECRET",
            help="The webhook's secret (whsec_…); without it nothing is verified.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Receive events on this machine, verify their signatures and print them.

    For a server on this machine, start it with INTONE_EGRESS_ALLOW=127.0.0.0/8 and
    INTONE_WEBHOOKS_ALLOW_HTTP=true. An event whose signatures do not fit is answered with 401.
    """
    from aiohttp import web

    from intone.core.webhook_signatures import check_secret

    if secret is not None:
        check_secret(secret)

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        verdicts = None if secret is None else _verdicts(body, secret, request.headers)
        _print_event(request, body, verdicts, as_json=as_json)
        refused = verdicts is not None and not all(verdicts.values())
        return web.Response(status=401 if refused else 204)

    server = web.Application()
    server.router.add_post("/{path:.*}", receive)
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        if as_json:
            print(json.dumps({"listening": url}), flush=True)
        else:
            print(f"Listening at {url}; Ctrl-C ends it.", flush=True)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


@app.command("list")
@runs
async def list_(
    workspace: Workspace = "default", data_dir: DataDir = None, as_json: Json = False
) -> None:
    """List a workspace's webhooks."""
    found = await in_database(settings(data_dir=data_dir), _list, workspace)
    if as_json:
        print_json([_public(webhook) for webhook in found])
        return
    print_table(
        ("url", "events", "state", "id"),
        ((w.url, " ".join(w.events), w.disabled_reason or "on", w.id) for w in found),
    )


@app.command("create")
@runs
async def create(
    url: Annotated[str, typer.Argument(help="Where events are sent.")],
    event: Annotated[
        list[str] | None, typer.Option("--event", "-e", help="May be repeated; default: all.")
    ] = None,
    workspace: Workspace = "default",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Register a webhook; its secret is shown this once."""
    from intone.config import listed
    from intone.core.egress import Egress
    from intone.core.webhooks import EVENTS

    chosen = settings(data_dir=data_dir)
    egress = Egress(listed(chosen.egress_allow), allow_http=chosen.webhooks_allow_http)
    egress.check_url(url)
    new = await in_database(chosen, _create, workspace, url, event or list(EVENTS))
    if as_json:
        print_json({**_public(new.webhook), "secret": new.secret})
        return
    print(f"Events go to {url}. The secret is shown this once:\n{new.secret}")


def _verdicts(body: bytes, secret: str, headers: Mapping[str, str]) -> dict[str, bool]:
    from intone.core.webhook_signatures import SEED_HEADER, verify_seed, verify_standard

    return {
        SEED_HEADER: verify_seed(body, secret, headers),
        "webhook-signature": verify_standard(body, secret, headers, now=int(time.time())),
    }


def _print_event(
    request: web.Request, body: bytes, verdicts: Mapping[str, bool] | None, *, as_json: bool
) -> None:
    try:
        event: Any = json.loads(body)
    except ValueError:
        event = body.decode("utf-8", "replace")
    seen = {
        "path": request.path,
        "id": request.headers.get("webhook-id"),
        "verified": verdicts,
        "event": event,
    }
    if as_json:
        print(json.dumps(seen), flush=True)
        return
    if verdicts is None:
        verdict = "not verified: no --secret was given"
    else:
        wrong = [name for name, is_good in verdicts.items() if not is_good]
        verdict = f"DOES NOT VERIFY: {', '.join(wrong)}" if wrong else "verified"
    # As JSON, so that what came from elsewhere cannot steer the terminal.
    print(f"{time.strftime('%H:%M:%S')} {json.dumps(seen['id'])} {verdict}", flush=True)
    print(json.dumps(event, indent=2), flush=True)


def _list(tx: Transaction, workspace: str) -> list[Webhook]:
    from intone.core import webhooks, workspaces

    return webhooks.list_webhooks(tx, workspaces.find(tx, workspace).id)


def _create(tx: Transaction, workspace: str, url: str, events: list[str]) -> NewWebhook:
    from intone.core import webhooks, workspaces

    return webhooks.create(tx, workspaces.find(tx, workspace).id, url, events)


def _public(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "disabled_reason": webhook.disabled_reason,
        "created_at": moment(webhook.created_at),
    }
