"""The WordPress plugin of docs/snippets in PHP itself, against a real Intone.

Around it stands as much of WordPress as it uses (tests/clients/wordpress).
"""

import json
import os
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from helpers.decoding import decode
from helpers.server import free_port

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "docs/snippets/intone-wordpress.php"
WORDPRESS = ROOT / "tests/clients/wordpress/wordpress.php"
BLOG = "http://blog.wp.example"
TEXT = "<p>The first sentence of a post is this one.</p><p>A second one follows it closely.</p>"

pytestmark = pytest.mark.requires("php")


class WordPress:
    """One that runs; `do` has it do something and says what came of it."""

    def __init__(self, folder, **env):
        self.log = folder / "php.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["php", "-d", "log_errors=1", WORDPRESS, PLUGIN],
                env={"PATH": os.environ["PATH"], "BLOG_URL": BLOG, **env},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def do(self, action, number=1, **more):
        command = {"do": action, "id": number, **more}
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line.startswith("{"), (line, self.log.read_text())
        return json.loads(line)

    def save(self, number=1, meta=None, **post):
        return self.do("save", number, post=post, meta=meta or {})

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def key(server):
    made = server.cli("sites", "create", "--domain", "blog.wp.example")
    assert made.returncode == 0, made.stderr
    return made.stdout.split()[0]


@pytest.fixture
def make(tmp_path):
    made = []

    def start(url, key):
        made.append(WordPress(tmp_path, INTONE_TEST_URL=url, INTONE_TEST_KEY=key))
        return made[-1]

    yield start
    for wordpress in made:
        wordpress.stop()


@pytest.fixture
def wordpress(server, key, make):
    return make(server.url, key)


def heard(server, key, number, *, other_than=None):
    """What the server says of a post that is ready, once its audio is another one."""
    deadline = time.monotonic() + 60
    with server.client(key) as client:
        while time.monotonic() < deadline:
            found = client.get(f"/v1/audio/{number}/status").json()["data"]
            if found["status"] == "ready" and found["audio_url"] != other_than:
                return found
            assert found["status"] != "failed", found
            time.sleep(0.5)
    raise AssertionError(found)


def sent(told):
    return [(one["method"], one["url"].partition("/v1")[2]) for one in told["requests"]]


def test_a_post_is_heard_when_it_is_published_and_again_when_it_is_edited(server, key, wordpress):
    draft = wordpress.save(1, post_title="Fish & chips", post_content=TEXT, post_status="draft")
    assert (draft["waiting"], sent(draft)) == (0, [])
    published = wordpress.save(1, post_status="publish")
    # Nobody waits for the server: the request goes out with WP-Cron.
    assert (published["waiting"], sent(published)) == (1, [])
    assert sent(wordpress.do("cron")) == [("POST", "/audio/generate")]
    first = heard(server, key, 1)
    assert decode(httpx.get(first["audio_url"]).content, "mp3").duration > 3
    with server.client(key) as client:
        (post,) = client.get("/v1/audio").json()["data"]["items"]
    assert (post["post_title"], post["post_url"]) == ("Fish & chips", f"{BLOG}/?p=1")
    assert post["language"] == "en"

    wordpress.save(1, post_content=TEXT.replace("second one", "new one"))
    assert sent(wordpress.do("cron")) == [("POST", "/audio/generate")]
    second = heard(server, key, 1, other_than=first["audio_url"])
    with server.client(key) as client:
        (post,) = client.get("/v1/audio").json()["data"]["items"]
    assert 0 < post["segments_reused"] < post["segments"]

    wordpress.save(1, post_title="Chips & fish")
    assert sent(wordpress.do("cron")) == [("POST", "/audio/generate")]
    with server.client(key) as client:
        (post,) = client.get("/v1/audio").json()["data"]["items"]
    assert post["post_title"] == "Chips & fish"
    assert post["audio_url"] == second["audio_url"]  # the title is not read

    # Neither fields nor terms nor the same text again have anything sent.
    for meta in ({"_thumbnail_id": 7}, {"_edit_last": 1}, {}):
        told = wordpress.save(1, meta)
        assert (told["waiting"], sent(told)) == (0, [])


def test_blocks_and_shortcodes_are_expanded_before_they_are_read(server, key, wordpress):
    wordpress.save(
        2, post_title="Two", post_content=f"[intone_player]{TEXT}", post_status="publish"
    )
    assert sent(wordpress.do("cron")) == [("POST", "/audio/generate")]
    audio = heard(server, key, 2)["audio_url"]
    captions = httpx.get(audio.replace(".mp3", ".vtt")).text
    assert "intone_player" not in captions
    assert "first sentence" in captions


def test_readers_of_a_single_post_get_the_player(wordpress, server, key):
    wordpress.save(3, post_title="Three", post_content=TEXT, post_status="publish")
    shown = wordpress.do("view", 3, single=True)
    player = '<div data-intone-player data-post-id="3" data-lang="en"></div>'
    assert shown["result"] == player + TEXT
    assert shown["scripts"] == {"intone-player": f"{server.url}/player.js"}
    lists = wordpress.do("view", 3, single=False)
    assert (lists["result"], lists["scripts"]) == (TEXT, {})
    wordpress.save(3, post_content=f"<p>Above.</p>[intone_player]{TEXT}")
    shown = wordpress.do("view", 3, single=True)
    assert shown["result"] == f"<p>Above.</p>{player}{TEXT}"
    assert key not in json.dumps(shown)


@pytest.mark.parametrize(
    "post",
    [
        {"post_status": "publish", "meta": {"intone_disabled": "1"}},
        {"post_status": "publish", "post_password": "hush"},
        {"post_status": "publish", "post_type": "page"},
        {"post_status": "private"},
        {"post_status": "future"},
    ],
    ids=str,
)
def test_what_is_not_for_all_readers_is_not_sent(wordpress, post):
    told = wordpress.save(4, post_title="Four", post_content=TEXT, **post)
    assert told["waiting"] == 0
    shown = wordpress.do("view", 4, single=True)
    assert "data-intone-player" not in shown["result"]


def test_a_post_that_is_withdrawn_loses_its_audio(server, key, wordpress):
    def status(number):
        with server.client(key) as client:
            return client.get(f"/v1/audio/{number}/status").status_code

    for number, change in ((5, {"post_status": "trash"}), (6, {"meta": {"intone_disabled": "1"}})):
        wordpress.save(number, post_title="Gone", post_content=TEXT, post_status="publish")
        wordpress.do("cron")
        heard(server, key, number)
        wordpress.save(number, **change)
        assert sent(wordpress.do("cron")) == [("DELETE", f"/audio/{number}")]
        assert status(number) == 404
    wordpress.save(7, post_title="Gone", post_content=TEXT, post_status="publish")
    wordpress.do("cron")
    wordpress.do("delete", 7)
    assert sent(wordpress.do("cron")) == [("DELETE", "/audio/7")]
    assert status(7) == 404


def test_a_server_that_is_down_is_tried_again_a_while_later(make, key):
    wordpress = make(f"http://127.0.0.1:{free_port()}", key)
    wordpress.save(8, post_title="Eight", post_content=TEXT, post_status="publish")
    waits = []
    while (told := wordpress.do("cron"))["requests"]:
        waits += told["result"]
    assert waits == [300, 600, 900, 1200]
    log = wordpress.log.read_text()
    assert log.count("HTTP 0") == 5
    assert key not in log


def test_a_refusal_is_not_repeated_and_the_key_stands_nowhere(server, make):
    wrong = "in_live_" + "w" * 36
    wordpress = make(server.url, wrong)
    wordpress.save(9, post_title="Nine", post_content=TEXT, post_status="publish")
    told = wordpress.do("cron")
    assert (sent(told), told["result"]) == ([("POST", "/audio/generate")], [])
    assert "HTTP 401" in wordpress.log.read_text()
    assert wrong not in wordpress.log.read_text() + json.dumps(told)


def test_without_its_constants_it_does_nothing(make):
    wordpress = make("", "")
    told = wordpress.save(10, post_title="Ten", post_content=TEXT, post_status="publish")
    assert told["waiting"] == 0
    shown = wordpress.do("view", 10, single=True)
    assert (shown["result"], shown["scripts"]) == (TEXT, {})
