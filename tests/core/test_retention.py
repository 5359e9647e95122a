"""What has expired goes, with everything that belongs to it, and nothing else."""

import asyncio
import contextlib
import os
import time

import pytest

from helpers.work import claimed, count, expire, idempotency_key, submission, submitted
from intone.core import job_steps, jobs, logins, sessions
from intone.core.jobs import Job
from intone.core.recordings import Recording
from intone.core.retention import Retention
from intone.core.submission import submit
from intone.errors import NotFoundError

PCM = b"\x10\x20" * 24_000


@pytest.fixture
def retention(database, queue, blobs, spool):
    return Retention(database, queue, blobs, spool)


async def ready_job(database, queue, blobs, workspace_id, **changes) -> Job:
    """A job that is ready, and whose recording's blob lies in the job's folder."""
    job_id = await submitted(database, queue, workspace_id, **changes)
    (claim,) = await claimed(queue)
    job = await database.write(job_steps.begin, queue, claim)
    blob = f"recordings/{job_id}/1.pcm"
    await blobs.put(blob, PCM)
    recording = Recording(blob, "pcm", 24_000, 1, len(PCM), 1000, -16.0)
    await database.write(job_steps.finish, queue, claim, job, recording)
    return await database.read(jobs.find, workspace_id, job_id)


async def ready(database, queue, blobs, workspace_id) -> Recording:
    """The recording of a job that is ready."""
    return (await ready_job(database, queue, blobs, workspace_id)).recording


async def kept(blobs):
    return {path async for path in blobs.list("")}


async def test_an_expired_job_goes_with_its_audio_and_others_stay(
    database, queue, blobs, retention, workspace_id
):
    expired = await ready(database, queue, blobs, workspace_id)
    await expire(database)
    fresh = await ready(database, queue, blobs, workspace_id)
    await submitted(database, queue, workspace_id)
    assert await retention.sweep() == 1
    assert await kept(blobs) == {fresh.blob}
    assert expired.blob != fresh.blob
    assert (await count(database, "jobs"), await count(database, "recordings")) == (2, 1)
    assert await retention.sweep() == 0


async def test_failed_and_cancelled_jobs_expire_as_well(database, queue, retention, workspace_id):
    await submitted(database, queue, workspace_id)
    (claim,) = await claimed(queue)
    job = await database.write(job_steps.begin, queue, claim)
    await database.write(job_steps.fail, queue, claim, job, NotFoundError())
    cancelled = await submitted(database, queue, workspace_id)
    await database.write(jobs.cancel, queue, workspace_id, cancelled)
    await expire(database)
    assert await retention.sweep() == 2


async def test_the_mp3_beside_a_recording_goes_with_it(
    database, queue, blobs, retention, listening, workspace_id
):
    job = await ready_job(database, queue, blobs, workspace_id)
    rendition = await listening.rendition(job, "mp3")
    assert await kept(blobs) == {job.recording.blob, rendition.blob}
    await expire(database)
    await retention.sweep()
    assert await kept(blobs) == set()


async def test_what_a_killed_try_left_goes_with_its_job(
    database, queue, blobs, retention, workspace_id
):
    recording = await ready(database, queue, blobs, workspace_id)
    await blobs.put(recording.blob.replace("1.pcm", "7.pcm"), PCM)
    await expire(database)
    await retention.sweep()
    assert await kept(blobs) == set()


async def test_an_mp3_encoded_while_its_recording_is_swept_does_not_stay(
    database, queue, blobs, retention, listening, workspace_id
):
    job = await ready_job(database, queue, blobs, workspace_id)
    await expire(database)
    put_stream = blobs.put_stream

    async def late_put(path, chunks):
        pieces = [piece async for piece in chunks]
        await retention.sweep()

        async def again():
            for piece in pieces:
                yield piece

        return await put_stream(path, again())

    blobs.put_stream = late_put
    with pytest.raises(NotFoundError):
        await listening.rendition(job, "mp3")
    assert await kept(blobs) == set()


async def test_an_mp3_put_while_its_recording_is_erased_does_not_stay(
    database, queue, blobs, retention, listening, workspace_id
):
    job = await ready_job(database, queue, blobs, workspace_id)
    await expire(database)
    delete, asked = blobs.delete, []

    async def late_delete(path):
        if not asked:
            asked.append(path)
            await listening.rendition(job, "mp3")  # after the sweep has looked
        await delete(path)

    blobs.delete = late_delete
    await retention.sweep()
    assert asked == [job.recording.blob]
    assert await kept(blobs) == set()


async def test_a_download_that_has_begun_ends_whole_though_its_job_is_swept(
    database, queue, blobs, retention, listening, workspace_id
):
    recording = await ready(database, queue, blobs, workspace_id)
    pieces = listening.read(recording.blob, 0, recording.bytes)
    got = await anext(pieces)
    await expire(database)
    assert await retention.sweep() == 1
    async for piece in pieces:
        got += piece
    assert got == PCM


async def test_more_than_a_batch_goes_in_one_sweep(database, queue, retention, workspace_id):
    async def cancelled():
        job_id = await submitted(database, queue, workspace_id, "x")
        await database.write(jobs.cancel, queue, workspace_id, job_id)

    await asyncio.gather(*(cancelled() for _ in range(450)))
    await expire(database)
    assert await retention.sweep() == 450
    assert await count(database, "jobs") == 0


async def test_forgotten_keys_go(database, queue, retention, workspace_id):
    wanted = [submission(workspace_id, "x", key=idempotency_key()) for _ in range(3)]
    for each in wanted[:2]:
        await database.write(submit, queue, each)
    await expire(database, "idempotency_keys")
    await database.write(submit, queue, wanted[2])
    await retention.sweep()
    assert await count(database, "idempotency_keys") == 1


async def test_only_abandoned_spool_files_go(retention, spool):
    old, live = spool / "a.1.pcm", spool / "b.1.pcm"
    old.touch()
    live.touch()
    day_ago = time.time() - 86_400
    os.utime(old, (day_ago, day_ago))
    await retention.sweep()
    assert list(spool.iterdir()) == [live]


async def test_a_sweep_that_fails_is_tried_again(database, queue, blobs, spool, workspace_id):
    retention = Retention(database, queue, blobs, spool)
    (spool / "vanished.1.pcm").symlink_to(spool / "nowhere")  # as if removed while we look
    sweeping = asyncio.create_task(retention.run(0.01))
    await asyncio.sleep(0.1)
    await ready(database, queue, blobs, workspace_id)
    await expire(database)
    async with asyncio.timeout(30):
        while await count(database, "jobs"):
            assert not sweeping.done(), "one failure ended all sweeping"
            await asyncio.sleep(0.01)
    sweeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sweeping


async def test_expired_sessions_and_logins_go_and_others_stay(database, retention, workspace_id):
    for _ in range(2):
        await database.write(sessions.create, workspace_id)
        await database.write(logins.start)
        await expire(database, "sessions")
        await expire(database, "device_codes")
    await database.write(sessions.create, workspace_id)
    await database.write(logins.start)
    await retention.sweep()
    assert [await count(database, table) for table in ("sessions", "device_codes")] == [1, 1]
