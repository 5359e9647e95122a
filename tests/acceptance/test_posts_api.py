"""The posts API over real HTTP: seed 000 word for word, sites, limits, CORS, charges, deletion."""

import itertools
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pytest

from helpers.decoding import decode, level_dbfs
from helpers.server import IntoneServer
from intone.core.keys import generate

ARTICLE = (
    "<article><h1>On listening</h1><p>Some people read with their ears: on the way to work, over"
    " the dishes, or because their eyes are tired.</p><p>They hear every word of it.</p></article>"
)
EDITED = ARTICLE.replace("every word", "each sentence")
#: Much longer than others need: it is being generated while one looks.
LONG = "<p>This is a sentence that takes a while to say, and there are many.</p>" * 1500
DATA = {
    *("id", "post_id", "status", "progress_percent", "language", "post_title", "post_url"),
    *("voice_id", "audio_url", "duration_seconds", "segments", "segments_reused"),
    *("created_at", "updated_at"),
}
PLANS = """
[unlimited]
characters_per_month = 1_000_000_000
posts_per_month = 1_000_000_000
requests_per_minute = 0
max_input_characters = 2_000
retention_hours = 24
features = ["public_api", "cloning", "posts_api", "analytics"]

[small]
characters_per_month = 500
posts_per_month = 2
requests_per_minute = 60
max_input_characters = 2_000
retention_hours = 24
features = ["posts_api"]

[without]
characters_per_month = 100_000
posts_per_month = 50
requests_per_minute = 60
max_input_characters = 2_000
retention_hours = 24
features = []
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("posts")
    plans = folder / "plans.toml"
    plans.write_text(PLANS)
    server = IntoneServer(folder / "data", INTONE_PLANS_FILE=plans).start()
    yield server
    server.stop()


_numbers = itertools.count(1)


class Site:
    """A site of its own, with a client that has its key."""

    def __init__(self, server, *options, workspace="default"):
        self.server = server
        self.domain = f"blog{next(_numbers)}.example"
        made = server.prepare(
            "sites", "create", "--workspace", workspace, "--domain", self.domain, "--json", *options
        )
        self.made = json.loads(made)
        self.client = httpx.Client(
            base_url=server.url, headers={"X-API-Key": self.made["key"]}, timeout=30
        )
        #: What no key opens.
        self.anyone = httpx.Client(base_url=server.url, timeout=30)

    def send(self, status=202, content=ARTICLE, post_id="article-001", **fields):
        body = {"post_id": post_id, "content": content, **fields}
        answer = self.client.post("/v1/audio/generate", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def status(self, post_id="article-001", **query):
        answer = self.client.get(f"/v1/audio/{quote(post_id, safe='')}/status", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def ended(self, post_id="article-001", wanted=("ready", "failed"), **query):
        """Wait until a post stands so; not too often, as the key has 60 requests a minute."""
        for _ in range(40):
            if (found := self.status(post_id, **query))["status"] in wanted:
                return found
            time.sleep(0.3)
        raise AssertionError(found)

    def find(self, **query):
        """The posts of the site's list."""
        answer = self.client.get("/v1/audio", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def get(self, path="audio", origin=None, **query):
        return self.anyone.get(
            f"/v1/public/{path}",
            params={"domain": self.domain, **query},
            headers={"Origin": origin} if origin else {},
        )


@pytest.fixture
def site(server):
    return Site(server)


@pytest.fixture
def ready(site):
    """A site with a post that is ready."""
    site.send(post_title="On listening", post_url=f"https://{site.domain}/on-listening")
    site.ended()
    return site


def assert_refused(answer, status, message=None, /, **errors):
    """The envelope of a refusal; `errors`: by field, what its first sentence holds."""
    body = answer.json()
    assert answer.status_code == status, answer.text
    assert list(body) == ["success", "message", "errors"]
    assert body["success"] is False
    assert message is None or re.search(message, body["message"]), body
    assert set(body["errors"]) == set(errors), body
    for field, words in errors.items():
        assert re.search(words, body["errors"][field][0]), body
    assert answer.headers["x-request-id"]


def test_the_seeds_example(site):
    answer = site.client.post(
        "/v1/audio/generate",
        json={
            "post_id": "article-001",
            "content": ARTICLE,
            "post_title": "My article title",
            "post_url": f"https://{site.domain}/post",
            "language": "en",
            "voice_id": 1001,
        },
    )
    assert answer.status_code == 202
    body = answer.json()
    assert (body["success"], body["message"]) == (True, "Audio generation queued")
    data = body["data"]
    assert set(data) == DATA
    assert isinstance(data["id"], int)
    assert (data["post_id"], data["status"], data["progress_percent"], data["language"]) == (
        "article-001", "pending", 0, "en",
    )  # fmt: skip
    assert (data["audio_url"], data["duration_seconds"], data["voice_id"]) == (None, None, 1001)
    status = site.ended()
    assert set(status) == {"status", "progress_percent", "audio_url", "duration_seconds"}
    assert (status["status"], status["progress_percent"]) == ("ready", 100)
    heard = httpx.get(status["audio_url"])
    assert heard.headers["content-type"] == "audio/mpeg"
    audio = decode(heard.content, "mp3")
    assert audio.duration == pytest.approx(status["duration_seconds"], abs=1.1)
    assert level_dbfs(audio.samples) > -35
    again = site.send(200)
    assert again["message"] == "Audio already exists"
    assert again["data"]["id"] == data["id"]
    assert again["data"]["audio_url"] == status["audio_url"]
    assert again["data"]["post_title"] == "My article title"


def test_every_state_answers_as_the_seed_says(site):
    first = site.send(content=LONG)
    pending = site.send(content=LONG)
    assert pending["message"] in {"Audio generation queued", "Audio generation already in progress"}
    site.ended(wanted=("generating",))
    running = site.send(content=LONG)
    assert running["message"] == "Audio generation already in progress"
    assert running["data"]["status"] == "generating"
    assert site.send(content=LONG, force=True)["message"] == "Audio generation already in progress"
    assert site.send(content=ARTICLE)["message"] == "Audio generation already in progress"
    changed = site.send(content=ARTICLE, update="if-changed")
    assert changed["message"] == "Audio generation queued"
    assert site.ended()["duration_seconds"] < 60
    assert site.send(200, content=LONG)["message"] == "Audio already exists"
    assert {reply["data"]["id"] for reply in (first, pending, running, changed)} == {
        first["data"]["id"]
    }


def test_force_and_if_changed_render_again_and_say_what_was_reused(ready):
    before = ready.status()
    assert ready.send(200, update="if-changed")["message"] == "Audio already exists"
    forced = ready.send(force=True)
    assert forced["message"] == "Audio generation queued"
    assert forced["data"]["audio_url"] == before["audio_url"], "it is served meanwhile"
    ready.ended()
    (found,) = ready.find()["items"]
    assert found["segments_reused"] == found["segments"] > 2
    edited = ready.send(content=EDITED, update="if-changed")
    assert edited["message"] == "Audio generation queued"
    after = ready.ended()
    (found,) = ready.find()["items"]
    assert found["segments_reused"] == found["segments"] - 1
    assert after["audio_url"] != before["audio_url"]
    gone = httpx.get(before["audio_url"])
    assert_refused(gone, 404)
    other = ready.send(content=EDITED, update="if-changed", voice_id=1002)
    assert (other["message"], other["data"]["voice_id"]) == ("Audio generation queued", 1002)


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"post_id": None}, {"post_id": r"^The post id field is required\.$"}),
        ({"post_id": "  "}, {"post_id": "required"}),
        ({"post_id": 7}, {"post_id": r"^The post id field must be a string\.$"}),
        ({"post_id": "x" * 256}, {"post_id": "must not be greater than 255 characters"}),
        ({"post_id": "a\u0000b"}, {"post_id": "printable"}),
        ({"content": None}, {"content": r"^The content field is required\.$"}),
        ({"content": ["text"]}, {"content": "must be a string"}),
        ({"content": "Too short."}, {"content": r"^The content field must be at least 50 char"}),
        ({"content": f"<p>Short.</p>{'<br>' * 50}"}, {"content": "at least 50.*it has 6"}),
        ({"content": "." * 80}, {"content": "must hold words"}),
        ({"content": f"<script>{'a b ' * 50}</script>"}, {"content": "Scripts are not read"}),
        (
            {"content": f"<table><tr><th>A<th>B</tr>{'<tr><td>12.5<td>cell' * 9}</table>"},
            {"content": "it has 0. Tables are not read aloud"},
        ),
        (
            {"content": f"<img src='data:image/png;base64,{'iVBORw0KGgo' * 60}'>"},
            {"content": "Images are not read aloud"},
        ),
        ({"content": "data:image/png;base64," + "iVBORw0KGgo" * 60}, {"content": "Encoded files"}),
        ({"content": "word " * 40_001}, {"content": "must not be greater than 200,000 characters"}),
        ({"post_title": "x" * 501}, {"post_title": "must not be greater than 500 characters"}),
        ({"post_title": {}}, {"post_title": "must be a string"}),
        ({"post_url": "blog.example/a"}, {"post_url": "must be a valid http or https URL"}),
        ({"post_url": "javascript:alert(1)"}, {"post_url": "valid http or https URL"}),
        ({"post_url": "https://other.example/a"}, {"post_url": "must be on a domain of the site"}),
        ({"language": "xx"}, {"language": "The selected language is invalid"}),
        ({"language": "en-GB"}, {"language": "must be an ISO 639-1 code"}),
        ({"language": 7}, {"language": "must be a string"}),
        ({"voice_id": "1001"}, {"voice_id": "must be an integer"}),
        ({"voice_id": True}, {"voice_id": "must be an integer"}),
        ({"voice_id": 1}, {"voice_id": "The selected voice id is invalid"}),
        ({"voice_id": 10**30}, {"voice_id": "must be an integer"}),
        ({"voice_id": 1057}, {"voice_id": "speaks de"}),
        ({"voice_id": 1001, "language": "de"}, {"voice_id": "speaks en"}),
        ({"force": "yes"}, {"force": "must be true or false"}),
        ({"force": 1}, {"force": "must be true or false"}),
        ({"update": "always"}, {"update": "invalid"}),
        ({"update": []}, {"update": "invalid"}),
        ({"site": []}, {"site": "domain or the number"}),
    ],
)
def test_what_is_not_valid_is_said_by_field(shared, changes, errors):
    body = {"post_id": "refused", "content": ARTICLE, **changes}
    assert_refused(shared.post(json=body), 422, **errors)


def test_everything_that_is_wrong_is_said_at_once(shared):
    answer = shared.post(json={"post_title": 7, "force": 1})
    assert_refused(
        answer, 422, r"^The post id field is required\. \(and 3 more errors\)$",
        post_id="required", content="required", post_title="string", force="true or false",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'"text"', "application/json"),
        (b'{"post_id": "a", "post_id": "b"}', "application/json"),
        (b"\xff", "application/json"),
        (b'{"a":' * 40, "application/json"),
        (b"post_id=a", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_json_object_is_422(shared, content, media_type):
    assert_refused(shared.post(content=content, headers={"Content-Type": media_type}), 422)


def test_bodies_of_8_mib_are_read_and_larger_ones_are_413(shared):
    markup = "<p>Hello there, this is read.</p>" + "<!-- nothing of this is -->" * 280_000
    body = json.dumps({"post_id": "large", "content": markup})
    assert 7 << 20 < len(body) < 8 << 20
    headers = {"Content-Type": "application/json"}
    short = shared.post(content=body, headers=headers)
    assert_refused(short, 422, content="it has 26")
    assert_refused(shared.post(content=body + " " * (1 << 20), headers=headers), 413)


class Shared:
    """Clients that take turns, so that none uses up its minute."""

    def __init__(self, server):
        self._site = Site(server)
        site = self._site.made["number"]
        keys = [f"vg_live_{generate()[8:]}" for _ in range(8)]
        for key in keys:
            made = server.cli("keys", "import", "--site", str(site), stdin=key)
            assert made.returncode == 0, made.stderr
        self._turn = itertools.cycle(keys)

    def post(self, **request):
        headers = {"X-API-Key": next(self._turn), **request.pop("headers", {})}
        return self._site.anyone.post("/v1/audio/generate", headers=headers, **request)


@pytest.fixture(scope="module")
def shared(server):
    return Shared(server)


@pytest.mark.parametrize(
    "post_id",
    ["2024/05/a-post", "a b", "speech", "generate", "status", "100%", "a%2Fb", "ä/é?x=1#y", "日本",
     "a//b", "-", "x" * 255],
)  # fmt: skip
def test_a_posts_id_may_hold_what_can_be_printed(shared_site, post_id):
    made = shared_site.send(post_id=post_id)
    assert made["data"]["post_id"] == post_id
    assert shared_site.ended(post_id)["status"] == "ready"
    public = shared_site.get(post_id=post_id)
    assert public.json()["data"]["post_id"] == post_id
    deleted = shared_site.client.delete(f"/v1/audio/{quote(post_id, safe='')}")
    assert deleted.json() == {
        "success": True, "message": "Audio deleted", "data": {"deleted": 1},
    }  # fmt: skip
    gone = shared_site.client.get(f"/v1/audio/{quote(post_id, safe='')}/status")
    assert_refused(gone, 404)


@pytest.fixture
def shared_site(server):
    return Site(server)


def test_a_path_whose_slashes_a_proxy_has_decoded_works_too(site):
    site.send(post_id="2024/05/a-post")
    assert site.client.get("/v1/audio/2024/05/a-post/status").status_code == 200
    assert site.client.delete("/v1/audio/2024/05/a-post").status_code == 200


def test_languages_are_posts_of_their_own(ready):
    german = "Manche Leute lesen mit den Ohren: auf dem Weg zur Arbeit oder beim Abwasch."
    made = ready.send(content=german, language="DE")
    assert (made["message"], made["data"]["language"]) == ("Audio generation queued", "de")
    assert made["data"]["voice_id"] != 1001
    assert ready.ended(language="de")["status"] == "ready"
    assert ready.status(lang="de") == ready.status(language="de") != ready.status()
    assert_refused(ready.client.get("/v1/audio/article-001/status?language=fr"), 404)
    assert {item["language"] for item in ready.find()["items"]} == {"en", "de"}
    assert [item["language"] for item in ready.find(language="de")["items"]] == ["de"]
    assert ready.client.delete("/v1/audio/article-001?language=de").status_code == 200
    assert ready.status()["status"] == "ready"


def test_the_list_goes_by_pages(site):
    for name in "abc":
        site.send(post_id=name)
    first = site.find(limit=2)
    assert [item["post_id"] for item in first["items"]] == ["c", "b"]
    second = site.find(limit=2, cursor=first["next_cursor"])
    assert [item["post_id"] for item in second["items"]] == ["a"]
    assert second["next_cursor"] is None
    for name in "abc":
        site.ended(name)
    assert len(site.find(status="ready")["items"]) == 3
    assert site.find(status="failed")["items"] == []
    for query in ("limit=0", "limit=x", "cursor=x", "status=x", "language=x1", "limit=1&limit=2"):
        name = query.partition("=")[0]
        assert_refused(site.client.get(f"/v1/audio?{query}"), 422, **{name: ""})


def test_credentials(server, ready):
    path = "/v1/audio/article-001/status"
    for headers in ({}, {"X-API-Key": generate()}, {"Authorization": "Bearer nobody"}):
        answer = ready.anyone.get(path, headers=headers)
        assert_refused(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["x-ratelimit-limit"] == "60"
    bearer = {"Authorization": f"Bearer {ready.made['key']}"}
    assert ready.anyone.get(path, headers=bearer).status_code == 200
    with server.client(ready.made["key"]) as client:
        assert client.get("/v1/quota").status_code == 200, "it speaks in the other dialects too"
        assert client.get("/v1/keys").status_code in {401, 403}


def test_a_key_is_its_sites_alone(server, ready):
    other = Site(server)
    assert_refused(other.client.get("/v1/audio/article-001/status"), 404)
    assert_refused(other.client.delete("/v1/audio/article-001"), 404)
    assert other.find()["items"] == []
    named = other.client.get(f"/v1/audio/article-001/status?site={ready.domain}")
    assert_refused(named, 404)
    body = {"post_id": "x", "content": ARTICLE, "site": ready.domain}
    assert_refused(other.client.post("/v1/audio/generate", json=body), 404)
    assert other.send(content=EDITED)["message"] == "Audio generation queued"
    assert ready.status()["status"] == "ready"


def test_a_workspaces_key_says_which_site_it_means(tmp_path):
    server = IntoneServer(tmp_path / "data").start()
    try:
        with server.client() as client:
            body = {"post_id": "a", "content": ARTICLE}

            def post(**fields):
                return client.post("/v1/audio/generate", json={**body, **fields})

            assert_refused(post(), 422, site="make one with `intone sites create")
            first = Site(server)
            assert post().json()["data"]["id"] == 1
            second = Site(server)
            assert_refused(post(), 422, site="several sites")
            assert_refused(client.get("/v1/audio"), 422, site="several sites")
            assert post(post_url=f"https://{first.domain}/a").json()["data"]["id"] == 1
            assert post(site=second.domain).json()["data"]["id"] == 2
            assert post(site=second.made["number"]).json()["data"]["id"] == 2
            assert_refused(post(site="nobody.example"), 404)
            assert_refused(post(post_url="https://nobody.example/"), 422, site="several sites")
            found = client.get("/v1/audio", params={"site": second.made["id"]}).json()
            assert [item["id"] for item in found["data"]["items"]] == [2]
    finally:
        server.stop()


def test_a_key_is_rotated_at_once(server, ready):
    with server.client() as manager:
        path = f"/v1/sites/{ready.domain}/rotate-key"
        assert_refused(ready.client.post(path), 403)
        assert_refused(manager.post("/v1/sites/nobody.example/rotate-key"), 404)
        rotated = manager.post(path)
    assert rotated.status_code == 200
    assert rotated.headers["cache-control"] == "no-store"
    data = rotated.json()["data"]
    assert set(data) == {"key", "prefix"}
    assert data["key"].startswith(data["prefix"])
    time.sleep(1.1)  # every process refuses a revoked key within a second
    assert_refused(ready.client.get("/v1/audio"), 401)
    new = ready.anyone.get("/v1/audio", headers={"X-API-Key": data["key"]})
    assert new.status_code == 200


def test_plans(server):
    for name, plan in (("none", "without"), ("little", "small")):
        server.prepare("workspaces", "create", name, "--plan", plan)
    without = Site(server, workspace="none")
    refused = without.client.post("/v1/audio/generate", json={})
    assert_refused(refused, 401, "^Subscription not allowed")
    for path in ("audio", "audio/status", "voices"):
        answer = without.get(path, post_id="a", origin=f"https://{without.domain}")
        assert_refused(answer, 402, "^Subscription inactive$")
        assert answer.headers["access-control-allow-origin"] == f"https://{without.domain}"
    small = Site(server, workspace="little")
    small.send(post_id="one")
    small.send(post_id="two")
    third = {"post_id": "three", "content": ARTICLE}
    answer = small.client.post("/v1/audio/generate", json=third)
    assert_refused(answer, 403, "^Monthly post limit reached$")
    for name in ("one", "two"):
        assert small.ended(name)["status"] == "ready"
    assert small.send(200, post_id="one")["message"] == "Audio already exists"
    german = {**third, "language": "de"}
    assert small.client.post("/v1/audio/generate", json=german).status_code == 202
    assert small.ended("three", language="de")["status"] == "ready"
    answer = small.client.post("/v1/audio/generate", json={**german, "post_id": "four"})
    assert_refused(answer, 403, "characters and the workspace has")
    assert len(small.find()["items"]) == 3


def test_twenty_identical_requests_are_one_job(site):
    body = {"post_id": "article-001", "content": LONG}
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda _: site.client.post("/v1/audio/generate", json=body), range(20))
        )
    assert {answer.status_code for answer in answers} == {202}
    replies = [answer.json() for answer in answers]
    assert {reply["message"] for reply in replies} <= {
        "Audio generation queued", "Audio generation already in progress",
    }  # fmt: skip
    assert len({reply["data"]["id"] for reply in replies}) == 1
    assert len(site.find()["items"]) == 1
    assert site.client.delete("/v1/audio/article-001").json()["data"] == {"deleted": 1}


def test_what_readers_see(ready):
    data = ready.get(post_id="article-001").json()["data"]
    assert set(data) == {
        *("id", "post_id", "status", "progress_percent", "language", "voice_id", "post_title"),
        *("post_url", "audio_url", "stream_url", "captions_url", "duration_seconds"),
        "allow_download",
    }
    assert (data["status"], data["stream_url"], data["allow_download"]) == ("ready", None, False)
    status = ready.get("audio/status", post_id="article-001", lang="en").json()
    assert status == {"success": True, "message": "OK", "data": ready.status()}
    voices = ready.get("voices").json()
    assert set(voices) == {"success", "data"}
    assert voices["data"] == {
        "voices": [
            {"id": 1001, "name": "Emma", "type": "natural", "language": "en", "gender": "female",
             "plan_required": None}
        ],
        "default_voice_id": 1001,
        "allow_switch": False,
    }  # fmt: skip


def test_readers_are_refused_what_is_not_the_sites(ready):
    known = {"post_id": "article-001"}
    assert_refused(ready.anyone.get("/v1/public/audio", params=known), 422, domain="required")
    unknown = {**known, "domain": "nobody.example"}
    assert_refused(ready.anyone.get("/v1/public/audio", params=unknown), 404, "No site here")
    assert_refused(ready.get(), 422, post_id="required")
    assert_refused(ready.get(post_id="nothing"), 404)
    assert_refused(ready.get(post_id="article-001", lang="de"), 404)
    assert_refused(ready.get(post_id="article-001", lang="no language"), 422, language="ISO 639-1")
    assert_refused(ready.get(post_id="article-001", voice_id=1002), 404)
    assert_refused(ready.get(post_id="article-001", voice_id=1), 404)
    assert_refused(ready.get(post_id="article-001", voice_id="x"), 422, voice_id="")


def test_readers_switch_the_voice_where_the_site_allows_it(server):
    site = Site(server, "--voices", "voice_en_us_002", "--allow-download")
    site.send()
    site.ended()
    voices = site.get("voices").json()["data"]
    assert ([voice["id"] for voice in voices["voices"]], voices["allow_switch"]) == (
        [1001, 1002], True,
    )  # fmt: skip
    own = site.get(post_id="article-001").json()["data"]
    chosen = site.get(post_id="article-001", voice_id=1002).json()["data"]
    assert (chosen["status"], chosen["voice_id"], chosen["audio_url"]) == ("pending", 1002, None)
    assert (own["voice_id"], own["allow_download"]) == (1001, True)
    for _ in range(60):
        chosen = site.get(post_id="article-001", voice_id=1002).json()["data"]
        if chosen["status"] == "ready":
            break
        time.sleep(0.3)
    assert chosen["audio_url"] not in {None, own["audio_url"]}
    assert site.get(post_id="article-001").json()["data"] == own


def test_what_is_being_made_can_be_heard_and_read(site):
    site.send(content=LONG)
    site.ended(wanted=("generating",))
    data = site.get(post_id="article-001").json()["data"]
    assert (data["status"], data["audio_url"]) == ("generating", None)
    with httpx.stream("GET", data["stream_url"], timeout=30) as heard:
        assert heard.status_code == 200
        assert heard.headers["content-type"] == "audio/mpeg"
        assert heard.headers["access-control-allow-origin"] == "*"
        first = next(heard.iter_bytes(20_000))
    assert level_dbfs(decode(first, "mp3").samples) > -35
    captions = httpx.get(data["captions_url"]).json()
    assert not captions["is_complete"]
    assert captions["lines"][0]["text"].startswith("This is a sentence")
    assert_refused(httpx.get(data["stream_url"].partition("?")[0]), 404)
    assert site.client.delete("/v1/audio/article-001").status_code == 200
    assert_refused(httpx.get(data["captions_url"]), 404)


def test_files(server, ready):
    data = ready.get(post_id="article-001").json()["data"]
    url = data["audio_url"]
    whole = httpx.get(url)
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["cross-origin-resource-policy"] == "cross-origin"
    head = httpx.head(url)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(whole.content)))
    part = httpx.get(url, headers={"Range": "bytes=100-199", "Origin": "https://any.example"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["access-control-allow-origin"] == "*"
    same = httpx.get(url, headers={"If-None-Match": whole.headers["etag"]})
    assert same.status_code == 304
    beyond = httpx.get(url, headers={"Range": "bytes=999999999-"})
    assert_refused(beyond, 416)
    captions = httpx.get(data["captions_url"])
    assert captions.headers["access-control-allow-origin"] == "*"
    assert captions.json()["is_complete"]
    assert "-->" in httpx.get(url.replace(".mp3", ".vtt")).text
    assert "-->" in httpx.get(url.replace(".mp3", ".srt")).text
    for name in ("x.mp3", url.rpartition("/")[2].replace(".mp3", ".exe"), f"{'0' * 32}.mp3"):
        assert_refused(httpx.get(f"{server.url}/v1/public/audio/files/{name}"), 404)
    with server.client() as client:
        made = client.post(
            "/v1/generations", json={"voiceId": "voice_en_us_001", "script": "Not a post."}
        )
    job = made.json()["id"]
    assert_refused(httpx.get(f"{server.url}/v1/public/audio/files/{job}.mp3?live=true"), 404)


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("https://{domain}", True),
        ("http://{domain}", True),
        ("http://{domain}:8000", True),
        ("https://DOMAIN", True),
        ("https://other.example", False),
        ("https://evil{domain}", False),
        ("https://{domain}.evil.example", False),
        ("https://evil.example/{domain}", False),
        ("null", False),
        ("", False),
        ("{domain}", False),
        ("file://{domain}", False),
        ("https://another", False),
    ],
)
def test_pages_of_the_sites_domains_alone_may_read(cors_sites, origin, is_allowed):
    site, another = next(cors_sites)
    origin = origin.format(domain=site.domain).replace("DOMAIN", site.domain.upper())
    origin = origin.replace("another", another.domain)
    for answer, status in (
        (site.get("voices", origin=origin), 200),
        (site.get("audio", origin=origin, post_id="nothing"), 404),
        (site.get("audio", origin=origin), 422),
    ):
        assert answer.status_code == status
        assert answer.headers["vary"] == "Origin"
        allowed = answer.headers.get("access-control-allow-origin")
        assert allowed == (origin if is_allowed else None)
        assert ("access-control-expose-headers" in answer.headers) == is_allowed
        assert "access-control-allow-credentials" not in answer.headers


@pytest.fixture(scope="module")
def cors_sites(server):
    pairs = [(Site(server), Site(server)) for _ in range(3)]
    return itertools.cycle(pairs)


def test_preflights(site, server):
    def ask(path, origin, method="GET"):
        headers = {"Access-Control-Request-Method": method}
        return site.anyone.options(path, headers=headers | ({"Origin": origin} if origin else {}))

    own = f"http://{site.domain}:3000"
    for path in ("/v1/public/audio", "/v1/public/events", "/v1/public/voices"):
        answer = ask(path, own, "POST")
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == own
        assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST"
        assert "content-type" in answer.headers["access-control-allow-headers"].lower()
        for origin in ("https://nobody.example", "null", None):
            refused = ask(path, origin)
            assert refused.status_code == 204
            assert "access-control-allow-origin" not in refused.headers
            assert "access-control-allow-methods" not in refused.headers
    anyone = ask("/v1/public/audio/files/x.mp3", "https://nobody.example")
    assert anyone.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in ask("/v1/audio/generate", own, "POST").headers
    plain = site.anyone.options("/v1/public/audio")
    assert {name.strip() for name in plain.headers["allow"].split(",")} >= {"GET", "OPTIONS"}


def test_the_limit_of_a_key(site):
    for left in (59, 58):
        answer = site.client.get("/v1/audio")
        assert answer.headers["x-ratelimit-limit"] == "60"
        assert answer.headers["x-ratelimit-remaining"] == str(left)
        assert "retry-after" not in answer.headers
    refused = site.client.post("/v1/audio/generate", json={})
    assert refused.headers["x-ratelimit-remaining"] == "57"
    answers = [site.client.get("/v1/audio/nothing/status") for _ in range(58)]
    assert [a.status_code for a in answers] == [404] * 57 + [429]
    assert_refused(answers[-1], 429)
    assert answers[-1].headers["x-ratelimit-remaining"] == "0"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert site.get("voices").status_code == 200, "readers have a limit of their own"


def test_the_limit_of_a_domain(ready, server):
    added = server.cli("sites", "domains", "add", ready.domain, f"www.{ready.domain}")
    assert added.returncode == 0, added.stderr
    origin = f"https://{ready.domain}"
    answers = [ready.get("voices", origin=origin) for _ in range(61)]
    assert [a.status_code for a in answers] == [200] * 60 + [429]
    assert [a.headers["x-ratelimit-remaining"] for a in answers[:2]] == ["59", "58"]
    assert_refused(answers[-1], 429)
    assert answers[-1].headers["access-control-allow-origin"] == origin
    assert int(answers[-1].headers["retry-after"]) >= 1
    www = {"domain": f"www.{ready.domain}", "post_id": "article-001"}
    heard = ready.anyone.get("/v1/public/audio", params=www)
    assert heard.status_code == 200
    for _ in range(70):
        assert httpx.head(heard.json()["data"]["audio_url"]).status_code == 200
    assert ready.status()["status"] == "ready"


def test_voices_by_credential(server, ready):
    imported = f"vg_live_{generate()[8:]}"
    made = server.cli("keys", "import", "--site", ready.domain, stdin=imported)
    assert made.returncode == 0, made.stderr
    theirs = ready.anyone.get("/v1/voices", headers={"X-API-Key": imported}).json()
    assert set(theirs) == {"success", "data"}
    assert theirs["data"]["default_voice_id"] == 1001
    assert {"id", "name", "type", "language", "gender", "plan_required"} == set(
        theirs["data"]["voices"][0]
    )
    both = ready.anyone.get("/v1/voices", headers={"X-API-Key": server.key}).json()
    assert set(both) == {"items", "voices", "success", "data"}
    with server.client() as client:
        assert set(client.get("/v1/voices").json()) == {"items", "voices"}


def test_deleting_leaves_nothing(server, ready):
    data = ready.get(post_id="article-001").json()["data"]
    assert ready.client.delete("/v1/audio/article-001").json()["data"] == {"deleted": 1}
    assert_refused(ready.client.delete("/v1/audio/article-001"), 404)
    for url in (data["audio_url"], data["captions_url"], data["audio_url"] + "?live=true"):
        assert_refused(httpx.get(url), 404)
    assert_refused(ready.get(post_id="article-001"), 404)
    assert ready.find()["items"] == []
    made = ready.send()["data"]
    assert made["status"] == "pending"
    url = ready.ended()["audio_url"]
    deleted = server.cli("sites", "delete", ready.domain, "--yes", "--json")
    assert deleted.returncode == 0, deleted.stderr
    assert_refused(httpx.get(url), 404)
    assert_refused(ready.get("voices"), 404)
    time.sleep(1.1)
    assert_refused(ready.client.get("/v1/audio"), 401)
