"""Rendering: every claimed job ends in a whole recording, another try, or a reason why not."""

import array
import asyncio

import pytest

from helpers.rendering import SENTENCES, find, run_next, under_way
from helpers.work import balance, claimed, holds, submitted
from intone.audio.loudness import LoudnessMeter, apply_gain
from intone.core import job_steps, jobs
from intone.errors import (
    EngineCrashedError,
    ProviderError,
    ProviderRejectedError,
)
from intone.providers.base import AudioChunk


async def kept(blobs):
    return {path async for path in blobs.list("")}


async def content(blobs, recording):
    pieces = [p async for p in blobs.read_range(recording.blob, 0, recording.bytes)]
    return b"".join(pieces)


async def test_a_job_becomes_a_whole_recording_and_is_charged(
    database, queue, blobs, spool, renderer, workspace_id
):
    job_id = await submitted(database, queue, workspace_id, "Hello, world. And good night.")
    await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    assert (job.state, job.progress) == ("ready", 100)
    audio = await content(blobs, job.recording)
    assert len(audio) == job.recording.bytes
    assert abs(len(audio) / 48 - job.recording.duration_ms) <= 1
    assert max(array.array("h", audio)) > 3000, "it is silent"
    assert (await balance(database, workspace_id)).spent == 29
    assert list(spool.iterdir()) == []


async def test_a_provider_that_fails_for_a_while_is_tried_again(
    database, queue, renderer, provider, workspace_id
):
    job_id = await submitted(database, queue, workspace_id)
    provider.errors = [ProviderError() for _ in range(4)]  # three tries a segment
    await run_next(queue, renderer)
    waiting = await find(database, workspace_id, job_id)
    assert (waiting.state, waiting.error_code) == ("queued", None)
    assert (await balance(database, workspace_id)).held == 13
    await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    assert (job.state, job.attempts) == ("ready", 2)
    assert await holds(database) == {"settled": 1}


async def test_a_provider_that_goes_on_failing_fails_the_job_after_four_tries(
    database, queue, blobs, spool, renderer, provider, workspace_id
):
    job_id = await submitted(database, queue, workspace_id)
    provider.errors = [EngineCrashedError() for _ in range(100)]
    for _ in range(4):
        await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    assert (job.state, job.attempts, job.error_code) == ("failed", 4, "engine_crashed")
    assert await holds(database) == {"released": 1}
    assert [depth.dead for depth in await queue.depth()] == [1]
    assert await kept(blobs) == set()
    assert list(spool.iterdir()) == []


async def test_a_job_waits_while_its_provider_is_left_alone(
    database, queue, renderer, provider, workspace_id
):
    job_id = await submitted(database, queue, workspace_id)
    provider.errors = [ProviderError("No answer.") for _ in range(100)]
    for _ in range(2):  # three tries each, and the fifth failure opens the breaker
        await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    assert (job.state, job.attempts) == ("queued", 2)
    asked = len(provider.errors)
    assert 100 - asked >= 5
    await asyncio.sleep(3)  # a retry would be due
    assert await queue.claim([jobs.RENDER], limit=1, lease_ms=1000) == []
    assert len(provider.errors) == asked


@pytest.mark.parametrize(
    ("error", "code"),
    [(ProviderRejectedError(), "provider_rejected"), (ZeroDivisionError(), "internal_error")],
)
async def test_what_trying_again_cannot_help_fails_at_once(
    database, queue, renderer, provider, workspace_id, error, code
):
    job_id = await submitted(database, queue, workspace_id)
    provider.errors = [error]
    await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    assert (job.state, job.attempts, job.error_code) == ("failed", 1, code)
    assert await holds(database) == {"released": 1}


async def test_a_job_that_takes_its_worker_down_again_and_again_is_given_up(
    database, queue, renderer, workspace_id
):
    job_id = await submitted(database, queue, workspace_id)
    for _ in range(20):  # as twenty processes that died with it
        (claim,) = await claimed(queue)
        await database.write(lambda tx, claim=claim: queue.retry(tx, claim, delay_ms=0))
    await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    assert (job.state, job.error_code) == ("failed", "internal_error")
    assert await claimed(queue) == []


async def test_a_voice_that_is_gone_fails_the_job(database, queue, renderer, workspace_id):
    job_id = await submitted(database, queue, workspace_id, voice="voice_gone_001")
    await run_next(queue, renderer)
    assert (await find(database, workspace_id, job_id)).error_code == "not_found"


async def test_a_cancelled_job_is_given_up_and_leaves_nothing(
    database, queue, blobs, spool, renderer, provider, workspace_id
):
    job_id = await submitted(database, queue, workspace_id, SENTENCES)
    async with under_way(queue, renderer, provider) as task:
        await database.write(jobs.cancel, queue, workspace_id, job_id)
        provider.open.set()
        async with asyncio.timeout(30):
            await task
    assert (await find(database, workspace_id, job_id)).state == "cancelled"
    assert await holds(database) == {"released": 1}
    assert await kept(blobs) == set()
    assert list(spool.iterdir()) == []


async def test_a_worker_that_stops_gives_its_job_back_at_once(
    database, queue, blobs, spool, renderer, provider, workspace_id
):
    job_id = await submitted(database, queue, workspace_id, SENTENCES)
    async with under_way(queue, renderer, provider) as task:
        task.cancel()
        await asyncio.wait({task})
    assert (await find(database, workspace_id, job_id)).state == "queued"
    assert list(spool.iterdir()) == []
    await run_next(queue, renderer)
    assert (await find(database, workspace_id, job_id)).state == "ready"
    assert await holds(database) == {"settled": 1}


async def test_a_worker_that_stops_before_it_began_gives_its_job_back(
    database, queue, renderer, workspace_id
):
    job_id = await submitted(database, queue, workspace_id)
    (claim,) = await claimed(queue)
    task = asyncio.create_task(renderer.run(claim))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    async with asyncio.timeout(5):  # far less than the lease
        await run_next(queue, renderer)
    assert (await find(database, workspace_id, job_id)).state == "ready"


async def test_a_job_is_never_ready_without_its_audio(
    database, queue, blobs, renderer, workspace_id
):
    """A worker stopped while the end is being written leaves a whole recording, or none."""
    write = database.write

    async def stopped_write(function, *args, **kwargs):
        if function is job_steps.finish:
            asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
        return await write(function, *args, **kwargs)

    database.write = stopped_write
    for _ in range(5):
        job_id = await submitted(database, queue, workspace_id)
        (claim,) = await claimed(queue)
        task = asyncio.create_task(renderer.run(claim))
        await asyncio.wait({task})
        job = await find(database, workspace_id, job_id)
        if job.state == "ready":
            assert await blobs.size(job.recording.blob) == job.recording.bytes
        else:
            assert job.state == "queued"
            await write(jobs.cancel, queue, workspace_id, job_id)
    ended = await holds(database)
    assert sum(ended.values()) == 5
    assert "open" not in ended


async def test_a_voice_that_grows_louder_after_its_level_was_settled_is_levelled_again(
    database, queue, blobs, spool, renderer, provider, workspace_id
):
    speak = provider.synthesize

    async def rising(request):
        gain_db = -18 if provider.spoken < 5 else 0
        async for chunk in speak(request):
            yield AudioChunk(apply_gain(chunk.pcm, gain_db), chunk.sample_rate)

    provider.synthesize = rising
    job_id = await submitted(database, queue, workspace_id, SENTENCES)
    await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    audio = await content(blobs, job.recording)
    meter = LoudnessMeter(job.recording.sample_rate)
    meter.feed(audio)
    assert meter.integrated() == pytest.approx(-19, abs=0.2)
    assert await kept(blobs) == {job.recording.blob, f"{job.recording.blob}.words"}
    assert list(spool.iterdir()) == []
