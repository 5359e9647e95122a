"""The steps of a worker that makes a cloned voice, each in a unit of work of its own.

They name the lease under which the worker works; when the lease has passed to another, they
raise and change nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from intone.core.cloned_voices import FIELDS, voice_of
from intone.errors import InvalidInputError, LeaseLostError, NotFoundError, SampleRejectedError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from typing import Protocol

    from intone.core.cloned_voices import ClonedVoice
    from intone.errors import IntoneError
    from intone.providers.cloning import PreparedVoice
    from intone.queue.base import Claim, Queue
    from intone.storage.database import Transaction

    class Announce(Protocol):
        """Tells whoever wants to know that a cloned voice is ready or has failed."""

        def __call__(self, tx: Transaction, voice: ClonedVoice, /) -> None:
            """Tell, in the transaction that ends the cloning."""


__all__ = ["begin", "fail", "finish", "give_back"]

# Claims are numbered, so one that is overtaken before it begins can be told from its successor.
_BEGIN = f"""
UPDATE voices SET state = 'running', lease = :lease, attempts = :attempt
WHERE id = :id AND attempts < :attempt AND state IN ('queued', 'running')
RETURNING {FIELDS}
"""
_FINISH = f"""
UPDATE voices SET state = 'ready', lease = NULL, ended_at = :now, engine = :engine,
  base_voice = :base_voice, model = :model, analysis = :analysis
WHERE id = :id AND lease = :lease AND state = 'running'
RETURNING {FIELDS}
"""
_FAIL = f"""
UPDATE voices SET state = 'failed', lease = NULL, ended_at = :now, error_code = :code,
  error_message = :message, analysis = :analysis
WHERE id = :id AND lease = :lease AND state = 'running'
RETURNING {FIELDS}
"""
_GIVE_BACK = """
UPDATE voices SET state = 'queued', lease = NULL
WHERE id = :id AND lease = :lease AND state = 'running'
"""


def begin(tx: Transaction, queue: Queue, claim: Claim) -> ClonedVoice | None:
    """Take the voice up under a fresh lease; None where it has ended, and its entry ends as well.

    Raises:
        LeaseLostError: Another worker has it.
    """
    row = tx.one(_BEGIN, id=claim.subject, lease=claim.token, attempt=claim.attempt)
    if row is not None:
        return voice_of(row)
    row = tx.one("SELECT state FROM voices WHERE id = :id", id=claim.subject)
    if row is None or row["state"] not in {"queued", "running"}:
        queue.complete(tx, claim)
        return None
    raise LeaseLostError


def finish(
    tx: Transaction,
    queue: Queue,
    claim: Claim,
    *,
    engine: str,
    model: str,
    prepared: PreparedVoice,
    announce: Announce | None,
) -> None:
    """Have the voice be ready and end its queue entry.

    Args:
        tx: The unit of work.
        queue: Where its entry is.
        claim: Under which it was made.
        engine: Which engine speaks it.
        model: Path in the blob store of what that needs.
        prepared: What else there is to know.
        announce: Tells of it, in the same transaction.

    Raises:
        LeaseLostError: Another worker has it, or it was deleted.
    """
    row = tx.one(
        _FINISH,
        id=claim.subject,
        lease=claim.token,
        now=now_ms(),
        engine=engine,
        base_voice=prepared.base_voice,
        model=model,
        analysis=msgspec.json.encode(prepared.analysis).decode(),
    )
    if row is None:
        raise LeaseLostError
    queue.complete(tx, claim)
    if announce is not None:
        announce(tx, voice_of(row))


def fail(
    tx: Transaction,
    queue: Queue,
    claim: Claim,
    error: IntoneError,
    *,
    announce: Announce | None,
) -> None:
    """Have the voice be failed.

    Its entry is kept as a dead letter, unless the samples are to blame: the operator cannot help
    there.

    Raises:
        LeaseLostError: As `finish`.
    """
    analysis = error.analysis if isinstance(error, SampleRejectedError) else None
    row = tx.one(
        _FAIL,
        id=claim.subject,
        lease=claim.token,
        now=now_ms(),
        code=error.code,
        message=error.message,
        analysis=None if analysis is None else msgspec.json.encode(analysis).decode(),
    )
    if row is None:
        raise LeaseLostError
    if isinstance(error, InvalidInputError | NotFoundError):
        queue.complete(tx, claim)
    else:
        queue.bury(tx, claim, f"{error.code}: {error.message}")
    if announce is not None:
        announce(tx, voice_of(row))


def give_back(tx: Transaction, queue: Queue, claim: Claim, delay_ms: int) -> None:
    """Let another try begin after a delay.

    Raises:
        LeaseLostError: Another worker has it, or it was deleted.
    """
    if not tx.execute(_GIVE_BACK, id=claim.subject, lease=claim.token):
        raise LeaseLostError
    queue.retry(tx, claim, delay_ms=delay_ms)
