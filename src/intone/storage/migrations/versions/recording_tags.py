"""Recordings are told apart by where they lie, and no longer by a digest of their bytes.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Drop the column that nobody reads."""
    op.drop_column("recordings", "sha256")
