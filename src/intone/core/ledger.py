"""Money: balances on meters, and holds that end exactly once.

A balance has an allowance that a plan renews every calendar month (UTC), what was
granted on top and is kept until spent, what was spent in this month, and what open
holds have reserved. Its rest, `allowance + granted - spent - held`, never goes below
nought: a hold is one conditional update. All amounts are integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from intone.core.ids import new_id
from intone.errors import InvalidInputError, NotFoundError, QuotaExceededError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from intone.core.plans import Plan
    from intone.storage.database import Row, Transaction

__all__ = ["Balance", "Meter", "adopt_plan", "balance", "grant", "hold", "release", "settle"]

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
    " held, spent, period_start, period_end"
)
_HOLD = f"""
UPDATE balances SET held = held + :amount
WHERE workspace_id = :workspace_id AND meter = :meter AND period_end > :now
  AND allowance + granted - spent - held >= :amount
RETURNING {_COLUMNS}
"""
_INSERT_HOLD = """
INSERT INTO holds (id, workspace_id, meter, amount, state, created_at)
VALUES (:id, :workspace_id, :meter, :amount, 'open', :now)
"""
_END_HOLD = """
UPDATE holds SET state = :state, settled = :settled, ended_at = :now
WHERE id = :id AND state = 'open'
RETURNING workspace_id, meter, amount
"""
_END_IN_BALANCE = """
UPDATE balances SET held = held - :amount, spent = spent + :settled
WHERE workspace_id = :workspace_id AND meter = :meter
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
INSERT INTO grants (id, workspace_id, meter, amount, source, created_at)
VALUES (:id, :workspace_id, :meter, :amount, :source, :now)
"""
_GRANT = f"""
UPDATE balances SET granted = granted + :amount
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


def hold(tx: Transaction, workspace_id: str, meter: Meter, amount: int) -> tuple[str, Balance]:
    """Reserve `amount`; returns the hold's id and the balance after it.

    Raises:
        QuotaExceededError: There is less left than `amount`.
    """
    now = now_ms()
    where = {"workspace_id": workspace_id, "meter": meter}
    row = tx.one(_HOLD, **where, amount=amount, now=now)
    if row is None and _renew(tx, workspace_id, meter, now):
        row = tx.one(_HOLD, **where, amount=amount, now=now)
    if row is None:
        left = balance(tx, workspace_id, meter).remaining
        raise QuotaExceededError(
            f"This request needs {amount:,} {meter} and the workspace has {left:,} left this month."
        )
    hold_id = new_id()
    tx.execute(_INSERT_HOLD, id=hold_id, **where, amount=amount, now=now)
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
    tx.execute(_INSERT_GRANT, id=new_id(), **where, amount=amount, source=source, now=now)
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


def _end(
    tx: Transaction, hold_id: str, state: Literal["settled", "released"], amount: int | None
) -> None:
    row = tx.one("SELECT amount FROM holds WHERE id = :id AND state = 'open'", id=hold_id)
    if row is None:
        raise NotFoundError("This hold has ended already.")
    settled = row["amount"] if amount is None else amount
    if not 0 <= settled <= row["amount"]:
        raise InvalidInputError("A hold cannot be settled for more than it reserved.")
    ended = tx.one(_END_HOLD, id=hold_id, state=state, settled=settled, now=now_ms())
    if ended is None:
        raise NotFoundError("This hold has ended already.")
    tx.execute(
        _END_IN_BALANCE,
        workspace_id=ended["workspace_id"],
        meter=ended["meter"],
        amount=ended["amount"],
        settled=settled,
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
