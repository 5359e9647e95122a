"""Accepting work: key, hold, job, reply and queue entry in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from intone.core import idempotency, jobs, ledger
from intone.errors import QuotaExceededError

if TYPE_CHECKING:
    from intone.core.idempotency import IdempotencyKey, StoredReply
    from intone.core.jobs import Order
    from intone.core.ledger import Balance
    from intone.queue.base import Queue
    from intone.storage.database import Transaction

__all__ = ["RenderReply", "Submission", "submit"]


class RenderReply(Protocol):
    """How a dialect words its reply; called inside the transaction, so it must be pure."""

    def __call__(self, job_id: str, balance: Balance) -> StoredReply:
        """The reply for a job just made and the balance after its hold."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A request for a job, valid and allowed, not yet accepted."""

    workspace_id: str
    dialect: str
    order: Order
    #: What it costs: the characters to hold.
    characters: int
    reply: RenderReply
    idempotency: IdempotencyKey | None = None
    tag: str | None = None
    #: Longest text accepted, in characters; None: what the plan says.
    max_characters: int | None = None


def submit(tx: Transaction, queue: Queue, submission: Submission) -> StoredReply:
    """Accept the work, or find that it was accepted before; either way returns the reply.

    Raises:
        IdempotencyConflictError: The key was used with another body.
        QuotaExceededError: The workspace cannot pay for it.
        LostRaceError: The key was used before; the database runs this again, and it finds out how.
    """
    key = submission.idempotency
    # Nearly every key is new, so the first run does not look: where one is not, remembering the
    # reply loses the race and all is undone. Only then there is something to find.
    if key and tx.again and (earlier := idempotency.recall(tx, submission.workspace_id, key)):
        return earlier
    try:
        hold_id, balance = ledger.hold(
            tx, submission.workspace_id, "characters", submission.characters
        )
    except QuotaExceededError:
        # What was left may have gone to this very request, sent before.
        if key and (earlier := idempotency.recall(tx, submission.workspace_id, key)):
            return earlier
        raise
    job_id = jobs.insert(
        tx,
        queue,
        workspace_id=submission.workspace_id,
        dialect=submission.dialect,
        order=submission.order,
        hold_id=hold_id,
        backlog=balance.held - submission.characters,
        tag=submission.tag,
    )
    reply = submission.reply(job_id, balance)
    if key is not None:
        idempotency.remember(tx, submission.workspace_id, key, reply)
    return reply
