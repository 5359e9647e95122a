"""Every table, once, for both databases.

Types are the common ground of SQLite and PostgreSQL: text, big integers (times are
milliseconds since the epoch), bytes. Ids are canonical uuid4 text beside a running
number, which keeps inserts local and gives integer ids to the dialects that want them.
"""

from __future__ import annotations

from intone.storage.tables import accounts, money, posts, voices, webhooks, work
from intone.storage.tables.base import metadata

__all__ = ["accounts", "metadata", "money", "posts", "voices", "webhooks", "work"]
