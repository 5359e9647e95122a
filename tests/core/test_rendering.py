"""Rendering: every claimed job ends in a whole recording, another try, or a reason why not."""

import array
import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence

import pytest
from prometheus_client import CollectorRegistry

from helpers.work import balance, claimed, holds, submitted
from intone.core import jobs, rendering
from intone.core.job_metrics import JobMetrics
from intone.core.listening import Listening
from intone.core.rendering import Renderer
from intone.core.synthesis import Synthesizer
from intone.core.voices import VoiceCatalogue
from intone.core.watch import Watchers
from intone.errors import (
    NotFoundError,
    ProviderError,
    ProviderRejectedError,
    UnavailableError,
)
from intone.providers.base import AudioChunk, PresetVoice, Provider, SpeechRequest
from intone.providers.engines.espeak_provider import EspeakProvider

SENTENCES = "This is a sentence that takes a while to say. " * 40


class Wrapped(Provider):
    """The real engine behind a provider that can be made to fail, to wait or to break."""

    name = "espeak"

    def __init__(self, inner: EspeakProvider) -> None:
        self._inner = inner
        self.capabilities = inner.capabilities
        self.errors: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()
        self.spoken = 0

    def voices(self) -> Sequence[PresetVoice]:
        return self._inner.voices()

    async def synthesize(self, request: SpeechRequest) -> AsyncIterator[AudioChunk]:
        self.asked.set()
        if self.errors:
            raise self.errors.pop(0)
        if self.spoken:  # the first segment always gets through
            await self.open.wait()
        self.spoken += 1
        async for chunk in self._inner.synthesize(request):
            yield chunk


@pytest.fixture
async def provider():
    engine = EspeakProvider(processes=1)
    await engine.start()
    yield Wrapped(engine)
    await engine.close()


@pytest.fixture
def watchers():
    return Watchers()


@pytest.fixture
def renderer(database, queue, blobs, spool, provider, watchers, monkeypatch):
    monkeypatch.setattr(rendering, "_RETRY_MS", 1)
    return Renderer(
        database=database,
        queue=queue,
        blobs=blobs,
        voices=VoiceCatalogue([provider]),
        synthesizer=Synthesizer({"espeak": provider}),
        watchers=watchers,
        metrics=JobMetrics(CollectorRegistry()),
        spool=spool,
    )


@pytest.fixture
def listening(database, blobs, watchers, spool):
    return Listening(database, blobs, watchers, spool)


async def find(database, workspace_id, job_id):
    return await database.read(jobs.find, workspace_id, job_id)


async def run_next(queue, renderer):
    """Claim one job and render it; waits for a delayed one."""
    async with asyncio.timeout(30):
        while not (claims := await claimed(queue)):
            await asyncio.sleep(0.01)
    await renderer.run(claims[0])


@contextlib.asynccontextmanager
async def under_way(queue, renderer, provider):
    """A job that has spoken its first segment and waits for the second."""
    provider.open.clear()
    (claim,) = await claimed(queue)
    task = asyncio.create_task(renderer.run(claim))
    async with asyncio.timeout(30):
        while not provider.spoken:
            await asyncio.sleep(0.01)
    try:
        yield task
    finally:
        provider.open.set()
        task.cancel()
        await asyncio.wait({task})


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
    assert hashlib.sha256(audio).hexdigest() == job.recording.sha256
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
    provider.errors = [ProviderError("No answer.") for _ in range(100)]
    for _ in range(4):
        await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    assert (job.state, job.attempts, job.error_code) == ("failed", 4, "provider_error")
    assert await holds(database) == {"released": 1}
    assert [depth.dead for depth in await queue.depth()] == [1]
    assert await kept(blobs) == set()
    assert list(spool.iterdir()) == []


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
        if function is jobs.finish:
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
