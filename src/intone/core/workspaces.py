"""Workspaces, the tenants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from intone.core import ledger
from intone.core.ids import new_id
from intone.errors import InvalidInputError, NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intone.core.plans import Plan
    from intone.storage.database import Row, Transaction

__all__ = ["Workspace", "change_plan", "create", "find", "list_all"]

#: Longest name, in characters.
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Workspace:
    """A tenant."""

    id: str
    #: Unique, chosen by the operator; identity providers' tokens may name it.
    name: str
    #: Name of its plan.
    plan: str
    #: Milliseconds since the epoch.
    created_at: int


def create(tx: Transaction, name: str, plan: Plan) -> Workspace:
    """Make a workspace with the balances of its plan.

    Raises:
        InvalidInputError: The name is empty, too long or taken.
    """
    name = name.strip()
    if not 1 <= len(name) <= _MAX_NAME or not name.isprintable():
        raise InvalidInputError(f"A workspace's name has 1 to {_MAX_NAME} printable characters.")
    workspace = Workspace(new_id(), name, plan.name, now_ms())
    inserted = tx.execute(
        "INSERT INTO workspaces (id, name, plan, created_at)"
        " VALUES (:id, :name, :plan, :created_at) ON CONFLICT (name) DO NOTHING",
        id=workspace.id,
        name=workspace.name,
        plan=workspace.plan,
        created_at=workspace.created_at,
    )
    if not inserted:
        raise InvalidInputError(f"There is a workspace named {name!r} already.")
    ledger.adopt_plan(tx, workspace.id, plan)
    return workspace


def find(tx: Transaction, name_or_id: str) -> Workspace:
    """The workspace of that name or id.

    Raises:
        NotFoundError: There is none.
    """
    row = tx.one(
        "SELECT id, name, plan, created_at FROM workspaces WHERE name = :key OR id = :key",
        key=name_or_id,
    )
    if row is None:
        raise NotFoundError(f"There is no workspace {name_or_id!r}; see `intone workspaces list`.")
    return _workspace(row)


def list_all(tx: Transaction) -> list[Workspace]:
    """Every workspace, oldest first."""
    rows = tx.all("SELECT id, name, plan, created_at FROM workspaces ORDER BY number")
    return [_workspace(row) for row in rows]


def change_plan(tx: Transaction, workspace: Workspace, plan: Plan) -> Workspace:
    """Put a workspace on another plan; what it spent this month stays spent."""
    tx.execute("UPDATE workspaces SET plan = :plan WHERE id = :id", plan=plan.name, id=workspace.id)
    ledger.adopt_plan(tx, workspace.id, plan)
    return Workspace(workspace.id, workspace.name, plan.name, workspace.created_at)


def plan_named(plans: Mapping[str, Plan], name: str) -> Plan:
    """The plan of that name.

    Raises:
        InvalidInputError: There is none; the sentence lists those there are.
    """
    if name not in plans:
        raise InvalidInputError(f"There is no plan {name!r}; there are {', '.join(sorted(plans))}.")
    return plans[name]


def _workspace(row: Row) -> Workspace:
    return Workspace(row["id"], row["name"], row["plan"], row["created_at"])
