"""Chooses the queue that goes with a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.queue.embedded import EmbeddedQueue

if TYPE_CHECKING:
    from intone.queue.base import Queue
    from intone.storage.database import Database

__all__ = ["open_queue"]


def open_queue(database: Database) -> Queue:
    """The queue in a database; call `start` before and `close` after its use."""
    if database.dialect == "sqlite":
        return EmbeddedQueue(database)
    # Half a second of imports that SQLite need not pay.
    from intone.queue.postgres import PostgresQueue
    from intone.storage.postgres import PostgresDatabase

    assert isinstance(database, PostgresDatabase)
    return PostgresQueue(database)
