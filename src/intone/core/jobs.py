"""Jobs: durable pieces of rendering work, from queued to ready, failed or cancelled.

Every function is one step of a unit of work; those that a worker takes are in
`intone.core.job_steps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from intone.core import ledger, recordings
from intone.core.ids import new_id
from intone.core.recordings import recording_of
from intone.errors import NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from intone.core.recordings import Recording
    from intone.queue.base import Queue
    from intone.storage.database import Row, Transaction

__all__ = [
    "ENDED",
    "RENDER",
    "SELECT",
    "Job",
    "JobState",
    "Order",
    "Switch",
    "cancel",
    "expiry",
    "find",
    "insert",
    "job_of",
]

JobState = Literal["queued", "running", "enhancing", "ready", "failed", "cancelled"]
ENDED: frozenset[JobState] = frozenset({"ready", "failed", "cancelled"})

#: The queue's kind of the work that renders a job.
RENDER = "render"

_HOUR_MS = 3_600_000

#: Characters a second that every workspace can count on, however much others have waiting.
_FAIR_SHARE = 100
#: Longest that a backlog can put a job behind those of others, in seconds.
_MOST_DEFERRED_S = 30 * 86_400
#: Turns are counted in seconds from 2026 on, as PostgreSQL's priorities have 32 bits.
_TURNS_BEGAN_S = 1_767_225_600


class Switch(msgspec.Struct, frozen=True):
    """From here on, another voice speaks: a text may hold several languages."""

    #: Where in the text it begins, in code points; the text before the first is the order's own.
    start: int
    #: BCP 47 tag of the text from there on.
    language: str
    #: Slug of the voice.
    voice: str


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is to be spoken, and how."""

    #: As the client sent it.
    text: str
    #: Slug of the voice.
    voice: str
    #: BCP 47 tag of the text.
    language: str
    #: Hours the job and its audio are kept after it ended; None: until somebody erases them.
    retention_hours: float | None
    style: str = "neutral"
    #: Speed multiplier.
    rate: float = 1.0
    #: Semitones above the voice's own pitch, -12 to 12.
    pitch: float = 0.0
    #: Of the recording, see `intone.audio.formats.FORMATS`.
    format: str = "pcm"
    #: In Hz.
    sample_rate: int = 24_000
    channels: int = 1
    #: Whether what the workspace has had spoken before is used again, and this is kept as well.
    reuse: bool = False
    #: Where other voices take over, in the order of the text.
    switches: tuple[Switch, ...] = ()
    #: The voice's uuid, for dialects that show it; the voice may be deleted before the job is.
    voice_uuid: str = ""

    def voices(self) -> tuple[str, ...]:
        """Slugs of all voices that speak, its own first."""
        return (self.voice, *(switch.voice for switch in self.switches))


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. Times are milliseconds since the epoch."""

    #: Counts up with every job; where a page of a list ends.
    number: int
    id: str
    workspace_id: str
    dialect: str
    state: JobState
    order: Order
    #: The client's own mark, echoed.
    tag: str | None
    #: Percent.
    progress: int
    attempts: int
    error_code: str | None
    error_message: str | None
    error_retryable: bool
    created_at: int
    started_at: int | None
    ended_at: int | None
    expires_at: int | None
    recording: Recording | None
    #: Of how many segments the recording is made, and how many of these other jobs had spoken;
    #: None unless it is ready and its order asked for reuse.
    segments: tuple[int, int] | None = None


_INSERT = """
INSERT INTO jobs
  (id, workspace_id, dialect, state, spec, tag, hold_id, progress, attempts, created_at)
VALUES (:id, :workspace_id, :dialect, 'queued', :spec, :tag, :hold_id, 0, 0, :now)
"""
SELECT = f"""
SELECT j.number, j.id, j.workspace_id, j.dialect, j.state, j.spec, j.tag, j.progress, j.attempts,
  j.error_code, j.error_message, j.error_retryable,
  j.created_at, j.started_at, j.ended_at, j.expires_at, j.segments, j.segments_reused,
  {recordings.COLUMNS}
FROM jobs j LEFT JOIN recordings r ON r.job_id = j.id
"""
_FIND = (
    SELECT
    + """
WHERE j.id = :id AND j.workspace_id = :workspace_id
  AND (j.expires_at IS NULL OR j.expires_at > :now)
"""
)
_CANCEL = """
UPDATE jobs SET state = 'cancelled', lease = NULL, ended_at = :now, expires_at = :expires_at
WHERE id = :id AND workspace_id = :workspace_id AND state IN ('queued', 'running', 'enhancing')
RETURNING hold_id
"""


def insert(
    tx: Transaction,
    queue: Queue,
    *,
    workspace_id: str,
    dialect: str,
    order: Order,
    hold_id: str,
    backlog: int,
    tag: str | None,
) -> str:
    """Write a queued job and its queue entry; returns its id.

    Args:
        tx: The unit of work.
        queue: Where its entry goes.
        workspace_id: Whose job.
        dialect: By which API it came.
        order: What to speak, and how.
        hold_id: What pays for it.
        backlog: Characters that the workspace has waiting before this job.
        tag: The client's own mark.
    """
    job_id, now = new_id(), now_ms()
    tx.execute(
        _INSERT,
        id=job_id,
        workspace_id=workspace_id,
        dialect=dialect,
        spec=msgspec.json.encode(order).decode(),
        tag=tag,
        hold_id=hold_id,
        now=now,
    )
    queue.enqueue(tx, RENDER, job_id, priority=_turn(now, backlog))
    return job_id


def find(tx: Transaction, workspace_id: str, job_id: str) -> Job:
    """The workspace's job of that id.

    Raises:
        NotFoundError: There is none, it is another workspace's, or it has expired.
    """
    row = tx.one(_FIND, id=job_id, workspace_id=workspace_id, now=now_ms())
    if row is None:
        raise NotFoundError("There is no such job, or it has expired.")
    return job_of(row)


def cancel(tx: Transaction, queue: Queue, workspace_id: str, job_id: str) -> Job:
    """End a job that has not ended and give its hold back; an ended job stays as it is.

    Raises:
        NotFoundError: As `find`.
    """
    job = find(tx, workspace_id, job_id)
    now = now_ms()
    row = tx.one(
        _CANCEL,
        id=job_id,
        workspace_id=workspace_id,
        now=now,
        expires_at=expiry(job.order, now),
    )
    if row is None:
        return job
    ledger.release(tx, row["hold_id"])
    queue.cancel(tx, RENDER, job_id)
    return find(tx, workspace_id, job_id)


def _turn(now: int, backlog: int) -> int:
    """The queue's priority of a job that comes now: less, the more its workspace has waiting.

    It is the moment at which the job would begin if its workspace were served at its fair share.
    A workspace with little waiting so passes one with much, and nothing waits for ever, since
    later jobs have later moments. The queue stays busy: whoever is first goes, however late.
    """
    deferred_s = min(backlog // _FAIR_SHARE, _MOST_DEFERRED_S)
    return _TURNS_BEGAN_S - now // 1000 - deferred_s


def expiry(order: Order, now: int) -> int | None:
    """When a job that ends now is erased, in milliseconds since the epoch; None: not by itself."""
    return None if order.retention_hours is None else now + int(order.retention_hours * _HOUR_MS)


def job_of(row: Row) -> Job:
    """The job of a row that `SELECT` has found."""
    return Job(
        number=row["number"],
        id=row["id"],
        workspace_id=row["workspace_id"],
        dialect=row["dialect"],
        state=row["state"],
        order=msgspec.json.decode(row["spec"], type=Order),
        tag=row["tag"],
        progress=row["progress"],
        attempts=row["attempts"],
        error_code=row["error_code"],
        error_message=row["error_message"],
        error_retryable=bool(row["error_retryable"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        expires_at=row["expires_at"],
        recording=recording_of(row),
        segments=None if row["segments"] is None else (row["segments"], row["segments_reused"]),
    )
