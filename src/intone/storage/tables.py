"""Every table, once, for both databases.

Types are the common ground of SQLite and PostgreSQL: text, big integers (times are
milliseconds since the epoch), bytes. Ids are canonical uuid4 text beside a running
number, which keeps inserts local and gives integer ids to the dialects that want them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

__all__ = ["metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: An autoincrementing key: SQLite only does that for INTEGER, PostgreSQL wants 64 bits.
_Serial = BigInteger().with_variant(Integer, "sqlite")

workspaces = Table(
    "workspaces",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
    Column("plan", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
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

#: Sessions that `intone login` and browsers hold; a logout deletes them.
sessions = Table(
    "sessions",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
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
    Column("number", _Serial, primary_key=True, autoincrement=True),
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
    Column("number", _Serial, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False, index=True),
    Column("meter", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("entry", BigInteger, nullable=False, server_default="0"),
    Column("left_after", BigInteger, nullable=False, server_default="0"),
)

#: Streamed speech, a row a call that reached a provider; its id is that of its hold, if it had one.
calls = Table(
    "calls",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
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

jobs = Table(
    "jobs",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
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
    Column("sha256", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
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
    Column("id", _Serial, primary_key=True, autoincrement=True),
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
    Column("number", _Serial, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

#: What clients have sent: samples for cloning.
uploads = Table(
    "uploads",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("state", Text, nullable=False),  # pending (an address was given), ready
    Column("name", Text),  # the client's own, only ever shown
    Column("form", Text),  # what the content is, e.g. flac
    Column("bytes", BigInteger),
    Column("duration_ms", BigInteger),
    Column("sample_rate", Integer),  # Hz
    Column("channels", Integer),
    Column("blob", Text),  # path in the blob store
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Index("ix_uploads_workspace_id_number", "workspace_id", "number"),
)

#: Voices that a workspace has made; presets are in the code.
voices = Table(
    "voices",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),  # BCP 47, that it is to speak
    # queued, running, ready, failed; deleted, until all that came of it is erased
    Column("state", Text, nullable=False),
    Column("samples", Text, nullable=False),  # JSON array of uploads' paths
    Column("consent", Text),  # JSON {given_by, given_at}; NULL where the operator wants none
    Column("engine", Text),  # which engine speaks it, e.g. matching
    Column("base_voice", Text),  # slug of the preset that it is spoken from
    Column("model", Text),  # path in the blob store of what the engine needs
    Column("analysis", Text),  # JSON: what was found in the samples
    Column("attempts", Integer, nullable=False),
    Column("lease", Text),  # token of the claim that may write, see queue.base
    Column("error_code", Text),
    Column("error_message", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("ix_voices_workspace_id_number", "workspace_id", "number"),
)

#: Where events are sent.
webhooks = Table(
    "webhooks",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
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
    Column("number", _Serial, primary_key=True, autoincrement=True),
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
    Column("number", _Serial, primary_key=True, autoincrement=True),
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

#: A publisher's sites.
sites = Table(
    "sites",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),  # BCP 47, of its podcast
    Column("voice", Text, nullable=False),  # slug of the voice that reads unless a post says
    Column("voices", Text, nullable=False),  # slugs that readers may choose from, space-separated
    Column("allow_download", Integer, nullable=False),
    # What to do with code blocks and tables: skip, announce.
    Column("code_blocks", Text, nullable=False),
    Column("data_tables", Text, nullable=False),
    # Of its podcast; NULL: nothing is said.
    Column("description", Text),
    Column("author", Text),
    Column("email", Text),
    Column("image_url", Text),
    Column("category", Text),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_sites_workspace_id_number", "workspace_id", "number"),
)

#: The domains of sites; each is one site's alone.
site_domains = Table(
    "site_domains",
    metadata,
    Column("domain", Text, primary_key=True),  # lower case, IDNA, without a port
    Column("site_id", Text, ForeignKey("sites.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("is_primary", Integer, nullable=False),
)

#: What sites have had read aloud.
posts = Table(
    "posts",
    metadata,
    Column("number", _Serial, primary_key=True, autoincrement=True),
    Column("site_id", Text, ForeignKey("sites.id"), nullable=False),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("post_id", Text, nullable=False),  # the publisher's own
    Column("language", Text, nullable=False),  # ISO 639-1, as the publisher says it
    Column("title", Text),
    Column("url", Text),
    Column("voice", Text, nullable=False),  # slug of the one that reads it first
    Column("sha256", LargeBinary, nullable=False),  # of what is read, and how
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("site_id", "post_id", "language"),
    Index("ix_posts_site_id_number", "site_id", "number"),
)

#: A post in one voice: the job that renders it, and the last one that was ready.
post_takes = Table(
    "post_takes",
    metadata,
    Column(
        "post_number", BigInteger, ForeignKey("posts.number", ondelete="CASCADE"), primary_key=True
    ),
    Column("voice", Text, primary_key=True),  # slug
    Column("job_id", Text, nullable=False, index=True),
    Column("ready_job_id", Text, index=True),
    Column("replaced_job_id", Text, index=True),  # ready before that one, and still heard by some
    Column("created_at", BigInteger, nullable=False),
)

#: Who listened to a post on a day (UTC): counts alone, nothing of anybody.
post_days = Table(
    "post_days",
    metadata,
    Column(
        "post_number", BigInteger, ForeignKey("posts.number", ondelete="CASCADE"), primary_key=True
    ),
    Column("day", Integer, primary_key=True),  # days since the epoch
    Column("impressions", BigInteger, nullable=False),
    Column("plays", BigInteger, nullable=False),
    Column("pauses", BigInteger, nullable=False),
    Column("seeks", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    # Listeners who came as far: a quarter, a half, three quarters, the end.
    Column("quarters", BigInteger, nullable=False),
    Column("halves", BigInteger, nullable=False),
    Column("three_quarters", BigInteger, nullable=False),
    Column("completes", BigInteger, nullable=False),
    Column("heard_ms", BigInteger, nullable=False),
    Index("ix_post_days_day", "day"),
)

#: What all nodes sign with; made by the first that needs it.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("purpose", Text, primary_key=True),  # e.g. downloads
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
