"""Editions of an MP3: what did not change is taken over frame by frame, and sounds the same."""

import asyncio
import dataclasses

import msgspec
import numpy as np
import pytest

from helpers.decoding import decode
from helpers.rendering import find, run_next, under_way
from helpers.thorough import some
from helpers.work import count, submitted
from intone.audio.loudness import LoudnessMeter, apply_gain
from intone.core import part_take
from intone.core.recordings import words_blob
from intone.core.spool import SpooledLine
from intone.errors import InvalidInputError, ProviderRejectedError
from intone.providers.base import AudioChunk

#: Audio is cut alike whatever the database.
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.parametrize(
        "database_url", some(["sqlite"], of=["sqlite", "postgres"]), indirect=True
    ),
]

SUBJECTS = ["lamp", "boat", "wind", "keeper", "harbour", "letter"]
SENTENCES = [
    f"The {one} was seen near the {other} again, {number} days before the end of the year."
    for number, (one, other) in enumerate(
        (one, other) for one in SUBJECTS for other in SUBJECTS if one != other
    )
]
#: Two minutes of speech, all sentences different.
STORY = " ".join(SENTENCES)
#: How the first ten of them begin, and no others.
BEGINNING = ("The lamp", "The boat")
NEW = "Nobody knew where it had been."


def edited(place, replaced):
    """The story with a new sentence, in place of the one there or before it."""
    return " ".join([*SENTENCES[:place], NEW, *SENTENCES[place + replaced :]])


async def rendered(database, queue, renderer, workspace_id, text=STORY, **changes):
    changes = {"format": "mp3", "reuse": True} | changes
    job_id = await submitted(database, queue, workspace_id, text, **changes)
    await run_next(queue, renderer)
    return await find(database, workspace_id, job_id)


async def content(blobs, blob):
    return b"".join([p async for p in blobs.read_range(blob, 0, 1 << 30)])


async def lines(blobs, job):
    raw = await content(blobs, words_blob(job.recording.blob))
    return [msgspec.json.decode(line, type=SpooledLine).line("") for line in raw.splitlines()]


def part(mp3, line):
    """The frames in which a line is heard: 192 bytes for 24 ms each."""
    return mp3[(line.from_ms - 46) // 24 * 192 : (line.to_ms - 46) // 24 * 192]


def loudness(mp3):
    heard = decode(mp3, "mp3")
    meter = LoudnessMeter(heard.sample_rate, heard.channels)
    meter.feed(heard.pcm)
    return meter.integrated()


def at_level(provider, gain_db):
    """Have the provider speak at another level, by the words of each request."""
    speak = provider.synthesize

    async def synthesize(request):
        async for chunk in speak(request):
            yield dataclasses.replace(chunk, pcm=apply_gain(chunk.pcm, gain_db(request.text)))

    provider.synthesize = synthesize


@pytest.mark.parametrize(
    ("place", "replaced"),
    some(
        [(12, 1), (0, 0), (len(SENTENCES), 0)],
        of=[(12, 1), (0, 0), (12, 0), (len(SENTENCES), 0), (0, 1)],
    ),
)
async def test_of_an_edition_only_what_changed_is_spoken_and_the_rest_is_the_same_to_the_byte(
    database, queue, blobs, renderer, provider, workspace_id, place, replaced
):
    first = await rendered(database, queue, renderer, workspace_id)
    assert first.segments == (30, 0)
    provider.spoken = 0
    second = await rendered(database, queue, renderer, workspace_id, edited(place, replaced))
    total = 31 - replaced
    assert (second.segments, provider.spoken) == ((total, total - 1), 1)
    old, new = [await content(blobs, job.recording.blob) for job in (first, second)]
    before, after = await lines(blobs, first), await lines(blobs, second)
    assert [line.text for line in after] == [
        *SENTENCES[:place],
        NEW,
        *SENTENCES[place + replaced :],
    ]
    del before[place : place + replaced], after[place]
    for one, other in zip(before, after, strict=True):
        assert part(old, one) == part(new, other)
        moved = other.from_ms - one.from_ms
        assert [word.from_ms + moved for word in one.words] == pytest.approx(
            [word.from_ms for word in other.words], abs=1
        )


async def test_an_edition_of_nothing_new_is_the_same_file(
    database, queue, blobs, renderer, provider, workspace_id
):
    first = await rendered(database, queue, renderer, workspace_id)
    again = await rendered(database, queue, renderer, workspace_id)
    assert again.segments == (30, 30)
    old, new = [await content(blobs, job.recording.blob) for job in (first, again)]
    assert old == new
    assert again.recording.etag != first.recording.etag
    assert await lines(blobs, again) == await lines(blobs, first)


async def test_another_voice_or_form_takes_nothing_over(database, queue, renderer, workspace_id):
    text = " ".join(SENTENCES[:3])
    await rendered(database, queue, renderer, workspace_id, text)
    for changes in [
        {"voice": "voice_en_us_002"},
        {"format": "flac"},
        {"channels": 2},
        {"sample_rate": 44_100},
        {"rate": 1.2},
    ]:
        job = await rendered(database, queue, renderer, workspace_id, text, **changes)
        assert job.segments == (3, 0), changes


@pytest.mark.parametrize(("rate", "channels"), [(24_000, 1), (44_100, 2)])
async def test_the_recording_is_a_whole_mp3_of_its_length_and_level(
    database, queue, blobs, renderer, workspace_id, rate, channels
):
    job = await rendered(
        database, queue, renderer, workspace_id, sample_rate=rate, channels=channels
    )
    mp3 = await content(blobs, job.recording.blob)
    assert len(mp3) == job.recording.bytes
    assert mp3[-128:-125] == b"TAG"
    heard = decode(mp3, "mp3")
    assert (heard.sample_rate, heard.channels) == (rate, channels)
    assert heard.duration * 1000 == pytest.approx(job.recording.duration_ms, abs=1)
    assert job.recording.loudness == pytest.approx(-19 if channels == 1 else -16, abs=0.5)
    assert loudness(mp3) == pytest.approx(job.recording.loudness, abs=0.6)


async def test_words_are_heard_when_the_lines_say(database, queue, blobs, renderer, workspace_id):
    """The silence before a line's first word ends there, and so does its last word's sound."""
    await rendered(database, queue, renderer, workspace_id)
    job = await rendered(database, queue, renderer, workspace_id, edited(5, 1))
    heard = decode(await content(blobs, job.recording.blob), "mp3")
    level = np.abs(heard.samples[0])
    for line in await lines(blobs, job):
        start, end = (round(ms * heard.sample_rate / 1000) for ms in (line.from_ms, line.to_ms))
        assert level[start - 1500 : start - 50].max(initial=0) < 0.01
        assert level[start : start + 1500].max() > 0.002
        assert level[end - 1500 : end].max() > 0.002
        assert level[end + 50 : end + 1500].max() < 0.01
        assert line.words[0].from_ms >= line.from_ms
        assert line.words[-1].to_ms <= line.to_ms
        assert job.order.text[line.words[0].start :].startswith(line.text.split()[0])


async def test_parts_encoded_before_the_level_is_known_are_encoded_again(
    database, queue, blobs, renderer, provider, workspace_id
):
    at_level(provider, lambda text: -12 if "lamp was seen near the boat" in text else 0)
    first = await rendered(database, queue, renderer, workspace_id)
    mp3 = await content(blobs, first.recording.blob)
    assert first.recording.loudness == pytest.approx(-19, abs=0.5)
    assert loudness(mp3) == pytest.approx(-19.4, abs=0.6)
    await rendered(database, queue, renderer, workspace_id)
    again = await rendered(database, queue, renderer, workspace_id)
    assert await content(blobs, again.recording.blob) == mp3, "what was kept is not what was heard"


async def test_a_whole_take_at_another_level_than_its_beginning_is_encoded_again(
    database, queue, blobs, renderer, provider, workspace_id
):
    at_level(provider, lambda text: -14 if text.startswith(BEGINNING) else 0)
    first = await rendered(database, queue, renderer, workspace_id)
    mp3 = await content(blobs, first.recording.blob)
    assert loudness(mp3) == pytest.approx(-19.4, abs=0.6)
    again = await rendered(database, queue, renderer, workspace_id)
    assert await content(blobs, again.recording.blob) == mp3


async def test_kept_parts_of_another_level_are_brought_to_that_of_the_rest(
    database, queue, blobs, renderer, provider, workspace_id
):
    loud = " ".join(SENTENCES[:10])
    at_level(provider, lambda text: 0 if text.startswith(BEGINNING) else -10)
    await rendered(database, queue, renderer, workspace_id, loud)
    quiet = await rendered(database, queue, renderer, workspace_id, " ".join(SENTENCES[10:]))
    both = await rendered(database, queue, renderer, workspace_id, STORY)
    assert both.segments == (30, 30)
    assert quiet.recording.loudness == pytest.approx(-19, abs=0.5)
    mp3 = await content(blobs, both.recording.blob)
    assert both.recording.loudness == pytest.approx(-19, abs=1.0)
    assert loudness(mp3) == pytest.approx(-19.4, abs=1.2)
    heard, at = decode(mp3, "mp3"), (await lines(blobs, both))[10].from_ms * 24
    apart = [np.sqrt(np.mean(heard.samples[0][some] ** 2)) for some in (slice(at), slice(at, None))]
    assert 20 * np.log10(apart[0] / apart[1]) == pytest.approx(10, abs=1.5), "the level jumps"


async def test_a_failed_job_leaves_its_parts_to_the_next(
    database, queue, renderer, provider, workspace_id
):
    provider.errors = []
    speak = provider.synthesize

    async def failing(request):
        if "twelve days" in request.text:
            raise ProviderRejectedError
        async for chunk in speak(request):
            yield chunk

    provider.synthesize = failing
    assert (await rendered(database, queue, renderer, workspace_id)).state == "failed"
    kept = await count(database, "segments")
    assert kept >= 8
    provider.synthesize = speak
    job = await rendered(database, queue, renderer, workspace_id)
    assert job.segments == (30, kept)


async def test_a_worker_that_stops_at_once_leaves_the_first_part_too(
    database, queue, renderer, provider, workspace_id
):
    job_id = await submitted(database, queue, workspace_id, STORY, reuse=True, format="mp3")
    async with under_way(queue, renderer, provider) as task:
        async with asyncio.timeout(30):
            while not any(path.stat().st_size for path in renderer._spool.glob("*.pcm")):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait({task})
    assert await count(database, "segments") == 1
    provider.spoken = 0
    await run_next(queue, renderer)
    assert (await find(database, workspace_id, job_id)).segments == (30, 0)
    assert provider.spoken == 29


async def test_a_listener_hears_the_very_file_but_for_parts_whose_level_was_not_known(
    database, queue, blobs, renderer, provider, listening, workspace_id
):
    at_level(provider, lambda text: -12 if "lamp was seen near the boat" in text else 0)
    job_id = await submitted(database, queue, workspace_id, STORY, reuse=True, format="mp3")
    async with under_way(queue, renderer, provider) as task:
        job = await find(database, workspace_id, job_id)
        pieces = listening.live(job, "mp3")
        async with asyncio.timeout(30):
            heard = await anext(pieces)
        provider.open.set()
        async for piece in pieces:
            heard += piece
        await task
    job = await find(database, workspace_id, job_id)
    mp3 = await content(blobs, job.recording.blob)
    assert len(heard) == len(mp3)
    assert decode(heard, "mp3").duration == decode(mp3, "mp3").duration
    settled = 45_000 // 24 * 192
    assert heard[:settled] != mp3[:settled], "nothing was encoded again; this tests too little"
    assert heard[settled:] == mp3[settled:]


async def test_a_running_job_of_parts_is_heard_in_its_own_format_alone(
    database, queue, listening, workspace_id
):
    job_id = await submitted(database, queue, workspace_id, STORY, reuse=True, format="mp3")
    job = await find(database, workspace_id, job_id)
    with pytest.raises(InvalidInputError):
        await anext(listening.live(job, "pcm"))


async def test_a_listener_who_comes_too_late_hears_the_recording(
    database, queue, blobs, renderer, listening, workspace_id
):
    job = await rendered(database, queue, renderer, workspace_id, NEW)
    heard = b"".join([piece async for piece in listening.live(job, "mp3")])
    assert heard == await content(blobs, job.recording.blob)


async def test_a_text_without_sound_is_a_whole_mp3(
    database, queue, blobs, renderer, provider, workspace_id
):
    async def silent(request):
        yield AudioChunk(bytes(4800), request.sample_rate)

    provider.synthesize = silent
    for reused in (0, 1):
        job = await rendered(database, queue, renderer, workspace_id, NEW)
        assert (job.state, job.segments) == ("ready", (1, reused))
        assert decode(await content(blobs, job.recording.blob), "mp3").duration > 0


async def test_many_parts_are_encoded_at_once_and_come_in_their_order(
    database, queue, blobs, renderer, workspace_id, monkeypatch
):
    """However long each takes."""
    encoded = part_take.PartTake._encoded

    def uneven(self, part, mp3):
        if part.samples % 2:
            import time

            time.sleep(0.02)
        return encoded(self, part, mp3)

    first = await rendered(database, queue, renderer, workspace_id, reuse=True)
    monkeypatch.setattr(part_take.PartTake, "_encoded", uneven)
    other = await rendered(database, queue, renderer, workspace_id, voice="voice_en_us_002")
    assert [line.text for line in await lines(blobs, other)] == SENTENCES
    again = await rendered(database, queue, renderer, workspace_id, voice="voice_en_us_002")
    mp3 = [await content(blobs, job.recording.blob) for job in (first, other, again)]
    assert mp3[0] != mp3[1]
    assert mp3[1] == mp3[2]
