"""What a player tells its publisher, and what it never tells anyone."""

import asyncio

import pytest

from helpers.player_page import PLAYER
from loopback.reader_site import record

pytestmark = pytest.mark.requires("chromium")

_LEAVE = "dispatchEvent(new PageTransitionEvent('pagehide'))"


async def _told(reader, site, last):
    """The events, once the last of them has come."""
    await reader.js(_LEAVE)
    async with asyncio.timeout(20):
        while last not in {event["event"] for event in site.events}:
            await asyncio.sleep(0.05)
    return site.events


async def test_a_whole_listening_is_told_once_each(reader, site):
    site.posts["rivers", 1].recording = record("One two three four.\nFive six seven eight nine.")
    seconds = site.posts["rivers", 1].recording.seconds
    await reader.open()
    await reader.js("host.addEventListener('intone:ended', () => { window.hasEnded = true })")
    began = await reader.js("performance.now()")
    await reader.play()
    await reader.until("window.hasEnded")
    passed = (await reader.js("performance.now()") - began) / 1000
    events = await _told(reader, site, "complete")
    assert [event["event"] for event in events] == [
        "impression", "play", "progress", "progress", "progress", "complete",
    ]  # fmt: skip
    shares = [event["position_seconds"] / seconds for event in events[2:5]]
    assert [int(share * 4) for share in shares] == [1, 2, 3]
    heard = sum(event.get("heard_seconds", 0) for event in events)
    assert 0.6 * seconds < heard <= passed
    assert events[-1]["duration_seconds"] == pytest.approx(seconds, abs=0.2)
    assert {event["post_id"] for event in events} == {"rivers"}
    assert {event["lang"] for event in events} == {"en"}
    assert {event["url"] for event in events} == {f"{site.origin}/page"}
    (session,) = {event["session_id"] for event in events}
    assert len(session) == 32
    assert {kind for kind, _ in site.beacons} == {"text/plain"}  # no preflight while leaving
    assert {body["domain"] for _, body in site.beacons} == {"127.0.0.1"}


async def test_pauses_and_seeks_are_told_and_many_steps_are_one_seek(reader, site):
    await reader.open()
    await reader.play()
    await reader.click(".card .go")
    await reader.until("audio.paused")
    await reader.js("find('.seek').focus()")
    for _ in range(3):
        await reader.press("ArrowRight")
    await reader.js("new Promise((resolve) => setTimeout(resolve, 1000))")
    events = await _told(reader, site, "seek")
    assert [event["event"] for event in events] == ["impression", "play", "pause", "seek"]
    assert events[2]["heard_seconds"] > 0
    assert events[3]["position_seconds"] > 14
    assert "heard_seconds" not in events[3]


async def test_leaving_the_page_tells_what_was_heard(reader, site):
    await reader.open()
    await reader.play()
    await reader.until("audio.currentTime > 1")
    await reader.goto("about:blank")
    async with asyncio.timeout(20):
        while "pause" not in {event["event"] for event in site.events}:
            await asyncio.sleep(0.05)
    heard = sum(event.get("heard_seconds", 0) for event in site.events)
    assert 0.5 < heard < 30


async def test_events_go_by_themselves_while_there_are_some(reader, site):
    await reader.open()
    async with asyncio.timeout(30):
        while not site.events:
            await asyncio.sleep(0.1)
    assert [event["event"] for event in site.events] == ["impression"]


async def test_a_sound_that_cannot_be_played_is_told_as_an_error(reader, site):
    await reader.open()
    await reader.until("find('.end')?.textContent === '0:27'")
    broken = site.posts["rivers", 1]
    broken.made = 0.0  # nothing is left of the file
    await reader.click(".card .go")
    await reader.until("!find('.news').hidden")
    events = await _told(reader, site, "error")
    assert "complete" not in {event["event"] for event in events}
    broken.made = 1.0
    await reader.click(".news button")
    await reader.until("find('.news').hidden")
    await reader.play()


async def test_a_player_that_nobody_sees_makes_no_impression(reader, site):
    await reader.open(f'<div id="tall">Tall</div>{PLAYER}')
    await reader.js("document.querySelector('#tall').style.height = '4000px'")
    await reader.until("find('.end')?.textContent === '0:27'")
    await reader.js("new Promise((resolve) => setTimeout(resolve, 500))")
    await reader.js(_LEAVE)
    await reader.js("host.scrollIntoView()")
    await reader.js("new Promise((resolve) => setTimeout(resolve, 500))")
    events = await _told(reader, site, "impression")
    assert [event["event"] for event in events].count("impression") == 1
    assert len(site.beacons) == 1


@pytest.mark.parametrize("refusal", ["doNotTrack", "globalPrivacyControl", "data-analytics"])
async def test_nothing_is_told_where_it_is_not_wanted(reader, site, refusal):
    value = {"doNotTrack": "'1'", "globalPrivacyControl": "true"}.get(refusal)
    if value:
        await reader.page.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source=f"Object.defineProperty(navigator, '{refusal}', {{ value: {value} }})",
        )
    await reader.open(PLAYER, script="" if value else 'data-analytics="off"')
    await reader.play()
    await reader.click(".card .go")
    await reader.until("audio.paused")
    await reader.js(_LEAVE)
    await reader.goto("about:blank")
    await asyncio.sleep(1)
    assert site.beacons == []
