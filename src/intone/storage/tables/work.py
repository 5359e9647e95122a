"""What is to be done and what came of it: jobs, their recordings and segments, the queue."""

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
    UniqueConstraint,
    text,
)

from intone.storage.tables.base import SERIAL, metadata

__all__ = [
    "dead_letters",
    "idempotency_keys",
    "job_segments",
    "jobs",
    "queue_entries",
    "recordings",
    "segments",
]

jobs = Table(
    "jobs",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("dialect", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("spec", Text, nullable=False),  # JSON of core.jobs.Order
    Column("tag", Text),
    Column("hold_id", Text),
    Column("progress", Integer, nullable=False),  # percent
    Column("attempts", Integer, nullable=False),
    Column("lease", Text),  # token of the claim that may write, see queue.base
    Column("error_code", Text),
    Column("error_message", Text),
    Column("error_retryable", Integer),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("expires_at", BigInteger),
    # Of how many segments the recording is made, and how many of these other jobs had spoken;
    # NULL where none are looked for.
    Column("segments", Integer),
    Column("segments_reused", Integer),
    Index("ix_jobs_workspace_id_number", "workspace_id", "number"),
    Index("ix_jobs_expires_at", "expires_at"),
)

recordings = Table(
    "recordings",
    metadata,
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("blob", Text, nullable=False),  # path in the blob store
    Column("format", Text, nullable=False),
    Column("sample_rate", Integer, nullable=False),  # Hz
    Column("channels", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("loudness_mlufs", BigInteger),  # thousandths of a LUFS; NULL for silence
    Column("created_at", BigInteger, nullable=False),
)

#: Spoken segments, kept for as long as a recording uses them.
segments = Table(
    "segments",
    metadata,
    Column("workspace_id", Text, ForeignKey("workspaces.id"), primary_key=True),
    Column("key", LargeBinary, primary_key=True),  # SHA-256 of all that decides how it sounds
    Column("voice", Text, nullable=False),  # slug
    Column("blob", Text, nullable=False, index=True),  # path in the blob store of its pack
    Column("start", BigInteger, nullable=False),  # where in the pack it begins
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),  # of those bytes
    Column("created_at", BigInteger, nullable=False),
    Index("ix_segments_workspace_id_voice", "workspace_id", "voice"),
)

#: Which segments a job's recording is made of.
job_segments = Table(
    "job_segments",
    metadata,
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Index("ix_job_segments_workspace_id_key", "workspace_id", "key"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("workspace_id", Text, primary_key=True),
    Column("scope", Text, primary_key=True),  # e.g. voice_jobs/v1
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),  # SHA-256 of the canonical body
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),  # JSON object
    Column("body", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

#: The embedded queue; on PostgreSQL PgQueuer keeps tables of its own.
queue_entries = Table(
    "queue_entries",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", Text, nullable=False),  # ready, delayed, running
    Column("due_at", BigInteger, nullable=False),  # delayed: start; running: end of lease
    Column("token", Text),
    Column("attempt", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("kind", "subject"),
    # Delayed entries stay out of the index the claim reads, and ready ones out of the other.
    Index(
        "ix_queue_entries_ready",
        "kind",
        text("priority DESC"),
        "id",
        sqlite_where=text("state = 'ready'"),
        postgresql_where=text("state = 'ready'"),
    ),
    Index(
        "ix_queue_entries_due",
        "kind",
        "due_at",
        sqlite_where=text("state <> 'ready'"),
        postgresql_where=text("state <> 'ready'"),
    ),
)

#: What no worker could finish, kept for the operator; both databases.
dead_letters = Table(
    "dead_letters",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
