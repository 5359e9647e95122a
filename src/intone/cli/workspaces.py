"""`intone workspaces`: the tenants, their plans and what they may spend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from intone.cli.common import (
    DataDir,
    Json,
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
    from intone.core.ledger import Balance
    from intone.core.plans import Plan
    from intone.core.workspaces import Workspace
    from intone.storage.database import Transaction

app = typer.Typer(help="Workspaces, their plans and balances.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name or id of the workspace.")]


@app.command("create")
@runs
async def create(
    name: Annotated[str, typer.Argument(help="A name of your own, unique on this server.")],
    plan: Annotated[str, typer.Option("--plan", "-p", help="Name of its plan.")] = "unlimited",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a workspace."""
    from intone.core import workspaces

    chosen = settings(data_dir=data_dir)
    made = await in_database(chosen, workspaces.create, name, _plan(chosen.plans_file, plan))
    _show(made, as_json=as_json)


@app.command("plan")
@runs
async def plan(
    name: Name,
    plan: Annotated[str, typer.Argument(help="Name of the new plan.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Put a workspace on another plan; what it spent this month stays spent."""
    chosen = settings(data_dir=data_dir)
    changed = await in_database(chosen, _change_plan, name, _plan(chosen.plans_file, plan))
    _show(changed, as_json=as_json)


@app.command("list")
@runs
async def list_(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List workspaces and how they stand this month."""
    found = await in_database(settings(data_dir=data_dir), _standing)
    if as_json:
        print_json(
            [{**_public(w), "characters": _balance(b), "wallet": _balance(m)} for w, b, m in found]
        )
        return
    print_table(
        ("name", "plan", "characters left", "of", "wallet left", "id"),
        (
            (
                w.name,
                w.plan,
                f"{b.remaining:,}",
                f"{b.limit:,}",
                dollars(m.remaining),
                w.id,
            )
            for w, b, m in found
        ),
    )


@app.command("grant")
@runs
async def grant(
    name: Name,
    credits_: Annotated[
        int | None, typer.Option("--credits", help="Credits to add, each 1,000 characters.")
    ] = None,
    wallet_usd: Annotated[
        str | None,
        typer.Option("--wallet-usd", help="US dollars to add to the wallet, e.g. 12.50."),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Give a workspace more to spend, kept until it is spent."""
    if credits_ is None and wallet_usd is None:
        raise InvalidInputError("Say what to grant: --credits, --wallet-usd, or both.")
    micros = None if wallet_usd is None else micro_dollars(wallet_usd)
    balances = await in_database(settings(data_dir=data_dir), _grant, name, credits_, micros)
    if as_json:
        print_json({meter: _balance(balance) for meter, balance in balances.items()})
        return
    for meter, balance in balances.items():
        print(f"{name} now has {balance.remaining:,} {meter} left of {balance.limit:,}.")


def _plan(path: Any, name: str) -> Plan:
    from intone.core.plans import load_plans
    from intone.core.workspaces import plan_named

    return plan_named(load_plans(path), name)


def _change_plan(tx: Transaction, name: str, plan: Plan) -> Workspace:
    from intone.core import workspaces

    return workspaces.change_plan(tx, workspaces.find(tx, name), plan)


def _standing(tx: Transaction) -> list[tuple[Workspace, Balance, Balance]]:
    from intone.core import ledger, workspaces

    return [
        (w, ledger.balance(tx, w.id, "characters"), ledger.balance(tx, w.id, "wallet"))
        for w in workspaces.list_all(tx)
    ]


def _grant(
    tx: Transaction, name: str, credits_: int | None, micros: int | None
) -> dict[str, Balance]:
    from intone.core import ledger, workspaces
    from intone.core.plans import CHARACTERS_PER_CREDIT

    workspace = workspaces.find(tx, name)
    balances: dict[str, Balance] = {}
    if credits_ is not None:
        characters = credits_ * CHARACTERS_PER_CREDIT
        balances["characters"] = ledger.grant(tx, workspace.id, "characters", characters, "cli")
    if micros is not None:
        balances["wallet"] = ledger.grant(tx, workspace.id, "wallet", micros, "cli")
    return balances


def _public(workspace: Workspace) -> dict[str, Any]:
    return {
        "id": workspace.id,
        "name": workspace.name,
        "plan": workspace.plan,
        "created_at": moment(workspace.created_at),
    }


def _balance(balance: Balance) -> dict[str, Any]:
    return {
        "limit": balance.limit,
        "remaining": balance.remaining,
        "held": balance.held,
        "spent": balance.spent,
        "period_end": moment(balance.period_end),
    }


def _show(workspace: Workspace, *, as_json: bool) -> None:
    if as_json:
        print_json(_public(workspace))
    else:
        print(f"{workspace.name} is on the plan {workspace.plan} ({workspace.id}).")
