"""Spoken segments: found again by whoever may have them, whole or not at all, and for no longer."""

import dataclasses

import pytest

from helpers.rendering import find, run_next
from helpers.work import claimed, count, expire, make_workspace, recorded, submitted
from intone.audio.steps import Loudness
from intone.core import job_steps, jobs, segment_keeper, segment_rows
from intone.core.kept import Kept, KeptPcm
from intone.core.retention import Retention
from intone.core.script import Script, Turn
from intone.core.segment_cache import SegmentCache, SegmentKeys
from intone.core.segment_rows import Batch, Place
from intone.core.timing import Timing
from intone.providers.base import PresetVoice
from intone.text.segments import Segment

VOICE = PresetVoice(1, "voice_x_001", "X", "engine", "x", ("en-US",), "neutral")
SCRIPT = Script("", VOICE, "en-US", workspace_id="w")
FIRST = "The lamp was lit. "
SHARED = "Nobody came that night. "
LAST = "The lamp went out."


def key(spoken="Hello.", model="m", script=SCRIPT, written="Hello.", **changes):
    segment = Segment(0, written.strip(), spoken, 0, len(written), 0)
    return SegmentKeys(dataclasses.replace(script, **changes), model).of(segment, written)


@pytest.fixture
def cache(database, blobs):
    return SegmentCache(database, blobs)


@pytest.fixture
def retention(database, queue, blobs, spool):
    return Retention(database, queue, blobs, spool)


async def kept(blobs):
    return {path async for path in blobs.list("segments")}


async def rendered(database, queue, renderer, workspace_id, text, **changes):
    """A job that asks for reuse, as it stands when it was rendered."""
    job_id = await submitted(database, queue, workspace_id, text, reuse=True, **changes)
    await run_next(queue, renderer)
    job = await find(database, workspace_id, job_id)
    assert job.state == "ready", job
    return job


async def begun(database, queue, workspace_id):
    """A running job and its claim."""
    await submitted(database, queue, workspace_id, reuse=True)
    (claim,) = await claimed(queue)
    return await database.write(job_steps.begin, queue, claim), claim


def pcm(piece):
    return KeptPcm(piece, Loudness(b"", 0), Timing("engine", ()))


async def put(database, blobs, job, pieces, pack=0):
    """Keep pieces of audio by their keys as one pack of a job; returns where they are."""
    blob = segment_rows.pack_path(job, pack)
    kept = {name: Kept(name, "v", pcm(piece).packed()) for name, piece in pieces.items()}
    await blobs.put(blob, b"".join(one.data for one in kept.values()))
    places = segment_keeper._places(blob, kept)
    await database.write(segment_rows.keep, job, Batch(places))
    return places


@pytest.mark.parametrize(
    "other",
    [
        {"spoken": "Hello!"},
        {"written": "HELLO."},
        {"part_channels": 1},
        {"model": "n"},
        {"workspace_id": "v"},
        {"language": "en-GB"},
        {"style": "calm"},
        {"rate": 1.5},
        {"sample_rate": 16_000},
        {"voice": dataclasses.replace(VOICE, version="2")},
        {"voice": dataclasses.replace(VOICE, local_id="y")},
        {"voice": dataclasses.replace(VOICE, provider="other")},
        {"voice": dataclasses.replace(VOICE, slug="voice_x_002")},
    ],
)
def test_all_that_decides_how_a_segment_sounds_is_in_its_key(other):
    assert key(**other) != key()


def test_every_setting_of_a_script_is_in_the_key_those_made_later_too():
    said = {"text", "voice", "workspace_id", "turns"}
    for field in dataclasses.fields(Script):
        if field.name not in said:
            changed = dataclasses.replace(SCRIPT, **{field.name: "another"})
            assert key(script=changed) != key(), field.name


def test_the_text_around_a_segment_is_not_in_its_key():
    assert key(text="Hello. And good night.") == key()
    assert key(written=" Hello.\n") == key()
    assert key(turns=(Turn(7, VOICE, "de"),)) == key()


def test_parts_of_a_key_that_run_together_are_told_apart():
    def named(provider, model):
        voice = dataclasses.replace(VOICE, provider=provider)
        return key(model=model, voice=voice)

    assert named("ab", "c") != named("a", "bc")


async def test_many_segments_are_found_at_once_by_their_workspace_alone(
    database, queue, blobs, cache, workspace_id
):
    job, _ = await begun(database, queue, workspace_id)
    pieces = {key(str(n)): str(n).encode() * 7 for n in range(100)}
    places = await put(database, blobs, job, pieces)
    asked = [*pieces, key("unknown")]
    assert await cache.find(workspace_id, asked) == places
    assert await cache.find(await database.write(make_workspace, "other"), asked) == {}
    assert await cache.find(workspace_id, []) == {}
    for name, place in places.items():
        assert await cache.read(place, KeptPcm) == pcm(pieces[name])


@pytest.mark.parametrize("harm", ["gone", "cut", "changed"])
async def test_what_is_damaged_counts_as_never_kept(
    database, queue, blobs, cache, workspace_id, harm
):
    job, _ = await begun(database, queue, workspace_id)
    places = await put(database, blobs, job, {key("a"): b"aaaa", key("b"): b"bbbb"})
    place = places[key("b")]
    if harm == "gone":
        await blobs.delete(place.blob)
    else:
        whole = b"".join([p async for p in blobs.read_range(place.blob, 0, 10_000)])
        await blobs.put(place.blob, whole[:-2] if harm == "cut" else whole[:-1] + b"x")
    assert await cache.read(place, KeptPcm) is None
    if harm != "gone":
        assert await cache.read(places[key("a")], KeptPcm) == pcm(b"aaaa")


async def test_a_segment_that_is_spoken_again_takes_the_place_of_the_damaged_one(
    database, queue, blobs, renderer, provider, workspace_id
):
    first = await rendered(database, queue, renderer, workspace_id, FIRST + SHARED)
    (pack,) = await kept(blobs)
    await blobs.put(pack, bytes(await blobs.size(pack)))
    spoken = provider.spoken
    second = await rendered(database, queue, renderer, workspace_id, FIRST + SHARED)
    assert (first.segments, second.segments) == ((2, 0), (2, 0))
    assert provider.spoken == spoken + 2
    third = await rendered(database, queue, renderer, workspace_id, FIRST + SHARED)
    assert third.segments == (2, 2)
    assert await recorded(blobs, third) == await recorded(blobs, second)


async def test_a_segment_lives_as_long_as_a_job_that_uses_it(
    database, queue, blobs, renderer, retention, workspace_id
):
    await rendered(database, queue, renderer, workspace_id, FIRST + SHARED)
    await expire(database)
    assert (await rendered(database, queue, renderer, workspace_id, SHARED + LAST)).segments == (
        2,
        1,
    )
    assert await count(database, "segments") == 3
    assert len(await kept(blobs)) == 2
    await retention.sweep()
    assert await count(database, "segments") == 2
    assert len(await kept(blobs)) == 2, "the first job's pack holds what the second uses"
    assert (await rendered(database, queue, renderer, workspace_id, SHARED + LAST)).segments == (
        2,
        2,
    )
    await expire(database)
    await retention.sweep()
    assert await count(database, "segments") == await count(database, "job_segments") == 0
    assert await kept(blobs) == set()


async def test_a_job_of_many_segments_is_released_in_many_units_of_work(
    database, queue, blobs, cache, workspace_id
):
    job, _ = await begun(database, queue, workspace_id)
    other, _ = await begun(database, queue, workspace_id)
    pieces = {key(str(n)): b"x" for n in range(1100)}
    await put(database, blobs, job, pieces)
    shared = key("7")
    await database.write(segment_rows.keep, other, Batch({}, frozenset({shared})))
    packs, is_over = await database.write(segment_rows.release, job.id, 500)
    assert (packs, is_over) == ([], False)
    await cache.release(job.id)
    assert await count(database, "job_segments") == 1
    assert list(await cache.find(workspace_id, list(pieces))) == [shared]
    await cache.release(other.id)
    assert await count(database, "segments") == 0
    assert await kept(blobs) == set()


async def test_erasing_a_voice_erases_its_segments_and_no_others(
    database, queue, blobs, cache, renderer, provider, workspace_id
):
    other_id = await database.write(make_workspace, "other")
    await rendered(database, queue, renderer, workspace_id, FIRST)
    voice = "voice_en_us_002"
    await rendered(database, queue, renderer, workspace_id, FIRST, voice=voice)
    await rendered(database, queue, renderer, other_id, FIRST, voice=voice)
    assert len(await kept(blobs)) == 3
    await cache.discard(await database.write(segment_rows.erase_voice, workspace_id, voice))
    assert (await count(database, "segments"), len(await kept(blobs))) == (2, 2)
    for owner, slug, reused in [
        (workspace_id, "voice_en_us_001", 1),
        (other_id, voice, 1),
        (workspace_id, voice, 0),
    ]:
        job = await rendered(database, queue, renderer, owner, FIRST, voice=slug)
        assert job.segments == (1, reused), slug


async def test_erasing_a_workspace_erases_its_segments_and_no_others(
    database, queue, blobs, cache, renderer, workspace_id
):
    other_id = await database.write(make_workspace, "other")
    for owner in (workspace_id, other_id):
        await rendered(database, queue, renderer, owner, FIRST)
    await cache.discard(await database.write(segment_rows.erase_workspace, workspace_id))
    assert (await count(database, "segments"), len(await kept(blobs))) == (1, 1)
    assert (await rendered(database, queue, renderer, other_id, FIRST)).segments == (1, 1)


async def test_packs_that_no_row_will_ever_name_are_swept_and_others_are_not(
    database, queue, blobs, cache, workspace_id
):
    named, _ = await begun(database, queue, workspace_id)
    await put(database, blobs, named, {key("a"): b"a"})
    await put(database, blobs, named, {key("b"): b"b"}, pack=1)
    await put(database, blobs, named, {key("b"): b"c"}, pack=2)  # takes the place of the other
    running, claim = await begun(database, queue, workspace_id)
    pending = segment_rows.pack_path(running, 0)
    await blobs.put(pending, b"its rows are yet to be written")
    await blobs.put("segments/nobody/1.0.pcm", b"its job is erased")
    assert await cache.sweep() == 1
    assert pending in await kept(blobs)
    await database.write(job_steps.give_back, queue, claim, 0)
    await database.write(jobs.cancel, queue, workspace_id, named.id)
    assert await cache.sweep() == 2
    assert await kept(blobs) == {segment_rows.pack_path(named, number) for number in (0, 2)}
    assert await cache.sweep() == 0


async def test_a_job_knows_which_segments_it_has_spoken_itself(database, queue, workspace_id):
    job, _ = await begun(database, queue, workspace_id)
    place = Place(segment_rows.pack_path(job, 0), 0, 1, b"")
    assert place.is_of(job)
    assert place.is_of(dataclasses.replace(job, attempts=7))
    assert not place.is_of(dataclasses.replace(job, id=f"{job.id}0"))
    assert not place.is_of(dataclasses.replace(job, id=job.id[:-1]))
