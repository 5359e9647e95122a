"""Listening: a running job is heard whole, or the listener learns that it is not."""

import asyncio
import io

import av
import pytest

from helpers.rendering import SENTENCES, find, run_next, under_way
from helpers.work import claimed, submitted
from intone.core import job_steps, jobs
from intone.core.jobs import Switch
from intone.core.recordings import Recording
from intone.errors import NotFoundError, UnavailableError


async def test_a_listener_hears_a_running_job_from_its_first_segment_to_its_last(
    database, queue, blobs, renderer, provider, listening, workspace_id, watchers
):
    job_id = await submitted(database, queue, workspace_id, SENTENCES)
    pieces = listening.follow(workspace_id, job_id)  # queued: there is nothing to hear yet
    first = asyncio.ensure_future(anext(pieces))
    async with under_way(queue, renderer, provider) as task:
        async with asyncio.timeout(30):
            heard = await first
        assert (await find(database, workspace_id, job_id)).state == "running"
        provider.open.set()
        async for piece in pieces:
            heard += piece
        await task
    job = await find(database, workspace_id, job_id)
    assert len(heard) == job.recording.bytes
    assert watchers._waiting == {}


@pytest.mark.parametrize("text", ["Hi.", "Hello, world."])
async def test_a_short_job_is_heard_however_quickly_it_is_done(
    database, queue, renderer, listening, workspace_id, text
):
    for _ in range(10):
        job_id = await submitted(database, queue, workspace_id, text)
        (claim,) = await claimed(queue)
        rendered = asyncio.create_task(renderer.run(claim))
        heard = b"".join([piece async for piece in listening.follow(workspace_id, job_id)])
        await rendered
        job = await find(database, workspace_id, job_id)
        assert len(heard) == job.recording.bytes


async def test_a_listener_hears_a_job_that_ended_before_it_looked(
    database, queue, renderer, listening, workspace_id
):
    job_id = await submitted(database, queue, workspace_id, channels=2)
    await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    heard = b"".join([piece async for piece in listening.follow(workspace_id, job_id)])
    assert len(heard) * 2 == job.recording.bytes


async def test_a_listener_learns_that_the_rendering_broke_off(
    database, queue, renderer, provider, listening, workspace_id, watchers
):
    job_id = await submitted(database, queue, workspace_id, SENTENCES)
    async with under_way(queue, renderer, provider) as task:
        pieces = listening.follow(workspace_id, job_id)
        assert await anext(pieces)
        task.cancel()
        await asyncio.wait({task})
        provider.open.set()
        await run_next(queue, renderer)
        with pytest.raises(UnavailableError):
            async for _ in pieces:
                pass
    assert watchers._waiting == {}


async def test_a_listener_learns_of_a_cancellation(
    database, queue, renderer, provider, listening, workspace_id
):
    job_id = await submitted(database, queue, workspace_id, SENTENCES)
    async with under_way(queue, renderer, provider):
        pieces = listening.follow(workspace_id, job_id)
        assert await anext(pieces)
        await database.write(jobs.cancel, queue, workspace_id, job_id)
        with pytest.raises(UnavailableError):
            async for _ in pieces:
                pass


async def test_a_job_that_ends_without_audio_has_none_to_hear(
    database, queue, listening, workspace_id
):
    job_id = await submitted(database, queue, workspace_id)
    first = asyncio.ensure_future(anext(listening.follow(workspace_id, job_id)))
    await asyncio.sleep(0.05)
    await database.write(jobs.cancel, queue, workspace_id, job_id)
    with pytest.raises(NotFoundError):
        async with asyncio.timeout(30):
            await first


async def test_a_listener_that_leaves_is_forgotten(
    database, queue, renderer, provider, listening, workspace_id, watchers
):
    await submitted(database, queue, workspace_id, SENTENCES)
    job_id = await submitted(database, queue, workspace_id, SENTENCES)
    async with under_way(queue, renderer, provider):
        waiting = listening.follow(workspace_id, job_id)
        first = asyncio.ensure_future(anext(waiting))
        await asyncio.sleep(0.05)
        assert set(watchers._waiting) == {job_id}
        first.cancel()
        await asyncio.wait({first})
        await waiting.aclose()
        assert watchers._waiting == {}


def voice_of(data):
    """The title and comment of encoded audio, in which its voice is told."""
    with av.open(io.BytesIO(data)) as container:
        return f"{container.metadata.get('title')} {container.metadata.get('comment')}"


@pytest.mark.parametrize(
    ("changes", "is_cloned"),
    [
        ({}, False),
        ({"voice": "voice_0123456789ab"}, True),
        ({"switches": (Switch(7, "de", "voice_0123456789ab"),)}, True),
    ],
)
@pytest.mark.parametrize("form", ["wav", "mp3"])
async def test_renditions_say_whether_a_cloned_voice_speaks(
    database, queue, blobs, listening, workspace_id, changes, is_cloned, form
):
    job_id = await submitted(database, queue, workspace_id, **changes)
    (claim,) = await claimed(queue)
    job = await database.write(job_steps.begin, queue, claim)
    pcm = b"\x10\x20" * 24_000
    await blobs.put("1.pcm", pcm)
    recording = Recording("1.pcm", "pcm", 24_000, 1, len(pcm), 1000, -16.0)
    await database.write(job_steps.finish, queue, claim, job, recording)
    made = await listening.rendition(await find(database, workspace_id, job_id), form)
    pieces = [piece async for piece in listening.read(made.blob, 0, made.blob_bytes)]
    told = voice_of(made.header + b"".join(pieces))
    assert "INTONE_PROVENANCE=synthetic" in told
    assert ("voice=cloned" in told) == is_cloned


async def test_a_job_without_audio_has_no_renditions(database, queue, listening, workspace_id):
    job_id = await submitted(database, queue, workspace_id)
    with pytest.raises(NotFoundError):
        await listening.rendition(await find(database, workspace_id, job_id), "wav")
