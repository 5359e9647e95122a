"""Sites, their posts and who listened.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.add_column("keys", sa.Column("site_id", sa.Text()))
    op.create_index(op.f("ix_keys_site_id"), "keys", ["site_id"])
    _create_sites()
    _create_site_domains()
    _create_posts()
    _create_post_takes()
    _create_post_days()


def _create_sites() -> None:
    op.create_table(
        "sites",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("voice", sa.Text(), nullable=False),
        sa.Column("voices", sa.Text(), nullable=False),
        sa.Column("allow_download", sa.Integer(), nullable=False),
        sa.Column("code_blocks", sa.Text(), nullable=False),
        sa.Column("data_tables", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("author", sa.Text()),
        sa.Column("email", sa.Text()),
        sa.Column("image_url", sa.Text()),
        sa.Column("category", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_sites_workspace_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sites")),
        sa.UniqueConstraint("id", name=op.f("uq_sites_id")),
    )
    op.create_index("ix_sites_workspace_id_number", "sites", ["workspace_id", "number"])


def _create_site_domains() -> None:
    op.create_table(
        "site_domains",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("is_primary", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_site_domains_site_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_site_domains")),
    )
    op.create_index(op.f("ix_site_domains_site_id"), "site_domains", ["site_id"])


def _create_posts() -> None:
    op.create_table(
        "posts",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("post_id", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("url", sa.Text()),
        sa.Column("voice", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_posts_site_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_posts_workspace_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_posts")),
        sa.UniqueConstraint(
            "site_id", "post_id", "language", name=op.f("uq_posts_site_id_post_id_language")
        ),
    )
    op.create_index("ix_posts_site_id_number", "posts", ["site_id", "number"])


def _create_post_takes() -> None:
    op.create_table(
        "post_takes",
        sa.Column("post_number", sa.BigInteger(), nullable=False),
        sa.Column("voice", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("ready_job_id", sa.Text()),
        sa.Column("replaced_job_id", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["post_number"],
            ["posts.number"],
            name=op.f("fk_post_takes_post_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("post_number", "voice", name=op.f("pk_post_takes")),
    )
    op.create_index(op.f("ix_post_takes_job_id"), "post_takes", ["job_id"])
    op.create_index(op.f("ix_post_takes_ready_job_id"), "post_takes", ["ready_job_id"])
    op.create_index(op.f("ix_post_takes_replaced_job_id"), "post_takes", ["replaced_job_id"])


def _create_post_days() -> None:
    counts = (
        "impressions", "plays", "pauses", "seeks", "errors",
        "quarters", "halves", "three_quarters", "completes", "heard_ms",
    )  # fmt: skip
    op.create_table(
        "post_days",
        sa.Column("post_number", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
        sa.ForeignKeyConstraint(
            ["post_number"],
            ["posts.number"],
            name=op.f("fk_post_days_post_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("post_number", "day", name=op.f("pk_post_days")),
    )
    op.create_index("ix_post_days_day", "post_days", ["day"])
