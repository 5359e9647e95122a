"""Deliveries: one event for one webhook, with every try that was made.

What a worker does with them is in `intone.core.webhook_errands`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from intone.core.ids import new_id
from intone.errors import InvalidInputError, NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from intone.queue.base import Queue
    from intone.storage.database import Row, Transaction

__all__ = [
    "DELIVER",
    "TEST_EVENT",
    "Attempt",
    "Delivery",
    "DeliveryState",
    "Outcome",
    "forget",
    "give_up",
    "insert",
    "page",
    "replay",
    "send_test",
]

#: The queue's kind of the work that delivers an event.
DELIVER = "webhook"
#: The event that `send_test` sends, whatever the webhook is subscribed to.
TEST_EVENT = "webhook.test"

DeliveryState = Literal["pending", "delivered", "failed"]
#: Why a try failed; what the receiver said is never part of it.
Outcome = Literal[
    "forbidden_address",
    "not_resolved",
    "not_connected",
    "tls_failed",
    "timed_out",
    "broken_off",
    "invalid_answer",
    "redirected",
    "refused",
    "gone",
]

#: No number is as large.
_LAST = 2**62

_INSERT = """
INSERT INTO webhook_deliveries
  (id, webhook_id, workspace_id, message_id, event, body, state, attempts, next_at, created_at)
VALUES (:id, :webhook_id, :workspace_id, :message_id, :event, :body, 'pending', 0, :now, :now)
"""
_GIVE_UP = """
UPDATE webhook_deliveries SET state = 'failed', next_at = NULL, ended_at = :now
WHERE webhook_id = :webhook_id AND state = 'pending'
"""
_PAGE = """
SELECT number, id, webhook_id, message_id, event, state, attempts, next_at, created_at, ended_at
FROM webhook_deliveries
WHERE webhook_id = :webhook_id AND workspace_id = :workspace_id AND number < :before
ORDER BY number DESC LIMIT :limit
"""
_ATTEMPTS = """
SELECT a.delivery_id, a.status, a.error, a.answer, a.took_ms, a.created_at
FROM webhook_deliveries d JOIN webhook_attempts a ON a.delivery_id = d.id
WHERE d.webhook_id = :webhook_id AND d.number BETWEEN :oldest AND :newest
ORDER BY a.number
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. Times are milliseconds since the epoch."""

    #: HTTP's; None where there was no answer.
    status: int | None
    #: None where it was delivered.
    error: Outcome | None
    #: The beginning of what the receiver said.
    answer: bytes
    took_ms: int
    #: When it began.
    created_at: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it stands. Times are milliseconds since the epoch."""

    #: Counts up with every delivery; where a page of a list ends.
    number: int
    id: str
    webhook_id: str
    #: What receivers see as `webhook-id`.
    message_id: str
    event: str
    state: DeliveryState
    #: When it is tried next; None once it has ended.
    next_at: int | None
    created_at: int
    ended_at: int | None
    #: The oldest first.
    attempts: tuple[Attempt, ...]


def insert(
    tx: Transaction,
    queue: Queue,
    *,
    webhook_id: str,
    workspace_id: str,
    event: str,
    body: bytes,
    message_id: str,
) -> str:
    """Write a pending delivery and its queue entry; returns its id."""
    delivery_id = new_id()
    tx.execute(
        _INSERT,
        id=delivery_id,
        webhook_id=webhook_id,
        workspace_id=workspace_id,
        message_id=message_id,
        event=event,
        body=body,
        now=now_ms(),
    )
    queue.enqueue(tx, DELIVER, delivery_id)
    return delivery_id


def send_test(
    tx: Transaction, queue: Queue, workspace_id: str, webhook_id: str, timestamp: str
) -> Delivery:
    """Have a webhook told of an event that means nothing; it is tried as all are.

    Args:
        tx: The unit of work.
        queue: Where its entry goes.
        workspace_id: Whose webhook.
        webhook_id: Which; it exists.
        timestamp: What the event says as its time.

    Raises:
        InvalidInputError: The webhook is turned off.
    """
    _refuse_disabled(tx, webhook_id)
    body = msgspec.json.encode(
        {"event": TEST_EVENT, "timestamp": timestamp, "data": {"webhookId": webhook_id}}
    )
    insert(
        tx,
        queue,
        webhook_id=webhook_id,
        workspace_id=workspace_id,
        event=TEST_EVENT,
        body=body,
        message_id=new_id(),
    )
    return page(tx, workspace_id, webhook_id, limit=1)[0]


def replay(
    tx: Transaction, queue: Queue, workspace_id: str, webhook_id: str, delivery_id: str
) -> Delivery:
    """Deliver an event once more, as a new delivery.

    It says the same and has the same `webhook-id`, as Standard Webhooks wants of repetitions: a
    receiver that has it already can tell, and one that has lost it takes it as the event it is.

    Raises:
        NotFoundError: The workspace's webhook has no such delivery.
        InvalidInputError: The webhook is turned off.
    """
    row = tx.one(
        "SELECT event, body, message_id FROM webhook_deliveries"
        " WHERE id = :id AND webhook_id = :webhook_id AND workspace_id = :workspace_id",
        id=delivery_id,
        webhook_id=webhook_id,
        workspace_id=workspace_id,
    )
    if row is None:
        raise NotFoundError("There is no such delivery, or it was too long ago.")
    _refuse_disabled(tx, webhook_id)
    insert(tx, queue, webhook_id=webhook_id, workspace_id=workspace_id, **row)
    return page(tx, workspace_id, webhook_id, limit=1)[0]


def page(
    tx: Transaction, workspace_id: str, webhook_id: str, *, limit: int, before: int | None = None
) -> list[Delivery]:
    """A webhook's deliveries with their attempts, newest first.

    Args:
        tx: The unit of work.
        workspace_id: Whose webhook.
        webhook_id: Which.
        limit: Most deliveries returned.
        before: Only deliveries with a number below this one: where the page before ended.
    """
    rows = tx.all(
        _PAGE,
        webhook_id=webhook_id,
        workspace_id=workspace_id,
        before=_LAST if before is None else before,
        limit=limit,
    )
    if not rows:
        return []
    tries: dict[str, list[Attempt]] = {row["id"]: [] for row in rows}
    for row in tx.all(
        _ATTEMPTS, webhook_id=webhook_id, oldest=rows[-1]["number"], newest=rows[0]["number"]
    ):
        tries[row["delivery_id"]].append(_attempt(row))
    return [_delivery(row, tuple(tries[row["id"]])) for row in rows]


def give_up(tx: Transaction, webhook_id: str) -> None:
    """End what a webhook has pending; the queue's entries end when their time comes."""
    tx.execute(_GIVE_UP, webhook_id=webhook_id, now=now_ms())


def forget(tx: Transaction, before: int, most: int) -> int:
    """Delete deliveries older than `before` (milliseconds since the epoch); returns how many."""
    return tx.execute(
        "DELETE FROM webhook_deliveries WHERE number IN (SELECT number FROM webhook_deliveries"
        " WHERE created_at < :before ORDER BY created_at LIMIT :most)",
        before=before,
        most=most,
    )


def _refuse_disabled(tx: Transaction, webhook_id: str) -> None:
    # Changes nothing, but it cannot be deleted or turned off until this unit has committed.
    lock = "UPDATE webhooks SET events = events WHERE id = :id AND disabled_at IS NULL"
    if not tx.execute(lock, id=webhook_id):
        raise InvalidInputError("This webhook is turned off; turn it on first.")


def _attempt(row: Row) -> Attempt:
    return Attempt(
        status=row["status"],
        error=row["error"],
        answer=bytes(row["answer"] or b""),
        took_ms=row["took_ms"],
        created_at=row["created_at"],
    )


def _delivery(row: Row, attempts: tuple[Attempt, ...]) -> Delivery:
    return Delivery(
        number=row["number"],
        id=row["id"],
        webhook_id=row["webhook_id"],
        message_id=row["message_id"],
        event=row["event"],
        state=row["state"],
        next_at=row["next_at"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        attempts=attempts,
    )
