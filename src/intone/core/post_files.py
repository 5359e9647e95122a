"""What readers may keep: the audio of a post as a file of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from intone.errors import ForbiddenError, NotFoundError

if TYPE_CHECKING:
    from intone.storage.database import Transaction

__all__ = ["PostFile", "for_download"]

_FIND = """
SELECT p.post_id, p.title, s.allow_download FROM post_takes t
JOIN posts p ON p.number = t.post_number JOIN sites s ON s.id = p.site_id
WHERE t.job_id = :job_id OR t.ready_job_id = :job_id OR t.replaced_job_id = :job_id
"""


@dataclass(frozen=True, slots=True)
class PostFile:
    """Whose audio a file is."""

    #: The publisher's own.
    post_id: str
    title: str | None


def for_download(tx: Transaction, job_id: str) -> PostFile:
    """Of which post a job's audio is that a reader wants to keep.

    Raises:
        NotFoundError: Of none, or of none any more.
        ForbiddenError: Its site offers no downloads.
    """
    row = tx.one(_FIND, job_id=job_id)
    if row is None:
        raise NotFoundError("There is no such file, or it is not there any more.")
    if not row["allow_download"]:
        raise ForbiddenError("This site does not offer its audio for download.")
    return PostFile(row["post_id"], row["title"])
