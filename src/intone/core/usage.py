"""Where the money went: the history of a wallet, and what its calls add up to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intone.storage.database import Row, Transaction, Value

__all__ = ["Entry", "EntryKind", "PastCall", "ProviderUse", "Usage", "activity", "usage"]

#: What changed a wallet: money came, was set aside, was spent (the rest coming back), or all of
#: what was set aside came back.
EntryKind = Literal["topup", "reservation", "commit", "refund"]

_DAY_MS = 86_400_000

# Each arm stops at the limit in the order of an index of its own, and what is left to sort is
# little; `meter` is written out because those indexes hold nothing but wallets.
_ACTIVITY = """
SELECT e.id, e.kind, e.delta, e.left_after, e.hold_id, e.source, e.created_at,
  c.provider, c.model, c.characters, c.cost, c.status
FROM (
  SELECT * FROM (
    SELECT entry, id, 'topup' AS kind, amount AS delta, left_after, CAST(NULL AS TEXT) AS hold_id,
      source, created_at
    FROM grants WHERE workspace_id = :workspace_id AND meter = 'wallet'
    ORDER BY entry DESC LIMIT :most
  ) added
  UNION ALL
  SELECT * FROM (
    SELECT entry, id, 'reservation', -amount, left_after, id, 'speech', created_at
    FROM holds WHERE workspace_id = :workspace_id AND meter = 'wallet'
    ORDER BY entry DESC LIMIT :most
  ) begun
  UNION ALL
  SELECT * FROM (
    SELECT end_entry, id, CASE state WHEN 'settled' THEN 'commit' ELSE 'refund' END,
      amount - settled, left_after_end, id, 'speech', ended_at
    FROM holds WHERE workspace_id = :workspace_id AND meter = 'wallet' AND end_entry IS NOT NULL
    ORDER BY end_entry DESC LIMIT :most
  ) ended
  ORDER BY entry DESC LIMIT :most
) e LEFT JOIN calls c ON c.id = e.hold_id
ORDER BY e.entry DESC
"""
_BY_PROVIDER_AND_ERROR = """
SELECT provider,
  CASE WHEN status = 'failed' THEN COALESCE(error_code, 'internal_error') END AS error,
  COUNT(*) AS requests, CAST(SUM(cost) AS BIGINT) AS cost
FROM calls WHERE workspace_id = :workspace_id AND created_at >= :since
GROUP BY 1, 2
"""
_RECENT = """
SELECT id, created_at, status, cost, provider, error_code FROM calls
WHERE workspace_id = :workspace_id AND created_at >= :since
ORDER BY created_at DESC, number DESC LIMIT :most
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of what a wallet can spend; micros are millionths of a US dollar."""

    id: str
    kind: EntryKind
    micros_delta: int
    #: What could be spent after it.
    micros_balance_after: int
    #: The reservation that it begins or ends; None of a top-up.
    reservation_id: str | None
    #: Who brought it about, e.g. `cli`, or `speech`.
    source: str
    #: Of a call that was made for it: `provider`, `model`, `characters`, `costMicros`, `status`.
    metadata: Mapping[str, str | int]
    #: Milliseconds since the epoch.
    created_at: int


@dataclass(frozen=True, slots=True)
class ProviderUse:
    """What one provider was used for."""

    provider: str
    requests: int
    cost_micros: int


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call that has ended."""

    id: str
    #: Milliseconds since the epoch.
    created_at: int
    #: `cancelled`: the client left.
    status: Literal["ok", "failed", "cancelled"]
    cost_micros: int
    provider: str
    #: Why it failed, in the core's words.
    error_code: str | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the calls of some days add up to."""

    requests: int
    cost_micros: int
    error_count: int
    #: The busiest first.
    by_provider: tuple[ProviderUse, ...]
    #: Failures and how many of each, the most frequent first.
    by_error_code: tuple[tuple[str, int], ...]
    #: The latest calls, newest first.
    recent: tuple[PastCall, ...]


def activity(tx: Transaction, workspace_id: str, limit: int) -> list[Entry]:
    """The latest `limit` changes of the workspace's wallet, newest first.

    All of them together add up to what can be spent.
    """
    return [_entry(row) for row in tx.all(_ACTIVITY, workspace_id=workspace_id, most=limit)]


def usage(tx: Transaction, workspace_id: str, days: int, limit: int) -> Usage:
    """What the workspace's calls of the last `days` add up to.

    Args:
        tx: The unit of work.
        workspace_id: Whose calls.
        days: How far back to look, in periods of 24 hours.
        limit: How many single calls to list; the sums count all.
    """
    window: dict[str, Value] = {"workspace_id": workspace_id, "since": now_ms() - days * _DAY_MS}
    requests, costs, errors = Counter[str](), Counter[str](), Counter[str]()
    for row in tx.all(_BY_PROVIDER_AND_ERROR, **window):
        requests[row["provider"]] += row["requests"]
        costs[row["provider"]] += row["cost"]
        if row["error"] is not None:
            errors[row["error"]] += row["requests"]
    return Usage(
        requests=requests.total(),
        cost_micros=costs.total(),
        error_count=errors.total(),
        by_provider=tuple(
            ProviderUse(provider, count, costs[provider])
            for provider, count in _most_first(requests)
        ),
        by_error_code=tuple(_most_first(errors)),
        recent=tuple(_past_call(row) for row in tx.all(_RECENT, **window, most=limit)),
    )


def _most_first(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))


def _entry(row: Row) -> Entry:
    metadata: dict[str, str | int] = {}
    if row["hold_id"] is not None:
        id_ = row["id"] if row["kind"] == "reservation" else f"{row['id']}:{row['kind']}"
        if row["provider"] is not None:
            metadata = {
                "provider": row["provider"],
                "model": row["model"],
                "characters": row["characters"],
                "costMicros": row["cost"],
                "status": row["status"],
            }
    else:
        id_ = row["id"]
    return Entry(
        id=id_,
        kind=row["kind"],
        micros_delta=row["delta"],
        micros_balance_after=row["left_after"],
        reservation_id=row["hold_id"],
        source=row["source"],
        metadata=metadata,
        created_at=row["created_at"],
    )


def _past_call(row: Row) -> PastCall:
    return PastCall(
        id=row["id"],
        created_at=row["created_at"],
        status=row["status"],
        cost_micros=row["cost"],
        provider=row["provider"],
        error_code=row["error_code"],
    )
