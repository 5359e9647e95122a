"""Streamed speech, written down: a row for each call that reached a provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from intone.core import ledger
from intone.errors import NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from intone.storage.database import Transaction

__all__ = ["CallRecord", "end_call", "forget"]

_INSERT = """
INSERT INTO calls (id, workspace_id, key_id, provider, model, status, error_code, characters,
  cost, first_byte_ms, total_ms, created_at)
VALUES (:id, :workspace_id, :key_id, :provider, :model, :status, :error_code, :characters,
  :cost, :first_byte_ms, :total_ms, :now)
"""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """How a call ended. Its id is that of its hold, if it had one."""

    id: str
    workspace_id: str
    key_id: str | None
    provider: str
    #: The provider's own model id.
    model: str
    #: `cancelled`: the client left.
    status: Literal["ok", "failed", "cancelled"]
    error_code: str | None
    #: That were spoken.
    characters: int
    #: Micro-dollars.
    cost: int
    #: From the request on, in milliseconds; None where none came.
    first_byte_ms: int | None
    total_ms: int


def end_call(tx: Transaction, call: CallRecord, *, held: bool) -> None:
    """Write a call down and end its hold with what it really cost.

    A hold that was released meanwhile, because this process was frozen for long and taken for
    dead, stays so: then the call cost nothing.
    """
    cost = call.cost
    if held:
        try:
            if cost:
                ledger.settle(tx, call.id, cost)
            else:
                ledger.release(tx, call.id)
        except NotFoundError:
            cost = 0
    tx.execute(
        _INSERT,
        id=call.id,
        workspace_id=call.workspace_id,
        key_id=call.key_id,
        provider=call.provider,
        model=call.model,
        status=call.status,
        error_code=call.error_code,
        characters=call.characters,
        cost=cost,
        first_byte_ms=call.first_byte_ms,
        total_ms=call.total_ms,
        now=now_ms(),
    )


def forget(tx: Transaction, before: int, most: int) -> int:
    """Delete calls older than `before` (milliseconds since the epoch); returns how many."""
    return tx.execute(
        "DELETE FROM calls WHERE number IN (SELECT number FROM calls WHERE created_at < :before"
        " ORDER BY created_at LIMIT :most)",
        before=before,
        most=most,
    )
