"""What the commands share: options, running, printing, exit codes.

Exit codes: 0 done, 1 failed, 2 used wrongly, 3 not found, 4 not available right now,
130 interrupted.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, TypeVar

import typer

from intone.errors import IntoneError, InvalidInputError, NotFoundError, UnavailableError
from intone.machine import keep_freed_memory

if TYPE_CHECKING:
    from intone.config import Settings
    from intone.storage.database import Database, Transaction

__all__ = [
    "DataDir",
    "Json",
    "Language",
    "Workspace",
    "dollars",
    "in_database",
    "micro_dollars",
    "moment",
    "print_json",
    "print_table",
    "runs",
    "serves",
    "settings",
]

P = ParamSpec("P")
T = TypeVar("T")

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Where everything is kept. [env: INTONE_DATA_DIR; default: intone-data]"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Language = Annotated[str, typer.Option("--language", "-l", help="BCP 47 tag, e.g. en-GB.")]
Workspace = Annotated[str, typer.Option("--workspace", "-w", help="Name or id of the workspace.")]

_MICROS_A_DOLLAR = 1_000_000
#: What the database can hold.
_MOST_MICROS = 2**63 - 1
_EXIT_CODES: Mapping[type[IntoneError], int] = {
    InvalidInputError: 2,
    NotFoundError: 3,
    UnavailableError: 4,
}


def runs(command: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Make a coroutine function a command; errors become sentences and exit codes."""
    return _command(command, asyncio.new_event_loop)


def serves(command: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """As `runs`, on the fast event loop where there is one: for what stays and serves."""

    def fast_loop() -> asyncio.AbstractEventLoop:
        keep_freed_memory()
        try:
            import uvloop
        except ImportError:
            return asyncio.new_event_loop()
        return uvloop.new_event_loop()

    return _command(command, fast_loop)


def _command(
    command: Callable[P, Coroutine[Any, Any, None]],
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> Callable[P, None]:
    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(command(*args, **kwargs))
        except IntoneError as error:
            print(f"intone: {error.message}", file=sys.stderr)
            code = next((c for kind, c in _EXIT_CODES.items() if isinstance(error, kind)), 1)
            raise SystemExit(code) from None
        except KeyboardInterrupt:
            raise SystemExit(130) from None
        except BrokenPipeError:
            raise SystemExit(0) from None
        except OSError as error:
            print(f"intone: {error}", file=sys.stderr)
            raise SystemExit(1) from None

    return run


def settings(**flags: Any) -> Settings:
    """The settings with these flags; None is a flag that was not given."""
    from intone.config import load_settings

    return load_settings(flags)


async def in_database(
    chosen: Settings,
    function: Callable[Concatenate[Transaction, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run one unit of work on the database, beside a running server if there is one."""

    async def write(database: Database) -> T:
        return await database.write(function, *args, **kwargs)

    return await with_database(chosen, write)


async def with_database(chosen: Settings, use: Callable[[Database], Awaitable[T]]) -> T:
    """Open the database, use it, close it."""
    from intone.storage.open import open_database

    chosen.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = open_database(chosen.database)
    await database.start()
    try:
        return await use(database)
    finally:
        await database.close()


def print_json(value: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console().print(table)


def micro_dollars(amount: str) -> int:
    """An amount of dollars that somebody typed, such as 12.50, in millionths.

    Raises:
        InvalidInputError: It is none, or not a whole number of millionths.
    """
    from decimal import Decimal

    try:
        micros = Decimal(amount) * _MICROS_A_DOLLAR
    except ArithmeticError:
        raise InvalidInputError(f"{amount!r} is not an amount of dollars.") from None
    if not micros.is_finite() or abs(micros) > _MOST_MICROS or micros != int(micros):
        raise InvalidInputError("Money is counted in millionths of a dollar.")
    return int(micros)


def dollars(micros: int) -> str:
    """Millionths of a dollar for people, to the cent."""
    return f"${micros / _MICROS_A_DOLLAR:,.2f}"


def moment(at_ms: int | None) -> str | None:
    """A stored time as RFC 3339 in UTC, to the second."""
    from datetime import UTC, datetime

    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
