"""The worker: as much at once as it may, leases renewed, what is lost or cancelled is stopped."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from intone.queue.base import Queue
from intone.queue.open import open_queue
from intone.worker.worker import Worker


@pytest.fixture
async def queue(database) -> AsyncIterator[Queue]:
    opened = open_queue(database)
    await opened.start()
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def working(queue, handler, *, concurrency=4, lease_ms=10_000):
    """A worker at work, stopped at the end."""
    worker = Worker(queue, {"t": handler}, concurrency=concurrency, lease_ms=lease_ms)
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def enqueue(database, queue, *subjects):
    def add(tx):
        for subject in subjects:
            queue.enqueue(tx, "t", subject)

    await database.write(add)


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def test_everything_is_done_once_and_no_more_at_once_than_allowed(database, queue):
    done, now, most = Counter(), 0, 0

    async def handle(claim):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        await database.write(queue.complete, claim)
        now -= 1
        done[claim.subject] += 1

    subjects = [str(number) for number in range(20)]
    async with working(queue, handle, concurrency=3):
        await enqueue(database, queue, *subjects)
        await until(lambda: len(done) == 20)
    assert done == Counter(subjects)
    assert most == 3
    assert sum(d.ready + d.running for d in await queue.depth()) == 0


async def test_work_outlives_its_lease_while_the_worker_beats(database, queue):
    started = Counter()

    async def handle(claim):
        started[claim.subject] += 1
        await asyncio.sleep(1.5)
        await database.write(queue.complete, claim)

    async with working(queue, handle, lease_ms=600), working(queue, handle, lease_ms=600):
        await enqueue(database, queue, "long")
        await until(lambda: started)
        await asyncio.sleep(1.7)
    assert started == {"long": 1}


async def test_work_that_is_taken_away_is_stopped_and_its_neighbours_are_not(database, queue):
    running, stopped = set(), set()

    async def handle(claim):
        running.add(claim.subject)
        try:
            await asyncio.sleep(60)
        finally:
            stopped.add(claim.subject)

    await enqueue(database, queue, "kept", "lost")
    async with working(queue, handle, lease_ms=600):
        await until(lambda: len(running) == 2)
        await database.write(queue.cancel, "t", "lost")
        await until(lambda: "lost" in stopped)
        assert stopped == {"lost"}


async def test_work_taken_up_during_a_heartbeat_goes_on(database, queue):
    stopped, running = set(), set()
    asked, answered = asyncio.Event(), asyncio.Event()

    async def handle(claim):
        running.add(claim.subject)
        try:
            await asyncio.sleep(60)
        finally:
            stopped.add(claim.subject)

    extend = queue.extend

    async def slow_extend(claims, *, lease_ms):
        held = await extend(claims, lease_ms=lease_ms)
        if not asked.is_set():
            asked.set()
            await answered.wait()
        return held

    queue.extend = slow_extend
    await enqueue(database, queue, "first")
    async with working(queue, handle, lease_ms=900):
        await asked.wait()
        await enqueue(database, queue, "second")
        await until(lambda: "second" in running)
        answered.set()
        await asyncio.sleep(0.1)
        assert stopped == set()


async def test_a_handler_that_fails_stops_nobody_else(database, queue):
    done = set()

    async def handle(claim):
        if claim.subject == "bad":
            raise RuntimeError
        await database.write(queue.complete, claim)
        done.add(claim.subject)

    async with working(queue, handle, concurrency=1) as task:
        await enqueue(database, queue, "bad", "good")
        await until(lambda: "good" in done)
        assert not task.done()


async def test_a_queue_that_fails_is_asked_again(database, queue):
    done, failures = set(), iter([RuntimeError(), OSError()])
    claim_ = queue.claim

    async def failing_claim(kinds, **limits):
        for failure in failures:
            raise failure
        return await claim_(kinds, **limits)

    async def handle(claim):
        await database.write(queue.complete, claim)
        done.add(claim.subject)

    queue.claim = failing_claim
    async with working(queue, handle):
        await enqueue(database, queue, "patient")
        await until(lambda: done)


async def test_a_worker_that_is_stopped_stops_its_work_and_waits_for_it(database, queue):
    running, given_back = set(), set()

    async def handle(claim):
        running.add(claim.subject)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await database.write(lambda tx: queue.retry(tx, claim, delay_ms=0))
            given_back.add(claim.subject)
            raise

    async with working(queue, handle):
        await enqueue(database, queue, "a", "b")
        await until(lambda: len(running) == 2)
    assert given_back == {"a", "b"}
    again = await queue.claim(["t"], limit=5, lease_ms=1000)
    assert {claim.subject for claim in again} == {"a", "b"}
