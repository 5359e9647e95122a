"""Uploads as the database knows them: samples of voices that clients have sent.

A row comes first, then the bytes, then the row says that they are there. So a process that dies
in between leaves a row that expires, and by it the sweep finds what lies in the blob store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

from intone.core.ids import new_id
from intone.errors import NotFoundError, TooManyUploadsError, UploadUsedError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from intone.audio.untrusted import Decoded
    from intone.storage.database import Row, Transaction

__all__ = [
    "FORMS",
    "Upload",
    "complete",
    "end",
    "expired",
    "find",
    "folder_of",
    "forget",
    "get",
    "list_all",
    "pending",
    "prolong",
    "reserve",
]

#: What an upload can be, as its name ends.
FORMS: Final = ("wav", "mp3", "flac", "ogg", "m4a")
_PATH: Final = re.compile(r"uploads/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.\w{1,8})?")
_LONGEST_NAME: Final = 255
_MISSING: Final = "There is no such upload, or it has expired."
_SELECT: Final = "SELECT * FROM uploads WHERE expires_at > :now AND "
_INSERT: Final = """
INSERT INTO uploads (id, workspace_id, state, name, created_at, expires_at)
VALUES (:id, :workspace_id, 'pending', :name, :now, :expires_at)
"""
_COMPLETE: Final = """
UPDATE uploads SET state = 'ready', form = :form, bytes = :bytes, duration_ms = :duration_ms,
  sample_rate = :sample_rate, channels = :channels, blob = :blob, expires_at = :expires_at
WHERE id = :id AND state = 'pending' AND expires_at > :now
"""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a workspace's; what is None is not known before the file is there."""

    id: str
    workspace_id: str
    #: `pending` as long as it may still be sent.
    state: Literal["pending", "ready"]
    #: What its sender calls it, only ever shown.
    name: str | None
    #: Milliseconds since the epoch.
    created_at: int
    expires_at: int
    #: What it is, one of `FORMS`, by its content.
    form: str | None = None
    bytes: int | None = None
    duration_ms: int | None = None
    #: In Hz.
    sample_rate: int | None = None
    channels: int | None = None
    #: Its path in the blob store.
    blob: str | None = None

    @property
    def path(self) -> str:
        """What `samplePaths` calls it: the id, and an ending for people's sake."""
        ending = self.form or PurePosixPath((self.name or "").lower()).suffix[1:]
        return f"uploads/{self.id}.{ending}" if ending in FORMS else f"uploads/{self.id}"


def folder_of(workspace_id: str, upload_id: str) -> str:
    """The folder of the blob store that holds an upload and whatever is left of tries at it."""
    return f"uploads/{workspace_id}/{upload_id}"


def reserve(
    tx: Transaction, workspace_id: str, name: str | None, *, most: int, lifetime_ms: int
) -> Upload:
    """Make a place for a file that is about to be sent.

    Args:
        tx: The unit of work.
        workspace_id: Whose it is.
        name: What the sender calls it; only its last part and what is printable is kept.
        most: How many uploads a workspace may have.
        lifetime_ms: How long the place is kept where no file comes.

    Raises:
        TooManyUploadsError: The workspace has that many.
    """
    # The row is locked, so that two that come together are counted one after the other.
    tx.execute("UPDATE workspaces SET plan = plan WHERE id = :id", id=workspace_id)
    now = now_ms()
    counted = tx.one(
        "SELECT count(*) AS n FROM uploads"
        " WHERE workspace_id = :workspace_id AND expires_at > :now",
        workspace_id=workspace_id,
        now=now,
    )
    if counted is not None and counted["n"] >= most:
        raise TooManyUploadsError
    upload = Upload(new_id(), workspace_id, "pending", _shown(name), now, now + lifetime_ms)
    tx.execute(
        _INSERT,
        id=upload.id,
        workspace_id=workspace_id,
        name=upload.name,
        now=now,
        expires_at=upload.expires_at,
    )
    return upload


def complete(
    tx: Transaction, upload_id: str, content: Decoded, *, blob: str, size: int, lifetime_ms: int
) -> Upload:
    """Say that the file is there, once.

    Args:
        tx: The unit of work.
        upload_id: Which one.
        content: What was found in it.
        blob: Its path in the blob store, where it is on disk.
        size: Its bytes.
        lifetime_ms: How long it is kept.

    Raises:
        UploadUsedError: Another one was faster.
        NotFoundError: It was deleted, or its time is over.
    """
    now = now_ms()
    tx.execute(
        _COMPLETE,
        id=upload_id,
        form=content.form,
        bytes=size,
        duration_ms=content.duration_ms,
        sample_rate=content.sample_rate,
        channels=content.channels,
        blob=blob,
        expires_at=now + lifetime_ms,
        now=now,
    )
    row = tx.one(f"{_SELECT} id = :id", id=upload_id, now=now)
    if row is None:
        raise NotFoundError(_MISSING)
    if row["blob"] != blob:
        raise UploadUsedError
    return _upload(row)


def find(tx: Transaction, workspace_id: str, path: str) -> Upload:
    """The workspace's file that a path names, which is never more than the id in it.

    Args:
        tx: The unit of work.
        workspace_id: Who asks.
        path: As `Upload.path`, with any ending.

    Raises:
        NotFoundError: There is none, it has expired, nothing was sent yet or it is somebody else's.
    """
    named = _PATH.fullmatch(path)
    upload = get(tx, workspace_id, named[1]) if named else None
    if upload is None or upload.state != "ready":
        raise NotFoundError(_MISSING)
    return upload


def get(tx: Transaction, workspace_id: str, upload_id: str) -> Upload:
    """The workspace's upload of that id, whether or not its file is there.

    Raises:
        NotFoundError: There is none, it has expired or it is somebody else's.
    """
    row = tx.one(
        f"{_SELECT} id = :id AND workspace_id = :workspace_id",
        id=upload_id,
        workspace_id=workspace_id,
        now=now_ms(),
    )
    if row is None:
        raise NotFoundError(_MISSING)
    return _upload(row)


def pending(tx: Transaction, upload_id: str) -> Upload:
    """The upload of that id, anybody's, that a file can be sent for.

    Raises:
        NotFoundError: There is none, or its time is over.
        UploadUsedError: Its file is there.
    """
    row = tx.one(f"{_SELECT} id = :id", id=upload_id, now=now_ms())
    if row is None:
        raise NotFoundError(_MISSING)
    if row["state"] != "pending":
        raise UploadUsedError
    return _upload(row)


def list_all(tx: Transaction, workspace_id: str) -> list[Upload]:
    """The workspace's uploads, newest first; there are never many."""
    rows = tx.all(
        f"{_SELECT} workspace_id = :workspace_id ORDER BY number DESC",
        workspace_id=workspace_id,
        now=now_ms(),
    )
    return [_upload(row) for row in rows]


def prolong(tx: Transaction, upload_id: str, until: int) -> None:
    """Keep an upload at least until then: somebody is about to use it.

    Args:
        tx: The unit of work, in which it was found.
        upload_id: Which one.
        until: Milliseconds since the epoch.
    """
    tx.execute(
        "UPDATE uploads SET expires_at = :until WHERE id = :id AND expires_at < :until",
        id=upload_id,
        until=until,
    )


def end(tx: Transaction, workspace_id: str, upload_id: str) -> None:
    """Have an upload expire now; nobody finds it any more, and the sweep erases it.

    Raises:
        NotFoundError: There is none, it has expired or it is somebody else's.
    """
    ended = tx.execute(
        "UPDATE uploads SET expires_at = :now"
        " WHERE id = :id AND workspace_id = :workspace_id AND expires_at > :now",
        id=upload_id,
        workspace_id=workspace_id,
        now=now_ms(),
    )
    if not ended:
        raise NotFoundError(_MISSING)


def expired(tx: Transaction, limit: int) -> list[Upload]:
    """Uploads whose time is over, the oldest first."""
    rows = tx.all(
        "SELECT * FROM uploads WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit",
        now=now_ms(),
        limit=limit,
    )
    return [_upload(row) for row in rows]


def forget(tx: Transaction, upload_ids: Iterable[str]) -> None:
    """Delete rows whose blobs are gone."""
    for upload_id in upload_ids:
        tx.execute("DELETE FROM uploads WHERE id = :id", id=upload_id)


def _shown(name: str | None) -> str | None:
    last = re.split(r"[/\\]", name or "")[-1]
    shown = "".join(character for character in last if character.isprintable()).strip()
    return shown[:_LONGEST_NAME] or None


def _upload(row: Row) -> Upload:
    return Upload(**{name: row[name] for name in Upload.__slots__})
