"""Accepting work: one key is one job, one hold and one reply, whoever races and whatever dies."""

import asyncio

import msgspec
import pytest

from helpers.work import (
    STARTER,
    balance,
    claimed,
    count,
    expire,
    holds,
    idempotency_key,
    make_workspace,
    submission,
)
from intone.core import idempotency, job_steps, jobs
from intone.core.access import Access, Principal
from intone.core.limits import RateLimiter
from intone.core.listening import Listening
from intone.core.plans import load_plans
from intone.core.policy import create_policy
from intone.core.service import Core
from intone.core.submission import submit
from intone.core.voices import VoiceCatalogue
from intone.core.watch import Watchers
from intone.errors import (
    IdempotencyConflictError,
    InvalidInputError,
    NotFoundError,
    PolicyBlockedError,
    QuotaExceededError,
)

RACERS = 32


async def submit_all(database, queue, submissions):
    return await asyncio.gather(
        *(database.write(submit, queue, each) for each in submissions), return_exceptions=True
    )


async def assert_one_job(database, workspace_id, characters):
    assert await count(database, "jobs") == 1
    assert await holds(database) == {"open": 1}
    assert (await balance(database, workspace_id)).held == characters


async def test_a_repeated_request_gets_the_bytes_of_its_first_reply(database, queue, workspace_id):
    wanted = submission(workspace_id, key=idempotency_key())
    first = await database.write(submit, queue, wanted)
    again = await database.write(submit, queue, wanted)
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.status, again.headers, again.body) == (first.status, first.headers, first.body)
    await assert_one_job(database, workspace_id, 13)


async def test_racers_with_one_key_make_one_job_and_get_one_reply(database, queue, workspace_id):
    wanted = submission(workspace_id, key=idempotency_key())
    replies = await submit_all(database, queue, [wanted] * RACERS)
    assert len({(r.status, r.body, tuple(r.headers.items())) for r in replies}) == 1
    assert sum(not r.replayed for r in replies) == 1
    await assert_one_job(database, workspace_id, 13)
    assert sum(depth.ready for depth in await queue.depth()) == 1


async def test_racers_with_one_key_get_its_reply_though_the_quota_is_for_one(
    database, queue, workspace_id
):
    wanted = submission(workspace_id, key=idempotency_key(), characters=100_000)
    replies = await submit_all(database, queue, [wanted] * RACERS)
    assert [r for r in replies if isinstance(r, Exception)] == []
    assert len({r.body for r in replies}) == 1
    await assert_one_job(database, workspace_id, 100_000)


async def test_of_racers_with_one_key_and_other_bodies_one_wins(database, queue, workspace_id):
    key = idempotency_key().key
    texts = ["This text.", "That text."] * (RACERS // 2)
    replies = await submit_all(
        database,
        queue,
        [submission(workspace_id, text, key=idempotency_key(key, text)) for text in texts],
    )
    refused = [r for r in replies if isinstance(r, Exception)]
    assert {type(r) for r in refused} == {IdempotencyConflictError}
    assert len(refused) == RACERS // 2
    assert len({r.body for r in replies if not isinstance(r, Exception)}) == 1
    await assert_one_job(database, workspace_id, 10)


async def test_racers_with_keys_of_their_own_spend_no_more_than_there_is(
    database, queue, workspace_id
):
    wanted = [
        submission(workspace_id, key=idempotency_key(), characters=10_000) for _ in range(RACERS)
    ]
    replies = await submit_all(database, queue, wanted)
    refused = [r for r in replies if isinstance(r, Exception)]
    assert {type(r) for r in refused} == {QuotaExceededError}
    assert len(refused) == RACERS - 10
    left = await balance(database, workspace_id)
    assert (left.remaining, left.held) == (0, 100_000)
    assert await count(database, "jobs") == await count(database, "idempotency_keys") == 10


async def test_another_body_is_a_conflict_that_stores_and_charges_nothing(
    database, queue, workspace_id
):
    key = idempotency_key()
    await database.write(submit, queue, submission(workspace_id, key=key))
    other = submission(workspace_id, "Another text.", key=idempotency_key(key.key, "another"))
    with pytest.raises(IdempotencyConflictError):
        await database.write(submit, queue, other)
    await assert_one_job(database, workspace_id, 13)


async def test_a_key_belongs_to_its_workspace_and_scope(database, queue, workspace_id):
    key = idempotency_key()
    stranger = await database.write(make_workspace, "stranger")
    elsewhere = idempotency_key(key.key, scope="voice_jobs/v2")
    replies = await submit_all(
        database,
        queue,
        [
            submission(workspace_id, key=key),
            submission(stranger, key=key),
            submission(workspace_id, key=elsewhere),
        ],
    )
    assert not any(r.replayed for r in replies)
    assert len({r.body for r in replies}) == 3


async def test_a_refused_request_leaves_its_key_free(database, queue, workspace_id):
    key = idempotency_key()
    with pytest.raises(QuotaExceededError):
        await database.write(submit, queue, submission(workspace_id, key=key, characters=100_001))
    assert await count(database, "jobs") == 0
    reply = await database.write(submit, queue, submission(workspace_id, key=key))
    assert not reply.replayed


@pytest.mark.parametrize("swept", [False, True])
async def test_a_key_is_forgotten_after_a_day(database, queue, workspace_id, swept):
    wanted = submission(workspace_id, key=idempotency_key())
    first = await database.write(submit, queue, wanted)
    lives = await database.read(lambda tx: tx.one("SELECT expires_at FROM idempotency_keys"))
    job = await database.read(lambda tx: tx.one("SELECT created_at FROM jobs"))
    assert 0 <= lives["expires_at"] - job["created_at"] - 24 * 3_600_000 < 60_000
    await expire(database, "idempotency_keys")
    if swept:
        assert await database.write(idempotency.sweep, 10) == 1
    replies = await submit_all(database, queue, [wanted] * 8)
    assert {r.body for r in replies} != {first.body}
    assert len({r.body for r in replies}) == 1, "a forgotten key makes one new job, not several"
    assert await count(database, "jobs") == 2


async def test_requests_without_a_key_are_jobs_of_their_own(database, queue, workspace_id):
    replies = await submit_all(database, queue, [submission(workspace_id)] * 3)
    assert len({r.body for r in replies}) == 3
    assert await count(database, "idempotency_keys") == 0


@pytest.fixture
def core(database, queue, blobs, spool, tmp_path):
    (tmp_path / "blocklist").write_text("forbidden\n")
    watchers = Watchers()
    return Core(
        database=database,
        queue=queue,
        access=Access(database, load_plans(), None),
        limiter=RateLimiter(),
        policy=create_policy(blocklist=tmp_path / "blocklist"),
        voices=VoiceCatalogue([]),
        watchers=watchers,
        listening=Listening(database, blobs, watchers, spool),
        listings=None,  # not asked here
        speech=None,  # neither
        cloning=None,  # nor is that
        egress=None,  # nor that
        signer=None,
        uploads=None,
        analytics=None,
        captions=None,
        posts=None,
    )


def principal(workspace_id, plan=STARTER):
    return Principal(workspace_id, "w", plan, frozenset({"speak"}), None, "test")


async def test_a_blocked_text_is_neither_charged_nor_stored(database, queue, core, workspace_id):
    wanted = submission(workspace_id, "This is forbidden.", key=idempotency_key())
    with pytest.raises(PolicyBlockedError):
        await core.submit(principal(workspace_id), wanted)
    assert await count(database, "jobs") == await count(database, "idempotency_keys") == 0
    assert (await balance(database, workspace_id)).held == 0


async def test_a_text_longer_than_the_plan_allows_is_refused(database, core, workspace_id):
    with pytest.raises(InvalidInputError, match="2,001"):
        await core.submit(principal(workspace_id), submission(workspace_id, "x" * 2001))
    assert await count(database, "jobs") == 0


async def test_a_repeated_request_gets_its_reply_though_the_rules_have_changed(
    database, queue, core, workspace_id
):
    wanted = submission(workspace_id, "This is forbidden now.", key=idempotency_key())
    first = await database.write(submit, queue, wanted)  # when it was still allowed
    again = await core.submit(principal(workspace_id), wanted)
    assert (again.replayed, again.body) == (True, first.body)
    narrow = msgspec.structs.replace(STARTER, max_input_characters=5)
    again = await core.submit(principal(workspace_id, narrow), wanted)
    assert (again.replayed, again.body) == (True, first.body)


async def test_a_watcher_sees_every_state_and_leaves_nothing_behind(
    database, queue, core, workspace_id
):
    job_id = (await core.submit(principal(workspace_id), submission(workspace_id))).body.decode()
    seen = []
    async for job in core.watch(principal(workspace_id), job_id):
        seen.append((job.state, job.progress))
        if job.state == "queued":
            (claim,) = await claimed(queue)
            await database.write(job_steps.begin, queue, claim)
            core.watchers.publish(job_id)
        elif job.progress == 0:
            # Published while nobody waits: the watcher is still busy with what it saw before.
            await database.write(job_steps.advance, claim, "running", 50)
            core.watchers.publish(job_id)
        elif job.state == "running":
            await core.cancel(principal(workspace_id), job_id)
    assert seen == [("queued", 0), ("running", 0), ("running", 50), ("cancelled", 50)]
    assert core.watchers._waiting == {}


async def test_changes_by_another_process_are_seen(database, queue, core, workspace_id):
    job_id = (await core.submit(principal(workspace_id), submission(workspace_id))).body.decode()
    states = core.watch(principal(workspace_id), job_id)
    assert (await anext(states)).state == "queued"
    await database.write(jobs.cancel, queue, workspace_id, job_id)  # and nobody publishes it
    async with asyncio.timeout(30):
        assert (await anext(states)).state == "cancelled"


async def test_a_job_that_is_erased_while_watched_ends_the_watching(
    database, queue, core, workspace_id
):
    job_id = (await core.submit(principal(workspace_id), submission(workspace_id))).body.decode()
    states = core.watch(principal(workspace_id), job_id)
    await anext(states)
    await database.write(lambda tx: tx.execute("DELETE FROM jobs WHERE id = :id", id=job_id))
    with pytest.raises(NotFoundError):
        async with asyncio.timeout(30):
            await anext(states)
    assert core.watchers._waiting == {}
