"""Errands: what a worker is to send for a delivery, and what it writes down of a try.

A step ends or gives back the worker's queue entry in the same transaction, which fails where the
lease has passed to another: who was frozen and wakes late changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from intone.storage.database import now_ms

if TYPE_CHECKING:
    from intone.core.webhook_deliveries import Attempt, DeliveryState
    from intone.queue.base import Claim, Queue
    from intone.storage.database import Transaction

__all__ = ["Errand", "find", "finish", "is_only_failing"]

_FIND = """
SELECT d.id, d.webhook_id, d.workspace_id, d.message_id, d.body, d.attempts, d.created_at,
  w.url, w.secret, w.old_secret, w.old_secret_expires_at
FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
WHERE d.id = :id AND d.state = 'pending' AND w.disabled_at IS NULL
"""
_ATTEMPT = """
INSERT INTO webhook_attempts (delivery_id, status, error, answer, took_ms, created_at)
VALUES (:delivery_id, :status, :error, :answer, :took_ms, :created_at)
"""
_COUNT = "UPDATE webhook_deliveries SET attempts = attempts + 1 WHERE id = :id"
# One that was given up meanwhile stays so, unless it has arrived all the same.
_NOTE = """
UPDATE webhook_deliveries SET state = :state, next_at = :next_at, ended_at = :ended_at
WHERE id = :id AND (state = 'pending' OR :state = 'delivered')
"""


@dataclass(frozen=True, slots=True)
class Errand:
    """What there is to know for one try."""

    delivery_id: str
    webhook_id: str
    workspace_id: str
    message_id: str
    body: bytes
    url: str
    #: The current one, then the old one while that is valid.
    secrets: tuple[str, ...]
    #: Tries made before.
    attempts: int
    #: When the delivery was made, in milliseconds since the epoch.
    created_at: int


def find(tx: Transaction, delivery_id: str) -> Errand | None:
    """What to send for a pending delivery; None where it has ended, or its webhook is off."""
    row = tx.one(_FIND, id=delivery_id)
    if row is None:
        return None
    secrets = [row["secret"]]
    if row["old_secret"] is not None and row["old_secret_expires_at"] > now_ms():
        secrets.append(row["old_secret"])
    return Errand(
        delivery_id=row["id"],
        webhook_id=row["webhook_id"],
        workspace_id=row["workspace_id"],
        message_id=row["message_id"],
        body=bytes(row["body"]),
        url=row["url"],
        secrets=tuple(secrets),
        attempts=row["attempts"],
        created_at=row["created_at"],
    )


def finish(
    tx: Transaction, queue: Queue, claim: Claim, attempt: Attempt, delay_ms: int | None
) -> None:
    """Write a try down, and end the delivery or have it tried again.

    Args:
        tx: The unit of work.
        queue: Where its entry is.
        claim: Under which it was tried.
        attempt: What came of it.
        delay_ms: Milliseconds until the next try; None: there is none.

    Raises:
        LeaseLostError: Another worker has it.
    """
    now = now_ms()
    if attempt.error is None or delay_ms is None:
        queue.complete(tx, claim)
    else:
        queue.retry(tx, claim, delay_ms=delay_ms)
    state: DeliveryState = "delivered" if attempt.error is None else "failed"
    if attempt.error is not None and delay_ms is not None:
        state = "pending"
    pending = state == "pending"
    if not tx.execute(_COUNT, id=claim.subject):
        return  # its webhook was deleted meanwhile
    tx.execute(
        _NOTE,
        id=claim.subject,
        state=state,
        next_at=now + (delay_ms or 0) if pending else None,
        ended_at=None if pending else now,
    )
    tx.execute(
        _ATTEMPT,
        delivery_id=claim.subject,
        status=attempt.status,
        error=attempt.error,
        answer=attempt.answer,
        took_ms=attempt.took_ms,
        created_at=attempt.created_at,
    )


def is_only_failing(tx: Transaction, webhook_id: str, since: int) -> bool:
    """Whether nothing has been delivered to a webhook since then (milliseconds)."""
    row = tx.one(
        "SELECT 1 AS one FROM webhook_deliveries"
        " WHERE webhook_id = :webhook_id AND state = 'delivered' AND ended_at >= :since LIMIT 1",
        webhook_id=webhook_id,
        since=since,
    )
    return row is None
