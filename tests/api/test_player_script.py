"""`/player.js` as browsers fetch it."""

import ast
import gzip
import re

import aiohttp
import pytest

from helpers.serving import serving
from intone.api.app import create_app
from intone.api.dialect import Dialect, neutral_envelope
from intone.api.posts import player

_LARGEST = 25 * 1024


@pytest.fixture
async def http():
    async def readiness():
        return {}

    dialect = Dialect("player", ("/player.js",), player.PLAYER_ROUTES, neutral_envelope)
    async with (
        serving(create_app(None, [dialect], readiness=readiness)) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", auto_decompress=False) as http,
    ):
        yield http


def test_the_player_is_small():
    script = player.player_script()
    assert len(script.packed) <= _LARGEST
    assert gzip.decompress(script.packed) == script.plain


def test_it_is_one_script_without_markup_evaluation_or_imports():
    plain = player.player_script().plain.decode()
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                "new Function", "import(", "import ", "cookie", 'setAttribute("style"'):  # fmt: skip
        assert way not in plain, way
    assert plain.startswith("// Intone's player")
    assert "TODO" not in plain


def test_every_file_of_the_player_is_part_of_it():
    from importlib import resources

    folder = resources.files("intone.web") / "player"
    assert {f"{name}.js" for name in player._PARTS} == {
        file.name for file in folder.iterdir() if file.name.endswith(".js")
    }


def test_every_language_says_everything():
    from importlib import resources

    text = (resources.files("intone.web") / "player/languages.js").read_text("utf-8")
    table = text[text.index("const SAYINGS") : text.index("const RIGHT_TO_LEFT")]
    blocks = re.findall(r"^  (\w\w): \{\n(.*?)\n  \},", table, re.MULTILINE | re.DOTALL)
    assert {tag for tag, _ in blocks} == {
        "en", "de", "fr", "es", "pt", "it", "nl", "ar", "he",
    }  # fmt: skip
    said = {tag: dict(re.findall(r'(\w+): ("[^"]*")', block)) for tag, block in blocks}
    for tag, sayings in said.items():
        assert sayings.keys() == said["en"].keys(), tag
        for name, saying in sayings.items():
            places = re.findall(r"\{\d\}", ast.literal_eval(saying))
            assert places == re.findall(r"\{\d\}", said["en"][name]), (tag, name)


async def test_it_is_packed_for_those_who_accept_it(http):
    script = player.player_script()
    async with http.get("/player.js", headers={"Accept-Encoding": "gzip, br"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert await answer.read() == script.packed
    async with http.get("/player.js", headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert await answer.read() == script.plain
        assert answer.headers["Vary"] == "accept-encoding"
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers.getall("X-Content-Type-Options") == ["nosniff"]
        assert answer.headers["Cache-Control"].startswith("public, max-age=")


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_what_a_browser_has_is_not_sent_again(http, encoding):
    headers = {"Accept-Encoding": encoding}
    async with http.get("/player.js", headers=headers) as answer:
        etag = answer.headers["ETag"]
    async with http.get("/player.js", headers={**headers, "If-None-Match": etag}) as answer:
        assert answer.status == 304
        assert await answer.read() == b""
        assert answer.headers["ETag"] == etag
    async with http.get("/player.js", headers={**headers, "If-None-Match": '"other"'}) as answer:
        assert answer.status == 200


async def test_head_says_what_get_would(http):
    headers = {"Accept-Encoding": "identity"}
    async with http.head("/player.js", headers=headers) as answer:
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) == len(player.player_script().plain)
        assert await answer.read() == b""
