"""`intone keys`: make, import, list, limit, rotate and revoke keys, beside a running server too."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intone.cli.common import (
    DataDir,
    Json,
    Workspace,
    dollars,
    in_database,
    micro_dollars,
    moment,
    print_json,
    print_table,
    runs,
    settings,
)
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.core.keys import Key, KeyLimits, NewKey
    from intone.storage.database import Transaction

app = typer.Typer(help="API keys.", no_args_is_help=True)

Name = Annotated[str, typer.Option("--name", "-n", help="What you will know the key by.")]
Scopes = Annotated[str, typer.Option("--scopes", help="speak, manage, or both with a comma.")]
Site = Annotated[
    str | None,
    typer.Option("--site", help="Number, id or domain of the site whose alone it is to be."),
]
RequestsPerMinute = Annotated[
    int | None,
    typer.Option("--requests-per-minute", help="Streamed requests in a minute; 0: no limit."),
]
MaxConcurrency = Annotated[
    int | None, typer.Option("--max-concurrency", help="Streamed requests at once; 0: no limit.")
]
DailyUsd = Annotated[
    str | None, typer.Option("--daily-usd", help="US dollars in a day, e.g. 2.50; 0: no limit.")
]
MonthlyUsd = Annotated[
    str | None, typer.Option("--monthly-usd", help="US dollars in a month; 0: no limit.")
]


@app.command("create")
@runs
async def create(
    workspace: Workspace = "default",
    name: Name = "unnamed",
    scopes: Scopes = "speak",
    site: Site = None,
    requests_per_minute: RequestsPerMinute = None,
    max_concurrency: MaxConcurrency = None,
    daily_usd: DailyUsd = None,
    monthly_usd: MonthlyUsd = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a key; it is shown this once."""
    from intone.config import listed
    from intone.core.keys import NO_LIMITS

    given = _given(requests_per_minute, max_concurrency, daily_usd, monthly_usd)
    limits = replace(NO_LIMITS, **given)
    chosen = settings(data_dir=data_dir)
    new = await in_database(chosen, _create, workspace, name, listed(scopes), limits, site)
    _show_new(new, as_json=as_json)


@app.command("limit")
@runs
async def limit(
    key_id: Annotated[str, typer.Argument(help="Id of the key.")],
    requests_per_minute: RequestsPerMinute = None,
    max_concurrency: MaxConcurrency = None,
    daily_usd: DailyUsd = None,
    monthly_usd: MonthlyUsd = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Change what a key may do of streamed speech; limits not named stay as they are."""
    given = _given(requests_per_minute, max_concurrency, daily_usd, monthly_usd)
    if not given:
        raise InvalidInputError("Say which limit to change; see `intone keys limit --help`.")
    key = await in_database(settings(data_dir=data_dir), _limit, key_id, given)
    if as_json:
        print_json(_public(key))
    else:
        print(f"{key.prefix}…{key.suffix} ({key.name}): {_limits(key.limits) or 'no limits'}.")


@app.command("import")
@runs
async def import_(
    workspace: Workspace = "default",
    name: Name = "imported",
    scopes: Scopes = "speak",
    site: Site = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Accept a key of another service, read from standard input, so its clients just move.

    Keys that begin with vg_live_, vk_live_ or pk_ can be imported.
    """
    from intone.config import listed

    secret = (
        typer.prompt("Key", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    ).strip()
    if not secret:
        raise InvalidInputError("Give the key on standard input.")
    new = await in_database(
        settings(data_dir=data_dir), _import, workspace, name, listed(scopes), secret, site
    )
    if as_json:
        print_json(_public(new.key))
    else:
        print(f"Imported {new.key.prefix}…{new.key.suffix} as {new.key.id}.")


@app.command("list")
@runs
async def list_(
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="Only this workspace's.")
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List keys; their secrets are not kept."""
    found = await in_database(settings(data_dir=data_dir), _list, workspace)
    if as_json:
        print_json([_public(key) for key in found])
        return
    print_table(
        ("id", "name", "key", "scopes", "limits", "created", "expires", "revoked", "last used"),
        (
            (
                key.id,
                key.name,
                f"{key.prefix}…{key.suffix}",
                ", ".join(sorted(key.scopes)),
                _limits(key.limits),
                moment(key.created_at),
                moment(key.expires_at),
                moment(key.revoked_at),
                moment(key.last_used_at),
            )
            for key in found
        ),
    )


@app.command("rotate")
@runs
async def rotate(
    key_id: Annotated[str, typer.Argument(help="Id of the key.")],
    overlap_hours: Annotated[
        float, typer.Option("--overlap-hours", help="How long the old key goes on working, 0–24.")
    ] = 24.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a successor of a key, and let the old one end."""
    from intone.core import keys

    new = await in_database(settings(data_dir=data_dir), keys.rotate, key_id, overlap_hours)
    _show_new(new, as_json=as_json)


@app.command("revoke")
@runs
async def revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """End a key now; running servers refuse it within a second."""
    from intone.core import keys

    key = await in_database(settings(data_dir=data_dir), keys.revoke, key_id)
    if as_json:
        print_json(_public(key))
    else:
        print(f"Revoked {key.prefix}…{key.suffix} ({key.name}).")


def _create(
    tx: Transaction,
    workspace: str,
    name: str,
    scopes: Sequence[str],
    limits: KeyLimits,
    site: str | None,
) -> NewKey:
    from intone.core import keys, workspaces

    owner = workspaces.find(tx, workspace).id
    site_id = _site_id(tx, site, owner)
    return keys.create(tx, owner, name, scopes, limits=limits, site_id=site_id)


def _limit(tx: Transaction, key_id: str, given: dict[str, Any]) -> Key:
    from intone.core import keys

    key = keys.find(tx, key_id)
    return keys.set_limits(tx, key.workspace_id, key_id, replace(key.limits, **given))


def _import(
    tx: Transaction,
    workspace: str,
    name: str,
    scopes: Sequence[str],
    secret: str,
    site: str | None,
) -> NewKey:
    from intone.core import keys, workspaces

    owner = workspaces.find(tx, workspace).id
    site_id = _site_id(tx, site, owner)
    return keys.import_key(tx, owner, name, scopes, secret, site_id=site_id)


def _site_id(tx: Transaction, site: str | None, workspace_id: str) -> str | None:
    from intone.core import sites

    return None if site is None else sites.find(tx, site, workspace_id).id


def _list(tx: Transaction, workspace: str | None) -> list[Key]:
    from intone.core import keys, workspaces

    return keys.list_keys(tx, None if workspace is None else workspaces.find(tx, workspace).id)


def _given(
    requests_per_minute: int | None,
    max_concurrency: int | None,
    daily_usd: str | None,
    monthly_usd: str | None,
) -> dict[str, Any]:
    """The limits that were named, where 0 takes one away."""
    named = {
        "requests_per_minute": requests_per_minute,
        "max_concurrency": max_concurrency,
        "daily_micros": None if daily_usd is None else micro_dollars(daily_usd),
        "monthly_micros": None if monthly_usd is None else micro_dollars(monthly_usd),
    }
    return {name: value or None for name, value in named.items() if value is not None}


def _limits(limits: KeyLimits) -> str:
    """Limits for people."""
    shown = []
    if limits.requests_per_minute is not None:
        shown.append(f"{limits.requests_per_minute:,} a minute")
    if limits.max_concurrency is not None:
        shown.append(f"{limits.max_concurrency:,} at once")
    if limits.daily_micros is not None:
        shown.append(f"{dollars(limits.daily_micros)} a day")
    if limits.monthly_micros is not None:
        shown.append(f"{dollars(limits.monthly_micros)} a month")
    return ", ".join(shown)


def _public(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "workspace_id": key.workspace_id,
        "name": key.name,
        "prefix": key.prefix,
        "suffix": key.suffix,
        "scopes": sorted(key.scopes),
        "site_id": key.site_id,
        **asdict(key.limits),
        "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at),
        "revoked_at": moment(key.revoked_at),
        "replaced_by": key.replaced_by,
        "last_used_at": moment(key.last_used_at),
    }


def _show_new(new: NewKey, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": new.key.id, "key": new.secret, **_public(new.key)})
        return
    print(new.secret)
    print(
        f"This is key {new.key.id} ({new.key.name}), shown this once; keep it somewhere safe.",
        file=sys.stderr,
    )
