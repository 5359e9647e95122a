"""Captions of jobs: beside the recording when it is finished, in the spool until then."""

import asyncio
from itertools import pairwise

import pytest

from helpers.rendering import SENTENCES, find, run_next, under_way
from helpers.work import submitted
from intone.core import jobs
from intone.core.captions import Captions
from intone.core.recordings import words_blob
from intone.core.spool import spool_path, words_path
from intone.errors import NotFoundError


@pytest.fixture
def captions(blobs, spool):
    return Captions(blobs, spool)


async def lines_of(captions, job, after=0):
    return [line async for line in captions.lines(job, after)]


async def test_a_finished_job_has_a_line_for_every_segment(
    database, queue, workspace_id, renderer, captions
):
    text = "Hello there, world.\n\nAnd 1,250 more."
    job_id = await submitted(database, queue, workspace_id, text)
    await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    lines = await lines_of(captions, job)
    assert [line.text for line in lines] == text.split("\n\n")
    assert [text[word.start : word.end] for line in lines for word in line.words] == [
        *("Hello", "there", "world", "And", "1,250", "more")
    ]
    assert {line.source for line in lines} == {"engine"}
    assert all(one.to_ms < other.from_ms for one, other in pairwise(lines))
    assert lines[-1].to_ms <= job.recording.duration_ms + 1
    for line in lines:
        times = [at for word in line.words for at in (word.from_ms, word.to_ms)]
        assert times == sorted(times)
        assert line.from_ms <= times[0]
        assert times[-1] <= line.to_ms
    assert await lines_of(captions, job, after=1) == lines[1:]
    assert await lines_of(captions, job, after=9) == []


async def test_a_running_job_has_the_lines_that_are_spoken(
    database, queue, workspace_id, renderer, provider, captions
):
    job_id = await submitted(database, queue, workspace_id, SENTENCES)
    queued = await find(database, workspace_id, job_id)
    assert await lines_of(captions, queued) == []
    async with under_way(queue, renderer, provider) as task:
        async with asyncio.timeout(30):
            while not (
                begun := await lines_of(captions, await find(database, workspace_id, job_id))
            ):
                await asyncio.sleep(0.01)
        provider.open.set()
        await task
    whole = await lines_of(captions, await find(database, workspace_id, job_id))
    assert 0 < len(begun) < len(whole)
    assert whole[: len(begun)] == begun


async def test_half_a_line_is_none_yet(
    database, queue, workspace_id, renderer, provider, captions, spool
):
    job_id = await submitted(database, queue, workspace_id, SENTENCES)
    async with under_way(queue, renderer, provider):
        job = await find(database, workspace_id, job_id)
        path = words_path(spool_path(spool, job.id, job.attempts))
        line = b'{"text":"A","start":0,"end":1,"from_ms":0,"to_ms":9,"source":"engine","words":[]}'
        path.write_bytes(line + b"\n" + line[:20])
        assert [found.text for found in await lines_of(captions, job)] == ["A"]


async def test_a_job_that_ended_without_audio_has_no_captions(
    database, queue, workspace_id, captions
):
    job_id = await submitted(database, queue, workspace_id)
    job = await database.write(jobs.cancel, queue, workspace_id, job_id)
    with pytest.raises(NotFoundError):
        await lines_of(captions, job)


async def test_a_recording_from_before_there_were_captions_has_none(
    database, queue, workspace_id, renderer, captions, blobs
):
    job_id = await submitted(database, queue, workspace_id)
    await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    await blobs.delete(words_blob(job.recording.blob))
    with pytest.raises(NotFoundError):
        await lines_of(captions, job)
