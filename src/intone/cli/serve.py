"""`intone serve` and `intone worker`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intone.cli.common import DataDir, serves, settings

if TYPE_CHECKING:
    from intone.runtime import Runtime

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url", help="postgresql://… instead of a file. [env: INTONE_DATABASE_URL]"
    ),
]
Concurrency = Annotated[
    int | None, typer.Option("--concurrency", help="Jobs rendered at once.", min=1)
]


@serves
async def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="[env: INTONE_HOST; default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="[env: INTONE_PORT; default: 8420]"),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    worker: Annotated[
        bool | None,
        typer.Option("--worker/--no-worker", help="Whether this process renders as well."),
    ] = None,
    concurrency: Concurrency = None,
    plans_file: Annotated[
        Path | None, typer.Option("--plans-file", help="A plans.toml of your own.")
    ] = None,
) -> None:
    """Start the server.

    On an empty data folder it makes the workspace `default` and prints its first key, once.
    Every option is also a variable `INTONE_…` and a line of `intone.toml` in the data folder.
    """
    from intone.logs import set_up_logging
    from intone.runtime import open_runtime
    from intone.server import run_server

    chosen = settings(
        host=host,
        port=port,
        data_dir=data_dir,
        database_url=database_url,
        worker=worker,
        worker_concurrency=concurrency,
        plans_file=plans_file,
    )
    set_up_logging(chosen.log_level, chosen.log_format)
    async with open_runtime(chosen) as runtime:
        _show_first_key(runtime)
        await run_server(runtime)


@serves
async def worker(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    concurrency: Concurrency = None,
) -> None:
    """Render jobs that a server beside it, or on another machine, has accepted."""
    from intone.logs import set_up_logging
    from intone.runtime import open_runtime

    chosen = settings(data_dir=data_dir, database_url=database_url, worker_concurrency=concurrency)
    set_up_logging(chosen.log_level, chosen.log_format)
    async with open_runtime(chosen) as runtime:
        _show_first_key(runtime)
        work = asyncio.create_task(runtime.work())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, work.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await work


def _show_first_key(runtime: Runtime) -> None:
    # A preset key is the operator's own; printing it would only put it into a log.
    if runtime.first_key is not None and runtime.settings.bootstrap_key is None:
        print(f"First key, shown this once: {runtime.first_key}", flush=True)
