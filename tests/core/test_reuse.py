"""Rendering with reuse: nothing is spoken twice, whatever happened in between, and jobs say so."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from helpers.rendering import SENTENCES, find, run_next, under_way
from helpers.work import balance, claimed, count, make_workspace, recorded, submitted
from intone.core import job_steps, jobs, segment_keeper
from intone.core.job_metrics import JobMetrics
from intone.core.rendering import Renderer
from intone.core.routing import Router
from intone.core.segment_cache import SegmentCache
from intone.core.synthesis import Synthesizer
from intone.core.voices import VoiceCatalogue
from intone.errors import EngineCrashedError, ProviderRejectedError, StorageFullError

NUMBERS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
#: A text of twelve sentences, all different.
STORY = " ".join(f"This is sentence {number} of a short story." for number in NUMBERS)


async def rendered(database, queue, renderer, workspace_id, text=STORY, **changes):
    """A job as it stands when it was rendered once."""
    changes.setdefault("reuse", True)
    job_id = await submitted(database, queue, workspace_id, text, **changes)
    await run_next(queue, renderer)
    return await find(database, workspace_id, job_id)


async def kept(blobs, folder=""):
    return {path async for path in blobs.list(folder)}


def failing_at(provider, words, error):
    """Have the provider fail where those words come, until it is told otherwise."""
    speak, failing = provider.synthesize, asyncio.Event()
    failing.set()

    async def synthesize(request):
        if failing.is_set() and words in request.text:
            raise error
        async for chunk in speak(request):
            yield chunk

    provider.synthesize = synthesize
    return failing


@pytest.fixture
def lenient(database, queue, blobs, spool, provider, watchers):
    """A renderer of a server that charges nothing for what is used again."""
    return Renderer(
        database=database,
        queue=queue,
        blobs=blobs,
        voices=VoiceCatalogue([provider]),
        synthesizer=Synthesizer({"espeak": provider}, Router(), SegmentCache(database, blobs)),
        watchers=watchers,
        metrics=JobMetrics(CollectorRegistry()),
        spool=spool,
        charge_reused=False,
    )


async def test_the_same_text_is_not_spoken_again(
    database, queue, blobs, renderer, provider, workspace_id
):
    first = await rendered(database, queue, renderer, workspace_id)
    assert (first.state, first.segments, provider.spoken) == ("ready", (12, 0), 12)
    again = await rendered(database, queue, renderer, workspace_id)
    assert (again.state, again.segments, provider.spoken) == ("ready", (12, 12), 12)
    assert await recorded(blobs, again) == await recorded(blobs, first)
    other = await rendered(database, queue, renderer, workspace_id, format="flac")
    assert (other.segments, provider.spoken) == ((12, 12), 12)
    assert abs(other.recording.duration_ms - first.recording.duration_ms) <= 1
    assert (await balance(database, workspace_id)).spent == 3 * len(STORY)


@pytest.mark.parametrize(
    ("changed", "spoken"),
    [
        (STORY.replace("seven of a short", "number seven of quite a long"), 1),
        (STORY + " And here it ends.", 1),
        (STORY.replace("sentence one ", "beginning "), 1),
        (STORY.replace("This is sentence five of a short story. ", ""), 0),
    ],
)
async def test_of_an_edited_text_only_what_changed_is_spoken(
    database, queue, renderer, provider, workspace_id, changed, spoken
):
    await rendered(database, queue, renderer, workspace_id)
    total = changed.count(".")
    job = await rendered(database, queue, renderer, workspace_id, changed)
    assert job.segments == (total, total - spoken)
    assert provider.spoken == 12 + spoken


async def test_another_workspace_or_voice_or_rate_has_it_spoken_anew(
    database, queue, renderer, provider, workspace_id
):
    other_id = await database.write(make_workspace, "other")
    await rendered(database, queue, renderer, workspace_id)
    for owner, changes in [
        (other_id, {}),
        (workspace_id, {"voice": "voice_en_us_002"}),
        (workspace_id, {"rate": 1.5}),
        (workspace_id, {"sample_rate": 16_000}),
    ]:
        provider.spoken = 0
        job = await rendered(database, queue, renderer, owner, **changes)
        assert (job.segments, provider.spoken) == ((12, 0), 12), changes


async def test_a_job_that_does_not_ask_for_it_reuses_and_keeps_nothing(
    database, queue, blobs, renderer, workspace_id
):
    plain = await rendered(database, queue, renderer, workspace_id, reuse=False)
    assert plain.segments is None
    assert await kept(blobs) == {plain.recording.blob, f"{plain.recording.blob}.words"}
    assert (await rendered(database, queue, renderer, workspace_id)).segments == (12, 0)
    again = await rendered(database, queue, renderer, workspace_id, reuse=False)
    assert again.segments is None
    assert await count(database, "job_segments") == 12


async def test_where_the_operator_says_so_only_what_is_newly_spoken_is_charged(
    database, queue, lenient, workspace_id
):
    changed = STORY.replace("seven of", "number seven of")
    await rendered(database, queue, lenient, workspace_id)
    assert (await balance(database, workspace_id)).spent == len(STORY)
    await rendered(database, queue, lenient, workspace_id, changed)
    one = len("This is sentence number seven of a short story.")
    stood = await balance(database, workspace_id)
    assert stood.spent - len(STORY) in {one, one + 1}  # with the space after it
    await rendered(database, queue, lenient, workspace_id)
    after = await balance(database, workspace_id)
    assert (after.spent, after.held) == (stood.spent, 0)


async def test_a_try_after_a_failure_speaks_what_is_missing_and_is_charged_for_all(
    database, queue, lenient, provider, workspace_id, monkeypatch
):
    monkeypatch.setattr("intone.core.rendering._RETRY_MS", 1)
    failing = failing_at(provider, "eleven", EngineCrashedError())
    waiting = await rendered(database, queue, lenient, workspace_id)
    assert waiting.state == "queued"
    saved = await count(database, "segments")
    assert saved == 10
    failing.clear()
    provider.spoken = 0
    await run_next(queue, lenient)
    job = await find(database, workspace_id, waiting.id)
    assert (job.state, job.attempts, provider.spoken) == ("ready", 2, 2)
    assert job.segments == (12, 0), "what it has spoken itself is not reused"
    assert (await balance(database, workspace_id)).spent == len(STORY)


async def test_what_a_failed_job_had_spoken_serves_the_next(
    database, queue, renderer, provider, workspace_id
):
    failing = failing_at(provider, "eleven", ProviderRejectedError())
    assert (await rendered(database, queue, renderer, workspace_id)).state == "failed"
    failing.clear()
    assert (await rendered(database, queue, renderer, workspace_id)).segments == (12, 10)


async def test_a_worker_that_stops_leaves_what_was_spoken_to_the_next(
    database, queue, renderer, provider, workspace_id
):
    job_id = await submitted(database, queue, workspace_id, STORY, reuse=True)
    async with under_way(queue, renderer, provider) as task:
        async with asyncio.timeout(30):
            while not await spooled(renderer):
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
    assert await count(database, "segments") == 1
    provider.spoken = 0
    await run_next(queue, renderer)
    assert (await find(database, workspace_id, job_id)).state == "ready"
    assert provider.spoken == 11


async def spooled(renderer):
    """Whether a passage has been added to the take."""
    return any(path.stat().st_size for path in renderer._spool.iterdir())


async def test_a_long_job_writes_its_packs_while_it_speaks(
    database, queue, blobs, renderer, provider, workspace_id, monkeypatch
):
    monkeypatch.setattr(segment_keeper, "_PACK_BYTES", 100_000)
    seen = []
    speak = provider.synthesize

    async def watched(request):
        seen.append(await count(database, "segments"))
        async for chunk in speak(request):
            yield chunk

    provider.synthesize = watched
    job = await rendered(database, queue, renderer, workspace_id, STORY)
    assert job.segments == (12, 0)
    assert 0 < seen[-1] < 12, "it is all written at the end"
    assert len(await kept(blobs, "segments")) >= 4
    again = await rendered(database, queue, renderer, workspace_id, STORY)
    assert again.segments == (12, 12)
    assert await recorded(blobs, again) == await recorded(blobs, job)


async def test_a_cancelled_job_leaves_no_pack_of_its_own_without_rows(
    database, queue, blobs, renderer, provider, workspace_id
):
    job_id = await submitted(database, queue, workspace_id, SENTENCES, reuse=True)
    async with under_way(queue, renderer, provider) as task:
        await database.write(jobs.cancel, queue, workspace_id, job_id)
        provider.open.set()
        async with asyncio.timeout(30):
            await task
    assert await kept(blobs) == set()
    assert await count(database, "segments") == 0


async def test_a_job_overtaken_at_its_very_end_leaves_nothing(
    database, queue, blobs, renderer, workspace_id
):
    job_id = await submitted(database, queue, workspace_id, STORY, reuse=True)
    write = database.write

    async def overtaken(function, *args, **kwargs):
        if function is job_steps.finish:
            await write(jobs.cancel, queue, workspace_id, job_id)
        return await write(function, *args, **kwargs)

    database.write = overtaken
    (claim,) = await claimed(queue)
    await renderer.run(claim)
    assert (await find(database, workspace_id, job_id)).state == "cancelled"
    assert await kept(blobs) == set()
    assert await count(database, "segments") == await count(database, "job_segments") == 0


async def test_a_disk_without_room_for_segments_costs_no_job(
    database, queue, blobs, renderer, provider, workspace_id
):
    put_stream = blobs.put_stream

    async def full(path, chunks):
        if path.startswith("segments/"):
            raise StorageFullError
        return await put_stream(path, chunks)

    blobs.put_stream = full
    assert (await rendered(database, queue, renderer, workspace_id)).segments == (12, 0)
    blobs.put_stream = put_stream
    assert (await rendered(database, queue, renderer, workspace_id)).segments == (12, 0)
    assert (await rendered(database, queue, renderer, workspace_id)).segments == (12, 12)


async def test_a_sentence_that_comes_again_and_again_is_kept_once(
    database, queue, renderer, workspace_id
):
    first = await rendered(database, queue, renderer, workspace_id, SENTENCES)
    assert first.segments == (40, 0)
    assert await count(database, "segments") == 1
    assert (await rendered(database, queue, renderer, workspace_id, SENTENCES)).segments == (40, 40)
