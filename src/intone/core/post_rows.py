"""Posts as the database knows them: a row a post, a take a voice, jobs that render them.

A take names two jobs: the latest, and the last one that was ready, which is served while a
later one renders. They are one and the same where nothing is under way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from intone.core import jobs, recordings
from intone.core.recordings import recording_of
from intone.errors import NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.core.jobs import Job, JobState
    from intone.core.recordings import Recording
    from intone.queue.base import Queue
    from intone.storage.database import Row, Transaction, Value

__all__ = [
    "Post",
    "PostJob",
    "ReadyTake",
    "add_take",
    "delete",
    "delete_all",
    "drop_voice",
    "find",
    "find_number",
    "insert",
    "lock",
    "note",
    "page",
    "put_take",
    "ready_posts",
    "retire",
    "take_ended",
]


@dataclass(frozen=True, slots=True)
class PostJob:
    """The job that renders a post, without the text that it speaks."""

    id: str
    state: JobState
    #: Percent.
    progress: int
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class ReadyTake:
    """The finished audio of a post in one voice."""

    job_id: str
    #: Milliseconds since the epoch.
    ended_at: int
    recording: Recording
    #: Of how many segments it is made, and how many of these had been spoken before.
    segments: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Post:
    """A post in one voice, as it stands. Times are milliseconds since the epoch."""

    number: int
    site_id: str
    workspace_id: str
    #: The publisher's own.
    post_id: str
    #: ISO 639-1, as the publisher says it.
    language: str
    title: str | None
    url: str | None
    #: Slug of the voice that was asked about; the post's own unless said otherwise.
    voice: str
    created_at: int
    updated_at: int
    #: The latest job in that voice; None where there is none, or none any more.
    take: PostJob | None
    #: What is served: of the latest job, or of the one before while that renders.
    ready: ReadyTake | None


#: Milliseconds for which a recording that was replaced can still be heard: who is amid it goes on.
_STILL_HEARD_MS: Final = 3_600_000

_SELECT = f"""
SELECT p.number, p.site_id, p.workspace_id, p.post_id, p.language, p.title, p.url,
  COALESCE(t.voice, p.voice) AS voice, p.created_at, p.updated_at,
  j.id AS job_id, j.state, j.progress, j.error_code, j.error_message,
  k.id AS ready_id, k.ended_at AS ready_at, k.segments, k.segments_reused, {recordings.COLUMNS}
FROM posts p
LEFT JOIN post_takes t ON t.post_number = p.number AND t.voice = {{voice}}
LEFT JOIN jobs j ON j.id = t.job_id AND (j.expires_at IS NULL OR j.expires_at > :now)
LEFT JOIN jobs k ON k.id = t.ready_job_id AND (k.expires_at IS NULL OR k.expires_at > :now)
LEFT JOIN recordings r ON r.job_id = k.id
"""
_OWN = _SELECT.format(voice="p.voice")
_WHICH = " WHERE p.site_id = :site_id AND p.post_id = :post_id AND p.language = :language"
_FIND = _OWN + _WHICH
_FIND_IN_VOICE = _SELECT.format(voice=":voice") + _WHICH
_LAST: Final = 2**62
_PAGE = (
    _OWN
    + """
WHERE p.site_id = :site_id AND p.number < :before
  AND (:states = '' OR :states LIKE '% ' || COALESCE(j.state, 'failed') || ' %')
  AND (:language = '' OR p.language = :language)
  AND (:post_id = '' OR p.post_id = :post_id)
ORDER BY p.number DESC LIMIT :limit
"""
)
_READY = (
    _OWN
    + """
WHERE p.site_id = :site_id AND r.job_id IS NOT NULL
  AND (:language = '' OR p.language = :language)
ORDER BY p.number DESC LIMIT :limit
"""
)
_INSERT = """
INSERT INTO posts
  (site_id, workspace_id, post_id, language, title, url, voice, sha256, created_at, updated_at)
VALUES
  (:site_id, :workspace_id, :post_id, :language, :title, :url, :voice, :sha256, :now, :now)
ON CONFLICT (site_id, post_id, language) DO NOTHING
RETURNING number
"""
# Locks the row, so that two who ask for the same post come one after the other.
_LOCK = """
UPDATE posts SET updated_at = updated_at
WHERE site_id = :site_id AND post_id = :post_id AND language = :language
RETURNING number, voice, sha256
"""
_NOTE = """
UPDATE posts SET title = COALESCE(:title, title), url = COALESCE(:url, url), updated_at = :now
WHERE number = :number
  AND (COALESCE(:title, title, '') <> COALESCE(title, '')
    OR COALESCE(:url, url, '') <> COALESCE(url, ''))
"""
# A voice that is new to the post serves what there is in the voice before, until it is ready.
_PUT_TAKE = """
INSERT INTO post_takes (post_number, voice, job_id, ready_job_id, created_at)
VALUES (:number, :voice, :job_id, (
  SELECT ready_job_id FROM post_takes WHERE post_number = :number AND voice = :before
), :now)
ON CONFLICT (post_number, voice) DO UPDATE SET job_id = excluded.job_id
"""
_ADD_TAKE = """
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


def find(
    tx: Transaction, site_id: str, post_id: str, language: str, voice: str | None = None
) -> Post:
    """The site's post of that id and language, in its own voice or in another.

    Raises:
        NotFoundError: There is no such post.
    """
    which: dict[str, Value] = {"site_id": site_id, "post_id": post_id, "language": language}
    which["now"] = now_ms()
    row = tx.one(_FIND, **which) if voice is None else tx.one(_FIND_IN_VOICE, **which, voice=voice)
    if row is None:
        raise NotFoundError("There is no such post in this language.")
    return _post(row, voice)


def find_number(tx: Transaction, site_id: str, post_id: str, language: str) -> int | None:
    """The number of a site's post; None where there is none."""
    row = tx.one(
        "SELECT number FROM posts WHERE site_id = :site_id AND post_id = :post_id"
        " AND language = :language",
        site_id=site_id,
        post_id=post_id,
        language=language,
    )
    return None if row is None else int(row["number"])


def page(
    tx: Transaction,
    site_id: str,
    *,
    limit: int,
    before: int | None = None,
    states: Sequence[JobState] = (),
    language: str | None = None,
    post_id: str | None = None,
) -> list[Post]:
    """A site's posts, newest first.

    Args:
        tx: The unit of work.
        site_id: Whose posts.
        limit: Most posts returned.
        before: Only posts with a number below this one: where the page before ended.
        states: Only posts whose latest job is in one of these states; all where empty. One that
            has no job any more counts as failed.
        language: Only posts in this language.
        post_id: Only posts of this id, one a language.
    """
    rows = tx.all(
        _PAGE,
        site_id=site_id,
        limit=limit,
        before=_LAST if before is None else before,
        states="".join(f" {state} " for state in states),
        language=language or "",
        post_id=post_id or "",
        now=now_ms(),
    )
    return [_post(row) for row in rows]


def ready_posts(
    tx: Transaction, site_id: str, limit: int, language: str | None = None
) -> list[Post]:
    """A site's posts that can be heard, newest first; in one language, or in all."""
    rows = tx.all(_READY, site_id=site_id, limit=limit, language=language or "", now=now_ms())
    return [_post(row) for row in rows]


def lock(tx: Transaction, site_id: str, post_id: str, language: str) -> Row | None:
    """The number, voice and SHA-256 of a post, which till this commits nobody else can change."""
    return tx.one(_LOCK, site_id=site_id, post_id=post_id, language=language)


def insert(
    tx: Transaction,
    *,
    site_id: str,
    workspace_id: str,
    post_id: str,
    language: str,
    title: str | None,
    url: str | None,
    voice: str,
    sha256: bytes,
) -> int | None:
    """Write down a post; returns its number, or None where there is one already."""
    row = tx.one(
        _INSERT,
        site_id=site_id,
        workspace_id=workspace_id,
        post_id=post_id,
        language=language,
        title=title,
        url=url,
        voice=voice,
        sha256=sha256,
        now=now_ms(),
    )
    return None if row is None else int(row["number"])


def note(tx: Transaction, number: int, title: str | None, url: str | None) -> None:
    """Keep a title and an address that may have changed; None says nothing of them."""
    tx.execute(_NOTE, number=number, title=title, url=url, now=now_ms())


def put_take(
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
    tx.execute(_PUT_TAKE, number=number, voice=voice, before=before, job_id=job_id, now=now)
    tx.execute(
        "UPDATE posts SET voice = :voice, sha256 = :sha256, updated_at = :now"
        " WHERE number = :number",
        number=number,
        voice=voice,
        sha256=sha256,
        now=now,
    )


def add_take(tx: Transaction, number: int, voice: str, job_id: str) -> None:
    """Have a job render the post in one more voice."""
    tx.execute(_ADD_TAKE, number=number, voice=voice, job_id=job_id, now=now_ms())


def take_ended(tx: Transaction, queue: Queue, job: Job) -> None:
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


def delete(tx: Transaction, queue: Queue, post: Post) -> None:
    """Delete a post with its audio in every voice and its figures."""
    for take in tx.all(_TAKES, number=post.number):
        for job_id in _jobs_of(take):
            retire(tx, queue, post.workspace_id, job_id)
    tx.execute("DELETE FROM posts WHERE number = :number", number=post.number)  # and what is its


def delete_all(tx: Transaction, queue: Queue, workspace_id: str, site_id: str) -> None:
    """Delete every post of a site, as `delete` does."""
    for row in tx.all(_JOBS_OF_SITE, site_id=site_id):
        retire(tx, queue, workspace_id, row["id"])
    tx.execute("DELETE FROM posts WHERE site_id = :site_id", site_id=site_id)


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


def _post(row: Row, voice: str | None = None) -> Post:
    take = ready = None
    if row["job_id"] is not None:
        take = PostJob(
            id=row["job_id"],
            state=row["state"],
            progress=row["progress"],
            error_code=row["error_code"],
            error_message=row["error_message"],
        )
    recording = recording_of(row)
    if recording is not None:
        segments = None
        if row["segments"] is not None:
            segments = (row["segments"], row["segments_reused"])
        ready = ReadyTake(row["ready_id"], row["ready_at"], recording, segments)
    return Post(
        number=row["number"],
        site_id=row["site_id"],
        workspace_id=row["workspace_id"],
        post_id=row["post_id"],
        language=row["language"],
        title=row["title"],
        url=row["url"],
        voice=row["voice"] if voice is None else voice,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        take=take,
        ready=ready,
    )
