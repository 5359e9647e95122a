"""`intone backup`: a copy of everything, taken beside a running server."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intone.cli.common import DataDir, Json, print_json, runs, settings
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.progress import Progress


@runs
async def backup(
    target: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Copy the database and all audio into a new folder, checked, while the server runs.

    To restore, start a server with the copy as its --data-dir.
    """
    from rich.progress import Progress

    from intone.storage.sqlite import SqliteDatabase

    chosen = settings(data_dir=data_dir)
    if chosen.database_url is not None:
        raise InvalidInputError(
            "The database is PostgreSQL: back it up with pg_dump, and copy the blobs folder."
        )
    if not (chosen.data_dir / "intone.db").exists():
        raise InvalidInputError(f"There is no Intone data in {chosen.data_dir}.")
    if target.exists():
        raise InvalidInputError(f"{target} exists already; name a new folder.")
    target.mkdir(parents=True, mode=0o700)
    with Progress(transient=True, disable=not sys.stderr.isatty()) as progress:
        # The database first: every recording it names is then still in the blobs.
        bar = progress.add_task("Database", total=1.0)
        database = SqliteDatabase(chosen.data_dir / "intone.db")
        await database.start()
        try:
            await database.backup(
                target / "intone.db", lambda done: progress.update(bar, completed=done)
            )
        finally:
            await database.close()
        blobs = await asyncio.to_thread(_copy_blobs, chosen.data_dir, target, progress)
    result = {"target": str(target), "blobs": blobs, "bytes": _size(target)}
    if as_json:
        print_json(result)
    else:
        print(f"{target}: the database and {blobs:,} recordings, {result['bytes']:,} bytes.")


def _copy_blobs(source: Path, target: Path, progress: Progress) -> int:
    root = source / "blobs"
    files = [path for path in root.rglob("*") if path.is_file()] if root.is_dir() else []
    bar = progress.add_task("Recordings", total=len(files))
    copied = 0
    for path in files:
        copy = target / "blobs" / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(path, copy)
            copied += 1
        except FileNotFoundError:
            pass  # it expired while we copied
        progress.advance(bar)
    settings_file = source / "intone.toml"
    if settings_file.exists():
        shutil.copy2(settings_file, target / "intone.toml")
    return copied


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
