"""What each key spends on a day, and the caps that its owner has set on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from intone.errors import SpendLimitError

if TYPE_CHECKING:
    from intone.storage.database import Transaction

__all__ = ["Spender", "begin", "end"]

_DAY_MS = 86_400_000

_RESERVE = """
INSERT INTO key_days (key_id, day, spent, held) VALUES (:key_id, :day, 0, :amount)
ON CONFLICT (key_id, day) DO UPDATE SET held = key_days.held + :amount
"""
_SPEND = """
UPDATE key_days SET held = held - :amount, spent = spent + :settled
WHERE key_id = :key_id AND day = :day
"""
_SPENT = """
SELECT COALESCE(SUM(spent + held), 0) AS month,
  COALESCE(SUM(CASE WHEN day = :day THEN spent + held ELSE 0 END), 0) AS today
FROM key_days WHERE key_id = :key_id AND day BETWEEN :first AND :day
"""


@dataclass(frozen=True, slots=True)
class Spender:
    """A key that spends, and what it may spend, in micro-dollars; None: as much as there is."""

    key_id: str
    daily: int | None = None
    monthly: int | None = None


def begin(tx: Transaction, spender: Spender, amount: int, now: int) -> None:
    """Count `amount` as reserved by the key on the day of `now` (UTC).

    Raises:
        SpendLimitError: That would pass its cap of the day or of the month.
    """
    day = now // _DAY_MS
    if spender.daily is not None or spender.monthly is not None:
        at = datetime.fromtimestamp(now / 1000, UTC)
        row = tx.one(_SPENT, key_id=spender.key_id, day=day, first=day - at.day + 1)
        assert row is not None
        _check("daily", spender.daily, row["today"], amount)
        _check("monthly", spender.monthly, row["month"], amount)
    tx.execute(_RESERVE, key_id=spender.key_id, day=day, amount=amount)


def end(tx: Transaction, key_id: str, began_at: int, amount: int, settled: int) -> None:
    """Turn what was reserved at `began_at` into what was spent."""
    tx.execute(_SPEND, key_id=key_id, day=began_at // _DAY_MS, amount=amount, settled=settled)


def _check(name: str, cap: int | None, used: int, amount: int) -> None:
    if cap is not None and used + amount > cap:
        raise SpendLimitError(
            f"This request may cost {amount / 1e6:.6f} US dollars and would pass the key's {name}"
            f" limit of {cap / 1e6:.6f}; {used / 1e6:.6f} of it are used."
        )
