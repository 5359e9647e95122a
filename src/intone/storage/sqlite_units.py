"""Units of work on SQLite, and how many of them share a commit.

A batch runs plainly first: a savepoint for each unit would take a quarter of its time.
Where a unit fails, the batch is rolled back and run again, each unit in a savepoint of its
own, so that it fails alone.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from intone.errors import UnavailableError
from intone.storage.database import LostRaceError
from intone.storage.sqlite_driver import explained, sqlite

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from intone.storage.database import Row, Transaction, Value

__all__ = ["WARY_BATCHES", "SqliteTransaction", "Unit", "Writer", "answer", "read"]

#: How many batches run with savepoints at once after one in which a unit failed: failures come in
#: swarms, and what is run twice costs twice.
WARY_BATCHES = 32


class SqliteTransaction:
    """A `Transaction` on one SQLite connection."""

    __slots__ = ("again", "callbacks", "connection", "cursor")

    dialect = "sqlite"

    def __init__(self, connection: Any, *, again: bool = False) -> None:
        self.connection = connection
        #: For all statements, as a cursor for each costs as much as a small statement. It ends the
        #: last one when it takes the next or is closed: a RETURNING left unfinished would keep the
        #: transaction from being committed.
        self.cursor = connection.cursor()
        self.again = again
        self.callbacks: list[Callable[[], None]] = []

    def execute(self, sql: str, /, **parameters: Value) -> int:
        """See `Transaction.execute`."""
        changed: int = self.cursor.execute(sql, parameters).rowcount
        return changed

    def one(self, sql: str, /, **parameters: Value) -> Row | None:
        """See `Transaction.one`."""
        row = self.cursor.execute(sql, parameters).fetchone()
        if row is None:
            return None
        return dict(zip([column[0] for column in self.cursor.description], row, strict=True))

    def all(self, sql: str, /, **parameters: Value) -> list[Row]:
        """See `Transaction.all`."""
        rows = self.cursor.execute(sql, parameters).fetchall()
        names = [column[0] for column in self.cursor.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def after_commit(self, callback: Callable[[], None]) -> None:
        """See `Transaction.after_commit`."""
        self.callbacks.append(callback)


class Unit:
    """One queued unit of work and what became of it."""

    __slots__ = ("callbacks", "error", "function", "future", "result", "waits_for_disk")

    def __init__(self, function: Callable[[Transaction], Any], future: asyncio.Future[Any]) -> None:
        self.function = function
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.callbacks: list[Callable[[], None]] = []
        #: Whether it has to be on disk before its caller hears of it.
        self.waits_for_disk = True

    def run(self, connection: Any) -> bool:
        """Run the function; False where it failed or SQLite ended the whole transaction."""
        again = isinstance(self.error, LostRaceError)
        self.error, transaction = None, SqliteTransaction(connection, again=again)
        try:
            self.result = self.function(transaction)
            self.callbacks = transaction.callbacks
        except BaseException as error:  # noqa: BLE001 - it is the caller's; the thread lives on
            self.fail(error)
        finally:
            transaction.cursor.close()
        if connection.in_transaction:
            return self.error is None
        if self.error is None:  # the function looked away
            self.fail(UnavailableError("The database dropped this work; try again."))
        return False

    def run_in_savepoint(self, connection: Any) -> bool:
        """Run the function and undo it if it fails; False where SQLite ended the transaction."""
        for _ in range(LostRaceError.MAX_RUNS):
            connection.execute("SAVEPOINT unit")
            succeeded = self.run(connection)
            if not connection.in_transaction:
                return False
            if not succeeded:
                connection.execute("ROLLBACK TO unit")
            connection.execute("RELEASE unit")
            if not isinstance(self.error, LostRaceError):
                break
        return True

    def fail(self, error: BaseException) -> None:
        """Nothing of it is done, and this is why."""
        self.error, self.callbacks = explained(error), []

    def answer(self) -> None:
        """Tell the caller; on the event loop."""
        for callback in self.callbacks:
            try:
                callback()
            except Exception as error:  # noqa: BLE001 - the work is done, the caller must hear of it
                self.future.get_loop().call_exception_handler(
                    {"message": "after_commit callback failed", "exception": error}
                )
        if self.future.done():  # the caller went away
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Writer:
    """Runs batches of units on one connection, each with one commit.

    Args:
        connection: Nobody else's.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        #: How many of the next batches run with savepoints.
        self._wary = 0
        #: Whether a commit waits for the disk, as the connection is set now.
        self._syncs = True

    def run(self, units: list[Unit]) -> None:
        """Run the units and commit them; each knows its result or error afterwards."""
        self._sync(any(unit.waits_for_disk for unit in units))
        if self._wary or len(units) == 1:
            self._wary = max(0, self._wary - 1)
            _commit(self._connection, units)
        elif not _commit_plainly(self._connection, units):
            self._wary = WARY_BATCHES
            _commit(self._connection, units)

    def _sync(self, wanted: bool) -> None:
        """Have the next commit wait for the disk, or not; one that waits takes all before it along.

        In WAL mode NORMAL leaves the log unsynced, and the log is intact up to where it was synced.
        """
        if wanted != self._syncs:
            self._connection.execute(f"PRAGMA synchronous={'FULL' if wanted else 'NORMAL'}")
            self._syncs = wanted


def read(connection: Any, unit: Unit) -> None:
    """Run a unit that only reads, on a single snapshot."""
    with _failing_together(connection, [unit]):
        unit.run_in_savepoint(connection)  # outside a transaction a savepoint is one


def answer(units: list[Unit]) -> None:
    """Wake the callers, all of them with one call to the event loop."""

    def answer_all() -> None:
        for unit in units:
            unit.answer()

    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        units[0].future.get_loop().call_soon_threadsafe(answer_all)


def _commit_plainly(connection: Any, units: list[Unit]) -> bool:
    """Run the units and commit them; False, and nothing is done, where one of them fails."""
    with _failing_together(connection, units):
        connection.execute("BEGIN IMMEDIATE")
        if not all(unit.run(connection) for unit in units):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return False
        connection.execute("COMMIT")
    return True


def _commit(connection: Any, units: list[Unit]) -> None:
    """Run each unit in a savepoint and commit them together; a unit that fails fails alone."""
    lost = False
    with _failing_together(connection, units):
        connection.execute("BEGIN IMMEDIATE")
        lost = not all(unit.run_in_savepoint(connection) for unit in units)
        if not lost:
            connection.execute("COMMIT")
    if lost and len(units) > 1:
        # One unit met a full or failing disk and SQLite rolled back the work of all. Alone, each
        # finds out for itself.
        for unit in units:
            _commit(connection, [unit])


@contextmanager
def _failing_together(connection: Any, units: list[Unit]) -> Iterator[None]:
    """Where the database itself fails, nothing of the transaction stays and all units fail."""
    try:
        yield
    except sqlite.Error as error:
        if connection.in_transaction:
            with suppress(sqlite.Error):  # SQLite may have rolled back by itself
                connection.execute("ROLLBACK")
        for unit in units:
            if unit.error is None:
                unit.fail(error)
