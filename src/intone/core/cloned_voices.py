"""Cloned voices as the database knows them, from queued to ready or failed.

Every function is one step of a unit of work. Steps that a worker takes name the lease
under which it works; when the lease has passed to another, they raise and change nothing.
A deleted voice is nobody's any more; its row stays until all that came of it is erased.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from intone.core.ids import new_id
from intone.errors import (
    InvalidInputError,
    LeaseLostError,
    NotFoundError,
    SampleRejectedError,
)
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from intone.errors import IntoneError
    from intone.providers.cloning import PreparedVoice
    from intone.queue.base import Claim, Queue
    from intone.storage.database import Row, Transaction

    class Announce(Protocol):
        """Tells whoever wants to know that a cloned voice is ready or has failed."""

        def __call__(self, tx: Transaction, voice: ClonedVoice, /) -> None:
            """Tell, in the transaction that ends the cloning."""


__all__ = [
    "CLONE",
    "ClonedVoice",
    "Consent",
    "VoiceState",
    "begin",
    "count",
    "delete",
    "deleted",
    "fail",
    "find",
    "finish",
    "forget",
    "give_back",
    "insert",
    "list_all",
    "waiting",
]

VoiceState = Literal["queued", "running", "ready", "failed"]

#: The queue's kind of the work that makes a cloned voice.
CLONE = "clone"

_UNKNOWN = "There is no such voice."


class Consent(msgspec.Struct, frozen=True):
    """Who has agreed that this voice is cloned, and when."""

    given_by: str
    #: Milliseconds since the epoch.
    given_at: int


@dataclass(frozen=True, slots=True)
class ClonedVoice:
    """A cloned voice as it stands. Times are milliseconds since the epoch."""

    #: Counts up with every cloned voice.
    number: int
    id: str
    workspace_id: str
    name: str
    #: BCP 47 tag of what it is to speak.
    language: str
    state: VoiceState
    #: Names of the uploads that it is made of.
    samples: tuple[str, ...]
    #: None where the operator wants none.
    consent: Consent | None
    #: Which engine speaks it; None until it is ready, as the next three.
    engine: str | None
    #: Slug of the preset that it is spoken from.
    base_voice: str | None
    #: Path in the blob store of what the engine needs.
    model: str | None
    #: What was found in the samples.
    analysis: Mapping[str, Any] | None
    attempts: int
    error_code: str | None
    error_message: str | None
    created_at: int
    ended_at: int | None


_FIELDS = (
    "number, id, workspace_id, name, language, state, samples, consent, engine, base_voice, model,"
    " analysis, attempts, error_code, error_message, created_at, ended_at"
)
_INSERT = """
INSERT INTO voices
  (id, workspace_id, name, language, state, samples, consent, attempts, created_at)
VALUES (:id, :workspace_id, :name, :language, 'queued', :samples, :consent, 0, :now)
"""
_FIND = f"""
SELECT {_FIELDS} FROM voices
WHERE id = :id AND workspace_id = :workspace_id AND state <> 'deleted'
"""
_LIST = f"""
SELECT {_FIELDS} FROM voices
WHERE workspace_id = :workspace_id AND state <> 'deleted' ORDER BY number
"""
_COUNT = """
SELECT count(*) AS voices FROM voices WHERE workspace_id = :workspace_id AND state <> 'deleted'
"""
_WAITING = """
SELECT count(*) AS voices FROM voices
WHERE workspace_id = :workspace_id AND state IN ('queued', 'running')
"""
# Claims are numbered, so one that is overtaken before it begins can be told from its successor.
_BEGIN = f"""
UPDATE voices SET state = 'running', lease = :lease, attempts = :attempt
WHERE id = :id AND attempts < :attempt AND state IN ('queued', 'running')
RETURNING {_FIELDS}
"""
_FINISH = f"""
UPDATE voices SET state = 'ready', lease = NULL, ended_at = :now, engine = :engine,
  base_voice = :base_voice, model = :model, analysis = :analysis
WHERE id = :id AND lease = :lease AND state = 'running'
RETURNING {_FIELDS}
"""
_FAIL = f"""
UPDATE voices SET state = 'failed', lease = NULL, ended_at = :now, error_code = :code,
  error_message = :message, analysis = :analysis
WHERE id = :id AND lease = :lease AND state = 'running'
RETURNING {_FIELDS}
"""
_GIVE_BACK = """
UPDATE voices SET state = 'queued', lease = NULL
WHERE id = :id AND lease = :lease AND state = 'running'
"""
_DELETE = """
UPDATE voices SET state = 'deleted', lease = NULL, ended_at = :now
WHERE id = :id AND workspace_id = :workspace_id AND state <> 'deleted'
"""
_DELETED = f"""
SELECT {_FIELDS} FROM voices
WHERE state = 'deleted' AND number > :after ORDER BY number LIMIT :limit
"""


def insert(
    tx: Transaction,
    queue: Queue,
    *,
    workspace_id: str,
    name: str,
    language: str,
    samples: Sequence[str],
    consent: Consent | None,
    priority: int,
) -> str:
    """Write a queued voice and its queue entry; returns its id."""
    voice_id = new_id()
    tx.execute(
        _INSERT,
        id=voice_id,
        workspace_id=workspace_id,
        name=name,
        language=language,
        samples=_json(list(samples)),
        consent=None if consent is None else _json(consent),
        now=now_ms(),
    )
    queue.enqueue(tx, CLONE, voice_id, priority=priority)
    return voice_id


def find(tx: Transaction, workspace_id: str, voice_id: str) -> ClonedVoice:
    """The workspace's cloned voice of that id.

    Raises:
        NotFoundError: There is none, it is another workspace's, or it was deleted.
    """
    row = tx.one(_FIND, id=voice_id, workspace_id=workspace_id)
    if row is None:
        raise NotFoundError(_UNKNOWN)
    return _voice(row)


def list_all(tx: Transaction, workspace_id: str) -> list[ClonedVoice]:
    """The workspace's cloned voices in every state, oldest first."""
    return [_voice(row) for row in tx.all(_LIST, workspace_id=workspace_id)]


def count(tx: Transaction, workspace_id: str) -> int:
    """How many cloned voices the workspace has, in every state."""
    return _counted(tx.one(_COUNT, workspace_id=workspace_id))


def waiting(tx: Transaction, workspace_id: str) -> int:
    """How many of its voices are still to be made."""
    return _counted(tx.one(_WAITING, workspace_id=workspace_id))


def begin(tx: Transaction, queue: Queue, claim: Claim) -> ClonedVoice | None:
    """Take the voice up under a fresh lease; None where it has ended, and its entry ends as well.

    Raises:
        LeaseLostError: Another worker has it.
    """
    row = tx.one(_BEGIN, id=claim.subject, lease=claim.token, attempt=claim.attempt)
    if row is not None:
        return _voice(row)
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
        analysis=_json(prepared.analysis),
    )
    if row is None:
        raise LeaseLostError
    queue.complete(tx, claim)
    if announce is not None:
        announce(tx, _voice(row))


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
        analysis=None if analysis is None else _json(analysis),
    )
    if row is None:
        raise LeaseLostError
    if isinstance(error, InvalidInputError | NotFoundError):
        queue.complete(tx, claim)
    else:
        queue.bury(tx, claim, f"{error.code}: {error.message}")
    if announce is not None:
        announce(tx, _voice(row))


def give_back(tx: Transaction, queue: Queue, claim: Claim, delay_ms: int) -> None:
    """Let another try begin after a delay.

    Raises:
        LeaseLostError: Another worker has it, or it was deleted.
    """
    if not tx.execute(_GIVE_BACK, id=claim.subject, lease=claim.token):
        raise LeaseLostError
    queue.retry(tx, claim, delay_ms=delay_ms)


def delete(tx: Transaction, queue: Queue, workspace_id: str, voice_id: str) -> None:
    """Have the voice be nobody's from now on; whoever is making it loses its lease.

    Raises:
        NotFoundError: As `find`.
    """
    if not tx.execute(_DELETE, id=voice_id, workspace_id=workspace_id, now=now_ms()):
        raise NotFoundError(_UNKNOWN)
    queue.cancel(tx, CLONE, voice_id)


def deleted(tx: Transaction, after: int, limit: int) -> list[ClonedVoice]:
    """Voices that were deleted and are not forgotten yet.

    Args:
        tx: The unit of work.
        after: The number of the last one that was seen before; 0 for the first.
        limit: How many at most.
    """
    return [_voice(row) for row in tx.all(_DELETED, after=after, limit=limit)]


def forget(tx: Transaction, voice_id: str) -> None:
    """Drop the row of a deleted voice, once nothing is left that came of it."""
    tx.execute("DELETE FROM voices WHERE id = :id AND state = 'deleted'", id=voice_id)


def _counted(row: Row | None) -> int:
    assert row is not None
    voices: int = row["voices"]
    return voices


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _voice(row: Row) -> ClonedVoice:
    return ClonedVoice(
        number=row["number"],
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        language=row["language"],
        state=row["state"],
        samples=msgspec.json.decode(row["samples"], type=tuple[str, ...]),
        consent=row["consent"] and msgspec.json.decode(row["consent"], type=Consent),
        engine=row["engine"],
        base_voice=row["base_voice"],
        model=row["model"],
        analysis=row["analysis"] and msgspec.json.decode(row["analysis"]),
        attempts=row["attempts"],
        error_code=row["error_code"],
        error_message=row["error_message"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )
