"""The recipes of docs/publishing.md do what they say when they are pasted."""

import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from loopback.publisher import page, prose

DOCS = Path(__file__).parents[2] / "docs"
SECRET = "shared with Ghost"


@pytest.fixture(scope="module")
def key(server):
    made = server.cli("sites", "create", "--domain", "recipes.example")
    assert made.returncode == 0, made.stderr
    return made.stdout.split()[0]


def recipe(number):
    """The commands of docs/publishing.md that are marked as run here."""
    text = (DOCS / "publishing.md").read_text()
    blocks = re.findall(
        r"<!-- run by \S*publishing_recipes.py -->\n```sh\n(.*?)```", text, re.DOTALL
    )
    assert len(blocks) == 2
    return blocks[number]


def paste(script, folder, server, key):
    python = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, timeout=60, check=False,
        capture_output=True, text=True,
        env={"PATH": f"{python}:/usr/bin:/bin", "INTONE_URL": server.url, "INTONE_API_KEY": key},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def posts(server, key):
    with server.client(key) as client:
        found = client.get("/v1/audio", params={"limit": 100}).json()["data"]["items"]
    return {post["post_id"]: post for post in found}


def test_what_hugo_writes_is_sent(server, key, tmp_path):
    folder = tmp_path / "public/posts/first"
    folder.mkdir(parents=True)
    body = {"post_id": "/posts/first/", "post_title": "First", "content": prose("Hugo"),
            "post_url": "https://recipes.example/posts/first/", "language": "en",
            "update": "if-changed"}  # fmt: skip
    (folder / "intone.json").write_text(json.dumps(body))
    paste(recipe(0), tmp_path, server, key)
    assert posts(server, key)["/posts/first/"]["post_title"] == "First"


def test_whole_pages_of_a_static_site_are_sent(server, key, tmp_path):
    for path in ("", "listening", "posts/zwei"):
        folder = tmp_path / "public" / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text(page(f"Päge {path}", prose(path or "home")))
    told = paste(recipe(1), tmp_path, server, key)
    assert told.count('"success":true') == 3
    assert {"/", "/listening/", "/posts/zwei/"} <= set(posts(server, key))
    assert paste(recipe(1), tmp_path, server, key).count('"success":true') == 3


@pytest.fixture
def receiver(server, key):
    env = {**os.environ, "GHOST_SECRET": SECRET, "INTONE_URL": server.url, "INTONE_API_KEY": key}
    command = [sys.executable, DOCS / "snippets/ghost_webhook.py", "0"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    yield process.stdout.readline().decode().strip()
    process.terminate()
    process.wait(20)
    process.stdout.close()


def event(url, current, previous=None, secret=SECRET):
    """Send what Ghost sends."""
    told = json.dumps({"post": {"current": current, "previous": previous or {}}}).encode()
    at = str(round(time.time() * 1000))
    signature = hmac.new(secret.encode(), told + at.encode(), hashlib.sha256).hexdigest()
    headers = {
        "X-Ghost-Signature": f"sha256={signature}, t={at}",
        "Content-Type": "application/json",
    }
    return httpx.post(url, content=told, headers=headers).status_code


def test_ghosts_webhooks_are_passed_on(server, key, receiver):
    post = {"id": "6a20a1", "title": "Ghost’s", "html": prose("Ghost"), "status": "published",
            "visibility": "public", "url": "https://recipes.example/ghosts/"}  # fmt: skip
    assert event(receiver, post, secret="another") == 401
    assert httpx.post(receiver, content=b"{}").status_code == 401
    assert "6a20a1" not in posts(server, key)
    assert event(receiver, post) == 202
    assert posts(server, key)["6a20a1"]["post_title"] == "Ghost’s"
    assert event(receiver, {**post, "status": "draft"}, {"status": "published"}) == 200
    assert "6a20a1" not in posts(server, key)
    assert event(receiver, {**post, "visibility": "paid"}) == 404
    assert event(receiver, {**post, "html": "short"}) == 422
    assert event(receiver, {"status": "published"}) == 400


def test_the_plugin_and_the_receiver_are_where_the_page_says():
    for name in re.findall(r"\]\((snippets/[^)]+)\)", (DOCS / "publishing.md").read_text()):
        assert (DOCS / name).is_file()
