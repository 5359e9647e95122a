"""Jobs: every one ends once, money with it, and a late worker changes nothing."""

import asyncio

import pytest

from helpers.work import (
    balance,
    claimed,
    count,
    expire,
    holds,
    make_workspace,
    submitted,
)
from intone.core import job_steps, jobs
from intone.core.recordings import Recording
from intone.errors import LeaseLostError, NotFoundError, ProviderError

RECORDING = Recording(
    blob="recordings/j/t.pcm",
    format="pcm",
    sample_rate=24_000,
    channels=1,
    bytes=48_000,
    duration_ms=1000,
    loudness=-16.25,
)


@pytest.fixture
async def job_id(database, queue, workspace_id):
    return await submitted(database, queue, workspace_id)


@pytest.fixture
async def begun(database, queue, job_id):
    """A claim, and the job begun under it."""
    (claim,) = await claimed(queue)
    return claim, await database.write(job_steps.begin, queue, claim)


async def find(database, workspace_id, job_id):
    return await database.read(jobs.find, workspace_id, job_id)


async def live_entries(queue):
    return sum(depth.ready + depth.delayed + depth.running for depth in await queue.depth())


async def end_lease(database):
    """Let every lease run out: move their beginnings an hour back."""

    def age(tx):
        if tx.dialect == "sqlite":
            tx.execute("UPDATE queue_entries SET due_at = 1 WHERE state = 'running'")
        else:
            tx.execute("UPDATE pgqueuer SET heartbeat = heartbeat - INTERVAL '1 hour'")

    await database.write(age)


async def test_a_job_is_queued_with_its_entry_and_its_hold(database, queue, workspace_id, job_id):
    job = await find(database, workspace_id, job_id)
    assert (job.state, job.attempts, job.progress, job.started_at) == ("queued", 0, 0, None)
    assert job.order.text == "Hello, world."
    assert await live_entries(queue) == 1
    assert (await balance(database, workspace_id)).held == len("Hello, world.")


async def test_a_finished_job_is_charged_once_and_leaves_the_queue(
    database, queue, workspace_id, begun
):
    claim, job = begun
    await database.write(job_steps.finish, queue, claim, job, RECORDING)
    ready = await find(database, workspace_id, job.id)
    assert (ready.state, ready.progress, ready.recording) == ("ready", 100, RECORDING)
    assert ready.expires_at == ready.ended_at + 24 * 3_600_000
    left = await balance(database, workspace_id)
    assert (left.held, left.spent) == (0, 13)
    assert await live_entries(queue) == 0
    for again in (
        lambda tx: job_steps.finish(tx, queue, claim, job, RECORDING),
        lambda tx: job_steps.fail(tx, queue, claim, job, ProviderError()),
        lambda tx: job_steps.give_back(tx, queue, claim, 0),
    ):
        with pytest.raises(LeaseLostError):
            await database.write(again)
    assert await balance(database, workspace_id) == left
    assert await holds(database) == {"settled": 1}


async def test_a_failed_job_costs_nothing_says_why_and_is_a_dead_letter(
    database, queue, workspace_id, begun
):
    claim, job = begun
    await database.write(job_steps.fail, queue, claim, job, ProviderError("The vendor is down."))
    failed = await find(database, workspace_id, job.id)
    assert (failed.state, failed.error_code, failed.error_message, failed.error_retryable) == (
        "failed",
        "provider_error",
        "The vendor is down.",
        True,
    )
    assert failed.expires_at is not None, "a failed job would be kept for ever"
    left = await balance(database, workspace_id)
    assert (left.held, left.spent) == (0, 0)
    assert [depth.dead for depth in await queue.depth()] == [1]
    assert await live_entries(queue) == 0


async def test_a_job_given_back_is_taken_up_again_with_its_hold(
    database, queue, workspace_id, begun
):
    claim, job = begun
    await database.write(job_steps.advance, claim, "running", 50)
    await database.write(job_steps.give_back, queue, claim, 0)
    waiting = await find(database, workspace_id, job.id)
    assert (waiting.state, waiting.progress) == ("queued", 0)
    assert (await balance(database, workspace_id)).held == 13
    (second,) = await claimed(queue)
    again = await database.write(job_steps.begin, queue, second)
    assert (again.state, again.attempts, again.started_at) == ("running", 2, job.started_at)


async def test_progress_is_noted_under_the_lease_alone(database, queue, workspace_id, begun):
    claim, job = begun
    await database.write(job_steps.advance, claim, "enhancing", 70)
    noted = await find(database, workspace_id, job.id)
    assert (noted.state, noted.progress) == ("enhancing", 70)
    await database.write(jobs.cancel, queue, workspace_id, job.id)
    with pytest.raises(LeaseLostError):
        await database.write(job_steps.advance, claim, "running", 90)
    assert (await find(database, workspace_id, job.id)).state == "cancelled"


@pytest.mark.parametrize("taken_up", [False, True])
async def test_a_cancelled_job_costs_nothing_and_leaves_the_queue(
    database, queue, workspace_id, job_id, taken_up
):
    claims = await claimed(queue)
    if taken_up:
        await database.write(job_steps.begin, queue, claims[0])
    cancelled = await database.write(jobs.cancel, queue, workspace_id, job_id)
    assert (cancelled.state, cancelled.expires_at is None) == ("cancelled", False)
    assert await holds(database) == {"released": 1}
    assert (await balance(database, workspace_id)).held == 0
    assert await live_entries(queue) == 0
    assert await queue.extend(claims, lease_ms=1000) == []


async def test_a_job_cancelled_between_claim_and_begin_is_not_begun(
    database, queue, workspace_id, job_id
):
    (claim,) = await claimed(queue)
    await database.write(jobs.cancel, queue, workspace_id, job_id)
    with pytest.raises(LeaseLostError):
        await database.write(job_steps.begin, queue, claim)
    assert (await find(database, workspace_id, job_id)).state == "cancelled"
    assert await live_entries(queue) == 0


async def test_an_ended_job_stays_as_it_is_when_cancelled(database, queue, workspace_id, begun):
    claim, job = begun
    await database.write(job_steps.finish, queue, claim, job, RECORDING)
    before = await find(database, workspace_id, job.id)
    assert await database.write(jobs.cancel, queue, workspace_id, job.id) == before
    assert await holds(database) == {"settled": 1}


async def test_cancel_and_finish_at_once_end_the_job_and_its_hold_once(
    database, queue, workspace_id
):
    for _ in range(10):
        job_id = await submitted(database, queue, workspace_id)
        (claim,) = await claimed(queue)
        job = await database.write(job_steps.begin, queue, claim)
        outcomes = await asyncio.gather(
            database.write(job_steps.finish, queue, claim, job, RECORDING),
            database.write(jobs.cancel, queue, workspace_id, job_id),
            return_exceptions=True,
        )
        state = (await find(database, workspace_id, job_id)).state
        assert state == ("cancelled" if isinstance(outcomes[0], LeaseLostError) else "ready")
    ended = await holds(database)
    assert sum(ended.values()) == 10
    assert "open" not in ended
    left = await balance(database, workspace_id)
    assert (left.held, left.spent) == (0, 13 * ended.get("settled", 0))
    assert await live_entries(queue) == 0


async def test_a_retry_and_a_cancellation_at_once_leave_no_entry(database, queue, workspace_id):
    for _ in range(10):
        job_id = await submitted(database, queue, workspace_id)
        (claim,) = await claimed(queue)
        await database.write(job_steps.begin, queue, claim)
        await asyncio.gather(
            database.write(job_steps.give_back, queue, claim, 0),
            database.write(jobs.cancel, queue, workspace_id, job_id),
            return_exceptions=True,
        )
        assert (await find(database, workspace_id, job_id)).state == "cancelled"
        assert await live_entries(queue) == 0
    assert await holds(database) == {"released": 10}


async def test_a_worker_that_wakes_late_ends_nothing(database, queue, workspace_id, begun):
    old, job = begun
    await end_lease(database)
    (new,) = await claimed(queue)
    again = await database.write(job_steps.begin, queue, new)
    assert again.attempts == 2
    for late in (
        lambda tx: job_steps.advance(tx, old, "running", 99),
        lambda tx: job_steps.finish(tx, queue, old, job, RECORDING),
        lambda tx: job_steps.fail(tx, queue, old, job, ProviderError()),
        lambda tx: job_steps.give_back(tx, queue, old, 0),
    ):
        with pytest.raises(LeaseLostError):
            await database.write(late)
    assert await find(database, workspace_id, job.id) == again
    await database.write(job_steps.finish, queue, new, again, RECORDING)
    assert await holds(database) == {"settled": 1}


async def test_a_worker_that_wakes_late_takes_the_job_from_nobody(
    database, queue, workspace_id, job_id
):
    (frozen,) = await claimed(queue)
    await end_lease(database)
    (claim,) = await claimed(queue)
    job = await database.write(job_steps.begin, queue, claim)
    with pytest.raises(LeaseLostError):
        await database.write(job_steps.begin, queue, frozen)
    await database.write(job_steps.finish, queue, claim, job, RECORDING)
    assert (await find(database, workspace_id, job_id)).state == "ready"


async def test_an_entry_whose_job_has_ended_does_not_come_back(
    database, queue, workspace_id, job_id
):
    (claim,) = await claimed(queue)
    await database.write(
        lambda tx: tx.execute("UPDATE jobs SET state = 'cancelled' WHERE id = :id", id=job_id)
    )
    assert await database.write(job_steps.begin, queue, claim) is None
    assert await live_entries(queue) == 0


async def test_another_workspaces_job_is_no_job(database, queue, workspace_id, job_id):
    stranger = await database.write(make_workspace, "stranger")
    with pytest.raises(NotFoundError):
        await find(database, stranger, job_id)
    with pytest.raises(NotFoundError):
        await database.write(jobs.cancel, queue, stranger, job_id)
    assert (await find(database, workspace_id, job_id)).state == "queued"


async def test_an_expired_job_is_gone_before_the_sweep(database, queue, workspace_id, begun):
    claim, job = begun
    await database.write(job_steps.finish, queue, claim, job, RECORDING)
    await expire(database)
    with pytest.raises(NotFoundError):
        await find(database, workspace_id, job.id)
    with pytest.raises(NotFoundError):
        await database.write(jobs.cancel, queue, workspace_id, job.id)
    assert await count(database, "jobs") == 1


async def test_a_backlog_of_one_workspace_does_not_hold_up_another(database, queue, workspace_id):
    many = [await submitted(database, queue, workspace_id, "x" * 2000) for _ in range(20)]
    other = await database.write(make_workspace, "other")
    single = await submitted(database, queue, other)
    first, second, *_ = [claim.subject for claim in await claimed(queue, limit=3)]
    assert first == many[0], "whose turn it is comes first"
    assert second == single
    rest = [claim.subject for claim in await claimed(queue, limit=50)]
    assert len(rest) == 18, "what is left over is everybody's"


async def test_jobs_of_one_workspace_are_taken_up_in_order(database, queue, workspace_id):
    ids = [await submitted(database, queue, workspace_id, "x" * 1500) for _ in range(10)]
    assert [claim.subject for claim in await claimed(queue, limit=10)] == ids
