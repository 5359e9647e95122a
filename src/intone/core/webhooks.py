"""Webhooks: where a workspace wants to be told of what happens, and telling it.

An event becomes one delivery for each webhook that is subscribed to it, in the transaction that
makes the event: it is told exactly when it has happened. `intone.core.webhook_delivery` sends them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from intone.core import webhook_deliveries
from intone.core.ids import new_id
from intone.core.webhook_signatures import new_secret
from intone.errors import InvalidInputError, NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from intone.queue.base import Queue
    from intone.storage.database import Row, Transaction

__all__ = [
    "EVENTS",
    "MAX_OVERLAP_HOURS",
    "MOST_WEBHOOKS",
    "DisabledReason",
    "EventName",
    "NewWebhook",
    "Webhook",
    "create",
    "delete",
    "disable",
    "find",
    "list_webhooks",
    "publish",
    "rotate_secret",
    "update",
]

EventName = Literal[
    "generation.ready",
    "generation.failed",
    "generation.completed",
    "voice.cloned",
    "voice.failed",
]
EVENTS: tuple[EventName, ...] = get_args(EventName)
#: Who turned a webhook off: its owner, its receiver by answering 410, or we, because nothing has
#: been delivered to it for as long as a delivery is tried.
DisabledReason = Literal["owner", "gone", "failing"]

#: Most webhooks of one workspace.
MOST_WEBHOOKS = 20
#: Longest time, in hours, that the old secret signs as well.
MAX_OVERLAP_HOURS = 24
_HOUR_MS = 3_600_000

_FIELDS = (
    "id, workspace_id, url, events, old_secret_expires_at, disabled_at, disabled_reason, created_at"
)

# Changes nothing, but none of them can be deleted or turned off until this unit has committed.
_LOCK_ENABLED = """
UPDATE webhooks SET events = events
WHERE workspace_id = :workspace_id AND disabled_at IS NULL
RETURNING id, events
"""


@dataclass(frozen=True, slots=True)
class Webhook:
    """What may be shown of a webhook. Times are milliseconds since the epoch."""

    id: str
    workspace_id: str
    url: str
    events: tuple[EventName, ...]
    #: Until when the secret before the last rotation signs as well.
    old_secret_expires_at: int | None
    disabled_at: int | None
    disabled_reason: DisabledReason | None
    created_at: int


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook with a fresh secret, which is shown this once."""

    webhook: Webhook
    secret: str


def create(tx: Transaction, workspace_id: str, url: str, events: Iterable[str]) -> NewWebhook:
    """Register a webhook.

    Args:
        tx: The unit of work.
        workspace_id: Whose webhook.
        url: Where events go; `Egress.check_url` has found it good.
        events: Any of `EVENTS`.

    Raises:
        InvalidInputError: An event is unknown, none is named, or the workspace has too many
            webhooks.
    """
    # The count locks nothing: a race can only lead to one more, which nobody is hurt by.
    row = tx.one(
        "SELECT count(*) AS webhooks FROM webhooks WHERE workspace_id = :workspace_id",
        workspace_id=workspace_id,
    )
    if row is not None and row["webhooks"] >= MOST_WEBHOOKS:
        raise InvalidInputError(
            f"A workspace has at most {MOST_WEBHOOKS} webhooks; delete one, or subscribe one to"
            " more events."
        )
    webhook_id, secret = new_id(), new_secret()
    tx.execute(
        "INSERT INTO webhooks (id, workspace_id, url, events, secret, created_at)"
        " VALUES (:id, :workspace_id, :url, :events, :secret, :now)",
        id=webhook_id,
        workspace_id=workspace_id,
        url=url,
        events=_checked(events),
        secret=secret,
        now=now_ms(),
    )
    return NewWebhook(find(tx, workspace_id, webhook_id), secret)


def list_webhooks(tx: Transaction, workspace_id: str) -> list[Webhook]:
    """The workspace's webhooks, oldest first."""
    rows = tx.all(
        f"SELECT {_FIELDS} FROM webhooks WHERE workspace_id = :workspace_id ORDER BY number",
        workspace_id=workspace_id,
    )
    return [_webhook(row) for row in rows]


def find(tx: Transaction, workspace_id: str, webhook_id: str) -> Webhook:
    """The workspace's webhook of that id.

    Raises:
        NotFoundError: There is none, or it is another workspace's.
    """
    row = tx.one(
        f"SELECT {_FIELDS} FROM webhooks WHERE id = :id AND workspace_id = :workspace_id",
        id=webhook_id,
        workspace_id=workspace_id,
    )
    if row is None:
        raise NotFoundError("There is no such webhook.")
    return _webhook(row)


def update(
    tx: Transaction,
    workspace_id: str,
    webhook_id: str,
    *,
    url: str | None = None,
    events: Iterable[str] | None = None,
    enabled: bool | None = None,
) -> Webhook:
    """Change what is not None; a webhook that is turned off gives up what it had pending.

    Raises:
        NotFoundError: As `find`.
        InvalidInputError: As `create`.
    """
    find(tx, workspace_id, webhook_id)
    # In one statement: of two changes at a time, neither brings back what the other has replaced.
    tx.execute(
        "UPDATE webhooks SET url = COALESCE(:url, url), events = COALESCE(:events, events)"
        " WHERE id = :id",
        url=url,
        events=None if events is None else _checked(events),
        id=webhook_id,
    )
    if enabled is False:
        disable(tx, webhook_id, "owner")
    elif enabled:
        tx.execute(
            "UPDATE webhooks SET disabled_at = NULL, disabled_reason = NULL WHERE id = :id",
            id=webhook_id,
        )
    return find(tx, workspace_id, webhook_id)


def disable(tx: Transaction, webhook_id: str, reason: DisabledReason) -> None:
    """Turn a webhook off and give up what it has pending; one that is off stays as it is."""
    tx.execute(
        "UPDATE webhooks SET disabled_at = :now, disabled_reason = :reason"
        " WHERE id = :id AND disabled_at IS NULL",
        id=webhook_id,
        reason=reason,
        now=now_ms(),
    )
    webhook_deliveries.give_up(tx, webhook_id)


def delete(tx: Transaction, workspace_id: str, webhook_id: str) -> None:
    """Remove a webhook with its deliveries.

    Raises:
        NotFoundError: As `find`.
    """
    deleted = tx.execute(
        "DELETE FROM webhooks WHERE id = :id AND workspace_id = :workspace_id",
        id=webhook_id,
        workspace_id=workspace_id,
    )
    if not deleted:
        raise NotFoundError("There is no such webhook.")


def rotate_secret(
    tx: Transaction, workspace_id: str, webhook_id: str, overlap_hours: float
) -> NewWebhook:
    """Give a webhook a new secret; the old one signs as well for `overlap_hours`.

    Args:
        tx: The unit of work.
        workspace_id: Whose webhook.
        webhook_id: Which.
        overlap_hours: 0 to `MAX_OVERLAP_HOURS`; a secret from before the old one ends now.

    Raises:
        NotFoundError: As `find`.
        InvalidInputError: The overlap is longer, or negative.
    """
    if not 0 <= overlap_hours <= MAX_OVERLAP_HOURS:
        raise InvalidInputError(f"The overlap is 0 to {MAX_OVERLAP_HOURS} hours.")
    find(tx, workspace_id, webhook_id)
    secret = new_secret()
    tx.execute(
        "UPDATE webhooks SET old_secret = secret, secret = :secret,"
        " old_secret_expires_at = :until WHERE id = :id",
        secret=secret,
        until=now_ms() + int(overlap_hours * _HOUR_MS),
        id=webhook_id,
    )
    return NewWebhook(find(tx, workspace_id, webhook_id), secret)


def publish(
    tx: Transaction, queue: Queue, workspace_id: str, bodies: Mapping[EventName, bytes]
) -> None:
    """Tell a workspace's webhooks of something that has happened, once this commits.

    Args:
        tx: The unit of work in which it happens.
        queue: Where the deliveries' entries go.
        workspace_id: Whose webhooks.
        bodies: By event, the exact bytes to send. One thing that happens may have several names;
            a webhook gets each that it is subscribed to.
    """
    rows = tx.all(_LOCK_ENABLED, workspace_id=workspace_id)
    for event, body in bodies.items():
        message_id = new_id()
        for row in rows:
            if event in row["events"].split():
                webhook_deliveries.insert(
                    tx,
                    queue,
                    webhook_id=row["id"],
                    workspace_id=workspace_id,
                    event=event,
                    body=body,
                    message_id=message_id,
                )


def _checked(events: Iterable[str]) -> str:
    """The events as they are stored: known, each once, in our order."""
    wanted = set(events)
    if not wanted or not wanted.issubset(EVENTS):
        raise InvalidInputError(f"events: a webhook's events are any of {', '.join(EVENTS)}.")
    return " ".join(event for event in EVENTS if event in wanted)


def _webhook(row: Row) -> Webhook:
    return Webhook(
        id=row["id"],
        workspace_id=row["workspace_id"],
        url=row["url"],
        events=tuple(row["events"].split()),
        old_secret_expires_at=row["old_secret_expires_at"],
        disabled_at=row["disabled_at"],
        disabled_reason=row["disabled_reason"],
        created_at=row["created_at"],
    )
