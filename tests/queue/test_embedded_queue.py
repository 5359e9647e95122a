"""What is particular to the embedded queue: how it reads its table, and that idling writes nothing."""

from __future__ import annotations

import asyncio
import json
import sqlite3

import pytest

from intone.queue import embedded
from intone.queue.open import open_queue
from intone.storage.database import now_ms
from intone.storage.sqlite import SqliteDatabase


@pytest.fixture
async def database(tmp_path):
    database = SqliteDatabase(tmp_path / "intone.db")
    await database.start()
    yield database
    await database.close()


def fill(tx, state, due_at, count):
    tx.execute(
        """
        WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count)
        INSERT INTO queue_entries (kind, subject, priority, state, due_at, attempt, created_at)
        SELECT 'kind' || (n % 3), :state || n, n % 5, :state, :due_at, 0, 0 FROM number
        """,
        state=state,
        due_at=due_at,
        count=count,
    )


async def test_no_statement_of_the_claim_walks_the_table(database):
    """Neither with 30,000 entries nor with the planner's statistics of them."""
    kinds = json.dumps(["kind0", "kind1"])
    cases = [
        (embedded._NEXT_DUE, {"kinds": kinds}),
        (embedded._PROMOTE, {"kinds": kinds, "now": 1}),
        (embedded._TAKE, {"kinds": kinds, "limit": 8, "token": "t", "lease_ends": 1}),
        (embedded._EXTEND, {"id": 1, "token": "t", "lease_ends": 1}),
        (embedded._COMPLETE, {"id": 1, "token": "t"}),
        (embedded._CANCEL, {"kind": "kind0", "subject": "ready1"}),
    ]
    await database.write(fill, "ready", 0, 20_000)
    await database.write(fill, "delayed", now_ms() + 3_600_000, 10_000)
    for statistics in (False, True):
        if statistics:
            await database.write(lambda tx: tx.execute("ANALYZE"))
        for statement, parameters in cases:
            plan = await database.read(
                lambda tx, sql, values: [
                    row["detail"] for row in tx.all(f"EXPLAIN QUERY PLAN {sql}", **values)
                ],
                statement,
                parameters,
            )
            assert any("queue_entries" in step for step in plan), plan
            walks = [step for step in plan if step.startswith(("SCAN queue_entries", "SCAN entry"))]
            assert not walks, plan


async def test_an_idle_queue_needs_no_write_lock(database, tmp_path):
    """With the lock in another's hands, looking for work is neither refused nor kept waiting."""
    queue = open_queue(database)
    await database.write(queue.enqueue, "render", "later", delay_ms=3_600_000)
    other = sqlite3.connect(tmp_path / "intone.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await queue.claim(["render", "deliver"], limit=8, lease_ms=1_000) == []
    assert not await queue.wait(["render"], 0.1)
    assert [depth.delayed for depth in await queue.depth()] == [1]
    other.close()


async def test_within_a_process_a_commit_wakes_without_polling(database, monkeypatch):
    monkeypatch.setattr(embedded, "_POLL_S", 3_600)
    queue = open_queue(database)
    for kind in ("render", "deliver"):  # a second time: the signal is as good as new
        waiting = asyncio.create_task(queue.wait([kind], 3_600))
        await asyncio.sleep(0.1)
        await database.write(queue.enqueue, kind, "job")
        async with asyncio.timeout(20):
            assert await waiting
