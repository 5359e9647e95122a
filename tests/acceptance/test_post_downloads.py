"""A post's audio as a file of its reader's: under its title, where the site offers it."""

import json
import re
import time
from urllib.parse import unquote

import httpx
import pytest

from helpers.server import IntoneServer

TEXT = "The ice came down in one night, and took the bridge of oak and iron with it."


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = IntoneServer(tmp_path_factory.mktemp("downloads") / "data").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def offering(server):
    return _site(server, "blog.example", "--allow-download")


def _site(server, domain, *options):
    key = json.loads(server.prepare("sites", "create", "--domain", domain, "--json", *options))[
        "key"
    ]
    return httpx.Client(base_url=server.url, headers={"X-API-Key": key}, timeout=30)


def _audio(site, post_id="ice", **fields):
    """Where the audio of a post is, once it is ready."""
    sent = site.post("/v1/audio/generate", json={"post_id": post_id, "content": TEXT, **fields})
    assert sent.status_code in {200, 202}, sent.text
    for _ in range(100):
        data = site.get(f"/v1/audio/{post_id}/status").json()["data"]
        if data["status"] == "ready":
            return data["audio_url"]
        time.sleep(0.2)
    raise AssertionError(data)


@pytest.mark.parametrize(
    ("title", "plain", "name"),
    [
        ("Of rivers", "Of_rivers.mp3", "Of rivers.mp3"),
        ('Grüße: "Ö" / a\\b?', None, "Grüße Ö a b.mp3"),
        ("../../etc/passwd", None, "etc passwd.mp3"),
        ("日本語の題名", "_.mp3", "日本語の題名.mp3"),
        ("می\u200cخواهم", None, "می\u200cخواهم.mp3"),
        (" ... ", None, "audio.mp3"),
        ("A" * 500, None, "A" * 80 + ".mp3"),
        (None, "untitled.mp3", "untitled.mp3"),
    ],
)
def test_it_is_saved_under_a_name_that_every_system_takes(offering, title, plain, name):
    post_id = f"titled-{len(title)}" if title else "untitled"
    url = _audio(offering, post_id, **({"post_title": title} if title else {}))
    answer = httpx.get(url, params={"download": "true"})
    assert answer.status_code == 200
    assert answer.content == httpx.get(url).content
    disposition = answer.headers["content-disposition"]
    assert disposition.isascii()
    found = re.fullmatch(
        r"attachment; filename=\"([A-Za-z0-9._-]+)\"(?:; filename\*=UTF-8''(\S+))?", disposition
    )
    assert found, disposition
    assert plain in {None, found[1]}
    assert unquote(found[2] or found[1]) == name


def test_a_title_that_changes_is_the_name_from_then_on(offering):
    url = _audio(offering, "renamed", post_title="Before")
    offering.post(
        "/v1/audio/generate", json={"post_id": "renamed", "content": TEXT, "post_title": "After"}
    )
    assert "After.mp3" in httpx.get(url, params={"download": "true"}).headers["content-disposition"]


def test_a_recording_that_was_replaced_is_still_saved_by_who_has_its_page_open(offering):
    was = _audio(offering, "edited", post_title="Edited")
    edited = {"post_id": "edited", "content": f"{TEXT} Nobody wept.", "force": True}
    assert offering.post("/v1/audio/generate", json=edited).status_code == 202
    for _ in range(100):
        if offering.get("/v1/audio/edited/status").json()["data"]["audio_url"] != was:
            break
        time.sleep(0.2)
    saved = httpx.get(was, params={"download": "true"})
    assert "Edited.mp3" in saved.headers["content-disposition"]


def test_without_being_asked_it_is_played(offering):
    url = _audio(offering)
    assert httpx.get(url).headers["content-disposition"].startswith("inline;")


def test_ranges_and_head_work_as_without(offering):
    url = _audio(offering) + "?download=true"
    head = httpx.head(url)
    assert head.headers["content-disposition"].startswith("attachment;")
    part = httpx.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, len(part.content)) == (206, 10)
    assert int(head.headers["content-length"]) > 10


def test_a_site_that_offers_no_downloads_refuses_and_still_plays(server):
    site = _site(server, "closed.example")
    url = _audio(site)
    answer = httpx.get(url, params={"download": "true"})
    assert answer.status_code == 403
    assert "download" in answer.json()["message"]
    assert httpx.get(url).status_code == 200


def test_what_is_not_ready_is_not_saved(offering):
    long = {"post_id": "long", "content": f"{TEXT} " * 1500}
    assert offering.post("/v1/audio/generate", json=long).status_code == 202
    data = httpx.get(
        f"{offering.base_url}/v1/public/audio".replace("//v1", "/v1"),
        params={"domain": "blog.example", "post_id": "long"},
    ).json()["data"]
    answer = httpx.get(data["stream_url"] + "&download=true")
    assert answer.status_code == 404
    assert offering.delete("/v1/audio/long").status_code == 200
