"""Posts as the database knows them, each as it stands in one voice.

How a voice's recording comes to be a post's, and goes again, is in `intone.core.post_takes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from intone.core import post_takes, recordings
from intone.core.recordings import recording_of
from intone.errors import NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.core.jobs import JobState
    from intone.core.recordings import Recording
    from intone.queue.base import Queue
    from intone.storage.database import Row, Transaction, Value

__all__ = [
    "Post",
    "PostJob",
    "ReadyTake",
    "delete",
    "delete_all",
    "find",
    "insert",
    "lock",
    "note",
    "page",
    "ready_posts",
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


def delete(tx: Transaction, queue: Queue, post: Post) -> None:
    """Delete a post with its audio in every voice and its figures."""
    post_takes.retire_all(tx, queue, post.workspace_id, post.number)
    tx.execute("DELETE FROM posts WHERE number = :number", number=post.number)  # and what is its


def delete_all(tx: Transaction, queue: Queue, workspace_id: str, site_id: str) -> None:
    """Delete every post of a site, as `delete` does."""
    post_takes.retire_site(tx, queue, workspace_id, site_id)
    tx.execute("DELETE FROM posts WHERE site_id = :site_id", site_id=site_id)


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
