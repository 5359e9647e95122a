"""Events become counts, all of them and each once, whatever becomes of processes and databases."""

from __future__ import annotations

import asyncio
import sys
import tracemalloc
from pathlib import Path

import pytest

from helpers import listeners
from helpers.listeners import counts, delete_post, event, make_post, make_site
from intone.core import analytics as module
from intone.core.analytics import DAY_MS, Analytics
from intone.errors import NotFoundError, UnavailableError
from intone.storage.database import now_ms

ROOT = Path(__file__).parents[2]


class Away:
    """A database that takes no writes until it is back."""

    def __init__(self, database):
        self._database = database
        self.is_away = True
        self.reads = 0

    async def write(self, *args):
        if self.is_away:
            raise UnavailableError
        return await self._database.write(*args)

    async def read(self, *args):
        self.reads += 1
        return await self._database.read(*args)


@pytest.fixture
async def site_id(database, workspace_id):
    """A site with the posts article-1, in English and German, and article-2."""
    site_id = await database.write(make_site, workspace_id)
    for post_id, language in [("article-1", "en"), ("article-1", "de"), ("article-2", "en")]:
        await database.write(make_post, site_id, post_id, language)
    return site_id


@pytest.fixture
async def analytics(database):
    analytics = Analytics(database)
    yield analytics
    await analytics.close()


async def test_each_event_counts_for_its_post_and_day(database, site_id, analytics):
    at = {"duration_s": 100}
    await analytics.count(
        site_id,
        [
            event("impression"),
            event("play"),
            event("pause", heard_s=5, **at),
            event("seek", heard_s=0.25, **at),
            event("error"),
            event("progress", position_s=25, heard_s=20, **at),
            event("progress", position_s=50, **at),
            event("progress", position_s=75, **at),
            event("complete", **at),
            event("play", post_id="article-2"),
            event("play", language="de"),
        ],
    )
    await analytics.flush()
    (english, german, other), today = await rows(database), now_ms() // DAY_MS
    assert dict(english) == {
        "post_number": 1, "day": today, "impressions": 1, "plays": 1, "pauses": 1, "seeks": 1,
        "errors": 1, "quarters": 1, "halves": 1, "three_quarters": 1, "completes": 1,
        "heard_ms": 25_250,
    }  # fmt: skip
    assert (german["plays"], german["heard_ms"], german["day"]) == (1, 0, today)
    assert (other["plays"], other["impressions"]) == (1, 0)


async def rows(database):
    return await database.read(
        lambda tx: tx.all("SELECT * FROM post_days ORDER BY post_number, day")
    )


async def test_counts_are_added_to_those_of_before(database, site_id, analytics):
    for _ in range(3):
        await analytics.count(site_id, [event("play", heard_s=1), event("play")])
        await analytics.flush()
    assert await counts(database, "plays", "heard_ms") == (6, 3000)


async def test_they_are_written_without_being_asked(database, site_id, analytics):
    await analytics.count(site_id, [event()])
    while await counts(database, "plays") != (1,):
        await asyncio.sleep(0.05)
    await analytics.count(site_id, [event()])
    while await counts(database, "plays") != (2,):
        await asyncio.sleep(0.05)


async def test_what_is_gathered_is_written_at_the_end(database, site_id):
    analytics = Analytics(database)
    await analytics.count(site_id, [event()])
    assert await counts(database, "plays") == (0,)
    await analytics.close()
    assert await counts(database, "plays") == (1,)


async def test_processes_add_up(database, database_url, site_id):
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, listeners.__file__, database_url, site_id, "50",
            env={"PYTHONPATH": f"{ROOT}/tests"},
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [await child.wait() for child in children] == [0, 0]
    assert await counts(database, "plays", "heard_ms") == (100, 50_000)


async def test_a_page_view_reaches_a_milestone_once(database, site_id, analytics):
    view = {"session_id": "a", "duration_s": 100, "heard_s": 1}
    for _ in range(2):
        await analytics.count(
            site_id,
            [
                event("impression", **view),
                event("play", **view),
                event("progress", position_s=25, **view),
                event("progress", position_s=50, **view),
                event("complete", **view),
                event("pause", **view),
            ],
        )
    await analytics.count(site_id, [event("play", session_id="b"), event("play", session_id=None)])
    await analytics.count(site_id, [event("play", post_id="article-2", session_id="a")])
    await analytics.flush()
    names = ("impressions", "plays", "quarters", "halves", "completes", "pauses", "heard_ms")
    assert await counts(database, *names) == (1, 3, 1, 1, 1, 2, 12_000)
    assert await counts(database, "plays", post_id="article-2") == (1,)


async def test_a_page_view_of_an_hour_ago_is_forgotten(database, site_id):
    now = 0.0
    analytics = Analytics(database, clock=lambda: now)
    for now in (0.0, 3500.0, 7000.0, 10_601.0):  # noqa: B007 - the clock reads it
        await analytics.count(site_id, [event(session_id="a")])
    await analytics.close()
    assert await counts(database, "plays") == (2,)


async def test_posts_that_the_site_does_not_have_are_left_out(
    database, workspace_id, site_id, analytics
):
    other = await database.write(make_site, workspace_id)
    with pytest.raises(NotFoundError):
        await analytics.count(other, [event()])
    with pytest.raises(NotFoundError):
        await analytics.count(site_id, [event(language="fr"), event(post_id="article-9")])
    await analytics.count(site_id, [event(), event(language="fr"), event(post_id="article-9")])
    await analytics.flush()
    assert await counts(database, "plays") == (1,)
    assert len(await rows(database)) == 1


async def test_a_hundred_posts_are_found_at_once(database, site_id, analytics):
    names = [f"post-{number}" for number in range(100)]
    for name in names:
        await database.write(make_post, site_id, name)
    spy = Away(database)
    analytics = Analytics(spy)
    for _ in range(2):
        await analytics.count(site_id, [event(post_id=name) for name in names])
    assert spy.reads == 1
    spy.is_away = False
    await analytics.close()
    assert [row["plays"] for row in await rows(database)] == [2] * 100


async def test_a_post_made_after_its_first_event_counts_from_then_on(database, site_id, analytics):
    with pytest.raises(NotFoundError):
        await analytics.count(site_id, [event(post_id="later")])
    await database.write(make_post, site_id, "later")
    await analytics.count(site_id, [event(post_id="later")])
    await analytics.flush()
    assert await counts(database, "plays", post_id="later") == (1,)


async def test_a_post_deleted_meanwhile_takes_its_counts_along(database, site_id, analytics):
    await analytics.count(site_id, [event(), event(post_id="article-2")])
    await analytics.flush()
    await analytics.count(site_id, [event(), event(post_id="article-2")])
    await database.write(delete_post, 3)  # article-2
    number = await database.write(make_post, site_id, "newer")
    await analytics.flush()
    assert await counts(database, "plays") == (2,)
    assert await counts(database, "plays", post_id="article-2") == (0,)
    assert all(row["post_number"] != number for row in await rows(database))


async def test_a_database_that_was_away_gets_everything(database, site_id):
    away = Away(database)
    analytics = Analytics(away)
    for _ in range(3):
        await analytics.count(site_id, [event(heard_s=1)])
        await analytics.flush()
    assert await counts(database, "plays") == (0,)
    away.is_away = False
    await analytics.count(site_id, [event(heard_s=1)])
    await analytics.close()
    assert await counts(database, "plays", "heard_ms") == (4, 4000)


async def test_there_is_an_end_to_what_is_gathered(database, site_id, monkeypatch):
    monkeypatch.setattr(module, "_MOST_POSTS", 2)
    away = Away(database)
    analytics = Analytics(away)
    await analytics.count(site_id, [event()])
    with pytest.raises(UnavailableError):
        await analytics.count(site_id, [event(language="de"), event(post_id="article-2"), event()])
    await analytics.count(site_id, [event(post_id="article-2")])
    await analytics.count(site_id, [event()] * 100)  # what is counted already has room
    away.is_away = False
    await analytics.close()
    assert await counts(database, "plays") == (101,)


async def test_a_flood_does_not_grow(database, site_id):
    """100,000 events of as many page views: memory follows posts and a bounded window."""
    analytics = Analytics(database)
    await analytics.count(site_id, [event(session_id="first")])
    tracemalloc.start()
    for start in range(0, 100_000, 100):
        views = [f"{start + number}".rjust(60, "x") for number in range(100)]
        await analytics.count(site_id, [event("pause", heard_s=1, session_id=v) for v in views])
        await analytics.count(site_id, [event("play", session_id=view) for view in views])
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await analytics.close()
    assert grown < 6_000_000, grown
    assert await counts(database, "plays", "heard_ms") == (100_001, 100_000_000)
