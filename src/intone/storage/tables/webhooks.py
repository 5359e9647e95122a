"""Where events are sent, and how that went."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from intone.storage.tables.base import SERIAL, metadata

__all__ = ["webhook_attempts", "webhook_deliveries", "webhooks"]

#: Where events are sent.
webhooks = Table(
    "webhooks",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),  # space-separated
    Column("secret", Text, nullable=False),  # signs, so it is kept as it is
    Column("old_secret", Text),  # signs as well, until its time is over
    Column("old_secret_expires_at", BigInteger),
    Column("disabled_at", BigInteger),
    Column("disabled_reason", Text),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_webhooks_workspace_id_number", "workspace_id", "number"),
)

#: One event for one webhook; written in the transaction that made the event.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("webhook_id", Text, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("message_id", Text, nullable=False),  # the event's; repetitions keep it
    Column("event", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the exact bytes that are signed and sent
    Column("state", Text, nullable=False),  # pending, delivered, failed
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger),  # of the next try, while it is pending
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("ix_webhook_deliveries_webhook_id_number", "webhook_id", "number"),
    Index("ix_webhook_deliveries_created_at", "created_at"),
)

#: Every try of a delivery, for whoever wonders why it has not come.
webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column(
        "delivery_id",
        Text,
        ForeignKey("webhook_deliveries.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("status", Integer),  # HTTP's; NULL where there was no answer
    Column("error", Text),  # a category, never the receiver's text
    Column("answer", LargeBinary),  # the beginning of what the receiver said
    Column("took_ms", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
