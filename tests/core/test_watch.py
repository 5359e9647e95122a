"""Watchers: woken by every change, though they were busy when it came; forgotten when they leave."""

import asyncio
from contextlib import aclosing

import pytest

from intone.core.watch import Watchers

NEVER = 3600.0


@pytest.fixture
def watchers():
    return Watchers()


async def test_a_change_wakes_everybody_who_watches_that_job(watchers):
    async with (
        aclosing(watchers.changes("a", NEVER)) as one,
        aclosing(watchers.changes("a", NEVER)) as two,
        aclosing(watchers.changes("b", NEVER)) as other,
    ):
        for changes in (one, two, other):
            await anext(changes)  # the first look comes at once
        woken = [asyncio.ensure_future(anext(changes)) for changes in (one, two, other)]
        await asyncio.sleep(0)
        watchers.publish("a")
        async with asyncio.timeout(10):
            await asyncio.gather(*woken[:2])
        assert not woken[2].done()
        woken[2].cancel()
        await asyncio.wait({woken[2]})


async def test_a_change_that_comes_while_the_watcher_is_busy_is_not_missed(watchers):
    async with aclosing(watchers.changes("a", NEVER)) as changes:
        await anext(changes)
        watchers.publish("a")
        async with asyncio.timeout(10):
            await anext(changes)


async def test_what_nobody_publishes_is_looked_for_after_a_while(watchers):
    async with aclosing(watchers.changes("a", 0.01)) as changes, asyncio.timeout(10):
        for _ in range(3):
            await anext(changes)


async def test_who_leaves_is_forgotten(watchers):
    async with aclosing(watchers.changes("a", NEVER)) as changes:
        await anext(changes)
        async with aclosing(watchers.changes("a", NEVER)) as more:
            await anext(more)
    assert watchers._waiting == {}
    watchers.publish("a")
    assert watchers._waiting == {}


async def test_more_sound_wakes_only_those_who_listen(watchers):
    async with (
        aclosing(watchers.changes("a", NEVER, sound=True)) as listener,
        aclosing(watchers.changes("a", NEVER)) as other,
    ):
        for changes in (listener, other):
            await anext(changes)
        woken = [asyncio.ensure_future(anext(changes)) for changes in (listener, other)]
        await asyncio.sleep(0)
        watchers.publish_sound("a")
        async with asyncio.timeout(10):
            await woken[0]
        assert not woken[1].done()
        watchers.publish("a")
        async with asyncio.timeout(10):
            await woken[1]
