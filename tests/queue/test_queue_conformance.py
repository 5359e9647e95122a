"""What every queue adapter guarantees; each test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path

import pytest

from intone.errors import LeaseLostError
from intone.queue.base import QueueDepth
from intone.queue.open import open_queue

#: Long enough that no test sees it end.
LEASE_MS = 60_000
#: Over before anybody can look twice.
SHORT_LEASE_MS = 50
#: Seconds for which `wait` is asked to wait where work does come, and in which it must return.
WAIT_S, WOKEN_S = 60, 20


@pytest.fixture
async def queue(database):
    queue = open_queue(database)
    await queue.start()
    yield queue
    await queue.close()


class Child:
    """Another process on the same queue, see `queue_child.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def tell(self, **order) -> None:
        self.process.stdin.write(json.dumps(order).encode() + b"\n")

    async def answer(self):
        line = await self.process.stdout.readline()
        assert line, "the child process has ended"
        return json.loads(line)

    async def ask(self, **order):
        self.tell(**order)
        return await self.answer()


@asynccontextmanager
async def child_process(database_url):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("queue_child.py")),
        database_url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        child = Child(process)
        await child.answer()
        yield child
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def enqueue(database, queue, kind, *subjects, **options):
    for subject in subjects:
        await database.write(queue.enqueue, kind, subject, **options)


async def claim_one(queue, kind, *, lease_ms=LEASE_MS):
    (claim,) = await queue.claim([kind], limit=1, lease_ms=lease_ms)
    return claim


async def claim_when_due(queue, kind, *, lease_ms=LEASE_MS):
    """Claim as a worker does: again and again, sleeping in between."""
    while not (claims := await queue.claim([kind], limit=1, lease_ms=lease_ms)):
        await queue.wait([kind], 0.2)
    return claims[0]


async def woken(queue, *kinds):
    """Wait for work that does come: woken by it, and not by the end of the time."""
    async with asyncio.timeout(WOKEN_S):
        return await queue.wait(kinds, WAIT_S)


def mark(tx, name):
    """A row of somebody else's, to see which transactions came through."""
    tx.execute(
        "INSERT INTO workspaces (id, name, plan, created_at) VALUES (:name, :name, 'pro', 0)",
        name=name,
    )


def marked_then(tx, name, function, *args, **kwargs):
    mark(tx, name)
    return function(tx, *args, **kwargs)


async def marks(database):
    rows = await database.read(lambda tx: tx.all("SELECT name FROM workspaces ORDER BY name"))
    return [row["name"] for row in rows]


def subjects(claims):
    return [claim.subject for claim in claims]


async def test_an_entry_is_claimed_as_it_was_enqueued(database, queue):
    await enqueue(database, queue, "render", "job-ü")
    claim = await claim_one(queue, "render")
    assert (claim.kind, claim.subject, claim.attempt) == ("render", "job-ü", 1)
    assert await queue.claim(["render"], limit=1, lease_ms=LEASE_MS) == []


async def test_an_enqueue_that_is_rolled_back_leaves_nothing(database, queue):
    def fail(tx):
        mark(tx, "written")
        queue.enqueue(tx, "render", "job")
        raise RuntimeError("roll back")

    with pytest.raises(RuntimeError, match="roll back"):
        await database.write(fail)
    assert await queue.claim(["render"], limit=1, lease_ms=LEASE_MS) == []
    assert await queue.depth() == []
    assert await marks(database) == []
    assert not await queue.wait(["render"], 0.1)


async def test_claims_go_by_priority_and_then_in_order(database, queue):
    await enqueue(database, queue, "render", "low-1", "low-2")
    await enqueue(database, queue, "render", "high-1", "high-2", priority=5)
    await enqueue(database, queue, "render", "under", priority=-1)
    await enqueue(database, queue, "deliver", "middle", priority=3)
    kinds = ["render", "deliver"]
    first = await queue.claim(kinds, limit=3, lease_ms=LEASE_MS)
    assert subjects(first) == ["high-1", "high-2", "middle"]
    rest = await queue.claim(kinds, limit=9, lease_ms=LEASE_MS)
    assert subjects(rest) == ["low-1", "low-2", "under"]


async def test_a_claim_takes_at_most_its_limit(database, queue):
    await enqueue(database, queue, "render", *"abcde")
    assert subjects(await queue.claim(["render"], limit=2, lease_ms=LEASE_MS)) == ["a", "b"]
    assert subjects(await queue.claim(["render"], limit=5, lease_ms=LEASE_MS)) == ["c", "d", "e"]


async def test_a_claim_takes_only_the_kinds_it_asks_for(database, queue):
    await enqueue(database, queue, "render", "job")
    await enqueue(database, queue, "deliver", "job")
    assert await queue.claim(["sweep"], limit=9, lease_ms=LEASE_MS) == []
    (claim,) = await queue.claim(["deliver", "sweep"], limit=9, lease_ms=LEASE_MS)
    assert (claim.kind, claim.subject) == ("deliver", "job")


async def test_a_delay_is_honoured(database, queue):
    await enqueue(database, queue, "render", "never", delay_ms=3_600_000)
    await enqueue(database, queue, "render", "soon", delay_ms=400)
    assert await queue.claim(["render"], limit=9, lease_ms=LEASE_MS) == []
    assert await woken(queue, "render")
    assert (await claim_when_due(queue, "render")).subject == "soon"
    assert await queue.claim(["render"], limit=9, lease_ms=LEASE_MS) == []


async def test_a_due_entry_of_high_priority_overtakes_ready_ones(database, queue):
    await enqueue(database, queue, "render", "ready")
    await enqueue(database, queue, "render", "due", priority=9, delay_ms=50)
    await asyncio.sleep(0.1)
    assert subjects(await queue.claim(["render"], limit=9, lease_ms=LEASE_MS)) == ["due", "ready"]


@pytest.mark.parametrize("state", ["ready", "delayed", "running"])
async def test_a_second_live_entry_for_a_subject_is_ignored(database, queue, state):
    delay_ms = 3_600_000 if state == "delayed" else 0
    await enqueue(database, queue, "render", "job", delay_ms=delay_ms)
    if state == "running":
        await claim_one(queue, "render")
    await database.write(marked_then, "same transaction", queue.enqueue, "render", "job")
    assert [sum((d.ready, d.delayed, d.running)) for d in await queue.depth()] == [1]
    assert await marks(database) == ["same transaction"]


async def test_a_subject_may_come_again_after_its_end(database, queue):
    def end_and_enqueue(tx, claim):
        queue.complete(tx, claim)
        queue.enqueue(tx, "render", "job")

    await enqueue(database, queue, "render", "job")
    first = await claim_one(queue, "render")
    await database.write(end_and_enqueue, first)
    second = await claim_one(queue, "render")
    assert second.subject == "job"
    assert second.attempt == 1
    assert second.token != first.token


async def test_work_and_rows_end_in_one_transaction(database, queue):
    await enqueue(database, queue, "render", "job")
    claim = await claim_one(queue, "render")
    await database.write(marked_then, "recording", queue.complete, claim)
    assert await marks(database) == ["recording"]
    assert await queue.depth() == []


async def test_a_rolled_back_completion_leaves_the_entry_held(database, queue):
    def fail(tx, claim):
        queue.complete(tx, claim)
        raise RuntimeError("roll back")

    await enqueue(database, queue, "render", "job")
    claim = await claim_one(queue, "render")
    with pytest.raises(RuntimeError, match="roll back"):
        await database.write(fail, claim)
    assert await queue.extend([claim], lease_ms=LEASE_MS) == [claim]


async def test_an_expired_lease_passes_to_the_next_claimer(database, queue):
    await enqueue(database, queue, "render", "job")
    first = await claim_one(queue, "render", lease_ms=SHORT_LEASE_MS)
    second = await claim_when_due(queue, "render", lease_ms=SHORT_LEASE_MS)
    third = await claim_when_due(queue, "render", lease_ms=SHORT_LEASE_MS)
    assert [claim.attempt for claim in (first, second, third)] == [1, 2, 3]
    assert len({first.token, second.token, third.token}) == 3
    assert {first.entry_id} == {second.entry_id, third.entry_id}


@pytest.mark.parametrize("ending", ["complete", "retry", "bury"])
async def test_a_late_holder_changes_nothing(database, queue, ending):
    await enqueue(database, queue, "render", "job")
    late = await claim_one(queue, "render", lease_ms=SHORT_LEASE_MS)
    current = await claim_when_due(queue, "render", lease_ms=SHORT_LEASE_MS)
    arguments = {"complete": {}, "retry": {"delay_ms": 0}, "bury": {"reason": "late"}}
    with pytest.raises(LeaseLostError):
        await database.write(marked_then, "late", getattr(queue, ending), late, **arguments[ending])
    assert await marks(database) == []
    assert await queue.extend([late, current], lease_ms=LEASE_MS) == [current]
    assert [d.dead for d in await queue.depth()] == [0]
    await database.write(marked_then, "current", queue.complete, current)
    assert await marks(database) == ["current"]


async def test_an_expired_lease_that_nobody_took_may_still_end_its_work(database, queue):
    await enqueue(database, queue, "render", "job")
    claim = await claim_one(queue, "render", lease_ms=SHORT_LEASE_MS)
    await asyncio.sleep(2 * SHORT_LEASE_MS / 1000)
    await database.write(marked_then, "done", queue.complete, claim)
    assert await marks(database) == ["done"]


async def test_an_entry_ends_only_once(database, queue):
    await enqueue(database, queue, "render", "job")
    claim = await claim_one(queue, "render")
    await database.write(queue.complete, claim)
    with pytest.raises(LeaseLostError):
        await database.write(marked_then, "again", queue.complete, claim)
    assert await marks(database) == []


async def test_an_extended_lease_is_kept_beyond_its_first_end(database, queue):
    lease_ms = 2_000
    await enqueue(database, queue, "render", "job")
    claim = await claim_one(queue, "render", lease_ms=lease_ms)
    await asyncio.sleep(lease_ms / 1000 + 0.1)
    assert await queue.extend([claim], lease_ms=lease_ms) == [claim]
    assert await queue.claim(["render"], limit=1, lease_ms=lease_ms) == []
    await database.write(queue.complete, claim)


async def test_extend_tells_which_leases_are_still_held(database, queue):
    await enqueue(database, queue, "render", "kept", "ended", "cancelled")
    claims = await queue.claim(["render"], limit=3, lease_ms=LEASE_MS)
    await database.write(queue.complete, claims[1])
    await database.write(queue.cancel, "render", "cancelled")
    assert subjects(await queue.extend(claims, lease_ms=LEASE_MS)) == ["kept"]
    assert await queue.extend([], lease_ms=LEASE_MS) == []


async def test_a_retry_comes_back_after_its_delay(database, queue):
    await enqueue(database, queue, "render", "job", priority=7)
    first = await claim_one(queue, "render")
    await database.write(queue.retry, first, delay_ms=400)
    assert await queue.claim(["render"], limit=1, lease_ms=LEASE_MS) == []
    assert [(d.delayed, d.running) for d in await queue.depth()] == [(1, 0)]
    second = await claim_when_due(queue, "render")
    assert (second.entry_id, second.attempt) == (first.entry_id, 2)
    with pytest.raises(LeaseLostError):
        await database.write(queue.complete, first)
    await database.write(queue.complete, second)


async def test_a_retry_without_delay_wakes_a_waiting_worker(database, queue):
    await enqueue(database, queue, "render", "job")
    claim = await claim_one(queue, "render")
    waiting = asyncio.create_task(woken(queue, "render"))
    await asyncio.sleep(0.3)
    await database.write(queue.retry, claim, delay_ms=0)
    assert await waiting
    assert (await claim_one(queue, "render")).attempt == 2


async def test_a_buried_entry_is_a_dead_letter_and_no_more_work(database, queue):
    await enqueue(database, queue, "deliver", "hook")
    claim = await claim_one(queue, "deliver")
    await database.write(marked_then, "failed", queue.bury, claim, "410 Gone")
    letters = await database.read(
        lambda tx: tx.all("SELECT kind, subject, attempts, reason FROM dead_letters")
    )
    assert [dict(letter) for letter in letters] == [
        {"kind": "deliver", "subject": "hook", "attempts": 1, "reason": "410 Gone"}
    ]
    assert await marks(database) == ["failed"]
    assert await queue.depth() == [QueueDepth("deliver", ready=0, delayed=0, running=0, dead=1)]
    assert await queue.claim(["deliver"], limit=1, lease_ms=SHORT_LEASE_MS) == []
    await enqueue(database, queue, "deliver", "hook")
    assert (await claim_one(queue, "deliver")).attempt == 1


@pytest.mark.parametrize("state", ["ready", "delayed", "running"])
async def test_cancel_removes_an_entry_in_any_state(database, queue, state):
    delay_ms = 3_600_000 if state == "delayed" else 0
    await enqueue(database, queue, "render", "job", delay_ms=delay_ms)
    await enqueue(database, queue, "deliver", "job", delay_ms=3_600_000)
    claims = await queue.claim(["render"], limit=1, lease_ms=LEASE_MS)
    if state == "ready":  # given back, so that it is ready again
        await database.write(queue.retry, claims[0], delay_ms=0)
    assert await database.write(marked_then, "cancelled", queue.cancel, "render", "job")
    assert await marks(database) == ["cancelled"]
    assert await queue.claim(["render"], limit=1, lease_ms=LEASE_MS) == []
    assert [(d.kind, d.delayed) for d in await queue.depth()] == [("deliver", 1)]
    assert not await database.write(queue.cancel, "render", "job")
    if state == "running":
        with pytest.raises(LeaseLostError):
            await database.write(marked_then, "late", queue.complete, claims[0])
        assert await marks(database) == ["cancelled"]


async def test_depth_counts_every_kind_and_state(database, queue):
    await enqueue(database, queue, "render", *"abcd")
    await enqueue(database, queue, "render", "later", delay_ms=3_600_000)
    await enqueue(database, queue, "render", "due", delay_ms=1)
    await enqueue(database, queue, "deliver", "hook")
    claims = await queue.claim(["render"], limit=3, lease_ms=LEASE_MS)
    await database.write(queue.bury, claims[0], "no")
    await asyncio.sleep(0.05)
    assert await queue.depth() == [
        QueueDepth("deliver", ready=1, delayed=0, running=0, dead=0),
        QueueDepth("render", ready=2, delayed=1, running=2, dead=1),
    ]


async def test_prune_drops_what_ended_long_ago_and_no_live_work(database, queue):
    await enqueue(database, queue, "render", "buried", "held")
    buried, held = await queue.claim(["render"], limit=2, lease_ms=LEASE_MS)
    await database.write(queue.bury, buried, "no")
    await asyncio.sleep(0.05)
    await queue.prune(older_than_ms=3_600_000)
    assert [(d.running, d.dead) for d in await queue.depth()] == [(1, 1)]
    await queue.prune(older_than_ms=1)
    assert [(d.running, d.dead) for d in await queue.depth()] == [(1, 0)]
    await database.write(queue.retry, held, delay_ms=0)
    assert (await claim_one(queue, "render")).attempt == 2


async def test_wait_gives_up_when_nothing_comes(database, queue):
    await enqueue(database, queue, "deliver", "other kind")
    await enqueue(database, queue, "render", "later", delay_ms=3_600_000)
    assert not await queue.wait(["render"], 0.3)


async def test_wait_returns_at_once_when_work_is_there(database, queue):
    await enqueue(database, queue, "render", "job")
    assert await woken(queue, "sweep", "render")


async def test_an_enqueue_wakes_every_waiting_worker_of_the_process(database, queue):
    waiting = [asyncio.create_task(woken(queue, "render")) for _ in range(3)]
    await asyncio.sleep(0.3)
    assert not any(task.done() for task in waiting)
    await enqueue(database, queue, "render", "job")
    assert await asyncio.gather(*waiting) == [True] * 3
    await claim_one(queue, "render")


async def test_an_enqueue_in_another_process_wakes_a_waiting_worker(database, database_url, queue):
    async with child_process(database_url) as child:
        waiting = asyncio.create_task(woken(queue, "render"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await child.ask(do="enqueue", kind="render", subject="theirs")
        assert await waiting
        assert (await claim_one(queue, "render")).subject == "theirs"


async def test_an_entry_is_never_held_twice_at_once(database, database_url, queue):
    """Four claimers here and a second process take 200 entries; each is claimed exactly once."""
    await enqueue(database, queue, "render", *(f"job-{number}" for number in range(200)))

    async def drain():
        taken = []
        while claims := await queue.claim(["render"], limit=3, lease_ms=LEASE_MS):
            taken += subjects(claims)
            for claim in claims:
                await database.write(queue.complete, claim)
        return taken

    async with child_process(database_url) as child:
        first = await child.ask(do="claim", kind="render", lease_ms=LEASE_MS)
        assert await child.ask(do="complete", mark="theirs") == {"lost": False}
        child.tell(do="drain", kind="render")
        ours = list(chain(*await asyncio.gather(*(drain() for _ in range(4)))))
        theirs = [first["subject"], *(await child.answer())["subjects"]]
    assert sorted(ours + theirs) == sorted(f"job-{number}" for number in range(200))
    assert await queue.depth() == []


async def test_the_work_of_a_killed_process_is_taken_over(database, database_url, queue):
    await enqueue(database, queue, "render", "job")
    async with child_process(database_url) as child:
        theirs = await child.ask(do="claim", kind="render", lease_ms=1_000)
        assert theirs["attempt"] == 1
        child.process.send_signal(signal.SIGKILL)
        await child.process.wait()
    ours = await claim_when_due(queue, "render", lease_ms=1_000)
    assert (ours.subject, ours.attempt) == ("job", 2)
    await database.write(queue.complete, ours)
    assert await queue.depth() == []


async def test_a_worker_frozen_beyond_its_lease_changes_nothing_when_it_wakes(
    database, database_url, queue
):
    await enqueue(database, queue, "render", "job")
    async with child_process(database_url) as child:
        theirs = await child.ask(do="claim", kind="render", lease_ms=SHORT_LEASE_MS)
        child.process.send_signal(signal.SIGSTOP)
        ours = await claim_when_due(queue, "render", lease_ms=SHORT_LEASE_MS)
        child.process.send_signal(signal.SIGCONT)
        assert ours.token != theirs["token"]
        assert await child.ask(do="complete", mark="late") == {"lost": True}
    assert await marks(database) == []
    await database.write(marked_then, "ours", queue.complete, ours)
    assert await marks(database) == ["ours"]
    assert await queue.depth() == []
