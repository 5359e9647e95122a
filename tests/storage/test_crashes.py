"""What is acknowledged is there, whoever dies and whoever else writes."""

import asyncio
import sys
from pathlib import Path

from helpers import storage_child
from intone.storage.open import open_database
from intone.storage.sqlite_driver import sqlite

CALLERS = 8


async def start_child(url, prefix, count):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        storage_child.__file__,
        url,
        prefix,
        str(count),
        str(CALLERS),
        stdout=asyncio.subprocess.PIPE,
    )


def pairs(tx):
    workspaces = {row["name"] for row in tx.all("SELECT name FROM workspaces")}
    grants = {row["id"] for row in tx.all("SELECT id FROM grants")}
    return workspaces, grants


async def test_what_was_acknowledged_survives_kill_9_and_nothing_is_half_there(database_url):
    acknowledged = set()
    for round_number in range(3):
        child = await start_child(database_url, f"round{round_number}", 0)
        for _ in range(100):
            acknowledged.add((await child.stdout.readline()).decode().strip())
        child.kill()
        rest = (await child.stdout.read()).decode()
        await child.wait()
        # The last line may have been cut off by the kill.
        acknowledged.update(rest[: rest.rfind("\n") + 1].split())

    database = open_database(database_url)
    await database.start()
    workspaces, grants = await database.read(pairs)
    await database.close()

    assert len(acknowledged) >= 300
    assert acknowledged <= workspaces
    assert workspaces == grants
    # At most one unit a caller and round was on disk and not yet acknowledged.
    assert len(workspaces - acknowledged) <= 3 * CALLERS
    if database_url.startswith("sqlite:///"):
        connection = sqlite.connect(Path(database_url.removeprefix("sqlite:///")))
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


async def test_several_processes_write_to_one_database_that_none_of_them_had_made(database_url):
    children = [await start_child(database_url, f"child{number}", 100) for number in range(3)]
    outputs = await asyncio.gather(*(child.communicate() for child in children))
    assert [child.returncode for child in children] == [0, 0, 0]

    database = open_database(database_url)
    await database.start()
    workspaces, grants = await database.read(pairs)
    await database.close()

    expected = {f"child{child}-{number}" for child in range(3) for number in range(100)}
    assert workspaces == grants == expected
    assert {line for output, _ in outputs for line in output.decode().split()} == expected
