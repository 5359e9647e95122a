"""Money: balances on meters, and holds that end exactly once.

A balance has an allowance that a plan renews every calendar month (UTC), what was
granted on top and is kept until spent, what was spent in this month, and what open
holds have reserved. Its rest, `allowance + granted - spent - held`, never goes below
nought: a hold is one conditional update. All amounts are integers.

Each change of a balance has a number and is written down with what was left after it, so
that the history of a wallet explains every micro-dollar (`intone.core.usage`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from intone.core import spending
from intone.core.ids import new_id, new_ordered_id
from intone.errors import (
    InsufficientCreditError,
    InvalidInputError,
    NotFoundError,
    QuotaExceededError,
)
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from intone.core.plans import Plan
    from intone.storage.database import Row, Transaction

__all__ = [
    "Balance",
    "Meter",
    "adopt_plan",
    "balance",
    "forgotten",
    "grant",
    "hold",
    "prolong",
    "release",
    "release_forgotten",
    "settle",
]

#: `characters` of text, `posts` of a publisher, `wallet` in millionths of a US dollar.
Meter = Literal["characters", "posts", "wallet"]

#: Most that is granted at once: thousands of these still fit a 64-bit balance.
_MOST_GRANTED = 10**15


@dataclass(frozen=True, slots=True)
class Balance:
    """How a workspace stands on one meter, in the meter's units."""

    #: What can be spent in this period in all.
    limit: int
    remaining: int
    #: Reserved by work that has not ended.
    held: int
    spent: int
    #: Milliseconds since the epoch.
    period_start: int
    period_end: int


_COLUMNS = (
    "allowance + granted AS quota, allowance + granted - spent - held AS remaining,"
    " held, spent, period_start, period_end, entries"
)
_HOLD = f"""
UPDATE balances SET held = held + :amount, entries = entries + 1
WHERE workspace_id = :workspace_id AND meter = :meter AND period_end > :now
  AND allowance + granted - spent - held >= :amount
RETURNING {_COLUMNS}
"""
_INSERT_HOLD = """
INSERT INTO holds
  (id, workspace_id, meter, amount, state, created_at, expires_at, key_id, entry, left_after)
VALUES
  (:id, :workspace_id, :meter, :amount, 'open', :now, :expires_at, :key_id, :entry, :left)
"""
_END_HOLD = """
UPDATE holds SET state = :state, settled = COALESCE(CAST(:settled AS BIGINT), amount),
  ended_at = :now
WHERE id = :id AND state = 'open' AND amount >= COALESCE(CAST(:settled AS BIGINT), amount)
RETURNING workspace_id, meter, amount, settled, key_id, created_at
"""
_END_IN_BALANCE = f"""
UPDATE balances SET held = held - :amount, spent = spent + :settled, entries = entries + 1
WHERE workspace_id = :workspace_id AND meter = :meter
RETURNING {_COLUMNS}
"""
_NOTE_END = """
UPDATE holds SET end_entry = :entry, left_after_end = :left WHERE id = :id
"""
_PROLONG = """
UPDATE holds SET expires_at = :expires_at WHERE id = :id AND state = 'open'
"""
_FORGOTTEN = """
SELECT id FROM holds
WHERE state = 'open' AND expires_at IS NOT NULL AND expires_at < :now
ORDER BY expires_at LIMIT :most
"""
_RENEW = """
UPDATE balances SET
  granted = CASE WHEN spent > allowance THEN
    CASE WHEN granted > spent - allowance THEN granted - (spent - allowance) ELSE 0 END
    ELSE granted END,
  spent = 0, period_start = :start, period_end = :end
WHERE workspace_id = :workspace_id AND meter = :meter AND period_end <= :now
"""
_ADOPT = """
INSERT INTO balances
  (workspace_id, meter, allowance, granted, spent, held, period_start, period_end)
VALUES (:workspace_id, :meter, :allowance, 0, 0, 0, :start, :end)
ON CONFLICT (workspace_id, meter) DO UPDATE SET allowance = excluded.allowance
"""
_INSERT_GRANT = """
INSERT INTO grants (id, workspace_id, meter, amount, source, created_at, entry, left_after)
VALUES (:id, :workspace_id, :meter, :amount, :source, :now, :entry, :left)
"""
_GRANT = f"""
UPDATE balances SET granted = granted + :amount, entries = entries + 1
WHERE workspace_id = :workspace_id AND meter = :meter
RETURNING {_COLUMNS}
"""


def adopt_plan(tx: Transaction, workspace_id: str, plan: Plan) -> None:
    """Open the workspace's balances, or give them the allowances of another plan."""
    now = now_ms()
    start, end = _month(now)
    allowances: dict[Meter, int] = {
        "characters": plan.characters_per_month,
        "posts": plan.posts_per_month,
        "wallet": 0,
    }
    for meter, allowance in allowances.items():
        _renew(tx, workspace_id, meter, now)  # last month is the old plan's to pay
        tx.execute(
            _ADOPT,
            workspace_id=workspace_id,
            meter=meter,
            allowance=allowance,
            start=start,
            end=end,
        )


def hold(
    tx: Transaction,
    workspace_id: str,
    meter: Meter,
    amount: int,
    *,
    spender: spending.Spender | None = None,
    expires_at: int | None = None,
) -> tuple[str, Balance]:
    """Reserve `amount`; returns the hold's id and the balance after it.

    Args:
        tx: The unit of work.
        workspace_id: Whose balance.
        meter: Which meter.
        amount: In the meter's units.
        spender: The key that spends it, with its caps.
        expires_at: Milliseconds since the epoch after which it is taken for forgotten and
            released; None where something else sees to its end.

    Raises:
        QuotaExceededError: There is less left than `amount`; of a wallet an
            `InsufficientCreditError`.
        SpendLimitError: The key may not spend as much today or this month.
    """
    now = now_ms()
    where = {"workspace_id": workspace_id, "meter": meter}
    row = tx.one(_HOLD, **where, amount=amount, now=now)
    if row is None and _renew(tx, workspace_id, meter, now):
        row = tx.one(_HOLD, **where, amount=amount, now=now)
    if row is None:
        raise _short_of(meter, amount, balance(tx, workspace_id, meter).remaining)
    if spender is not None:
        # After the balance's row is locked: two requests of a key cannot pass its cap together.
        spending.begin(tx, spender, amount, now)
    hold_id = new_ordered_id(now)
    tx.execute(
        _INSERT_HOLD,
        id=hold_id,
        **where,
        amount=amount,
        now=now,
        expires_at=expires_at,
        key_id=spender.key_id if spender else None,
        entry=row["entries"],
        left=row["remaining"],
    )
    return hold_id, _balance(row)


def settle(tx: Transaction, hold_id: str, amount: int | None = None) -> None:
    """End a hold by charging `amount` (default: all of it) and giving back the rest.

    Raises:
        NotFoundError: The hold has ended before; nothing changes.
        InvalidInputError: `amount` is more than was held.
    """
    _end(tx, hold_id, "settled", amount)


def release(tx: Transaction, hold_id: str) -> None:
    """End a hold without a charge.

    Raises:
        NotFoundError: The hold has ended before; nothing changes.
    """
    _end(tx, hold_id, "released", 0)


def grant(tx: Transaction, workspace_id: str, meter: Meter, amount: int, source: str) -> Balance:
    """Add `amount` on top of the allowance, kept until it is spent.

    Args:
        tx: The unit of work.
        workspace_id: Whose balance.
        meter: Which meter.
        amount: In the meter's units, more than nought and at most 10^15.
        source: Who gave it, for the record, e.g. `cli`.

    Raises:
        InvalidInputError: `amount` is out of bounds.
        NotFoundError: There is no such workspace.
    """
    if not 0 < amount <= _MOST_GRANTED:
        raise InvalidInputError(f"A grant is more than nought and at most {_MOST_GRANTED:,}.")
    where = {"workspace_id": workspace_id, "meter": meter}
    now = now_ms()
    _renew(tx, workspace_id, meter, now)
    row = tx.one(_GRANT, **where, amount=amount)
    if row is None:
        raise NotFoundError("There is no such workspace.")
    tx.execute(
        _INSERT_GRANT,
        id=new_id(),
        **where,
        amount=amount,
        source=source,
        now=now,
        entry=row["entries"],
        left=row["remaining"],
    )
    return _balance(row)


def balance(tx: Transaction, workspace_id: str, meter: Meter) -> Balance:
    """How the workspace stands, as if the month had been renewed already.

    Raises:
        NotFoundError: There is no such workspace.
    """
    row = tx.one(
        "SELECT allowance, granted, spent, held, period_start, period_end FROM balances"
        " WHERE workspace_id = :workspace_id AND meter = :meter",
        workspace_id=workspace_id,
        meter=meter,
    )
    if row is None:
        raise NotFoundError("There is no such workspace.")
    granted, spent, now = row["granted"], row["spent"], now_ms()
    start, end = row["period_start"], row["period_end"]
    if end <= now:
        granted, spent = granted - min(granted, max(0, spent - row["allowance"])), 0
        start, end = _month(now)
    limit = row["allowance"] + granted
    return Balance(
        limit=limit,
        remaining=max(0, limit - spent - row["held"]),
        held=row["held"],
        spent=spent,
        period_start=start,
        period_end=end,
    )


def prolong(tx: Transaction, hold_ids: Iterable[str], expires_at: int) -> None:
    """Have open holds last until `expires_at`: their work is still going on."""
    for hold_id in hold_ids:
        tx.execute(_PROLONG, id=hold_id, expires_at=expires_at)


def forgotten(tx: Transaction, most: int) -> list[str]:
    """Open holds past their expiry: their process died before it ended them."""
    return [row["id"] for row in tx.all(_FORGOTTEN, now=now_ms(), most=most)]


def release_forgotten(tx: Transaction, hold_ids: Iterable[str]) -> None:
    """Release such holds; those that somebody else has ended meanwhile stay as they are."""
    for hold_id in hold_ids:
        with suppress(NotFoundError):
            release(tx, hold_id)


def _end(
    tx: Transaction, hold_id: str, state: Literal["settled", "released"], amount: int | None
) -> None:
    now = now_ms()
    ended = tx.one(_END_HOLD, id=hold_id, state=state, settled=amount, now=now)
    if ended is None:
        still = tx.one("SELECT id FROM holds WHERE id = :id AND state = 'open'", id=hold_id)
        if still is None:
            raise NotFoundError("This hold has ended already.")
        raise InvalidInputError("A hold cannot be settled for more than it reserved.")
    left = tx.one(
        _END_IN_BALANCE,
        workspace_id=ended["workspace_id"],
        meter=ended["meter"],
        amount=ended["amount"],
        settled=ended["settled"],
    )
    if ended["meter"] == "wallet" and left is not None:  # the meter whose history is told
        tx.execute(_NOTE_END, id=hold_id, entry=left["entries"], left=left["remaining"])
    if ended["key_id"] is not None:
        spending.end(tx, ended["key_id"], ended["created_at"], ended["amount"], ended["settled"])


def _short_of(meter: Meter, amount: int, left: int) -> QuotaExceededError:
    if meter == "wallet":
        return InsufficientCreditError(
            f"This request may cost {amount / 1e6:.6f} US dollars and the wallet has"
            f" {left / 1e6:.6f} left."
        )
    return QuotaExceededError(
        f"This request needs {amount:,} {meter} and the workspace has {left:,} left this month."
    )


def _renew(tx: Transaction, workspace_id: str, meter: Meter, now: int) -> bool:
    start, end = _month(now)
    return bool(
        tx.execute(_RENEW, workspace_id=workspace_id, meter=meter, start=start, end=end, now=now)
    )


def _month(at_ms: int) -> tuple[int, int]:
    """Start and end of the calendar month (UTC) that `at_ms` lies in."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)  # noqa: PLR2004 - December
    end = start.replace(year=following[0], month=following[1])
    return int(start.timestamp() * 1000), int(end.timestamp() * 1000)


def _balance(row: Row) -> Balance:
    return Balance(
        limit=row["quota"],
        remaining=max(0, row["remaining"]),
        held=row["held"],
        spent=row["spent"],
        period_start=row["period_start"],
        period_end=row["period_end"],
    )
