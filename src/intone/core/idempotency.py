"""The same request twice is one request: replies are stored with what they acknowledge.

A reply is stored in the transaction that does the work, so there is never one without
the other. Departs from the IETF draft (422) as the seed asks: another body under the
same key is a conflict.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from intone.errors import IdempotencyConflictError
from intone.storage.database import LostRaceError, now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intone.storage.database import Transaction

__all__ = ["IdempotencyKey", "StoredReply", "recall", "remember", "sweep"]

#: How long keys are kept (seed 003: 24 hours), in milliseconds.
_LIFETIME_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """What makes two requests the same."""

    #: Which operation, API version included; the same key in another scope is another key.
    scope: str
    key: str
    #: SHA-256 of the canonical body.
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A reply as it was sent, and will be sent again."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    #: Whether it comes from the store.
    replayed: bool = False


def recall(tx: Transaction, workspace_id: str, key: IdempotencyKey) -> StoredReply | None:
    """The reply that this key got before, if any.

    Raises:
        IdempotencyConflictError: The key was used with another body.
    """
    row = tx.one(
        "SELECT fingerprint, status, headers, body FROM idempotency_keys"
        " WHERE workspace_id = :workspace_id AND scope = :scope AND key = :key"
        " AND expires_at > :now",
        workspace_id=workspace_id,
        scope=key.scope,
        key=key.key,
        now=now_ms(),
    )
    if row is None:
        return None
    if not hmac.compare_digest(bytes(row["fingerprint"]), key.fingerprint):
        raise IdempotencyConflictError
    headers = msgspec.json.decode(row["headers"], type=dict[str, str])
    return StoredReply(row["status"], headers, bytes(row["body"]), replayed=True)


def remember(tx: Transaction, workspace_id: str, key: IdempotencyKey, reply: StoredReply) -> None:
    """Store the reply; an expired one of the same key is replaced.

    Raises:
        LostRaceError: The key is in use; the unit of work runs again and recalls its reply.
    """
    now = now_ms()
    stored = tx.execute(
        "INSERT INTO idempotency_keys"
        " (workspace_id, scope, key, fingerprint, status, headers, body, expires_at)"
        " VALUES (:workspace_id, :scope, :key, :fingerprint, :status, :headers, :body, :expires)"
        " ON CONFLICT (workspace_id, scope, key) DO UPDATE SET fingerprint = excluded.fingerprint,"
        " status = excluded.status, headers = excluded.headers, body = excluded.body,"
        " expires_at = excluded.expires_at WHERE idempotency_keys.expires_at <= :now",
        workspace_id=workspace_id,
        scope=key.scope,
        key=key.key,
        fingerprint=key.fingerprint,
        status=reply.status,
        headers=msgspec.json.encode(dict(reply.headers)).decode(),
        body=reply.body,
        expires=now + _LIFETIME_MS,
        now=now,
    )
    if not stored:
        raise LostRaceError


def sweep(tx: Transaction, limit: int) -> int:
    """Forget up to `limit` expired keys; returns how many."""
    return tx.execute(
        "DELETE FROM idempotency_keys WHERE (workspace_id, scope, key) IN"
        " (SELECT workspace_id, scope, key FROM idempotency_keys"
        " WHERE expires_at <= :now LIMIT :limit)",
        now=now_ms(),
        limit=limit,
    )
