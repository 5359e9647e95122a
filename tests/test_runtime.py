"""What a process makes when it opens: the default workspace and its first key, once."""

import asyncio
import contextlib
import threading

from intone import runtime
from intone.core import keys, workspaces
from intone.core.plans import load_plans


async def test_processes_that_start_at_once_make_one_workspace_and_one_key(database, monkeypatch):
    meeting, create = threading.Barrier(2), workspaces.create

    def create_together(*args):
        with contextlib.suppress(threading.BrokenBarrierError):  # SQLite lets one in at a time
            meeting.wait(1)
        return create(*args)

    monkeypatch.setattr(workspaces, "create", create_together)
    shown = await asyncio.gather(
        *(database.write(runtime._bootstrap, load_plans(), None) for _ in range(2))
    )
    assert sorted(key is None for key in shown) == [False, True]
    assert [w.name for w in await database.read(workspaces.list_all)] == ["default"]
    (key,) = await database.read(keys.list_keys)
    assert key.scopes == {"speak", "manage"}


async def test_a_preset_key_is_the_first_key(database):
    preset = keys.generate()
    assert await database.write(runtime._bootstrap, load_plans(), preset) == preset
    assert await database.write(runtime._bootstrap, load_plans(), keys.generate()) is None
    assert len(await database.read(keys.list_keys)) == 1
