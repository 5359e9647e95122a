"""A whole Intone behind a publisher's page of another origin: rendering, player, captions, figures."""

import asyncio
import json

import httpx
import pytest

from helpers.player_page import PLAYER
from helpers.server import IntoneServer

pytestmark = pytest.mark.requires("chromium")

_SENTENCE = "The {}th bridge over the river was {} metres long, and nobody had asked for it. "
#: About 3,500 words: it is still being rendered when the page is there.
_LONG = "".join(f"<p>{_SENTENCE.format(n, n + 30) * 8}</p>" for n in range(4, 33))
_WATCH = """new Promise((resolve) => {
  const seen = [];
  const look = () => {
    const lit = find('.lit');
    if (lit) seen.push([audio.currentTime, Number(lit.dataset.start), lit.textContent]);
    if (audio.currentTime < UNTIL) requestAnimationFrame(look);
    else resolve(seen);
  };
  look();
})"""


@pytest.fixture(scope="module")
def intone(tmp_path_factory):
    server = IntoneServer(tmp_path_factory.mktemp("server") / "data").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def key(intone):
    made = intone.cli(
        *("sites", "create", "--domain", "127.0.0.1", "--allow-download", "--json"),
        *("--voices", "voice_en_us_001,voice_en_us_002"),
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)["key"]


@pytest.fixture
def api(intone, key):
    with httpx.Client(base_url=intone.url, headers={"X-API-Key": key}, timeout=30) as client:
        yield client


async def _open(reader, intone, post_id, page=PLAYER):
    """Go to a publisher's page of another origin that has the player of a post."""
    url = intone.url
    policy = f"default-src 'none'; script-src {url}; connect-src {url}; media-src {url}"
    body = f'{page}<script src="{url}/player.js" defer></script>'.replace("rivers", post_id)
    reader.site.pages["/article"] = (f'<!doctype html><html lang="en"><body>{body}', policy)
    await reader.goto(f"{reader.site.origin}/article")


async def test_a_long_article_is_heard_and_read_while_it_is_rendered(reader, intone, api):
    queued = api.post(
        "/v1/audio/generate",
        json={"post_id": "long", "content": _LONG, "post_title": "Of </script> bridges"},
    )
    assert queued.status_code == 202, queued.text
    await _open(reader, intone, "long")
    await reader.click(".card .go")
    await reader.until("audio.currentTime > 0")
    assert "live=true" in await reader.js("audio.src")
    assert await reader.js("find('.title').textContent") == "Of </script> bridges"
    await reader.click("[aria-label=Transcript]")
    await reader.until("!!find('.lit')")
    seen = await reader.js(_WATCH.replace("UNTIL", "6"))
    url = json.loads(await _public(intone, "long"))["captions_url"]
    lines = httpx.get(url).json()["lines"]
    words = [word for line in lines for word in line["words"]]
    for second, start, text in seen:
        word = next(word for word in words if word["start"] == start)
        assert text == word["text"]
        assert max(start - second, second - _end(words, word)) <= 0.15
    assert len({start for _, start, _ in seen}) > 5
    await reader.until("find('.made').hidden")  # ready by now, and the stream plays on
    await reader.click("[aria-label='Forward 15 seconds']")
    await reader.until("!audio.src.includes('live') && audio.currentTime > 15 && !audio.paused")


async def test_a_reader_changes_the_voice_and_takes_the_file_along(reader, intone, api):
    text = "<p>" + _SENTENCE.format(5, 6) * 4 + "</p>"
    api.post("/v1/audio/generate", json={"post_id": "short", "content": text})
    await _open(reader, intone, "short")
    await reader.until("!find('a').hidden")
    await reader.play()
    await reader.until("find('[aria-label=Voice]').options.length === 2")
    was = await reader.js("audio.src")
    await reader.js(
        "(find('[aria-label=Voice]').selectedIndex = 1,"
        " find('[aria-label=Voice]').dispatchEvent(new Event('change')))"
    )
    await reader.until(f"audio.src !== {was!r} && !audio.paused && audio.currentTime > 0")
    assert await reader.js("find('[aria-label=Voice]').selectedIndex") == 1
    assert await reader.complaints() == []


async def test_an_open_page_finds_the_new_recording_of_a_post_that_was_edited(reader, intone, api):
    """And goes on at its place; after two editions the address that the page knew is gone."""
    await _rendered(api, "edited", _LONG)
    await _open(reader, intone, "edited")
    await reader.play()
    await reader.click(".card .go")
    was = await reader.js("audio.src")
    await _rendered(api, "edited", _LONG + "<p>A sentence that was only there for a while.</p>")
    await _rendered(api, "edited", _LONG + "<p>A sentence that nobody had read.</p>")
    assert httpx.get(was).status_code == 404
    # Farther on than any browser loads ahead.
    await reader.js("(find('.seek').value = 800, find('.seek').dispatchEvent(new Event('change')))")
    await reader.js("find('.card .go').click()")
    await reader.until(f"audio.src !== {was!r} && !audio.paused && audio.currentTime > 800")
    assert await reader.js("audio.currentTime") < 830
    assert await reader.js("find('.news').hidden")
    await reader.click("[aria-label=Transcript]")
    await reader.until("root.textContent.includes('nobody had read') && !!find('.lit')")


async def test_a_post_that_was_deleted_takes_the_player_of_an_open_page_away(reader, intone, api):
    await _rendered(api, "deleted", "<p>" + _SENTENCE.format(3, 4) * 4 + "</p>")
    await _open(reader, intone, "deleted")
    await reader.until("!find('.seek').disabled")
    assert api.delete("/v1/audio/deleted").status_code == 200
    await reader.click(".card .go")
    await reader.until("!host")


async def test_the_audio_is_saved_under_the_posts_title(reader, intone, api):
    text = "<p>" + _SENTENCE.format(9, 9) * 4 + "</p>"
    await _rendered(api, "saved", text, post_title="Of rivers & bridges")
    await _open(reader, intone, "saved")
    await reader.until("!find('a').hidden")
    saved = httpx.get(await reader.js("find('a').href"))
    assert saved.headers["content-disposition"].startswith("attachment;")
    assert "Of%20rivers%20%26%20bridges.mp3" in saved.headers["content-disposition"]


async def test_what_was_heard_is_counted(reader, intone, api):
    text = "<p>" + _SENTENCE.format(7, 8) * 4 + "</p>"
    api.post("/v1/audio/generate", json={"post_id": "counted", "content": text})
    await _open(reader, intone, "counted")
    await reader.play()
    await reader.until("audio.currentTime > 2")
    await reader.goto("about:blank")
    async with asyncio.timeout(30):
        while "counted" not in (figures := api.get("/v1/analytics/posts").text):
            await asyncio.sleep(0.2)
    (row,) = [row for row in json.loads(figures)["data"]["posts"] if row["post_id"] == "counted"]
    assert (row["impressions"], row["plays"]) == (1, 1)


async def test_a_page_of_another_site_has_no_player(reader, intone, key):
    assert key
    await _open(
        reader, intone, "long", PLAYER.replace("data-post", 'data-domain="a.example" data-post')
    )
    await reader.until("!host")


def _end(words, word):
    """Until when a word may be lit: the next one's beginning."""
    following = [each["start"] for each in words if each["start"] > word["start"]]
    return min(following, default=word["end"] + 1)


async def _rendered(api, post_id, content, **fields):
    """Send a post, also one that there is already, and wait until it is ready."""
    body = {"post_id": post_id, "content": content, "force": True, **fields}
    answer = api.post("/v1/audio/generate", json=body)
    assert answer.status_code == 202, answer.text
    async with asyncio.timeout(90):
        while api.get(f"/v1/audio/{post_id}/status").json()["data"]["status"] != "ready":
            await asyncio.sleep(1.2)


async def _public(intone, post_id):
    async with httpx.AsyncClient() as client:
        query = {"domain": "127.0.0.1", "post_id": post_id}
        answer = await client.get(f"{intone.url}/v1/public/audio", params=query)
        return json.dumps(answer.json()["data"])
