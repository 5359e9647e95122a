"""What a reader sees of a post: coming, there, gone, out of order."""

import pytest

from helpers.player_page import PLAYER
from loopback.reader_site import Post, record

pytestmark = pytest.mark.requires("chromium")


@pytest.fixture
def post(site):
    return site.posts["rivers", 1]


def _begin(post, made=0.3):
    post.status, post.made = "generating", made


def _finish(post):
    post.status, post.made = "ready", 1.0


async def test_a_ready_post_shows_its_title_and_length(reader):
    await reader.open()
    await reader.until("find('.title').textContent === 'Of rivers and of bridges'")
    assert await reader.js("find('.end').textContent") == "0:27"
    assert await reader.js("find('.kicker').textContent") == "Listen to this article"
    assert await reader.js("find('.made').hidden")


async def test_a_rendering_shows_its_progress_and_becomes_ready_by_itself(reader, site, post):
    _begin(post, 0.4)
    await reader.open()
    await reader.until("find('.kicker').textContent.includes('Preparing audio · 40%')")
    assert await reader.js("find('[role=progressbar]').getAttribute('aria-valuenow')") == "40"
    post.made = 0.8
    await reader.until("find('[role=progressbar]').getAttribute('aria-valuenow') === '80'")
    _finish(post)
    await reader.until("find('.made').hidden")
    assert await reader.js("find('[role=status]').textContent") == "Audio is ready"
    assert await reader.js("find('.kicker').textContent") == "Listen to this article"
    asked = site.count("/v1/public/audio")
    await reader.js("new Promise((resolve) => setTimeout(resolve, 2500))")
    assert site.count("/v1/public/audio") == asked  # what is ready is not asked for again


@pytest.mark.parametrize("status", [404, 402, 403, 422])
async def test_where_there_is_no_audio_nothing_is_left_on_the_page(reader, site, status):
    site.failure = status
    await reader.open(f"<h1>Title</h1>{PLAYER}<p>Text</p>")
    await reader.until("!host")
    assert await reader.js("document.querySelector('main').innerHTML") == (
        "<h1>Title</h1><p>Text</p>"
    )


async def test_a_rendering_that_fails_without_audio_takes_the_player_away(reader, post):
    _begin(post)
    await reader.open()
    await reader.until("find('.kicker')?.textContent.includes('Preparing')")
    post.status = "failed"
    await reader.until("!host")


async def test_a_server_in_trouble_is_told_and_tried_again_on_request(reader, site):
    site.failure = 503
    await reader.open()
    await reader.until("find('.news') && !find('.news').hidden")
    assert await reader.js("find('[role=status]').textContent") == "The audio cannot be played."
    assert await reader.js("host.isConnected")
    site.failure = 0
    await reader.click(".news button")
    await reader.until("find('.end').textContent === '0:27'")
    assert await reader.js("find('.news').hidden")
    assert await reader.js("root.activeElement === find('.card .go')")


async def test_a_server_that_has_no_time_is_asked_again_and_not_given_up(reader, site):
    site.failure = 429
    await reader.open()
    await reader.js("new Promise((resolve) => setTimeout(resolve, 3000))")
    assert await reader.js("find('.news').hidden")
    site.failure = 0
    await reader.until("find('.end').textContent === '0:27'")


async def test_play_before_there_is_an_answer_plays_as_soon_as_there_is_one(reader, site):
    site.failure = 503
    await reader.open()
    await reader.click(".card .go")
    assert await reader.js("find('.card .go').classList.contains('waits')")
    site.failure = 0
    await reader.until("audio.currentTime > 0.1")


async def test_an_element_that_comes_later_becomes_a_player(reader):
    await reader.open("<p>Text</p>")
    await reader.js(f"document.querySelector('main').insertAdjacentHTML('beforeend', `{PLAYER}`)")
    await reader.until("find('.end')?.textContent === '0:27'")


async def test_an_element_that_gets_its_attributes_later_becomes_a_player(reader):
    await reader.open("<div id='place' data-voicgen-player></div>")
    await reader.js("document.querySelector('#place').dataset.postId = 'rivers'")
    await reader.until("find('.end')?.textContent === '0:27'")


async def test_another_post_id_makes_another_player(reader, site):
    site.posts["cats", 1] = Post(record("Cats do not care for bridges."), title="Of cats")
    await reader.open()
    await reader.play()
    await reader.js("host.dataset.postId = 'cats'")
    await reader.until("find('.title').textContent === 'Of cats'")
    assert await reader.js("root.querySelectorAll('.card').length") == 1
    assert await reader.js("audio.paused")


async def test_an_element_that_is_taken_away_falls_silent_and_asks_no_more(reader, site, post):
    _begin(post)
    await reader.open()
    await reader.play()
    await reader.js("(window.sound = audio, host.remove())")
    await reader.until("window.sound.paused")
    assert await reader.js("window.sound.getAttribute('src')") is None
    asked = site.count("/v1/public/audio")
    await reader.js("new Promise((resolve) => setTimeout(resolve, 2500))")
    assert site.count("/v1/public/audio") == asked


async def test_a_page_that_nobody_sees_does_not_ask_and_goes_on_when_it_is_seen(reader, site, post):
    _begin(post)
    await reader.open()
    await reader.until("find('.kicker').textContent.includes('Preparing')")
    await reader.js(
        "(Object.defineProperty(document, 'hidden', {value: true, configurable: true}),"
        " document.dispatchEvent(new Event('visibilitychange')))"
    )
    await reader.js("new Promise((resolve) => setTimeout(resolve, 1500))")
    asked = site.count("/v1/public/audio")
    _finish(post)
    await reader.js("new Promise((resolve) => setTimeout(resolve, 4000))")
    assert site.count("/v1/public/audio") == asked
    await reader.js(
        "(delete document.hidden, document.dispatchEvent(new Event('visibilitychange')))"
    )
    await reader.until("find('.made').hidden")


async def test_the_script_loaded_twice_makes_one_player(reader, site):
    await reader.open(f'{PLAYER}<script src="{site.origin}/player.js"></script>')
    await reader.until("find('.end')?.textContent === '0:27'")
    assert await reader.js("root.querySelectorAll('.card').length") == 1
    assert site.count("/v1/public/audio") == 1


async def test_the_site_is_the_pages_host_unless_another_is_named(reader, site):
    await reader.open(PLAYER, script='data-domain="blog.example"')
    await reader.until("find('.end')?.textContent === '0:27'")
    assert "/v1/public/audio?domain=blog.example&post_id=rivers&lang=en" in site.asked
    await reader.open(PLAYER)
    await reader.until("find('.end')?.textContent === '0:27'")
    assert "/v1/public/audio?domain=127.0.0.1&post_id=rivers&lang=en" in site.asked
