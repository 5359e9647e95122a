"""Streamed speech: its calls, what keys may spend, sessions, and the history of balances.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = sa.text("state = 'open' AND expires_at IS NOT NULL")
_HISTORY = (
    ("ix_holds_wallet_begun", "entry", "meter = 'wallet'"),
    ("ix_holds_wallet_ended", "end_entry", "meter = 'wallet' AND end_entry IS NOT NULL"),
)


def upgrade() -> None:
    """Make the tables and columns."""
    op.add_column("keys", sa.Column("requests_per_minute", sa.Integer()))
    op.add_column("keys", sa.Column("max_concurrency", sa.Integer()))
    op.add_column("keys", sa.Column("daily_micros", sa.BigInteger()))
    op.add_column("keys", sa.Column("monthly_micros", sa.BigInteger()))
    op.add_column("balances", _counter("entries"))
    op.add_column("grants", _counter("entry"))
    op.add_column("grants", _counter("left_after"))
    op.add_column("holds", sa.Column("expires_at", sa.BigInteger()))
    op.add_column("holds", sa.Column("key_id", sa.Text()))
    op.add_column("holds", _counter("entry"))
    op.add_column("holds", _counter("left_after"))
    op.add_column("holds", sa.Column("end_entry", sa.BigInteger()))
    op.add_column("holds", sa.Column("left_after_end", sa.BigInteger()))
    op.create_index(
        op.f("ix_holds_expires_at"),
        "holds",
        ["expires_at"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    for name, column, where in _HISTORY:
        op.create_index(
            op.f(name),
            "holds",
            ["workspace_id", column],
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
    _create_key_days()
    _create_sessions()
    _create_device_codes()
    _create_calls()


def _counter(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")


def _create_key_days() -> None:
    op.create_table(
        "key_days",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("spent >= 0", name=op.f("ck_key_days_spent")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_key_days_held")),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_key_days_key_id")),
        sa.PrimaryKeyConstraint("key_id", "day", name=op.f("pk_key_days")),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_sessions_workspace_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sessions")),
        sa.UniqueConstraint("hash", name=op.f("uq_sessions_hash")),
        sa.UniqueConstraint("id", name=op.f("uq_sessions_id")),
    )
    op.create_index(op.f("ix_sessions_workspace_id"), "sessions", ["workspace_id"])
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"])


def _create_device_codes() -> None:
    op.create_table(
        "device_codes",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_code", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_device_codes_workspace_id")
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_device_codes")),
        sa.UniqueConstraint("user_code", name=op.f("uq_device_codes_user_code")),
    )
    op.create_index(op.f("ix_device_codes_expires_at"), "device_codes", ["expires_at"])


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text()),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text()),
        sa.Column("characters", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("first_byte_ms", sa.Integer()),
        sa.Column("total_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_calls_workspace_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_calls")),
        sa.UniqueConstraint("id", name=op.f("uq_calls_id")),
    )
    op.create_index(
        op.f("ix_calls_workspace_id_created_at"), "calls", ["workspace_id", "created_at"]
    )
    op.create_index(op.f("ix_calls_created_at"), "calls", ["created_at"])
