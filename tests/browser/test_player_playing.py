"""Listening: while it still renders, to the end, from the place where one left off."""

import pytest

from helpers.player_page import PLAYER
from loopback.reader_site import Post, record

pytestmark = pytest.mark.requires("chromium")

_TWO = PLAYER + '<div data-intone-player data-post-id="cats"></div>'
#: A second is enough to tell where a sound goes on from where it was, or from its beginning.
_ABOUT = 1.0


@pytest.fixture
def post(site):
    return site.posts["rivers", 1]


def _begin(post, made=0.4):
    post.status, post.made = "generating", made


def _finish(post):
    post.status, post.made = "ready", 1.0


async def test_it_plays_while_the_rest_is_still_rendering_and_goes_on_in_the_file(reader, post):
    _begin(post)
    await reader.open()
    await reader.play()
    assert "live=true" in await reader.js("audio.src")
    _finish(post)
    await reader.until("find('.end').textContent === '0:27'")
    assert "live=true" in await reader.js("audio.src")  # what plays is not torn away
    assert await reader.js("!audio.paused")
    at = await reader.js("audio.currentTime")
    await reader.click(".card .go")
    await reader.until("audio.src.endsWith('.mp3') && audio.readyState > 0 && !audio.seeking")
    assert await reader.js("audio.currentTime") == pytest.approx(at, abs=_ABOUT)
    assert await reader.js("audio.paused")
    await reader.play()
    assert await reader.js("audio.currentTime") >= at


async def test_a_seek_turns_from_the_stream_to_the_file(reader, post):
    _begin(post)
    await reader.open()
    await reader.play()
    _finish(post)
    await reader.until("find('.end').textContent === '0:27'")
    await reader.click("[aria-label='Forward 15 seconds']")
    await reader.until("audio.src.endsWith('.mp3') && audio.currentTime > 15 && !audio.paused")
    assert await reader.js("audio.currentTime") < 20


async def test_a_stream_that_runs_to_its_end_completes_the_listening(reader, post, site):
    post.recording = record("A short one.\nIndeed.")
    _begin(post, 0.9)
    await reader.open()
    await reader.js("host.addEventListener('intone:ended', () => { window.hasEnded = true })")
    await reader.click(".card .go")
    await reader.until("!audio.paused")
    _finish(post)
    await reader.until("window.hasEnded")
    assert await reader.js("find('.card .go').getAttribute('aria-label')") == "Play"
    assert site.count("/v1/public/audio/files/rivers.1.mp3") == 1  # the stream alone
    await reader.click(".card .go")  # again, from the beginning
    await reader.until("!audio.paused && audio.currentTime < 1")


async def test_a_stream_that_breaks_off_goes_on_in_the_file_at_its_place(reader, post):
    _begin(post, 0.2)
    post.is_cut = True
    await reader.open()
    await reader.js("host.addEventListener('intone:pause', () => { window.hasPaused = true })")
    await reader.play()
    await reader.until("audio.currentTime > 3 && find('.card .go').classList.contains('waits')")
    at = await reader.js("audio.currentTime")
    _finish(post)
    await reader.until("audio.src.endsWith('.mp3') && !audio.paused")
    await reader.until(f"audio.currentTime > {at}")
    assert await reader.js("audio.currentTime") < at + 5
    assert await reader.js("window.hasPaused") is None


async def test_a_reader_seeks_with_the_slider_and_the_buttons(reader):
    await reader.open()
    await reader.until("!find('.seek').disabled")
    box = await reader.js("find('.seek').getBoundingClientRect().toJSON()")
    await reader.click(".seek")
    await reader.play()
    middle = await reader.js("audio.currentTime")
    assert box["width"] > 100
    assert 13 < middle < 17
    await reader.click("[aria-label='Back 15 seconds']")
    await reader.until("audio.currentTime < 5")


async def test_the_speed_is_set_and_remembered(reader):
    await reader.open()
    await reader.until("!!find('select')")
    await reader.js(
        "(find('select').value = '1.5', find('select').dispatchEvent(new Event('change')))"
    )
    await reader.play()
    assert await reader.js("audio.playbackRate") == 1.5
    await reader.open()
    await reader.play()
    assert await reader.js("audio.playbackRate") == 1.5
    assert await reader.js("find('select').value") == "1.5"


async def test_volume_and_mute(reader):
    await reader.open()
    await reader.click("[aria-label='Mute']")
    await reader.until("audio.muted && !!find('[aria-label=Unmute]')")
    await reader.click("[aria-label='Unmute']")
    await reader.js(
        "(find('.level').value = 0.5, find('.level').dispatchEvent(new Event('input')))"
    )
    await reader.until("!audio.muted && audio.volume === 0.5")


async def test_the_place_is_remembered_and_forgotten_at_the_end(reader):
    await reader.open()
    await reader.play()
    await reader.click("[aria-label='Forward 15 seconds']")
    await reader.until("audio.currentTime > 15.2")
    await reader.click(".card .go")
    await reader.until("audio.paused")
    at = await reader.js("audio.currentTime")
    await reader.open()
    await reader.until("find('.time')?.textContent === '0:15'")
    await reader.play()
    assert await reader.js("audio.currentTime") == pytest.approx(at, abs=_ABOUT)
    await reader.js("audio.currentTime = 27")
    await reader.until("audio.ended")
    await reader.until("localStorage.getItem('intone:places') === '[]'")
    kept = await reader.js("Object.keys(localStorage).sort()")
    assert kept == ["intone:places"]
    assert await reader.js("document.cookie") == ""


async def test_a_browser_that_keeps_nothing_plays_all_the_same(reader):
    await reader.page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source="Object.defineProperty(window, 'localStorage',"
        " { get() { throw new DOMException('denied', 'SecurityError') } })",
    )
    await reader.open()
    await reader.play()
    await reader.click(".card .go")
    await reader.until("audio.paused")
    assert await reader.complaints() == []


async def test_one_player_of_a_page_plays_at_a_time(reader, site):
    site.posts["cats", 1] = Post(record("Cats do not care for bridges.\nThey swim."))
    await reader.open(_TWO)
    await reader.play()
    reader.number = 1
    await reader.play()
    reader.number = 0
    await reader.until("audio.paused && find('.card .go').getAttribute('aria-label') === 'Play'")


async def test_another_voice_is_prepared_while_the_first_goes_on_and_takes_over_at_its_place(
    reader, site, article
):
    other = Post(record(article, "en-gb-scotland"), voice=2, status="generating", made=0.1)
    site.posts["rivers", 2] = other
    await reader.open()
    await reader.play()
    await reader.until("!find('[aria-label=Voice]').closest('.pick').hidden")
    names = "[...find('[aria-label=Voice]').options].map((each) => each.text)"
    assert await reader.js(names) == ["Ada", "Basil"]  # and not the German one
    await reader.click("[aria-label='Forward 15 seconds']")
    await reader.until("audio.currentTime > 15.1")
    await reader.js(
        "(find('[aria-label=Voice]').value = '2',"
        " find('[aria-label=Voice]').dispatchEvent(new Event('change')))"
    )
    await reader.until("find('.kicker').textContent.includes('Preparing the voice Basil · 10%')")
    assert await reader.js("!audio.paused && audio.src.includes('rivers.1')")
    at = await reader.js("audio.currentTime")
    _finish(other)
    await reader.until("audio.src.includes('rivers.2') && !audio.paused && audio.currentTime > 0")
    assert await reader.js("audio.currentTime") > at - 3
    assert await reader.js("find('.kicker').textContent") == "Listen to this article"


async def test_a_voice_that_is_not_to_be_had_leaves_the_first_one_chosen(reader):
    await reader.open()
    await reader.play()
    await reader.until("find('[aria-label=Voice]').options.length === 2")
    await reader.js(
        "(find('[aria-label=Voice]').value = '2',"
        " find('[aria-label=Voice]').dispatchEvent(new Event('change')))"
    )
    await reader.until("find('[role=status]').textContent === 'The voice Basil is not available.'")
    assert await reader.js("find('[aria-label=Voice]').value") == "1"
    assert await reader.js("!audio.paused")


async def test_where_the_site_does_not_allow_it_nothing_is_switched_or_downloaded(
    reader, site, post
):
    site.allow_switch, post.allow_download = False, False
    await reader.open()
    await reader.play()
    await reader.until("audio.currentTime > 1")
    assert site.count("/v1/public/voices") == 1
    assert await reader.js("find('[aria-label=Voice]').closest('.pick').hidden")
    assert await reader.js("find('a').hidden")
    post.allow_download = True
    await reader.open()
    await reader.until("find('a') && !find('a').hidden")
    assert (await reader.js("find('a').href")).endswith("/rivers.1.mp3?download=true")


async def test_the_bar_stays_while_the_player_is_out_of_sight_and_can_be_closed(reader):
    await reader.open(PLAYER + '<p id="far">Text</p>')
    await reader.js("find('.card').getRootNode().host.style.marginBottom = '3000px'")
    await reader.play()
    assert await reader.js("find('.mini').hidden")
    await reader.js("document.querySelector('#far').scrollIntoView()")
    await reader.until("!find('.mini').hidden")
    assert await reader.js("find('.mini').matches(':popover-open')")
    await reader.click(".mini .go")
    await reader.until("audio.paused")
    await reader.js("window.scrollTo(0, 0)")
    await reader.until("find('.mini').hidden")
    await reader.play()
    await reader.js("document.querySelector('#far').scrollIntoView()")
    await reader.until("!find('.mini').hidden")
    await reader.click("[aria-label='Close mini player']")
    await reader.until("find('.mini').hidden")
    assert await reader.js("!audio.paused")


async def test_without_sticky_there_is_no_bar(reader):
    await reader.open(PLAYER.replace("data-post", 'data-sticky="off" data-post') + "<p>Text</p>")
    await reader.js("host.style.marginBottom = '3000px'")
    await reader.play()
    await reader.js("document.querySelector('p:last-of-type').scrollIntoView()")
    at = await reader.js("audio.currentTime")
    await reader.until(f"audio.currentTime > {at} + 0.5")
    assert await reader.js("find('.mini').hidden")


async def test_the_lock_screen_shows_the_post_and_steers_it(reader):
    await reader.page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source="window.acts = {}; const set = MediaSession.prototype.setActionHandler;"
        "MediaSession.prototype.setActionHandler = function (name, act) {"
        " window.acts[name] = act; return set.call(this, name, act) }",
    )
    await reader.open()
    await reader.play()
    assert await reader.js("navigator.mediaSession.metadata.title") == "Of rivers and of bridges"
    await reader.js("window.acts.seekto({ seekTime: 20 })")
    await reader.until("audio.currentTime >= 20")
    await reader.js("window.acts.seekbackward({})")
    await reader.until("audio.currentTime < 10")
    await reader.js("window.acts.pause()")
    await reader.until("audio.paused && navigator.mediaSession.playbackState === 'paused'")
    await reader.js("host.remove()")
    await reader.until("navigator.mediaSession.metadata === null")
