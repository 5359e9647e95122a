"""Takes: a post in a voice, with the jobs that render it and what becomes of older ones.

A take names two jobs: the latest, and the last one that was ready, which is served while a
later one renders. They are one and the same where nothing is under way. A third one, which was
replaced, is heard to its end by who is amid it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intone.core import jobs
from intone.errors import NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from intone.core.jobs import Job
    from intone.queue.base import Queue
    from intone.storage.database import Row, Transaction

__all__ = [
    "add",
    "drop_voice",
    "ended",
    "put",
    "retire",
    "retire_all",
    "retire_site",
]

#: Milliseconds for which a recording that was replaced can still be heard: who is amid it goes on.
_STILL_HEARD_MS: Final = 3_600_000

# A voice that is new to the post serves what there is in the voice before, until it is ready.
_PUT = """
INSERT INTO post_takes (post_number, voice, job_id, ready_job_id, created_at)
VALUES (:number, :voice, :job_id, (
  SELECT ready_job_id FROM post_takes WHERE post_number = :number AND voice = :before
), :now)
ON CONFLICT (post_number, voice) DO UPDATE SET job_id = excluded.job_id
"""
_ADD = """
INSERT INTO post_takes (post_number, voice, job_id, created_at)
VALUES (:number, :voice, :job_id, :now)
ON CONFLICT (post_number, voice) DO UPDATE SET job_id = excluded.job_id, ready_job_id = NULL
"""
_TAKE_OF = """
SELECT t.post_number, t.voice, t.ready_job_id, t.replaced_job_id, p.voice AS own_voice
FROM post_takes t JOIN posts p ON p.number = t.post_number WHERE t.job_id = :job_id
"""
_JOBS_OF_SITE = """
SELECT j.id FROM posts p JOIN post_takes t ON t.post_number = p.number
JOIN jobs j ON j.id IN (t.job_id, t.ready_job_id, t.replaced_job_id)
WHERE p.site_id = :site_id
"""
_TAKES = """
SELECT voice, job_id, ready_job_id, replaced_job_id FROM post_takes WHERE post_number = :number
"""
_TAKES_IN_VOICE = """
SELECT p.number, t.job_id, t.ready_job_id, t.replaced_job_id FROM posts p
JOIN post_takes t ON t.post_number = p.number AND t.voice = :voice
WHERE p.workspace_id = :workspace_id
"""
_EXPIRE = """
UPDATE jobs SET expires_at = :at WHERE id = :id AND ended_at IS NOT NULL
  AND (expires_at IS NULL OR expires_at > :at)
"""


def put(
    tx: Transaction, number: int, *, voice: str, before: str, job_id: str, sha256: bytes
) -> None:
    """Have a job render the post, which from now on is read in its voice.

    Args:
        tx: The unit of work.
        number: Of the post.
        voice: Slug of the job's voice.
        before: Slug of the voice that has read it until now.
        job_id: The job.
        sha256: Of what it reads, and how.
    """
    now = now_ms()
    tx.execute(_PUT, number=number, voice=voice, before=before, job_id=job_id, now=now)
    tx.execute(
        "UPDATE posts SET voice = :voice, sha256 = :sha256, updated_at = :now"
        " WHERE number = :number",
        number=number,
        voice=voice,
        sha256=sha256,
        now=now,
    )


def add(tx: Transaction, number: int, voice: str, job_id: str) -> None:
    """Have a job render the post in one more voice."""
    tx.execute(_ADD, number=number, voice=voice, job_id=job_id, now=now_ms())


def ended(tx: Transaction, queue: Queue, job: Job) -> None:
    """Serve a job that has ended ready, and let those go that it replaces.

    The one that was served until now can be heard for another hour, by who is amid it.
    Recordings of the post in other voices are of its text before; where it is the post's own
    voice that has ended, they go as well, and are made anew when a reader asks for them.
    """
    take = tx.one(_TAKE_OF, job_id=job.id)
    if take is None:  # its post was deleted meanwhile
        retire(tx, queue, job.workspace_id, job.id)
        return
    if job.state != "ready":
        return
    number, now = take["post_number"], now_ms()
    gone, replaced = {take["replaced_job_id"]}, take["ready_job_id"]
    if take["voice"] == take["own_voice"]:
        for other in tx.all(_TAKES, number=number):
            if other["voice"] != take["voice"]:
                gone |= _jobs_of(other)
        tx.execute(
            "DELETE FROM post_takes WHERE post_number = :number AND voice <> :voice",
            number=number,
            voice=take["voice"],
        )
        tx.execute(
            "UPDATE posts SET updated_at = :now WHERE number = :number", number=number, now=now
        )
    tx.execute(
        "UPDATE post_takes SET ready_job_id = :job_id, replaced_job_id = :replaced"
        " WHERE job_id = :job_id",
        job_id=job.id,
        replaced=replaced,
    )
    if replaced is not None:
        tx.execute(_EXPIRE, id=replaced, at=now + _STILL_HEARD_MS)
    for old in gone - {None, replaced, job.id}:
        retire(tx, queue, job.workspace_id, old)


def retire(tx: Transaction, queue: Queue, workspace_id: str, job_id: str) -> None:
    """End a job if it has not ended, and have it be gone; the next sweep erases its audio."""
    try:
        jobs.cancel(tx, queue, workspace_id, job_id)
    except NotFoundError:  # it was before
        return
    tx.execute(_EXPIRE, id=job_id, at=now_ms())


def retire_all(tx: Transaction, queue: Queue, workspace_id: str, number: int) -> None:
    """Retire the jobs of a post in every voice."""
    for take in tx.all(_TAKES, number=number):
        for job_id in _jobs_of(take):
            retire(tx, queue, workspace_id, job_id)


def retire_site(tx: Transaction, queue: Queue, workspace_id: str, site_id: str) -> None:
    """Retire the jobs of every post of a site."""
    for row in tx.all(_JOBS_OF_SITE, site_id=site_id):
        retire(tx, queue, workspace_id, row["id"])


def drop_voice(tx: Transaction, queue: Queue, workspace_id: str, voice: str) -> None:
    """Forget what a voice that is no more has read for a workspace, and what it was to read.

    A post of its own has no audio until its publisher sends it again.
    """
    for take in tx.all(_TAKES_IN_VOICE, workspace_id=workspace_id, voice=voice):
        for job_id in _jobs_of(take):
            retire(tx, queue, workspace_id, job_id)
        tx.execute(
            "DELETE FROM post_takes WHERE post_number = :number AND voice = :voice",
            number=take["number"],
            voice=voice,
        )


def _jobs_of(take: Row) -> set[str]:
    return {take["job_id"], take["ready_job_id"], take["replaced_job_id"]} - {None}
