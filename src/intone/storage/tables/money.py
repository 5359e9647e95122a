"""What is spent: balances, holds, grants, and what each key and call has cost."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    text,
)

from intone.storage.tables.base import SERIAL, metadata

__all__ = ["balances", "calls", "grants", "holds", "key_days"]

balances = Table(
    "balances",
    metadata,
    Column("workspace_id", Text, ForeignKey("workspaces.id"), primary_key=True),
    Column("meter", Text, primary_key=True),
    Column("allowance", BigInteger, nullable=False),  # renewed every period
    Column("granted", BigInteger, nullable=False),  # on top, kept until spent
    Column("spent", BigInteger, nullable=False),  # in this period
    Column("held", BigInteger, nullable=False),
    Column("period_start", BigInteger, nullable=False),
    Column("period_end", BigInteger, nullable=False),
    Column(
        "entries", BigInteger, nullable=False, server_default="0"
    ),  # how often it has changed: orders its history
    CheckConstraint("spent >= 0", name="spent"),
    CheckConstraint("held >= 0", name="held"),
    CheckConstraint("granted >= 0", name="granted"),
)

holds = Table(
    "holds",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("meter", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # open, settled, released
    Column("settled", BigInteger),  # what was really charged
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("expires_at", BigInteger),  # when it is released unasked; NULL: its job sees to it
    Column("key_id", Text),  # the key that spends it, where keys have caps
    # What was left to spend after it began and after it ended, and as which entries.
    Column("entry", BigInteger, nullable=False, server_default="0"),
    Column("left_after", BigInteger, nullable=False, server_default="0"),
    Column("end_entry", BigInteger),
    Column("left_after_end", BigInteger),
    CheckConstraint("amount >= 0", name="amount"),
    CheckConstraint("settled IS NULL OR (settled >= 0 AND settled <= amount)", name="settled"),
    Index("ix_holds_workspace_id_number", "workspace_id", "number"),
    # The wallet's history is read by entry; the other meters' is not.
    Index(
        "ix_holds_wallet_begun",
        "workspace_id",
        "entry",
        sqlite_where=text("meter = 'wallet'"),
        postgresql_where=text("meter = 'wallet'"),
    ),
    Index(
        "ix_holds_wallet_ended",
        "workspace_id",
        "end_entry",
        sqlite_where=text("meter = 'wallet' AND end_entry IS NOT NULL"),
        postgresql_where=text("meter = 'wallet' AND end_entry IS NOT NULL"),
    ),
    Index(
        "ix_holds_expires_at",
        "expires_at",
        sqlite_where=text("state = 'open' AND expires_at IS NOT NULL"),
        postgresql_where=text("state = 'open' AND expires_at IS NOT NULL"),
    ),
)

grants = Table(
    "grants",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False, index=True),
    Column("meter", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("entry", BigInteger, nullable=False, server_default="0"),
    Column("left_after", BigInteger, nullable=False, server_default="0"),
)

#: What each key has spent on a day (UTC), for its caps.
key_days = Table(
    "key_days",
    metadata,
    Column("key_id", Text, ForeignKey("keys.id"), primary_key=True),
    Column("day", Integer, primary_key=True),  # days since the epoch
    Column("spent", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    CheckConstraint("spent >= 0", name="spent"),
    CheckConstraint("held >= 0", name="held"),
)

#: Streamed speech, a row a call that reached a provider; its id is that of its hold, if it had one.
calls = Table(
    "calls",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("key_id", Text),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("status", Text, nullable=False),  # ok, failed, cancelled
    Column("error_code", Text),
    Column("characters", BigInteger, nullable=False),  # that were spoken
    Column("cost", BigInteger, nullable=False),  # micro-dollars
    Column("first_byte_ms", Integer),
    Column("total_ms", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_calls_workspace_id_created_at", "workspace_id", "created_at"),
    Index("ix_calls_created_at", "created_at"),
)
