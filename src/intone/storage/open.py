"""From a database URL to the adapter that serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from intone.storage.database import Database

__all__ = ["open_database"]


def open_database(url: str) -> Database:
    """The database at a URL, not yet started.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path`, or
            `postgresql://user:password@host:port/name` with any parameters of libpq.

    Raises:
        InvalidInputError: The URL is of another kind.
    """
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        from intone.storage.sqlite import SqliteDatabase

        return SqliteDatabase(url.removeprefix("sqlite:///"))
    if url.startswith(("postgresql://", "postgres://")):
        from intone.storage.postgres import PostgresDatabase

        return PostgresDatabase(url)
    raise InvalidInputError(
        "A database URL is sqlite:///path/to/intone.db or postgresql://user@host/name."
    )
