"""Jobs as their owners go through them: lists, and taking one off them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.core.jobs import SELECT, job_of
from intone.errors import NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.core.jobs import Job, JobState
    from intone.storage.database import Transaction

__all__ = ["expire", "find_anywhere", "page"]

_FIND_ANYWHERE = (
    SELECT
    + """
WHERE j.id = :id AND (j.expires_at IS NULL OR j.expires_at > :now)
"""
)
#: No number is as large.
_LAST = 2**62
_PAGE = (
    SELECT
    + """
WHERE j.workspace_id = :workspace_id AND j.dialect = :dialect AND j.number < :before
  AND (j.expires_at IS NULL OR j.expires_at > :now)
  AND (:states = '' OR :states LIKE '% ' || j.state || ' %')
  AND (:voice = '' OR j.spec LIKE :voice ESCAPE '!')
ORDER BY j.number DESC LIMIT :limit
"""
)


def page(
    tx: Transaction,
    workspace_id: str,
    dialect: str,
    *,
    limit: int,
    before: int | None = None,
    states: Sequence[JobState] = (),
    voice: str | None = None,
) -> list[Job]:
    """The workspace's jobs that came by a dialect, newest first.

    Args:
        tx: The unit of work.
        workspace_id: Whose jobs.
        dialect: By which API they came.
        limit: Most jobs returned.
        before: Only jobs with a number below this one: where the page before ended.
        states: Only jobs in one of these states; all where empty.
        voice: Only jobs with this voice's slug.
    """
    named = "" if voice is None else voice.replace("!", "!!").replace("_", "!_").replace("%", "!%")
    rows = tx.all(
        _PAGE,
        workspace_id=workspace_id,
        dialect=dialect,
        before=_LAST if before is None else before,
        states="".join(f" {state} " for state in states),
        voice=f'%"voice":"{named}"%' if named else "",
        now=now_ms(),
        limit=limit,
    )
    return [job_of(row) for row in rows]


def find_anywhere(tx: Transaction, job_id: str) -> Job:
    """The job of that id, whosever it is: for callers who have proved otherwise that they may.

    Raises:
        NotFoundError: There is none, or it has expired.
    """
    row = tx.one(_FIND_ANYWHERE, id=job_id, now=now_ms())
    if row is None:
        raise NotFoundError("There is no such job, or it has expired.")
    return job_of(row)


def expire(tx: Transaction, workspace_id: str, job_id: str) -> None:
    """Have an ended job be gone from now on; the next sweep erases what is left of it."""
    tx.execute(
        "UPDATE jobs SET expires_at = :now WHERE id = :id AND workspace_id = :workspace_id"
        " AND ended_at IS NOT NULL",
        id=job_id,
        workspace_id=workspace_id,
        now=now_ms(),
    )
