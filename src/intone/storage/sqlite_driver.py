"""The SQLite library: which one, how it is set up, and what its errors mean."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from intone.errors import StorageFullError, UnavailableError

try:  # Its wheel carries a newer library than most systems have.
    from pysqlite3 import dbapi2 as sqlite
except ImportError:
    import sqlite3 as sqlite

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_library", "connect", "explained", "library_version", "sqlite"]

#: How long another process (the CLI, a backup) may hold the write lock before we give up.
_BUSY_TIMEOUT_MS = 5_000
#: Statements each connection keeps prepared.
_CACHED_STATEMENTS = 512
_PRAGMAS = (
    "synchronous=FULL",
    "fullfsync=ON",  # macOS only: its plain fsync does not reach the disk
    "checkpoint_fullfsync=ON",
    "foreign_keys=ON",
    "cache_size=-8192",  # KiB, taken as it is needed
    # Pages in the log before it is written back (default 1000): with a large table every commit
    # touches pages all over it, and writing back rarely made 32-unit commits 1.3 to 2 times faster.
    "wal_autocheckpoint=4000",
    "journal_size_limit=67108864",
)

# Primary result codes, https://sqlite.org/rescode.html
#: SQLITE_FULL, and SQLITE_IOERR_SHMSIZE: no room for the WAL's index.
_FULL = (13, 10 | 19 << 8)
_OUTAGES = {
    5: "The database is busy with another process; try again shortly.",
    6: "The database is busy; try again shortly.",
    7: "The database ran out of memory.",
    8: "The database's file or folder cannot be written to.",
    10: "The database's disk reports errors; see the system's log.",
    11: "The database's file is damaged; restore a backup.",
    14: "The database's file cannot be opened.",
    26: "The database's file is not a SQLite database.",
}


def check_library(version: tuple[int, ...] = sqlite.sqlite_version_info) -> None:
    """Refuse a SQLite library that may corrupt the database.

    In WAL mode, versions up to 3.51.2 can lose committed pages when two connections write and
    checkpoint at the same instant ("WAL-reset bug", https://sqlite.org/wal.html#walresetbug).
    Fixed in 3.51.3, and in 3.50.7 and 3.44.6 for those who stay on these branches.

    Args:
        version: The library's version; default: that of the library in use.

    Raises:
        UnavailableError: The version has the bug; the sentence says what to install.
    """
    backported = (3, 44, 6) <= version < (3, 45) or (3, 50, 7) <= version < (3, 51)
    if version < (3, 51, 3) and not backported:
        name = ".".join(map(str, version))
        raise UnavailableError(
            f"SQLite {name} has a bug that can corrupt databases (sqlite.org/wal.html#walresetbug)."
            " Install a fixed one with `pip install 'pysqlite3>=0.6.1'`, or use a Python with"
            " SQLite 3.51.3 or newer."
        )


def library_version() -> str:
    """The version of the SQLite library in use, e.g. `3.53.4`."""
    return str(sqlite.sqlite_version)


def connect(path: Path) -> Any:
    """A connection in autocommit mode that any one thread at a time may use.

    Nothing else in this process may open the file through another copy of SQLite, such as
    Python's own `sqlite3`: the two would undo each other's locks
    (https://sqlite.org/howtocorrupt.html#posix_close_bug).

    Raises:
        sqlite.Error: The file cannot be opened, or is not a database.
    """
    connection = sqlite.connect(
        str(path),
        timeout=_BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,  # transactions are ours
        check_same_thread=False,
        cached_statements=_CACHED_STATEMENTS,
    )
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def explained(error: BaseException) -> BaseException:
    """The error in our own vocabulary where it is the disk's or the system's, else as it is."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    explained: BaseException
    if code in _FULL or getattr(error, "errno", None) == errno.ENOSPC:
        explained = StorageFullError()
    elif code & 0xFF in _OUTAGES:
        explained = UnavailableError(_OUTAGES[code & 0xFF])
    elif isinstance(error, StopIteration):  # which a future refuses to carry
        explained = RuntimeError("A unit of work raised StopIteration.")
    elif isinstance(error, OSError):
        explained = UnavailableError(f"The database's file cannot be opened: {error}")
    else:
        return error
    explained.__cause__ = error
    return explained
