"""What is particular to PgQueuer: its tables, its log, its notifications."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from pgqueuer.queries import Queries

from intone.queue import postgres
from intone.queue.postgres import PostgresQueue
from intone.storage.postgres import PostgresDatabase

pytestmark = pytest.mark.requires("postgres")


@pytest.fixture
async def database(own_postgres_database_url):
    """A database in which no queue was ever started."""
    database = PostgresDatabase(own_postgres_database_url)
    await database.start()
    yield database
    await database.close()


@pytest.fixture
async def queue(database):
    queue = PostgresQueue(database)
    await queue.start()
    yield queue
    await queue.close()


@pytest.fixture
async def connection(own_postgres_database_url):
    async with await psycopg.AsyncConnection.connect(
        own_postgres_database_url, autocommit=True
    ) as connection:
        yield connection


async def claim_one(queue):
    (claim,) = await queue.claim(["render"], limit=1, lease_ms=60_000)
    return claim


async def test_several_processes_may_start_on_an_empty_database(database):
    queues = [PostgresQueue(database) for _ in range(4)]
    await asyncio.gather(*(queue.start() for queue in queues))
    await database.write(queues[0].enqueue, "render", "job")
    assert (await claim_one(queues[3])).subject == "job"
    for queue in queues:
        await queue.close()
        await queue.close()


async def test_pgqueuers_log_and_statistics_tell_what_happened(database, queue, connection):
    for subject in ("done", "buried", "cancelled"):
        await database.write(queue.enqueue, "render", subject)
    done = await claim_one(queue)
    await database.write(queue.retry, done, delay_ms=0)
    await database.write(queue.complete, await claim_one(queue))
    await database.write(queue.bury, await claim_one(queue), "out of voice")
    await database.write(queue.cancel, "render", "cancelled")

    pgqueuer = Queries.from_psycopg_connection(connection)
    history = [entry.status for entry in await pgqueuer.job_log_history(done.entry_id)]
    assert history == ["queued", "picked", "queued", "picked", "successful"]
    reasons = await connection.execute(
        "SELECT traceback ->> 'exception_message' FROM pgqueuer_log WHERE status = 'exception'"
    )
    assert await reasons.fetchall() == [("out of voice",)]
    assert await pgqueuer.queue_size() == []

    await queue.prune(older_than_ms=0)
    assert await pgqueuer.queue_log() == []


async def test_pruning_keeps_the_statistics_of_recent_work(database, queue, connection):
    await database.write(queue.enqueue, "render", "done")
    await database.write(queue.complete, await claim_one(queue))
    await queue.prune(older_than_ms=3_600_000)
    pgqueuer = Queries.from_psycopg_connection(connection)
    assert await pgqueuer.unaggregated_log_count() == 0
    summary = {row.status: row.total_count for row in await pgqueuer.throughput_summary()}
    assert summary == {"queued": 1, "picked": 1, "successful": 1}


async def test_a_worker_counts_as_one_in_pgqueuers_dashboard(database, queue, connection):
    for subject in ("a", "b"):
        await database.write(queue.enqueue, "render", subject)
        await claim_one(queue)
    (worker,) = await Queries.from_psycopg_connection(connection).active_workers()
    assert worker.active_jobs == 2


async def test_listening_goes_on_after_the_connection_was_lost(database, queue, connection):
    listeners = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"

    async def listener():
        return await (await connection.execute(listeners)).fetchone()

    first = await listener()
    await connection.execute("SELECT pg_terminate_backend(%s)", first)
    while await listener() in (None, first):
        await asyncio.sleep(0.05)

    waiting = asyncio.create_task(queue.wait(["render"], 10))
    await asyncio.sleep(0.3)
    await database.write(queue.enqueue, "render", "job")
    assert await waiting


async def test_waiting_reads_from_an_index(database, queue, connection):
    """With 20,000 ready and 10,000 delayed entries, waiting looks at one row a kind."""
    await connection.execute(
        """
        INSERT INTO pgqueuer (priority, execute_after, status, entrypoint, dedupe_key, payload)
        SELECT n % 5, now() + n % 3 / 2 * interval '1 day', 'queued', 'kind' || n % 3, n, ''
        FROM generate_series(1, 30000) AS n
        """
    )
    await connection.execute("ANALYZE pgqueuer")
    cursor = psycopg.AsyncRawCursor(connection)
    await cursor.execute("EXPLAIN " + queue._spell(postgres._NEXT_DUE), (["kind0", "kind1"],))
    plan = "\n".join(row[0] for row in await cursor.fetchall())
    assert "pgqueuer_ep_ea_idx" in plan
    assert "Seq Scan" not in plan
