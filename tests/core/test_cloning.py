"""Cloned voices: each request ends once, in a voice or a reason, and a deleted one leaves nothing."""

import asyncio

import pytest

from helpers.cloning import BASE, CONSENT, Workshop
from helpers.work import count, make_workspace, submitted
from intone.core import cloner as cloner_module
from intone.core import cloning as cloning_module
from intone.core import jobs, segment_rows
from intone.core.cloned_voices import CLONE, Consent
from intone.core.plans import load_plans
from intone.core.segment_rows import Batch, Place
from intone.core.voices import ClonedVoices, VoiceCatalogue, short_slug
from intone.errors import (
    InvalidInputError,
    NotFoundError,
    PlanFeatureError,
    ProviderError,
    ProviderRejectedError,
    SampleSilentError,
    VoiceNotReadyError,
)
from intone.storage.database import now_ms


@pytest.fixture
async def shop(database, queue, blobs, spool, provider, workspace_id, monkeypatch):
    monkeypatch.setattr(cloner_module, "_RETRY_MS", 1)
    return Workshop(database, queue, blobs, spool, provider, workspace_id)


@pytest.fixture
async def other_id(database):
    return await database.write(make_workspace, "other")


async def dead(database):
    return await count(database, "dead_letters")


async def live(queue):
    """How many voices are still to be made."""
    depths = [depth for depth in await queue.depth() if depth.kind == CLONE]
    return sum(depth.ready + depth.delayed + depth.running for depth in depths)


async def test_a_voice_is_written_down_with_its_queue_entry(shop, queue):
    path = await shop.upload()
    voice_id = await shop.submit(path)
    voice = await shop.find(voice_id)
    assert (voice.state, voice.name, voice.consent) == ("queued", "Ada", CONSENT)
    assert voice.samples == (path,)
    assert await live(queue) == 1


async def test_a_voice_is_made_of_its_samples_and_announced(shop, database, queue, spool):
    voice_id = await shop.make()
    voice = await shop.find(voice_id)
    assert (voice.state, voice.engine, voice.base_voice) == ("ready", "matching", BASE)
    assert shop.engine.language == voice.language == "en"
    assert 8 < voice.analysis["seconds"] < 30
    assert await shop.kept() == {voice.model}
    assert list(spool.iterdir()) == []
    assert shop.told == [(voice_id, "ready")]
    assert (await live(queue), await dead(database)) == (0, 0)


async def test_an_announcement_is_part_of_the_ending(shop, queue):
    def announce(*_):
        raise ZeroDivisionError

    voice_id = await shop.submit(await shop.upload())
    claim = await shop.claim()
    with pytest.raises(ZeroDivisionError):
        await shop.new_cloner(announce).run(claim)
    assert (await shop.find(voice_id)).state == "running"
    assert await live(queue) == 1


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"consent": None}, "givenBy"),
        ({"consent": Consent("", 1)}, "givenBy"),
        ({"consent": Consent("x" * 201, 1)}, "givenBy"),
        ({"consent": Consent("a\0b", 1)}, "givenBy"),
        ({"consent": Consent("Ada", now_ms() + 3_600_000)}, "future"),
        ({"consent": Consent("Ada", -1)}, "1970"),
        ({"language": "xx"}, "language"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
    ],
)
async def test_what_cannot_be_accepted_is_refused_and_leaves_nothing(
    shop, database, queue, changes, about
):
    path = await shop.upload()
    with pytest.raises(InvalidInputError, match=about):
        await shop.submit(path, **changes)
    assert (await count(database, "voices"), await live(queue)) == (0, 0)


async def test_one_to_ten_samples_each_once(shop):
    path = await shop.upload()
    for paths in ([], [path, path], [f"uploads/{n}.wav" for n in range(11)]):
        with pytest.raises(InvalidInputError, match="samplePaths"):
            await shop.submit(*paths)


async def test_an_operator_may_do_without_consent(shop):
    cloning = shop.new_cloning(requires_consent=False)
    voice_id = await shop.submit(await shop.upload(), consent=None, cloning=cloning)
    assert (await shop.find(voice_id)).consent is None


async def test_anothers_sample_is_as_one_that_does_not_exist(shop, database, queue, other_id):
    theirs = await shop.upload(workspace_id=other_id)
    reasons = []
    for path in (theirs, "uploads/00000000-0000-4000-8000-000000000000.wav", "../../etc/passwd"):
        with pytest.raises(NotFoundError) as caught:
            await shop.submit(path)
        reasons.append(caught.value.message)
    assert len(set(reasons)) == 1
    assert (await count(database, "voices"), await live(queue)) == (0, 0)


async def test_a_plan_without_cloning_is_told_so(shop):
    principal = shop.principal(plan=load_plans()["starter"])
    with pytest.raises(PlanFeatureError) as caught:
        await shop.submit(await shop.upload(), principal=principal)
    assert caught.value.feature_code == "cloning_requires_paid_plan"


async def test_a_workspace_keeps_a_limited_number_of_voices(shop, monkeypatch):
    monkeypatch.setattr(cloning_module, "MAX_VOICES", 2)
    path = await shop.upload()
    first, _ = await shop.submit(path), await shop.submit(path)
    with pytest.raises(InvalidInputError, match="delete one"):
        await shop.submit(path)
    await shop.cloning.delete(shop.principal(), first)
    await shop.submit(path)


async def test_whoever_has_much_waiting_goes_behind_whoever_has_little(shop, other_id):
    path, theirs = await shop.upload(), await shop.upload(workspace_id=other_id)
    mine = [await shop.submit(path), await shop.submit(path)]
    other = await shop.submit(theirs, principal=shop.principal(other_id))
    order = [(await shop.claim()).subject for _ in range(3)]
    assert order == [mine[0], other, mine[1]]


async def test_bad_samples_fail_the_voice_with_their_code_and_are_no_dead_letter(
    shop, database, queue
):
    shop.engine.errors = [SampleSilentError(analysis={"level_db": -90})]
    voice_id = await shop.make()
    voice = await shop.find(voice_id)
    assert (voice.state, voice.error_code) == ("failed", "sample_silent")
    assert voice.analysis == {"level_db": -90}
    assert shop.told == [(voice_id, "failed")]
    assert (await live(queue), await dead(database), await shop.kept()) == (0, 0, set())


async def test_a_sample_that_is_gone_fails_the_voice(shop, database):
    path = await shop.upload()
    voice_id = await shop.submit(path)
    await database.write(lambda tx: tx.execute("UPDATE uploads SET expires_at = 1"))
    await shop.cloner.run(await shop.claim())
    assert (await shop.find(voice_id)).error_code == "not_found"


async def test_samples_of_a_queued_voice_are_kept_for_it(shop, database):
    path = await shop.upload()
    soon = now_ms() + 1000
    await database.write(lambda tx: tx.execute("UPDATE uploads SET expires_at = :at", at=soon))
    await shop.submit(path)
    row = await database.read(lambda tx: tx.one("SELECT expires_at FROM uploads"))
    assert row["expires_at"] > now_ms() + 23 * 3_600_000


async def test_an_engine_that_fails_is_tried_again(shop):
    shop.engine.errors = [ProviderError()]
    voice_id = await shop.make()
    assert (await shop.find(voice_id)).state == "queued"
    await shop.cloner.run(await shop.claim())
    voice = await shop.find(voice_id)
    assert (voice.state, voice.attempts) == ("ready", 2)


@pytest.mark.parametrize(
    ("errors", "tries", "code"),
    [
        ([ProviderError() for _ in range(9)], 4, "provider_error"),
        ([ProviderRejectedError()], 1, "provider_rejected"),
        ([ZeroDivisionError()], 1, "internal_error"),
    ],
)
async def test_what_goes_on_failing_fails_the_voice_and_is_kept_for_the_operator(
    shop, database, errors, tries, code
):
    shop.engine.errors = list(errors)
    voice_id = await shop.submit(await shop.upload())
    for _ in range(tries):
        await shop.cloner.run(await shop.claim())
    voice = await shop.find(voice_id)
    assert (voice.state, voice.attempts, voice.error_code) == ("failed", tries, code)
    assert await dead(database) == 1
    assert shop.told == [(voice_id, "failed")]


async def test_a_voice_that_takes_its_worker_down_again_and_again_is_given_up(
    shop, database, queue
):
    voice_id = await shop.submit(await shop.upload())
    for _ in range(20):  # as twenty processes that died with it
        claim = await shop.claim()
        await database.write(lambda tx, claim=claim: queue.retry(tx, claim, delay_ms=0))
    await shop.cloner.run(await shop.claim())
    assert (await shop.find(voice_id)).error_code == "internal_error"


async def begun(shop):
    """A voice whose engine is at work, and the task that waits for it."""
    shop.engine.open.clear()
    task = asyncio.create_task(shop.cloner.run(await shop.claim()))
    async with asyncio.timeout(30):
        await shop.engine.asked.wait()
    return task


async def test_a_worker_that_was_overtaken_changes_nothing(shop, database, queue, spool):
    voice_id = await shop.submit(await shop.upload())
    task = await begun(shop)
    await database.write(_let_go)
    again = await shop.claim()
    shop.engine.open.set()
    await task
    assert (await shop.find(voice_id)).state == "running"
    assert (shop.told, await shop.kept(), list(spool.iterdir())) == ([], set(), [])
    await shop.cloner.run(again)
    assert shop.told == [(voice_id, "ready")]
    assert await shop.kept() == {(await shop.find(voice_id)).model}


async def test_a_process_that_stops_gives_its_voice_back(shop, queue):
    voice_id = await shop.submit(await shop.upload())
    task = await begun(shop)
    task.cancel()
    await asyncio.wait({task})
    assert (await shop.find(voice_id)).state == "queued"
    shop.engine.open.set()
    await shop.cloner.run(await shop.claim())
    assert (await shop.find(voice_id)).state == "ready"


async def test_a_voice_deleted_while_it_is_made_leaves_nothing(shop, queue, spool):
    voice_id = await shop.submit(await shop.upload())
    task = await begun(shop)
    await shop.cloning.delete(shop.principal(), voice_id)
    shop.engine.open.set()
    await task
    with pytest.raises(NotFoundError):
        await shop.find(voice_id)
    assert (await shop.kept(), await live(queue), list(spool.iterdir())) == (set(), 0, [])
    assert shop.told == []


async def test_a_deleted_voice_takes_all_that_came_of_it_along(shop, database, queue):
    voice_id, others = await shop.make(), await shop.make()
    slug = short_slug(voice_id)
    spoken, preset = await ready_job(shop, slug), await ready_job(shop, "voice_en_us_001")
    await keep_segment(database, shop.workspace_id, slug)
    await keep_segment(database, shop.workspace_id, "voice_en_us_001")

    await shop.cloning.delete(shop.principal(), voice_id)

    with pytest.raises(NotFoundError):
        await shop.cloning.delete(shop.principal(), voice_id)
    with pytest.raises(NotFoundError):
        await shop.voices.find(shop.workspace_id, slug)
    with pytest.raises(KeyError):
        shop.models.resolve(voice_id)
    with pytest.raises(NotFoundError):
        await database.read(jobs.find, shop.workspace_id, spoken)
    await database.read(jobs.find, shop.workspace_id, preset)
    assert await shop.kept() == {(await shop.find(others)).model}
    rows = await database.read(lambda tx: tx.all("SELECT voice FROM segments"))
    assert [row["voice"] for row in rows] == ["voice_en_us_001"]


async def test_a_deleted_voice_is_forgotten_once_nothing_can_be_left_of_it(
    shop, database, queue, monkeypatch
):
    voice_id = await shop.make()
    waiting = await submitted(database, queue, shop.workspace_id, voice=short_slug(voice_id))
    await shop.cloning.delete(shop.principal(), voice_id)
    await shop.cloning.sweep()
    assert await count(database, "voices") == 1  # another process may still have it at hand
    monkeypatch.setattr(cloning_module, "_SETTLED_MS", -1000)
    await shop.cloning.sweep()
    assert await count(database, "voices") == 1  # a job with it is still to be spoken
    late = await ready_job(shop, short_slug(voice_id))
    await database.write(jobs.cancel, queue, shop.workspace_id, waiting)
    await shop.cloning.sweep()
    assert await count(database, "voices") == 0
    with pytest.raises(NotFoundError):
        await database.read(jobs.find, shop.workspace_id, late)


async def test_a_voice_is_found_by_its_names_and_by_its_workspace_alone(shop, other_id):
    voice_id = await shop.make()
    for name in (voice_id, short_slug(voice_id)):
        voice = await shop.voices.find(shop.workspace_id, name)
        assert (voice.uuid, voice.slug, voice.provider) == (
            voice_id, short_slug(voice_id), "matching",
        )  # fmt: skip
        assert voice.languages == shop.voices.by_slug(BASE).languages
        with pytest.raises(NotFoundError):
            await shop.voices.find(other_id, name)
    resolved = shop.models.resolve(voice_id)
    assert resolved.base_local_id == shop.voices.by_slug(BASE).local_id
    assert resolved.model.read_bytes().startswith(b"[")


async def test_a_voice_that_is_not_ready_is_said_to_be_so(shop):
    voice_id = await shop.submit(await shop.upload())
    with pytest.raises(VoiceNotReadyError):
        await shop.voices.find(shop.workspace_id, voice_id)
    assert await shop.voices.cloned(shop.workspace_id) == []
    shop.engine.errors = [SampleSilentError()]
    await shop.cloner.run(await shop.claim())
    with pytest.raises(VoiceNotReadyError):
        await shop.voices.find(shop.workspace_id, voice_id)


async def test_presets_are_found_by_all_their_names_without_a_question(shop, provider):
    class Silent:
        async def read(self, *_):
            pytest.fail("the database was asked")

    voices = VoiceCatalogue([provider], ClonedVoices(Silent(), shop.models))
    emma = voices.by_slug("voice_en_us_001")
    for name in (emma.slug, emma.uuid, emma.local_id, str(emma.number)):
        assert await voices.find(shop.workspace_id, name) is emma
    with pytest.raises(NotFoundError):
        await voices.find(shop.workspace_id, "nobody")


async def test_what_another_process_has_made_is_found_at_once(shop, database, provider):
    elsewhere = VoiceCatalogue([provider], ClonedVoices(database, shop.models))
    voice_id = await shop.submit(await shop.upload())
    with pytest.raises(VoiceNotReadyError):
        await elsewhere.find(shop.workspace_id, voice_id)
    await shop.cloner.run(await shop.claim())
    assert (await elsewhere.find(shop.workspace_id, voice_id)).uuid == voice_id


async def ready_job(shop, voice):
    """A job that this voice has spoken, as far as the database knows; returns its id."""
    job_id = await submitted(shop.database, shop.queue, shop.workspace_id, voice=voice)
    await shop.database.write(
        lambda tx: tx.execute(
            "UPDATE jobs SET state = 'ready', ended_at = :now, expires_at = :later WHERE id = :id",
            id=job_id, now=now_ms(), later=now_ms() + 3_600_000,
        )
    )  # fmt: skip
    return job_id


async def keep_segment(database, workspace_id, voice):
    """A segment that this voice has spoken."""

    def keep(tx):
        job = jobs.find(tx, workspace_id, job_id)
        place = Place(f"segments/{job_id}/1.0.pcm", 0, 2, bytes(32))
        segment_rows.keep(tx, job, Batch({voice.encode().ljust(32)[:32]: place}))

    row = await database.read(
        lambda tx: tx.one("SELECT id FROM jobs WHERE spec LIKE :voice", voice=f'%"{voice}"%')
    )
    job_id = row["id"]
    await database.write(keep)


def _let_go(tx):
    """End every lease, as if the workers had been silent for long."""
    if tx.dialect == "sqlite":
        tx.execute("UPDATE queue_entries SET due_at = 1 WHERE state = 'running'")
    else:
        tx.execute("UPDATE pgqueuer SET heartbeat = heartbeat - INTERVAL '1 hour'")
