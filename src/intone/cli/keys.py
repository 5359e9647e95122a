"""`intone keys`: make, list, import, rotate and revoke API keys, also beside a running server."""

from __future__ import annotations

import sys
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
    settings,
)
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.core.keys import Key, NewKey
    from intone.storage.database import Transaction

app = typer.Typer(help="API keys.", no_args_is_help=True)

Workspace = Annotated[str, typer.Option("--workspace", "-w", help="Name or id of the workspace.")]
Name = Annotated[str, typer.Option("--name", "-n", help="What you will know the key by.")]
Scopes = Annotated[str, typer.Option("--scopes", help="speak, manage, or both with a comma.")]


@app.command("create")
@runs
async def create(
    workspace: Workspace = "default",
    name: Name = "unnamed",
    scopes: Scopes = "speak",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a key; it is shown this once."""
    from intone.config import listed

    new = await in_database(settings(data_dir=data_dir), _create, workspace, name, listed(scopes))
    _show_new(new, as_json=as_json)


@app.command("import")
@runs
async def import_(
    workspace: Workspace = "default",
    name: Name = "imported",
    scopes: Scopes = "speak",
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
        settings(data_dir=data_dir), _import, workspace, name, listed(scopes), secret
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
        ("id", "name", "key", "scopes", "created", "expires", "revoked", "last used"),
        (
            (
                key.id,
                key.name,
                f"{key.prefix}…{key.suffix}",
                ", ".join(sorted(key.scopes)),
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


def _create(tx: Transaction, workspace: str, name: str, scopes: Sequence[str]) -> NewKey:
    from intone.core import keys, workspaces

    return keys.create(tx, workspaces.find(tx, workspace).id, name, scopes)


def _import(
    tx: Transaction, workspace: str, name: str, scopes: Sequence[str], secret: str
) -> NewKey:
    from intone.core import keys, workspaces

    return keys.import_key(tx, workspaces.find(tx, workspace).id, name, scopes, secret)


def _list(tx: Transaction, workspace: str | None) -> list[Key]:
    from intone.core import keys, workspaces

    return keys.list_keys(tx, None if workspace is None else workspaces.find(tx, workspace).id)


def _public(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "workspace_id": key.workspace_id,
        "name": key.name,
        "prefix": key.prefix,
        "suffix": key.suffix,
        "scopes": sorted(key.scopes),
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
