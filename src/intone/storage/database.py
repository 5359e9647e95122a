"""The database's port: plain functions over one small transaction object.

    job = await db.read(find_job, workspace_id, job_id)
    reply = await db.write(submit, queue, order)

The first argument of such a function is a `Transaction`. The same functions run on
SQLite and on PostgreSQL: statements are SQL both understand, with `:name`
parameters, written once as module constants and prepared once by the adapter.
Values are native to both: text, integers (times are milliseconds since the epoch,
booleans 0 or 1), floats, bytes and None.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, Protocol, TypeVar

from intone.errors import UnavailableError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

__all__ = ["Database", "LostRaceError", "Row", "Transaction", "Value", "now_ms"]

P = ParamSpec("P")
T = TypeVar("T")

Value = str | int | float | bytes | None
if TYPE_CHECKING:
    Row = Mapping[str, Any]
else:
    Row = dict


def now_ms() -> int:
    """Milliseconds since the epoch, the unit of every stored time."""
    return time.time_ns() // 1_000_000


class LostRaceError(UnavailableError):
    """Other work got in between; try again shortly.

    A function raises this to have its unit of work rolled back and run again on a fresh view of
    the data; callers see it only when that did not help in `MAX_RUNS` runs.
    """

    #: How often a unit of work is run at most.
    MAX_RUNS: ClassVar[int] = 5


class Transaction(Protocol):
    """One unit of work. It commits when the function it was given to returns."""

    #: `sqlite` or `postgresql`; only the storage and queue rooms may look at it.
    dialect: str
    #: The driver's connection, for adapters that need to share it.
    connection: Any
    #: Whether this unit has lost a race, was rolled back and runs anew.
    again: bool

    def execute(self, sql: str, /, **parameters: Value) -> int:
        """Run a statement and return the number of rows it changed."""

    def one(self, sql: str, /, **parameters: Value) -> Row | None:
        """Run a statement and return its first row, by column name, or None."""

    def all(self, sql: str, /, **parameters: Value) -> list[Row]:
        """Run a statement and return all of its rows."""

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the event loop once this unit of work is on disk."""


class Database(Protocol):
    """Where everything but audio is kept.

    A unit of work begins when it is asked for, and is waited for by awaiting what that returns.
    Who is cancelled meanwhile does not learn whether it was done.
    """

    #: `sqlite` or `postgresql`.
    dialect: str

    def write(
        self,
        function: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> asyncio.Future[T]:
        """Run `function(tx, …)` as one unit of work; once this is done, it is on disk.

        A function may run more than once (after a lost race, a lost connection or a neighbour's
        failure), so it must have no effects but through its transaction.

        Raises:
            StorageFullError: The disk is full; nothing was written.
            UnavailableError: The database cannot be reached or is too busy; nothing was written.
        """

    def reserve(
        self,
        function: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> asyncio.Future[T]:
        """Run `function(tx, …)` as `write` does, without waiting for the disk.

        All others see it at once, and it outlives this process. A machine that loses its power may
        forget it, with all that was reserved after it: for what is worth nothing by then.

        Raises:
            StorageFullError, UnavailableError: As `write`.
        """

    def read(
        self,
        function: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> asyncio.Future[T]:
        """Run `function(tx, …)` on a connection that sees one consistent, committed state."""

    async def start(self) -> None:
        """Open connections and bring the schema up to date."""

    async def close(self) -> None:
        """Finish what was accepted, then close; safe to call twice."""
