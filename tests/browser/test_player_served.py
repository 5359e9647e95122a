"""A whole Intone behind a publisher's page of another origin: rendering, player, captions, figures."""

import asyncio
import json

import httpx
import pytest

from helpers.player_page import PLAYER
from helpers.server import IntoneServer

pytestmark = pytest.mark.requires("chromium")

_SENTENCE = "The {}th bridge over the river was {} metres long, and nobody had asked for it. "
#: About 5,000 words: it is still being rendered when the page is there.
_LONG = "".join(f"<p>{_SENTENCE.format(n, n + 30) * 8}</p>" for n in range(4, 46))
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


async def _public(intone, post_id):
    async with httpx.AsyncClient() as client:
        query = {"domain": "127.0.0.1", "post_id": post_id}
        answer = await client.get(f"{intone.url}/v1/public/audio", params=query)
        return json.dumps(answer.json()["data"])
