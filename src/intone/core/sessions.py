"""Sessions: what `intone login` holds. Stored as a hash; a logout deletes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from intone.core.credentials import digest, is_well_formed, new_secret
from intone.core.ids import new_id
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from intone.storage.database import Row, Transaction

__all__ = ["NewSession", "Session", "create", "end", "end_all", "find", "looks_valid", "sweep"]

#: As seed 004's service spells its tokens, so that its clients know one when they see it.
_PREFIX = "vr_session_"
#: Milliseconds that a session lasts: 90 days.
_LIFETIME_MS = 90 * 86_400_000


@dataclass(frozen=True, slots=True)
class Session:
    """What may be shown of a session. Times are milliseconds since the epoch."""

    id: str
    workspace_id: str
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just begun, with the token that is shown this once."""

    session: Session
    token: str


def looks_valid(token: str) -> bool:
    """Whether the text has the shape of a token; says nothing about whether it opens anything."""
    return is_well_formed(token, _PREFIX)


def create(tx: Transaction, workspace_id: str) -> NewSession:
    """Begin a session, which may do everything that a key of the workspace can."""
    token, now = new_secret(_PREFIX), now_ms()
    session = Session(new_id(), workspace_id, now, now + _LIFETIME_MS)
    tx.execute(
        "INSERT INTO sessions (id, workspace_id, hash, created_at, expires_at)"
        " VALUES (:id, :workspace_id, :hash, :created_at, :expires_at)",
        id=session.id,
        workspace_id=workspace_id,
        hash=digest(token),
        created_at=session.created_at,
        expires_at=session.expires_at,
    )
    return NewSession(session, token)


def find(tx: Transaction, token: str) -> Session | None:
    """The session that a token belongs to, if it has not ended."""
    row = tx.one(
        "SELECT id, workspace_id, created_at, expires_at FROM sessions"
        " WHERE hash = :hash AND expires_at > :now",
        hash=digest(token),
        now=now_ms(),
    )
    return None if row is None else _session(row)


def end(tx: Transaction, token: str) -> bool:
    """End a session, which every process refuses within a second; returns whether it had begun."""
    return tx.execute("DELETE FROM sessions WHERE hash = :hash", hash=digest(token)) > 0


def end_all(tx: Transaction, workspace_id: str) -> int:
    """End every session of a workspace; returns how many there were."""
    return tx.execute(
        "DELETE FROM sessions WHERE workspace_id = :workspace_id", workspace_id=workspace_id
    )


def sweep(tx: Transaction, limit: int) -> int:
    """Forget up to `limit` expired sessions; returns how many."""
    return tx.execute(
        "DELETE FROM sessions WHERE number IN"
        " (SELECT number FROM sessions WHERE expires_at <= :now LIMIT :limit)",
        now=now_ms(),
        limit=limit,
    )


def _session(row: Row) -> Session:
    return Session(row["id"], row["workspace_id"], row["created_at"], row["expires_at"])
