"""Posts: what a request comes to in every state, what is served meanwhile, what it costs."""

import asyncio
from collections import Counter

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from helpers.rendering import run_next
from helpers.work import VOICE, balance, count, holds, make_workspace
from intone.core import jobs, ledger, post_rows, post_takes, posts, rendering, sites
from intone.core.job_metrics import JobMetrics
from intone.core.plans import load_plans
from intone.core.policy import create_policy
from intone.core.post_orders import PostRequest
from intone.core.posts import Posts
from intone.core.rendering import Renderer
from intone.core.retention import Retention
from intone.core.routing import Router
from intone.core.segment_cache import SegmentCache
from intone.core.synthesis import Synthesizer
from intone.core.voices import VoiceCatalogue
from intone.errors import (
    NotFoundError,
    PolicyBlockedError,
    PostLimitError,
    ProviderRejectedError,
    QuotaExceededError,
)
from intone.storage.database import now_ms

TEXT = "Some people read with their ears. They are on their way to work, or washing the dishes."
EDITED = TEXT.replace("washing", "drying")
OTHER = "voice_en_us_002"


@pytest.fixture
def voices(provider):
    return VoiceCatalogue([provider])


@pytest.fixture
def service(database, queue, voices, watchers):
    return Posts(database, queue, voices, create_policy(), watchers)


@pytest.fixture
def renderer(database, queue, blobs, spool, provider, voices, watchers, service, monkeypatch):
    monkeypatch.setattr(rendering, "_RETRY_MS", 1)
    return Renderer(
        database=database,
        queue=queue,
        blobs=blobs,
        voices=voices,
        synthesizer=Synthesizer({"espeak": provider}, Router(), SegmentCache(database, blobs)),
        watchers=watchers,
        metrics=JobMetrics(CollectorRegistry()),
        spool=spool,
        announce={posts.DIALECT: service.ended},
    )


@pytest.fixture
async def site(database, workspace_id):
    return await database.write(
        sites.create, workspace_id, domains=["blog.example"], voice=VOICE, voices=[OTHER]
    )


@pytest.fixture
def send(service, site, voices):
    """Sends a post; returns the reply."""

    async def send(text=TEXT, *, post_id="article-001", language="en", voice=VOICE, **changes):
        request = PostRequest(
            post_id=post_id,
            language=language,
            title=changes.pop("title", None),
            url=changes.pop("url", None),
            text=text,
            voice=voices.by_slug(voice),
            **changes,
        )
        return await service.submit(changes.get("site", site), request)

    return send


@pytest.fixture
def rendered(queue, renderer, send):
    """Sends a post and has it rendered."""

    async def rendered(*args, **changes):
        reply = await send(*args, **changes)
        await run_next(queue, renderer)
        return reply

    return rendered


async def set_state(database, job_id, state):
    await database.write(
        lambda tx: tx.execute(
            "UPDATE jobs SET state = :state WHERE id = :id", state=state, id=job_id
        )
    )


async def states(database):
    """How many jobs there are in each state, without those that go."""
    rows = await database.read(lambda tx: tx.all("SELECT state FROM jobs WHERE expires_at IS NULL"))
    return Counter(row["state"] for row in rows)


async def test_a_post_is_queued_rendered_and_served(service, site, send, queue, renderer, database):
    reply = await send(title="On listening", url="https://blog.example/a")
    assert (reply.outcome, reply.post.take.state) == ("queued", "queued")
    assert (reply.post.title, reply.post.url) == ("On listening", "https://blog.example/a")
    assert reply.post.ready is None
    await run_next(queue, renderer)
    post = await service.find(site, "article-001", "en")
    assert (post.take.state, post.take.progress) == ("ready", 100)
    assert post.ready.job_id == post.take.id
    assert post.ready.recording.format == "mp3"
    assert post.ready.segments[0] > 0
    job = await database.read(jobs.find, post.workspace_id, post.take.id)
    assert (job.expires_at, job.order.text, job.dialect) == (None, TEXT, "posts")


@pytest.mark.parametrize(
    ("state", "changes", "outcome", "is_new"),
    [
        ("queued", {}, "queued", False),
        ("queued", {"update": "always"}, "queued", False),
        ("queued", {"text": EDITED}, "queued", True),
        ("queued", {"voice": OTHER}, "queued", True),
        ("running", {}, "generating", False),
        ("running", {"text": EDITED}, "generating", False),
        ("running", {"update": "always"}, "generating", False),
        ("running", {"update": "if-changed"}, "generating", False),
        ("running", {"update": "if-changed", "text": EDITED}, "queued", True),
        ("running", {"update": "always", "text": EDITED}, "queued", True),
        ("enhancing", {}, "generating", False),
        ("ready", {}, "exists", False),
        ("ready", {"text": EDITED}, "exists", False),
        ("ready", {"voice": OTHER}, "exists", False),
        ("ready", {"update": "if-changed"}, "exists", False),
        ("ready", {"update": "if-changed", "text": EDITED}, "queued", True),
        ("ready", {"update": "if-changed", "voice": OTHER}, "queued", True),
        ("ready", {"update": "always"}, "queued", True),
        ("failed", {}, "queued", True),
        ("failed", {"update": "if-changed"}, "queued", True),
        ("cancelled", {}, "queued", True),
    ],
)
async def test_what_a_request_comes_to_in_every_state(
    state, changes, outcome, is_new, send, database, rendered
):
    if state == "ready":
        first = await rendered()
    else:
        first = await send()
        await set_state(database, first.post.take.id, state)
    reply = await send(**changes)
    assert reply.outcome == outcome
    assert (reply.post.take.id != first.post.take.id) == is_new
    assert reply.post.number == first.post.number
    live = await states(database)
    assert live["queued"] + live["running"] + live["enhancing"] == (outcome != "exists")
    assert await count(database, "posts") == 1


async def test_the_title_and_the_address_follow_what_is_sent(rendered, send, service, site):
    await rendered(title="First", url="https://blog.example/a")
    before = await service.find(site, "article-001", "en")
    assert (await send()).post.title == "First"
    assert (await send()).post.updated_at == before.updated_at
    reply = await send(title="Second")
    assert (reply.outcome, reply.post.title, reply.post.url) == (
        "exists", "Second", "https://blog.example/a",
    )  # fmt: skip


async def test_what_was_ready_is_served_until_its_successor_is(
    rendered, send, service, site, queue, renderer, database, blobs, spool
):
    await rendered()
    first = await service.find(site, "article-001", "en")
    reply = await send(EDITED, update="always")
    assert (reply.post.take.state, reply.post.ready) == ("queued", first.ready)
    await run_next(queue, renderer)
    second = await service.find(site, "article-001", "en")
    assert second.ready.job_id == reply.post.take.id
    assert second.updated_at >= first.updated_at
    total, reused = second.ready.segments
    assert 0 < reused < total, "the sentence that stayed is not spoken again"


async def test_what_was_replaced_can_be_heard_to_its_end_and_is_erased_with_its_post(
    rendered, service, site, queue, database, blobs, spool
):
    heard = []
    for text in (TEXT, EDITED, TEXT + " And one more."):
        await rendered(text, update="always")
        heard.append((await service.find(site, "article-001", "en")).ready.job_id)
    await Retention(database, queue, blobs, spool).sweep()
    for job_id, is_there in zip(heard, (False, True, True), strict=True):
        kept = [path async for path in blobs.list(f"recordings/{job_id}")]
        assert bool(kept) is is_there
    replaced = await database.read(jobs.find, site.workspace_id, heard[1])
    assert 0 < replaced.expires_at - now_ms() <= 3_600_000
    await service.delete(site, "article-001")
    await Retention(database, queue, blobs, spool).sweep()
    assert await count(database, "jobs") == 0
    assert [path async for path in blobs.list("recordings")] == []


async def test_where_a_later_try_fails_what_was_ready_stays(
    rendered, send, service, site, queue, renderer, provider
):
    await rendered()
    first = await service.find(site, "article-001", "en")
    await send(EDITED, update="always")
    provider.errors = [ProviderRejectedError()] * 9
    await run_next(queue, renderer)
    provider.errors = []
    failed = await service.find(site, "article-001", "en")
    assert (failed.take.state, failed.take.error_code) == ("failed", "provider_rejected")
    assert failed.ready == first.ready
    reply = await send(EDITED)
    assert (reply.outcome, reply.post.ready) == ("queued", first.ready)
    await run_next(queue, renderer)
    assert (await service.find(site, "article-001", "en")).take.state == "ready"


async def test_another_voice_serves_the_one_before_until_it_is_ready(
    rendered, send, service, site, queue, renderer, database
):
    await rendered()
    first = await service.find(site, "article-001", "en")
    reply = await send(voice=OTHER, update="if-changed")
    assert (reply.post.voice, reply.post.ready) == (OTHER, first.ready)
    await run_next(queue, renderer)
    second = await service.find(site, "article-001", "en")
    assert (second.voice, second.ready.job_id) == (OTHER, reply.post.take.id)
    assert await count(database, "post_takes") == 1
    assert await states(database) == {"ready": 1}
    back = await send(update="if-changed")
    assert (back.outcome, back.post.voice) == ("queued", VOICE)


async def test_only_new_posts_in_english_count_and_characters_always_do(
    send, database, workspace_id, voices
):
    async def posts_spent():
        return (await database.read(ledger.balance, workspace_id, "posts")).spent

    first = await send()
    assert (await posts_spent(), (await balance(database, workspace_id)).held) == (1, len(TEXT))
    await send(EDITED)  # pending: the hold of the text before is given back
    assert (await posts_spent(), (await balance(database, workspace_id)).held) == (1, len(EDITED))
    again = await send(EDITED)
    assert again.post.take.id != first.post.take.id
    await set_state(database, again.post.take.id, "failed")
    await send(EDITED)
    assert await posts_spent() == 1
    await send(language="de", voice=voices.speaking("de")[0].slug)
    assert await posts_spent() == 1
    await send(post_id="article-002")
    assert await posts_spent() == 2


async def test_a_month_without_posts_left_stores_nothing(send, database, workspace_id):
    limit = (await database.read(ledger.balance, workspace_id, "posts")).remaining
    hold_id, _ = await database.write(ledger.hold, workspace_id, "posts", limit)
    with pytest.raises(PostLimitError, match="^Monthly post limit reached$"):
        await send()
    assert await count(database, "posts") == await count(database, "jobs") == 0
    assert (await balance(database, workspace_id)).held == 0
    assert (await send(language="de", voice="voice_de_de_001")).outcome == "queued"
    await database.write(ledger.release, hold_id)
    assert (await send()).outcome == "queued"


async def test_a_month_without_characters_left_stores_nothing(send, database, workspace_id):
    await database.write(ledger.hold, workspace_id, "characters", 100_000 - len(TEXT) + 1)
    with pytest.raises(QuotaExceededError, match="characters"):
        await send()
    assert await count(database, "posts") == await count(database, "jobs") == 0
    assert (await database.read(ledger.balance, workspace_id, "posts")).spent == 0
    assert await holds(database) == {"open": 1}


async def test_what_the_policy_blocks_is_not_stored(
    database, queue, voices, watchers, site, tmp_path
):
    blocklist = tmp_path / "blocklist"
    blocklist.write_text("dishes\n")
    strict = Posts(database, queue, voices, create_policy(blocklist=blocklist), watchers)
    request = PostRequest("a", "en", None, None, TEXT, voices.by_slug(VOICE))
    with pytest.raises(PolicyBlockedError):
        await strict.submit(site, request)
    assert await count(database, "posts") == 0


@pytest.mark.parametrize("before", ["new", "cancelled", "ready"])
async def test_of_twenty_at_once_one_starts_a_job(
    before, send, rendered, queue, database, workspace_id
):
    if before == "cancelled":
        await database.write(jobs.cancel, queue, workspace_id, (await send()).post.take.id)
    if before == "ready":
        await rendered()
    replies = await asyncio.gather(*(send(EDITED, update="always") for _ in range(20)))
    assert len({reply.post.take.id for reply in replies}) == 1
    assert {reply.outcome for reply in replies} == {"queued"}
    assert (await states(database))["queued"] == 1
    assert await count(database, "posts") == 1
    assert (await database.read(ledger.balance, workspace_id, "posts")).spent == 1
    assert (await balance(database, workspace_id)).held == len(EDITED)


async def test_a_voice_that_readers_choose_reads_once_and_is_paid_for(
    rendered, service, site, queue, renderer, database, workspace_id, send
):
    asked = [(site, "article-001", "en", OTHER)] * 10
    first = await send()
    waiting = await service.find_for_reader(*asked[0])
    assert (waiting.take, waiting.voice) == (None, OTHER), "its own voice comes first"
    await run_next(queue, renderer)
    spent = (await balance(database, workspace_id)).spent
    chosen = await asyncio.gather(*(service.find_for_reader(*one) for one in asked))
    assert {post.take.state for post in chosen} == {"queued"}
    assert len({post.take.id for post in chosen}) == 1
    assert {post.voice for post in chosen} == {OTHER}
    await run_next(queue, renderer)
    heard = await service.find_for_reader(*asked[0])
    assert heard.ready.job_id == heard.take.id == chosen[0].take.id
    assert (await service.find(site, "article-001", "en")).ready.job_id == first.post.take.id
    assert (await balance(database, workspace_id)).spent == spent + len(TEXT)
    assert (await database.read(ledger.balance, workspace_id, "posts")).spent == 1
    job = await database.read(jobs.find, workspace_id, heard.take.id)
    assert (job.order.text, job.order.voice) == (TEXT, OTHER)


async def test_an_edit_takes_the_other_voices_of_the_text_before(
    rendered, service, site, queue, renderer, database
):
    await rendered()
    await service.find_for_reader(site, "article-001", "en", OTHER)
    await run_next(queue, renderer)
    assert await count(database, "post_takes") == 2
    await rendered(EDITED, update="always")
    assert await count(database, "post_takes") == 1
    assert await states(database) == {"ready": 1}
    again = await service.find_for_reader(site, "article-001", "en", OTHER)
    job = await database.read(jobs.find, again.workspace_id, again.take.id)
    assert job.order.text == EDITED


@pytest.mark.parametrize("voice", ["voice_en_us_003", "voice_de_de_001", "voice_none"])
async def test_readers_choose_among_the_sites_voices_alone(
    voice, rendered, service, site, database
):
    await rendered()
    site = await database.write(sites.update, site.id, voices=(OTHER, "voice_de_de_001"))
    with pytest.raises(NotFoundError):
        await service.find_for_reader(site, "article-001", "en", voice)
    assert await count(database, "jobs") == 1


async def test_stretches_in_other_languages_switch_the_voice_and_back(send, database, voices):
    text = "He said « je ne sais pas » and left. " + TEXT + " Quelle heure est-il ?"
    french, end = text.index("je"), text.index(" »")
    last = text.index("Quelle")
    reply = await send(
        text,
        stretches=[(french, end, "fr"), (last, len(text), "fr-CA"), (0, 2, "en-GB"), (3, 5, "xx")],
    )
    order = (await database.read(jobs.find, reply.post.workspace_id, reply.post.take.id)).order
    camille = voices.speaking("fr")[0].slug
    assert [(s.start, s.voice) for s in order.switches] == [
        (french, camille), (end, VOICE), (last, camille),
    ]  # fmt: skip
    assert voices.by_slug(camille).gender == voices.by_slug(VOICE).gender
    assert order.switches[1].language == order.language == "en-US"
    assert msgspec.json.decode(msgspec.json.encode(order), type=jobs.Order) == order


async def test_deleting_a_post_erases_it_in_every_language_and_voice(
    rendered, send, service, site, queue, renderer, database, blobs, spool, workspace_id
):
    await rendered()
    await rendered(post_id="article-002")
    await service.find_for_reader(site, "article-001", "en", OTHER)
    await send(language="de", voice="voice_de_de_001")
    assert await service.delete(site, "article-001", "de") == 1
    await service.find(site, "article-001", "en")
    assert await service.delete(site, "article-001") == 1
    with pytest.raises(NotFoundError):
        await service.delete(site, "article-001")
    kept = await service.find(site, "article-002", "en")
    await Retention(database, queue, blobs, spool).sweep()
    assert await count(database, "posts") == await count(database, "post_takes") == 1
    assert await count(database, "jobs") == await count(database, "recordings") == 1
    found = [path async for path in blobs.list("recordings")]
    assert found
    assert all(path.startswith(f"recordings/{kept.ready.job_id}") for path in found)
    assert (await balance(database, workspace_id)).held == 0
    assert (await send()).post.number > kept.number, "it is a new post"


async def test_a_post_deleted_while_it_renders_leaves_nothing(
    send, service, site, queue, renderer, provider, database, blobs, spool
):
    reply = await send()
    provider.open.clear()
    running = asyncio.create_task(run_next(queue, renderer))
    await asyncio.wait_for(provider.asked.wait(), 30)
    await service.delete(site, "article-001")
    provider.open.set()
    await running
    await Retention(database, queue, blobs, spool).sweep()
    assert await count(database, "jobs") == await count(database, "recordings") == 0
    assert [path async for path in blobs.list("recordings")] == []
    assert await holds(database) == {"released": 1, "settled": 1}, reply


async def test_a_deleted_site_takes_its_posts_along(
    rendered, send, site, queue, database, blobs, spool, workspace_id
):
    await rendered()
    await send(EDITED, update="always")
    await send(post_id="article-002")
    other = await database.write(sites.create, workspace_id, domains=["other.example"], voice=VOICE)
    await database.write(sites.delete, queue, site.id)
    await Retention(database, queue, blobs, spool).sweep()
    for table in ("posts", "post_takes", "jobs", "recordings", "segments"):
        assert await count(database, table) == 0, table
    assert [path async for path in blobs.list("")] == []
    assert (await balance(database, workspace_id)).held == 0
    assert await database.read(sites.list_sites) == [other]


async def test_a_voice_that_is_no_more_leaves_a_post_that_can_be_sent_again(
    rendered, send, service, site, queue, database
):
    first = await rendered()
    await database.write(post_takes.drop_voice, queue, first.post.workspace_id, VOICE)
    post = await service.find(site, "article-001", "en")
    assert (post.take, post.ready) == (None, None)
    assert await states(database) == {}
    with pytest.raises(NotFoundError):
        await service.find_for_reader(site, "article-001", "en")
    assert [p.number for p in await service.list_posts(site, limit=9, states=["failed"])] == [
        first.post.number
    ]
    assert (await send(voice=OTHER)).outcome == "queued"


async def test_posts_are_listed_by_page_state_and_language(rendered, send, service, site, database):
    await rendered(post_id="a")
    await send(post_id="b", language="de", voice="voice_de_de_001")
    await send(post_id="c")
    await send(post_id="a", language="de", voice="voice_de_de_001")

    async def ids(**which):
        found = await service.list_posts(site, **{"limit": 10, **which})
        return [(post.post_id, post.language) for post in found]

    assert await ids() == [("a", "de"), ("c", "en"), ("b", "de"), ("a", "en")]
    assert await ids(limit=2) == [("a", "de"), ("c", "en")]
    second = (await service.list_posts(site, limit=2))[-1].number
    assert await ids(before=second) == [("b", "de"), ("a", "en")]
    assert await ids(states=["ready"]) == [("a", "en")]
    assert await ids(language="de") == [("a", "de"), ("b", "de")]
    assert await ids(post_id="a") == [("a", "de"), ("a", "en")]
    ready = await database.read(post_rows.ready_posts, site.id, 10)
    assert [(post.post_id, post.language) for post in ready] == [("a", "en")]


async def test_a_post_of_another_site_is_none(rendered, service, database):
    await rendered()
    owner = await database.write(make_workspace, "other")
    other = await database.write(sites.create, owner, domains=["other.example"], voice=VOICE)
    for ask in (service.find, service.find_for_reader, service.delete):
        with pytest.raises(NotFoundError):
            await ask(other, "article-001", "en")
    assert await service.list_posts(other, limit=10) == []


async def test_a_voice_is_found_for_every_language_that_some_voice_speaks(service, site, database):
    assert (await service.voice_of(site, "en")).slug == VOICE
    german = await service.voice_of(site, "de")
    assert (german.languages, german.gender) == (("de-DE",), "female")
    gone = await database.write(sites.update, site.id, voice="voice_0123456789ab")
    assert (await service.voice_of(gone, "en")).languages[0].startswith("en")
    with pytest.raises(NotFoundError):
        await service.voice_of(site, "xx")
    assert not service.speaks("xx")
    assert "posts_api" in load_plans()["unlimited"].features
