"""Who may come in: workspaces, keys, sessions, and what signs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Table, Text

from intone.storage.tables.base import SERIAL, metadata

__all__ = ["device_codes", "keys", "sessions", "signing_keys", "workspaces"]

workspaces = Table(
    "workspaces",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
    Column("plan", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),  # SHA-256 of the whole key
    Column("prefix", Text, nullable=False),  # what people may see, e.g. in_live_Ab3
    Column("suffix", Text, nullable=False),  # its last four characters
    Column("scopes", Text, nullable=False),  # space-separated
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("replaced_by", Text),  # id of the key that a rotation made
    Column("last_used_at", BigInteger),
    # Limits of the speech dialect; NULL: none. Spending is in millionths of a US dollar.
    Column("requests_per_minute", Integer),
    Column("max_concurrency", Integer),
    Column("daily_micros", BigInteger),
    Column("monthly_micros", BigInteger),
    Column("site_id", Text, index=True),  # whose alone it is; NULL: the whole workspace's
)

#: Sessions that `intone login` and browsers hold; a logout deletes them.
sessions = Table(
    "sessions",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False, index=True),
    Column("hash", LargeBinary, nullable=False, unique=True),  # SHA-256 of the token
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

#: Device codes on their way to becoming sessions (RFC 8628).
device_codes = Table(
    "device_codes",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the device code
    Column("user_code", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id")),  # once somebody has approved it
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

#: What all nodes sign with; made by the first that needs it.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("purpose", Text, primary_key=True),  # e.g. downloads
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
