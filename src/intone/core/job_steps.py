"""The steps of a worker with a job: each is one unit of work, under the lease of its claim.

When the lease has passed to another, they raise and change nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from intone.core import ledger, recordings, segment_rows
from intone.core.jobs import ENDED, SELECT, expiry, job_of
from intone.errors import IntoneError, LeaseLostError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from intone.core.jobs import Job
    from intone.core.recordings import Recording
    from intone.core.segment_rows import Tally
    from intone.queue.base import Claim, Queue
    from intone.storage.database import Transaction

    #: Tells whoever wants to know that a job has ended, in the transaction that ends it.
    Announce = Callable[[Transaction, Job], None]

__all__ = ["advance", "begin", "fail", "fence", "finish", "give_back"]

# Claims are numbered, so one that is overtaken before it begins can be told from its successor.
_BEGIN = """
UPDATE jobs SET state = 'running', lease = :lease, progress = 0, attempts = :attempt,
  started_at = COALESCE(started_at, :now)
WHERE id = :id AND attempts < :attempt AND state IN ('queued', 'running', 'enhancing')
"""
_ADVANCE = """
UPDATE jobs SET state = :state, progress = :progress
WHERE id = :id AND lease = :lease AND state IN ('running', 'enhancing')
"""
_FENCE = """
UPDATE jobs SET lease = lease
WHERE id = :id AND lease = :lease AND state IN ('running', 'enhancing')
"""
_END = """
UPDATE jobs SET state = :state, progress = :progress, lease = NULL, ended_at = :now,
  expires_at = :expires_at, error_code = :code, error_message = :message,
  error_retryable = :retryable, segments = :segments, segments_reused = :reused
WHERE id = :id AND lease = :lease AND state IN ('running', 'enhancing')
RETURNING hold_id
"""
_GIVE_BACK = """
UPDATE jobs SET state = 'queued', progress = 0, lease = NULL
WHERE id = :id AND lease = :lease AND state IN ('running', 'enhancing')
"""


def begin(tx: Transaction, queue: Queue, claim: Claim) -> Job | None:
    """Take the job up under a fresh lease; None where it has ended, and its entry ends as well.

    Raises:
        LeaseLostError: Another worker has it, or it was cancelled.
    """
    begun = tx.execute(
        _BEGIN, id=claim.subject, lease=claim.token, attempt=claim.attempt, now=now_ms()
    )
    row = tx.one(SELECT + "WHERE j.id = :id", id=claim.subject)
    if begun and row is not None:
        return job_of(row)
    if row is None or row["state"] in ENDED:
        queue.complete(tx, claim)
        return None
    raise LeaseLostError


def advance(
    tx: Transaction, claim: Claim, state: Literal["running", "enhancing"], progress: int
) -> None:
    """Note how far the job has come, in percent.

    Raises:
        LeaseLostError: Another worker has it, or it was cancelled.
    """
    fenced = {"id": claim.subject, "lease": claim.token}
    if not tx.execute(_ADVANCE, state=state, progress=progress, **fenced):
        raise LeaseLostError


def fence(tx: Transaction, claim: Claim) -> None:
    """Go on only if the job is still this claim's; till this commits, nobody else can end it.

    Raises:
        LeaseLostError: Another worker has it, or it was cancelled.
    """
    if not tx.execute(_FENCE, id=claim.subject, lease=claim.token):
        raise LeaseLostError


def finish(
    tx: Transaction,
    queue: Queue,
    claim: Claim,
    job: Job,
    recording: Recording,
    *,
    tally: Tally | None = None,
    amount: int | None = None,
    announce: Announce | None = None,
) -> None:
    """End the job with its recording, charge it and end its queue entry.

    Args:
        tx: The unit of work.
        queue: Where its entry is.
        claim: Under which it was rendered.
        job: As it was begun.
        recording: What came of it.
        tally: Its segments, where they are kept.
        amount: What of its hold is charged; None: all.
        announce: Tells of the job as it then stands, in the same transaction.

    Raises:
        LeaseLostError: Another worker has it, or it was cancelled.
    """
    hold_id = _end(tx, claim, job, state="ready", tally=tally)
    recordings.insert(tx, job.id, recording)
    if tally is not None:
        segment_rows.keep(tx, job, tally.rest)
    ledger.settle(tx, hold_id, amount)
    queue.complete(tx, claim)
    if announce is not None:
        announce(tx, _as_it_stands(tx, job.id))


def fail(
    tx: Transaction,
    queue: Queue,
    claim: Claim,
    job: Job,
    error: IntoneError,
    *,
    announce: Announce | None = None,
) -> None:
    """End the job without a recording, give its hold back and keep its entry as a dead letter.

    Args:
        tx: The unit of work.
        queue: Where its entry is.
        claim: Under which it was rendered.
        job: As it was begun.
        error: Why.
        announce: As of `finish`.

    Raises:
        LeaseLostError: Another worker has it, or it was cancelled.
    """
    hold_id = _end(tx, claim, job, state="failed", error=error)
    ledger.release(tx, hold_id)
    queue.bury(tx, claim, f"{error.code}: {error.message}")
    if announce is not None:
        announce(tx, _as_it_stands(tx, job.id))


def give_back(tx: Transaction, queue: Queue, claim: Claim, delay_ms: int) -> None:
    """Let another try begin after a delay.

    Raises:
        LeaseLostError: Another worker has it, or it was cancelled.
    """
    if not tx.execute(_GIVE_BACK, id=claim.subject, lease=claim.token):
        raise LeaseLostError
    queue.retry(tx, claim, delay_ms=delay_ms)


def _end(
    tx: Transaction,
    claim: Claim,
    job: Job,
    *,
    state: Literal["ready", "failed"],
    error: IntoneError | None = None,
    tally: Tally | None = None,
) -> str:
    now = now_ms()
    row = tx.one(
        _END,
        id=job.id,
        lease=claim.token,
        state=state,
        progress=100 if error is None else job.progress,
        now=now,
        expires_at=expiry(job.order, now),
        code=None if error is None else error.code,
        message=None if error is None else error.message,
        retryable=None if error is None else int(error.retryable),
        segments=None if tally is None else tally.total,
        reused=None if tally is None else tally.reused,
    )
    if row is None:
        raise LeaseLostError
    hold_id: str = row["hold_id"]
    return hold_id


def _as_it_stands(tx: Transaction, job_id: str) -> Job:
    row = tx.one(SELECT + "WHERE j.id = :id", id=job_id)
    assert row is not None
    return job_of(row)
