"""`intone doctor`: is everything here that Intone needs, and does it work?"""

from __future__ import annotations

import asyncio
import platform
import shutil
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from intone.cli.common import DataDir, Json, print_json, runs, settings
from intone.errors import IntoneError
from intone.machine import usable_cores

if TYPE_CHECKING:
    from intone.config import Settings

Check = Callable[["Settings"], Awaitable[str]]

#: Less free space than this, in bytes, is worth a warning.
_LITTLE_SPACE = 1 << 30


class _Problem(Exception):  # noqa: N818 - it is a finding
    """What a check found wrong, with what to do about it."""


@runs
async def doctor(
    data_dir: DataDir = None,
    database_url: Annotated[str | None, typer.Option("--database-url")] = None,
    as_json: Json = False,
) -> None:
    """Check this machine and the settings, and say what to do about each problem."""
    chosen = settings(data_dir=data_dir, database_url=database_url)
    checks: dict[str, Check] = {
        "python": _python,
        "settings": _settings,
        "data folder": _data_folder,
        "database": _database,
        "engine": _engine,
        "port": _port,
    }
    findings = []
    for name, check in checks.items():
        try:
            findings.append({"check": name, "ok": True, "says": await check(chosen)})
        except (_Problem, IntoneError, OSError) as problem:
            findings.append({"check": name, "ok": False, "says": str(problem)})
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            mark = "ok     " if finding["ok"] else "PROBLEM"
            print(f"{mark}  {finding['check']}: {finding['says']}")
    if not all(finding["ok"] for finding in findings):
        raise SystemExit(1)


async def _python(_: Settings) -> str:
    system = platform.platform(terse=True)
    return f"Python {platform.python_version()} on {system}, {usable_cores()} cores"


async def _settings(chosen: Settings) -> str:
    from intone.core.plans import load_plans

    return f"{len(load_plans(chosen.plans_file))} plans; listening on {chosen.host}:{chosen.port}"


async def _data_folder(chosen: Settings) -> str:
    folder = chosen.data_dir
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    probe = folder / ".doctor"
    probe.write_bytes(b"x")
    probe.unlink()
    free = shutil.disk_usage(folder).free
    if free < _LITTLE_SPACE:
        raise _Problem(f"{folder} has {free >> 20} MB left; free some space.")
    return f"{folder.absolute()} is writable, {free >> 30} GB free"


async def _database(chosen: Settings) -> str:
    from intone.core.workspaces import list_all
    from intone.storage.open import open_database

    database = open_database(chosen.database)
    await database.start()
    try:
        found = len(await database.read(list_all))
    finally:
        await database.close()
    version = ""
    if database.dialect == "sqlite":
        from intone.storage.sqlite import library_version

        version = f" {library_version()}"
    return f"{database.dialect}{version} answers; {found} workspace(s)"


async def _engine(_: Settings) -> str:
    from intone.core.routing import Router
    from intone.core.synthesis import Script, Synthesizer
    from intone.core.voices import VoiceCatalogue
    from intone.providers.registry import create_providers, running

    providers = create_providers(processes=1)
    voice = VoiceCatalogue(providers.values()).speaking("en")[0]
    started = time.perf_counter()
    script = Script("This is Intone, checking its voice.", voice, voice.languages[0])
    async with running(providers):
        spoken = [p async for p in Synthesizer(providers, Router()).speak(script)]
    seconds = sum(passage.hear().piece.samples for passage in spoken) / script.sample_rate
    if not seconds:
        raise _Problem("The engine is silent; reinstall the package espeakng-loader.")
    took = time.perf_counter() - started
    return f"{voice.name} spoke {seconds:.1f} s of audio, {took:.1f} s after being woken"


async def _port(chosen: Settings) -> str:
    def bind() -> None:
        with socket.socket(socket.AF_INET6 if ":" in chosen.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((chosen.host, chosen.port))

    try:
        await asyncio.to_thread(bind)
    except OSError:
        print("(If a server of yours is running, that is it.)", file=sys.stderr)
        raise _Problem(
            f"{chosen.host}:{chosen.port} is taken; stop what listens there or choose --port."
        ) from None
    return f"{chosen.host}:{chosen.port} is free"
