"""PostgreSQL: the same units of work, each on a pooled connection in a thread of its own."""

from __future__ import annotations

import asyncio
import functools
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg.adapt import Loader
from psycopg.errors import (
    DeadlockDetected,
    DiskFull,
    SerializationFailure,
    UniqueViolation,
)
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from intone.errors import StorageFullError, UnavailableError
from intone.storage.database import LostRaceError
from intone.storage.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable

    from intone.storage.database import Row, Transaction, Value

__all__ = ["PostgresDatabase", "to_psycopg"]

P = ParamSpec("P")
T = TypeVar("T")

#: Connections a process opens at most; PostgreSQL allows 100 by default, to all processes.
_MAX_CONNECTIONS = 16
#: Seconds to wait for a server that does not answer, at the start and when connections are lost.
_CONNECT_TIMEOUT_S = 5
#: How long a unit waits for a row that another one holds.
_LOCK_TIMEOUT = "SET lock_timeout = '5s'"
_WRITE = "BEGIN"
_RESERVE = "BEGIN; SET LOCAL synchronous_commit TO off"
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
#: Another unit got in between; on a fresh view this one may well succeed.
_LOST_RACES = (LostRaceError, SerializationFailure, DeadlockDetected, UniqueViolation)

#: Strings, quoted names, comments and casts are left alone; what remains of `:name` is ours.
_TOKENS = re.compile(
    r"""'(?:[^']|'')*' | "[^"]*" | --[^\n]* | /\*.*?\*/ | :: | % | :(?P<name>[A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)


@functools.lru_cache(maxsize=1024)
def to_psycopg(sql: str) -> str:
    """The statement with its `:name` parameters as `%(name)s` and every other `%` doubled."""

    def token(match: re.Match[str]) -> str:
        name = match["name"]
        return f"%({name})s" if name else match[0].replace("%", "%%")

    return _TOKENS.sub(token, sql)


class PostgresTransaction:
    """A `Transaction` on one PostgreSQL connection (psycopg, autocommit, `BEGIN` sent)."""

    __slots__ = ("again", "callbacks", "connection")

    dialect = "postgresql"

    def __init__(self, connection: Any, *, again: bool) -> None:
        self.connection = connection
        self.again = again
        self.callbacks: list[Callable[[], None]] = []

    def execute(self, sql: str, /, **parameters: Value) -> int:
        """See `Transaction.execute`."""
        return int(self.connection.execute(to_psycopg(sql), parameters).rowcount)

    def one(self, sql: str, /, **parameters: Value) -> Row | None:
        """See `Transaction.one`."""
        row: Row | None = self.connection.execute(to_psycopg(sql), parameters).fetchone()
        return row

    def all(self, sql: str, /, **parameters: Value) -> list[Row]:
        """See `Transaction.all`."""
        rows: list[Row] = self.connection.execute(to_psycopg(sql), parameters).fetchall()
        return rows

    def after_commit(self, callback: Callable[[], None]) -> None:
        """See `Transaction.after_commit`."""
        self.callbacks.append(callback)


class PostgresDatabase:
    """A `Database` on a PostgreSQL server, shared by any number of processes.

    Where the network breaks during a commit, nobody can know whether it was done; the caller is
    told `UnavailableError` and finds out by asking again with the same idempotency key.

    Args:
        url: `postgresql://user:password@host:port/name`, with any parameters of libpq.
    """

    dialect = "postgresql"

    def __init__(self, url: str) -> None:
        self.url = url
        self._connect_options: dict[str, Any] = {
            "autocommit": True,  # transactions are ours, and PgQueuer insists on it
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "tcp_user_timeout": _CONNECT_TIMEOUT_S * 1000,  # ms: a server that vanished is noticed
            "fallback_application_name": "intone",
        }
        self._pool: ConnectionPool[Any] = ConnectionPool(
            url,
            min_size=1,
            max_size=_MAX_CONNECTIONS,
            timeout=_CONNECT_TIMEOUT_S,
            kwargs=self._connect_options | {"row_factory": dict_row},
            configure=_configure,
            open=False,
        )
        self._threads: ThreadPoolExecutor | None = None

    async def start(self) -> None:
        """Connect and bring the schema up to date; call once.

        Raises:
            UnavailableError: The server cannot be reached or refuses us, or its schema is newer
                than this Intone.
            StorageFullError: The server's disk is full.
        """
        await asyncio.to_thread(self._open)
        self._threads = ThreadPoolExecutor(_MAX_CONNECTIONS, thread_name_prefix="intone-postgres")

    async def close(self) -> None:
        """Finish what was accepted, then close; safe to call twice."""
        threads, self._threads = self._threads, None
        if threads is not None:
            await asyncio.to_thread(threads.shutdown)
            await asyncio.to_thread(self._pool.close)

    def write(
        self,
        function: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> asyncio.Future[T]:
        """See `Database.write`."""
        return self._submit(_WRITE, lambda tx: function(tx, *args, **kwargs))

    def reserve(
        self,
        function: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> asyncio.Future[T]:
        """See `Database.reserve`."""
        return self._submit(_RESERVE, lambda tx: function(tx, *args, **kwargs))

    def read(
        self,
        function: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> asyncio.Future[T]:
        """See `Database.read`."""
        return self._submit(_READ, lambda tx: function(tx, *args, **kwargs))

    def _open(self) -> None:
        try:
            with psycopg.connect(self.url, **self._connect_options) as connection:
                migrate(connection, "postgresql")
            self._pool.open(wait=True, timeout=_CONNECT_TIMEOUT_S)
        except DiskFull as error:
            raise StorageFullError from error
        except psycopg.OperationalError as error:
            reason = str(error).strip()
            raise UnavailableError(f"PostgreSQL cannot be used: {reason}") from error

    def _submit(self, begin: str, function: Callable[[Transaction], T]) -> asyncio.Future[T]:
        if self._threads is None:
            raise UnavailableError("The database is not open.")
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._threads, self._run, loop, begin, function)

    def _run(
        self, loop: asyncio.AbstractEventLoop, begin: str, function: Callable[[Transaction], T]
    ) -> T:
        """One unit of work, run again where it lost a race or its connection before the commit."""
        runs = LostRaceError.MAX_RUNS
        for runs_left in reversed(range(runs)):
            again = runs_left < runs - 1
            try:
                result, callbacks = self._attempt(begin, function, again=again)
            except (*_LOST_RACES, _StaleConnectionError) as error:
                if not runs_left:
                    raise _explained(error) from error
                # Rivals that lost together should not meet again.
                time.sleep(random.uniform(0, 0.05 / (runs_left + 1)))  # noqa: S311 - not a secret
            except (psycopg.Error, StopIteration) as error:
                raise _explained(error) from error
            else:
                for callback in callbacks:
                    loop.call_soon_threadsafe(callback)
                return result
        raise AssertionError  # not reached: the last run returns or raises

    def _attempt(
        self, begin: str, function: Callable[[Transaction], T], *, again: bool
    ) -> tuple[T, list[Callable[[], None]]]:
        with self._pool.connection() as connection:  # rolls back on error
            transaction = PostgresTransaction(connection, again=again)
            try:
                connection.execute(begin, prepare=False)
                result = function(transaction)
            except psycopg.OperationalError as error:
                if not connection.broken:
                    raise
                # The server was restarted, say. Nothing is committed, so another try is safe;
                # its other connections are probably gone as well.
                self._pool.check()
                raise _StaleConnectionError from error
            if connection.info.transaction_status is TransactionStatus.INERROR:
                # A commit would be answered with a silent rollback.
                raise RuntimeError("A unit of work went on after one of its statements failed.")
            connection.commit()
            return result, transaction.callbacks


class _StaleConnectionError(Exception):
    """The connection was lost before the commit was sent."""


class _NumberLoader(Loader):
    """Sums of big integers are `numeric` here; elsewhere they are plain numbers, so here too."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return float(text) if "." in text else int(text)


def _configure(connection: psycopg.Connection[Any]) -> None:
    connection.adapters.register_loader("numeric", _NumberLoader)
    connection.execute(_LOCK_TIMEOUT)


def _explained(error: BaseException) -> BaseException:
    """The error in our own vocabulary where it is the server's or the network's."""
    match error:
        case DiskFull():
            return StorageFullError()
        case SerializationFailure() | DeadlockDetected():
            return LostRaceError()
        case psycopg.OperationalError() | psycopg.InterfaceError() | _StaleConnectionError():
            return UnavailableError("The database cannot be reached or is too busy; try again.")
        case StopIteration():  # which a future refuses to carry
            return RuntimeError("A unit of work raised StopIteration.")
    return error
