"""Publishers' sites, their posts, and who listened."""

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
)

from intone.storage.tables.base import SERIAL, metadata

__all__ = ["post_days", "post_takes", "posts", "site_domains", "sites"]

#: A publisher's sites.
sites = Table(
    "sites",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
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
    Column("number", SERIAL, primary_key=True, autoincrement=True),
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
