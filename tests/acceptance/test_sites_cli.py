"""`intone sites`, beside a running server: what it prints, for people and for machines."""

import json

import httpx
import pytest

from helpers.server import IntoneServer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = IntoneServer(tmp_path_factory.mktemp("sites") / "data").start()
    yield server
    server.stop()


def run(server, *args, code=0, stdin=None):
    done = server.cli("sites", *args, stdin=stdin)
    assert done.returncode == code, done.stderr + done.stdout
    return done


def as_json(server, *args):
    return json.loads(run(server, *args, "--json").stdout)


def test_a_sites_life(server):
    made = as_json(
        server, "create", "--domain", "Blog.Example", "-d", "https://www.blog.example/",
        "--name", "A blog", "--voices", "voice_en_us_002,voice_de_de_001", "--allow-download",
    )  # fmt: skip
    assert made["domains"] == ["blog.example", "www.blog.example"]
    assert (made["voice"], made["voices"]) == (
        "voice_en_us_001", ["voice_en_us_002", "voice_de_de_001"],
    )  # fmt: skip
    assert (made["allow_download"], made["language"], made["name"]) == (True, "en", "A blog")
    key = made.pop("key")
    assert key.startswith("in_live_")
    assert as_json(server, "show", "www.blog.example") == made
    assert as_json(server, "list") == [made]
    opened = httpx.get(f"{server.url}/v1/audio", headers={"X-API-Key": key})
    assert opened.json()["data"]["items"] == []
    added = as_json(server, "domains", "add", "blog.example", "localhost")
    assert added["domains"] == ["blog.example", "localhost", "www.blog.example"]
    removed = as_json(server, "domains", "remove", str(made["number"]), "www.blog.example")
    assert removed["domains"] == ["blog.example", "localhost"]
    updated = as_json(
        server, "update", made["id"], "--voice", "voice_en_gb_001", "--no-download",
        "--email", "editor@blog.example", "--data-tables", "announce", "--voices", "",
    )  # fmt: skip
    assert (updated["voice"], updated["voices"]) == ("voice_en_gb_001", [])
    assert (updated["allow_download"], updated["data_tables"]) == (False, "announce")
    assert as_json(server, "update", made["id"], "--email", "")["email"] is None
    rotated = as_json(server, "rotate-key", "localhost")
    assert rotated["key"] not in {key, None}
    assert as_json(server, "delete", "localhost", "--yes") == {"deleted": made["id"]}
    assert as_json(server, "list") == []


def test_for_people(server):
    done = run(server, "create", "--domain", "people.example")
    assert done.stdout.strip().startswith("in_live_"), "so that it can be put into a variable"
    assert "player.js" in done.stderr
    shown = run(server, "show", "people.example").stdout
    assert "people.example" in shown
    assert "<script src=" in shown
    assert "in_live_" not in shown
    assert "people.example" in run(server, "list").stdout
    run(server, "delete", "people.example", code=1, stdin="n\n")
    assert "Deleted" in run(server, "delete", "people.example", stdin="y\n").stdout


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("create", "--domain", "not a domain"), 2, "is not a domain"),
        (("create", "--domain", "a.example", "--voice", "nobody"), 3, "no voice 'nobody'"),
        (("create", "--domain", "a.example", "--language", "xx"), 2, "No voice speaks"),
        (("create", "--domain", "a.example", "--workspace", "nobody"), 3, "no workspace"),
        (("create",), 2, "--domain"),
        (("show", "nobody.example"), 3, "There is no site"),
        (("update", "1"), 2, "Say what to change"),
        (("rotate-key", "nobody.example"), 3, "There is no site"),
        (("delete", "nobody.example", "--yes"), 3, "There is no site"),
    ],
)
def test_what_cannot_be_done_is_said(server, args, code, said):
    assert said in run(server, *args, code=code).stderr


def test_an_old_key_is_imported_for_a_site(server):
    site = as_json(server, "create", "--domain", "old.example", "--no-key")
    assert site["key"] is None
    imported = server.cli(
        "keys", "import", "--site", "old.example", "--json", stdin="vg_live_0123456789abcdef"
    )
    assert json.loads(imported.stdout)["site_id"] == site["id"]
    refused = server.cli("keys", "import", "--site", "none.example", stdin="vg_live_aaaaaaaaaaaa")
    assert refused.returncode == 3


def test_a_site_may_have_several_keys(server):
    site = as_json(server, "create", "--domain", "keys.example")
    made = server.cli("keys", "create", "--site", "keys.example", "--name", "build", "--json")
    second = json.loads(made.stdout)
    assert second["site_id"] == site["id"]
    for key in (site["key"], second["key"]):
        headers = {"X-API-Key": key}
        assert httpx.get(f"{server.url}/v1/audio", headers=headers).status_code == 200
    assert server.cli("keys", "create", "--site", "none.example").returncode == 3
