"""SQLite: one writer thread with group commit, and a few readers beside it.

Units of work queue up while the disk is busy with the last commit; the writer then
runs all of them and commits them with a single fsync. So every answer is durable
(`synchronous=FULL`), and the more callers there are, the more share the price of the
disk. Nothing ever waits for a batch to fill.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from intone.errors import InvalidInputError, UnavailableError
from intone.storage.files import sync_folder
from intone.storage.migrate import migrate
from intone.storage.sqlite_driver import (
    check_library,
    connect,
    explained,
    library_version,
    sqlite,
)
from intone.storage.sqlite_units import Unit, Writer, answer, read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from intone.storage.database import Transaction

__all__ = ["SqliteDatabase", "library_version"]

P = ParamSpec("P")
T = TypeVar("T")

#: How many units of work, or a few more, share one commit at most, so that the first of them is
#: not kept waiting.
_MAX_BATCH = 256
_READERS = 4
_BACKUP_PAGES = 1_024

_Units = queue.SimpleQueue[list[Unit] | None]


class SqliteDatabase:
    """A `Database` in one file, for one machine; other processes may use it at the same time.

    Args:
        path: The database's file; it and its folder are made where they are missing.
    """

    dialect = "sqlite"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._writes: _Units = queue.SimpleQueue()
        self._reads: _Units = queue.SimpleQueue()
        #: Writes that came in this turn of the event loop.
        self._gathered: list[Unit] = []
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Open the file and bring its schema up to date; call once, on the loop that will use it.

        Raises:
            UnavailableError: The library is unsafe, the file cannot be opened or is damaged, or
                its schema is newer than this Intone.
            StorageFullError: The disk is full.
        """
        check_library()
        try:
            connections = await asyncio.to_thread(self._open)
        except (sqlite.Error, OSError) as error:
            raise explained(error) from error
        self._loop = asyncio.get_running_loop()
        writer, *readers = connections
        tasks = [partial(self._write_forever, writer)]
        tasks += [partial(self._read_forever, reader) for reader in readers]
        for task in tasks:
            # Daemons, so that a process that dies without close() is not held back by them.
            thread = threading.Thread(target=task, name="intone-sqlite", daemon=True)
            thread.start()
            self._threads.append(thread)

    async def close(self) -> None:
        """Finish what was accepted, then close; safe to call twice."""
        self._loop = None
        threads, self._threads = self._threads, []
        if threads:
            self._hand_over()
            self._writes.put(None)
            for _ in threads[1:]:
                self._reads.put(None)
        for thread in threads:
            await asyncio.to_thread(thread.join)

    def write(
        self,
        function: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> asyncio.Future[T]:
        """See `Database.write`."""
        return self._gather(self._unit(partial(_call, function, args, kwargs)))

    def reserve(
        self,
        function: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> asyncio.Future[T]:
        """See `Database.reserve`."""
        unit = self._unit(partial(_call, function, args, kwargs))
        unit.waits_for_disk = False
        return self._gather(unit)

    def _gather(self, unit: Unit) -> asyncio.Future[Any]:
        """Have a unit run with all those that come in the same turn of the event loop."""
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._gathered.append(unit)
        return unit.future

    def read(
        self,
        function: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> asyncio.Future[T]:
        """See `Database.read`."""
        unit = self._unit(partial(_call, function, args, kwargs))
        self._reads.put([unit])
        return unit.future

    async def backup(
        self, target: str | Path, progress: Callable[[float], None] | None = None
    ) -> None:
        """Copy the database as it is now, while it is in use, and check the copy.

        Args:
            target: The file to make; it appears when it is whole, checked and on disk.
            progress: Called on the event loop with the share that is copied, 0 to 1.

        Raises:
            InvalidInputError: The file exists already.
            StorageFullError: The target's disk is full.
            UnavailableError: The database cannot be read, or the copy is not sound.
        """
        target = Path(target)
        if target.exists():
            raise InvalidInputError(f"{target} exists already; a backup replaces nothing.")
        loop = asyncio.get_running_loop()

        def report(_status: int, remaining: int, total: int) -> None:
            if progress is not None:
                loop.call_soon_threadsafe(progress, 1 - remaining / total)

        try:
            await asyncio.to_thread(self._backup, target, report)
        except (sqlite.Error, OSError) as error:
            raise explained(error) from error

    def _unit(self, function: Callable[[Transaction], Any]) -> Unit:
        if self._loop is None:
            raise UnavailableError("The database is not open.")
        return Unit(function, self._loop.create_future())

    def _hand_over(self) -> None:
        """Wake the writer once for all of a turn; each time costs two changes of the thread."""
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            self._writes.put(gathered)

    def _open(self) -> list[Any]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        writer = connect(self.path)
        mode = writer.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise UnavailableError(
                f"{self.path} lies on a file system without shared memory (a network folder?);"
                " use a local disk, or PostgreSQL."
            )
        with closing(connect(self.path)) as connection:
            migrate(connection, "sqlite")
        readers = [connect(self.path) for _ in range(_READERS)]
        for reader in readers:
            reader.execute("PRAGMA query_only=ON")
        return [writer, *readers]

    def _write_forever(self, connection: Any) -> None:
        writer = Writer(connection)
        while units := _take(self._writes, _MAX_BATCH):
            writer.run(units)
            answer(units)
        with suppress(sqlite.Error):  # statistics for the query planner, not worth a failure
            connection.execute("PRAGMA optimize")
        connection.close()

    def _read_forever(self, connection: Any) -> None:
        while units := _take(self._reads, 1):
            read(connection, units[0])
            answer(units)
        connection.close()

    def _backup(self, target: Path, report: Callable[[int, int, int], None]) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"{target.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        try:
            with closing(connect(self.path)) as source, closing(sqlite.connect(unfinished)) as copy:
                # One snapshot from first to last page; else every write would begin it anew.
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM sqlite_master").fetchone()
                source.backup(copy, pages=_BACKUP_PAGES, progress=report, sleep=0)
                copy.execute("PRAGMA journal_mode=DELETE")
                verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
            if verdict != "ok":
                raise UnavailableError(f"The backup is not sound, so it was not kept: {verdict}")
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
        sync_folder(target.parent)


def _call(
    function: Callable[..., T],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    transaction: Transaction,
) -> T:
    return function(transaction, *args, **kwargs)


def _take(units: _Units, limit: int) -> list[Unit]:
    """Wait for work and take what is there, until it is `limit`; nothing when the queue ended."""
    taken = units.get() or []
    while taken and len(taken) < limit:
        try:
            more = units.get_nowait()
        except queue.Empty:
            break
        if more is None:
            units.put(None)  # the end, to be met again after these
            break
        taken += more
    return taken
