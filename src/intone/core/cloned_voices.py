"""Cloned voices as the database knows them, from queued to ready or failed.

Every function is one step of a unit of work; those that a worker takes are in
`intone.core.clone_steps`. A deleted voice is nobody's any more; its row stays until all that
came of it is erased.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from intone.core.ids import new_id
from intone.errors import NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from intone.queue.base import Queue
    from intone.storage.database import Row, Transaction


__all__ = [
    "CLONE",
    "FIELDS",
    "ClonedVoice",
    "Consent",
    "VoiceState",
    "count",
    "delete",
    "deleted",
    "find",
    "forget",
    "insert",
    "list_all",
    "voice_of",
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


#: The columns of a cloned voice, for `voice_of`.
FIELDS = (
    "number, id, workspace_id, name, language, state, samples, consent, engine, base_voice, model,"
    " analysis, attempts, error_code, error_message, created_at, ended_at"
)
_INSERT = """
INSERT INTO voices
  (id, workspace_id, name, language, state, samples, consent, attempts, created_at)
VALUES (:id, :workspace_id, :name, :language, 'queued', :samples, :consent, 0, :now)
"""
_FIND = f"""
SELECT {FIELDS} FROM voices
WHERE id = :id AND workspace_id = :workspace_id AND state <> 'deleted'
"""
_LIST = f"""
SELECT {FIELDS} FROM voices
WHERE workspace_id = :workspace_id AND state <> 'deleted' ORDER BY number
"""
_COUNT = """
SELECT count(*) AS voices FROM voices WHERE workspace_id = :workspace_id AND state <> 'deleted'
"""
_WAITING = """
SELECT count(*) AS voices FROM voices
WHERE workspace_id = :workspace_id AND state IN ('queued', 'running')
"""
_DELETE = """
UPDATE voices SET state = 'deleted', lease = NULL, ended_at = :now
WHERE id = :id AND workspace_id = :workspace_id AND state <> 'deleted'
"""
_DELETED = f"""
SELECT {FIELDS} FROM voices
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
    return voice_of(row)


def list_all(tx: Transaction, workspace_id: str) -> list[ClonedVoice]:
    """The workspace's cloned voices in every state, oldest first."""
    return [voice_of(row) for row in tx.all(_LIST, workspace_id=workspace_id)]


def count(tx: Transaction, workspace_id: str) -> int:
    """How many cloned voices the workspace has, in every state."""
    return _counted(tx.one(_COUNT, workspace_id=workspace_id))


def waiting(tx: Transaction, workspace_id: str) -> int:
    """How many of its voices are still to be made."""
    return _counted(tx.one(_WAITING, workspace_id=workspace_id))


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
    return [voice_of(row) for row in tx.all(_DELETED, after=after, limit=limit)]


def forget(tx: Transaction, voice_id: str) -> None:
    """Drop the row of a deleted voice, once nothing is left that came of it."""
    tx.execute("DELETE FROM voices WHERE id = :id AND state = 'deleted'", id=voice_id)


def _counted(row: Row | None) -> int:
    assert row is not None
    voices: int = row["voices"]
    return voices


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def voice_of(row: Row) -> ClonedVoice:
    """The cloned voice of a row that has the columns `FIELDS`."""
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
