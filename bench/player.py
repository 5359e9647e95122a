"""The player in a real Chromium: the first sound of a post that is rendered, and the words lit."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from bench.chromium import EXECUTABLE, browser, new_tab
from bench.edit import WORDS, article
from bench.lit_words import BUTTON, Recording, listen, prepare, watch
from bench.report import Row, at_most, percentile, tell
from bench.servers import intone_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bench.chromium import Tab
    from bench.servers import Server

__all__ = ["measure"]

_TIMES = 5
#: Where in the article the lit words are watched, as parts of its length, and for how long.
_PLACES, _WATCH_S = (0.0, 0.25, 0.5, 0.75, 0.98), 6
#: Fewer pauses, or moments that were listened to, tell nothing.
_FEWEST = 20
#: Notes when a click came, and when the sound moved on from the beginning.
_PROBE = """
addEventListener("click", (event) => {
  const audio = document.querySelector("[data-post-id]").shadowRoot.querySelector("audio");
  window.heard = new Promise((resolve) => {
    const look = () => {
      if (audio.currentTime > 0) resolve(performance.now() - event.timeStamp);
      else setTimeout(look, 1);
    };
    look();
  });
}, true);
"""


@dataclass(frozen=True, slots=True)
class _Site:
    """A publisher's page, the server that speaks, and the browser that reads."""

    page: str
    server: Server
    #: With the site's key.
    session: aiohttp.ClientSession
    #: Of the browser.
    port: int


async def measure(folder: Path) -> list[Row]:
    """Skipped where there is no Chromium."""
    if EXECUTABLE is None:
        return [Row("player", "the player", None, "", note="Chromium (apt install chromium)")]
    profile = folder / "player-profile"
    with intone_server(folder / "player") as server, browser(profile) as port:
        key = _site_key(folder / "player")
        headers = {"X-API-Key": key}
        async with (
            aiohttp.ClientSession(server.url, headers=headers) as session,
            _publisher(server) as page,
        ):
            site = _Site(page, server, session, port)
            return [*await _first_sound(site), *await _words(site)]


async def _first_sound(site: _Site) -> list[Row]:
    """Each time another article, and a browser that has never been on the page."""
    await _post(site, "warm", "A short text, so that everything is loaded. " * 3)
    await _ready(site, "warm")
    times, progress = list[float](), list[int]()
    for number in range(_TIMES):
        post_id = f"first-{number}"
        await _post(site, post_id, article(100 + number))
        async with new_tab(site.port) as tab:
            await _open(tab, site, post_id)
            times.append(await tab.js("window.heard"))
            state = await _status(site, post_id)
        if state["status"] != "generating":
            raise RuntimeError(f"The rendering had ended before the sound: {state}")
        progress.append(state["progress_percent"])
        await _ready(site, post_id)
    note = f"{_TIMES} articles, rendered to {min(progress)}–{max(progress)} % by then; longest"
    return [
        Row(
            "player",
            f"click to first sound, cold page, {WORDS:,} words still rendering",
            statistics.median(times) / 1000,
            "s",
            at_most(1),
            f"{note} {max(times):.0f} ms",
        )
    ]


async def _words(site: _Site) -> list[Row]:
    """One article, watched at several places.

    Raises:
        RuntimeError: Nothing was heard, or there were no pauses to tell anything by.
    """
    await _post(site, "words", article(7))
    post = await _ready(site, "words")
    async with site.session.get(post["audio_url"]) as response:
        audio = await response.read()
    async with site.session.get(post["audio_url"].replace(".mp3", ".json")) as response:
        lines = (await response.json())["lines"]
    recording = Recording(audio, [word for line in lines for word in line["words"]])
    captions = recording.captions_off()
    lit, heard = list[float](), list[float]()
    async with new_tab(site.port) as tab:
        await prepare(tab)
        await _open(tab, site, "words")
        await tab.js("window.heard")
        await listen(tab, recording)
        for place in _PLACES:
            seen = await watch(tab, recording, place * post["duration_seconds"], _WATCH_S)
            lit += seen.lit
            heard += seen.heard
    tell(f"player: {len(captions)} pauses, {len(lit)} frames, listened {len(heard)} times")
    if min(len(captions), len(heard)) < _FEWEST:
        raise RuntimeError("There was too little to be heard.")
    parts = max(lit), max(heard), max(captions)
    frames = f"{len(lit)} frames at {len(_PLACES)} places"
    pauses = f"sound after {len(captions)} pauses in {len(recording.words):,} words"
    return [
        _row("the word lit against the word heard, at most", sum(parts), "the three below", 150),
        _row("the word lit against the player's clock, at most", parts[0], frames),
        _row("the player's clock against the sound, at most", parts[1], "after seeking"),
        _row("the captions against the sound, at most", parts[2], pauses),
        _row("the captions against the sound, 95 %", percentile(captions, 95), pauses),
    ]


def _row(what: str, ms: float, note: str, most: float | None = None) -> Row:
    return Row("player", what, ms, "ms", None if most is None else at_most(most), note)


async def _open(tab: Tab, site: _Site, post_id: str) -> None:
    """Go to the post's page and click on play as soon as the button is there."""
    await tab.call("Page.navigate", url=f"{site.page}?{post_id}")
    await tab.click(*await tab.js(BUTTON))


async def _post(site: _Site, post_id: str, text: str) -> None:
    body = {"post_id": post_id, "content": text}
    async with site.session.post("/v1/audio/generate", json=body) as response:
        if response.status != 202:
            raise RuntimeError(f"The post was refused: {await response.text()}")


async def _status(site: _Site, post_id: str) -> dict[str, Any]:
    async with site.session.get(f"/v1/audio/{post_id}/status") as response:
        state: dict[str, Any] = (await response.json())["data"]
        return state


async def _ready(site: _Site, post_id: str) -> dict[str, Any]:
    """The post, once it is ready.

    Raises:
        RuntimeError: It failed.
    """
    while (state := await _status(site, post_id))["status"] != "ready":
        if state["status"] == "failed":
            raise RuntimeError(f"The post did not get ready: {state}")
        await asyncio.sleep(1.5)
    return state


def _site_key(data_dir: Path) -> str:
    """Make a site of the domain 127.0.0.1; its key."""
    command = [sys.executable, "-m", "intone", "sites", "create", "--domain", "127.0.0.1"]
    made = subprocess.run(
        [*command, "--json", "--data-dir", str(data_dir)], capture_output=True, check=True
    )
    key: str = json.loads(made.stdout)["key"]
    return key


@asynccontextmanager
async def _publisher(server: Server) -> AsyncIterator[str]:
    """A publisher's page of another origin; its query says which post it has."""
    paragraphs = "".join(f"<p>{part}</p>" for part in article(0).split(". "))

    async def page(request: web.Request) -> web.Response:
        element = f'<div data-intone-player data-post-id="{request.query_string}"></div>'
        head = f'<script src="{server.url}/player.js" defer></script><script>{_PROBE}</script>'
        html = f'<!doctype html><html lang="en"><head><title>An article</title>{head}</head>'
        return web.Response(
            text=f"{html}<body>{element}<article>{paragraphs}</article></body></html>",
            content_type="text/html",
        )

    app = web.Application()
    app.router.add_get("/article", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        listening = web.TCPSite(runner, "127.0.0.1", 0)
        await listening.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/article"
    finally:
        await runner.cleanup()
