"""Who listened: what players tell is counted, once and for its own site, and shown to its owner."""

import asyncio
import csv
import io
import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from helpers.listeners import make_post
from intone.core import keys, sites, workspaces
from intone.core.plans import load_plans
from intone.storage.open import open_database

EVENTS = "/v1/public/events"
#: A title that a spreadsheet would run, with all that CSV has to quote.
TITLE = '=HYPERLINK("https://evil.example"), "really"\nand more'
PLANS = """
[unlimited]
characters_per_month = 1_000_000
posts_per_month = 1_000
requests_per_minute = 0
max_input_characters = 2_000
retention_hours = 24
features = ["posts_api", "analytics"]

[silent]
characters_per_month = 1_000_000
posts_per_month = 1_000
requests_per_minute = 0
max_input_characters = 2_000
retention_hours = 24
features = ["posts_api"]

[small]
characters_per_month = 1_000_000
posts_per_month = 1_000
requests_per_minute = 0
max_input_characters = 2_000
retention_hours = 24
features = []
"""


class Publisher:
    """A workspace with a site of two posts on a running server."""

    def __init__(self, server, name, plan):
        self.server, self.name = server, name
        self.domain = f"{name}.example"
        self.client = httpx.Client(base_url=server.url, timeout=30)

        def make(tx):
            workspace = workspaces.create(tx, name, plan)
            domains = [self.domain, f"www.{self.domain}"]
            site = sites.create(tx, workspace.id, domains=domains, voice="voice_en_us_001")
            for post_id, title in (("article-1", TITLE), ("2026/11/an article", None)):
                make_post(tx, site.id, post_id, title=title)
            make_post(tx, site.id, "article-1", "de", title="Ein Titel")
            own = keys.create(tx, workspace.id, "site", ("speak",), site_id=site.id)
            manager = keys.create(tx, workspace.id, "all", ("manage",))
            other = sites.create(
                tx, workspace.id, domains=[f"other.{self.domain}"], voice="voice_en_us_001"
            )
            make_post(tx, other.id, "elsewhere")
            return site.id, own.secret, manager.secret

        self.site_id, self.key, self.manager = self.write(make)

    def write(self, function):
        async def write():
            database = open_database(f"sqlite:///{self.server.data_dir}/intone.db")
            await database.start()
            try:
                return await database.write(function)
            finally:
                await database.close()

        return asyncio.run(write())

    def tell(self, *events, headers=None, domain=None, **more):
        """Send events as a page does; returns the response."""
        body = {"domain": domain or self.domain, **more}
        body |= events[0] if len(events) == 1 else {"events": list(events)}
        return self.post(EVENTS, json=body, headers=headers)

    def post(self, path, **sent):
        return self.client.post(path, **sent)

    def track(self, body, key=None):
        return self.post("/v1/events/track", json=body, headers={"X-API-Key": key or self.key})

    def get(self, path="", key=None, accept="application/json", **query):
        headers = {"X-API-Key": key or self.key, "Accept": accept}
        return self.client.get(f"/v1/analytics/posts{path}", params=query, headers=headers)

    def figures(self, **query):
        response = self.get(**query)
        assert response.status_code == 200, response.text
        return response.json()["data"]

    def until(self, **totals):
        """The figures, once they are these: they are written within about a second."""
        deadline = time.monotonic() + 30
        while True:
            data = self.figures()
            if data["totals"] | totals == data["totals"]:
                return data
            assert time.monotonic() < deadline, data
            time.sleep(0.1)


@pytest.fixture(scope="module")
def plans():
    return load_plans()


@pytest.fixture
def make_publisher(server, plans):
    """Publishers of this test's own, so that no limit is shared."""
    return lambda: Publisher(server, f"blog-{uuid.uuid4()}", plans["unlimited"])


@pytest.fixture
def publisher(make_publisher):
    return make_publisher()


def event(name="play", **changes):
    return {"post_id": "article-1", "event": name} | changes


def test_events_become_figures(publisher):
    at = {"duration_seconds": 142, "session_id": "a page view"}
    told = publisher.tell(
        event("impression", **at),
        event("play", position_seconds=0, **at),
        event("progress", position_seconds=35.6, heard_seconds=35, **at),
        event("progress", position_seconds=71, heard_seconds=35.5, **at),
        event("pause", position_seconds=80, heard_seconds=9, **at),
        event("play", position_seconds=80, **at),
        event("seek", position_seconds=106, **at),
        event("progress", position_seconds=106.6, heard_seconds=0.5, **at),
        event("complete", position_seconds=142, heard_seconds=36, **at),
    )
    assert (told.status_code, told.json()) == (202, {"success": True, "message": "OK"})
    assert publisher.tell(event("impression", lang="de")).status_code == 202
    assert publisher.tell(event("play", lang="DE")).status_code == 202
    data = publisher.until(plays=2, impressions=2)
    today = datetime.now(UTC).date()
    assert (data["to"], data["from"]) == (str(today), str(today - timedelta(29)))
    assert data["totals"] == {
        "impressions": 2, "plays": 2, "pauses": 1, "seeks": 1, "errors": 0,
        "listeners": {"25": 1, "50": 1, "75": 1, "100": 1},
        "completion_rate": 0.5, "minutes_heard": 1.93,
    }  # fmt: skip
    german, english = data["posts"]
    assert (english["post_id"], english["language"], english["post_title"]) == (
        "article-1", "en", TITLE,
    )  # fmt: skip
    assert (english["completion_rate"], german["completion_rate"]) == (1, 0)
    assert (german["language"], german["plays"], german["minutes_heard"]) == ("de", 1, 0)
    assert data["next_cursor"] is None


def test_a_beacon_of_text_is_as_good(publisher):
    body = json.dumps({"domain": publisher.domain, "events": [event(), event("impression")]})
    for media_type in ("text/plain;charset=UTF-8", "text/plain"):
        response = publisher.post(EVENTS, content=body, headers={"Content-Type": media_type})
        assert response.status_code == 202, response.text
    publisher.until(plays=2, impressions=2)
    for media_type in ("text/html", "application/x-www-form-urlencoded", "text/plain;charset=x"):
        response = publisher.post(EVENTS, content=body, headers={"Content-Type": media_type})
        assert response.status_code == 422


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"event": "jump"}, "event"),
        ({"post_id": ""}, "post_id"),
        ({"post_id": "a\u0000"}, "post_id"),
        ({"post_id": 7}, "post_id"),
        ({"post_id": "x" * 256}, "post_id"),
        ({"position_seconds": -1}, "position_seconds"),
        ({"position_seconds": "1"}, "position_seconds"),
        ({"position_seconds": 1e12}, "position_seconds"),
        ({"position_seconds": 120, "duration_seconds": 100}, "position_seconds"),
        ({"duration_seconds": -1}, "duration_seconds"),
        ({"heard_seconds": -1}, "heard_seconds"),
        ({"event": "progress", "position_seconds": 1}, "duration_seconds"),
        ({"session_id": "x" * 129}, "session_id"),
    ],
)
def test_an_absurd_event_is_refused_by_field(publisher, changes, field):
    alone = publisher.tell(event(**changes))
    assert (alone.status_code, alone.json()["success"]) == (422, False)
    assert list(alone.json()["errors"]) == [field]
    batch = publisher.tell(event(), event(**changes), event())
    assert batch.status_code == 422
    assert list(batch.json()["errors"]) == [f"events.1.{field}"]


def test_of_a_batch_with_an_absurd_event_nothing_counts(publisher):
    assert publisher.tell(event(), event("jump"), event()).status_code == 422
    publisher.tell(event("impression"))
    assert publisher.until(impressions=1)["totals"]["plays"] == 0


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(publisher, number):
    body = json.dumps({"domain": publisher.domain, **event(position_seconds=0)})
    response = publisher.post(
        EVENTS,
        content=body.replace('"position_seconds": 0', f'"position_seconds": {number}'),
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 422, response.text


def test_a_year_of_listening_counts_as_the_whole_audio(publisher):
    year = {"heard_seconds": 31_536_000}
    publisher.tell(event("pause", duration_seconds=120, **year), event("pause", **year))
    data = publisher.until(pauses=2)
    assert data["totals"]["minutes_heard"] == 2 + 360


def test_several_wrong_events_are_named_together(publisher):
    response = publisher.tell(
        event(), {"event": "play"}, 7, event(position_seconds=-1, duration_seconds=1), event()
    )
    assert response.status_code == 422
    assert set(response.json()["errors"]) == {
        "events.1.post_id", "events.2", "events.3.position_seconds",
    }  # fmt: skip


def test_a_batch_has_up_to_a_hundred_events(publisher):
    assert publisher.tell(*[event()] * 100).status_code == 202
    refused = publisher.tell(*[event()] * 101)
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["events"])
    assert publisher.tell({"events": []}).status_code == 422
    publisher.until(plays=100)


def test_posts_that_the_site_does_not_have_are_unknown(publisher):
    assert publisher.tell(event(post_id="elsewhere")).status_code == 404
    assert publisher.tell(event(lang="fr")).status_code == 404
    assert publisher.tell(event(post_id="x"), event(post_id="y")).status_code == 404
    mixed = publisher.tell(event(post_id="elsewhere"), event(), event(lang="fr"))
    assert mixed.status_code == 202
    assert len(publisher.until(plays=1)["posts"]) == 1


def test_the_domain_says_whose_events_they_are(publisher):
    assert publisher.tell(event(), domain=f"WWW.{publisher.domain}").status_code == 202
    unknown = publisher.tell(event(), domain="nobody.example")
    assert (unknown.status_code, unknown.json()["success"]) == (404, False)
    missing = publisher.post(EVENTS, json=event())
    assert (missing.status_code, list(missing.json()["errors"])) == (422, ["domain"])
    publisher.until(plays=1)


def test_only_the_sites_own_pages_may_tell(publisher, make_publisher):
    other = make_publisher()
    for origin in (f"https://{publisher.domain}", f"http://www.{publisher.domain}:8080"):
        response = publisher.tell(event(), headers={"Origin": origin})
        assert response.status_code == 202
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert response.headers["Vary"] == "Origin"
    for origin in (f"https://{other.domain}", "https://evil.example", "null"):
        response = publisher.tell(event(), headers={"Origin": origin})
        assert response.status_code == 403
        assert "Access-Control-Allow-Origin" not in response.headers
    own = {"Origin": f"https://{publisher.domain}"}
    refused = publisher.tell(event("jump"), headers=own)
    assert refused.headers["Access-Control-Allow-Origin"] == own["Origin"]
    publisher.until(plays=2)


@pytest.mark.parametrize(("is_own", "allowed"), [(True, True), (False, False)])
def test_a_preflight_lets_pages_of_sites_send_json(publisher, is_own, allowed):
    origin = f"https://{publisher.domain}" if is_own else "https://evil.example"
    response = publisher.client.options(
        EVENTS,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert response.status_code == 204
    assert (response.headers.get("Access-Control-Allow-Origin") == origin) == allowed


def test_a_domain_has_two_hundred_requests_a_minute(publisher):
    for number in range(200):
        response = publisher.tell(event())
        assert response.status_code == 202
        assert response.headers["X-RateLimit-Limit"] == "200"
        assert response.headers["X-RateLimit-Remaining"] == str(199 - number)
    refused = publisher.tell(event("jump"))
    assert (refused.status_code, refused.headers["X-RateLimit-Remaining"]) == (429, "0")
    assert int(refused.headers["Retry-After"]) >= 1
    publisher.until(plays=200)


def test_a_key_tells_for_its_site(publisher):
    told = publisher.track(event("impression"))
    assert (told.status_code, told.json()) == (202, {"success": True, "message": "OK"})
    assert told.headers["X-RateLimit-Limit"] == "120"
    assert told.headers["X-RateLimit-Remaining"] == "119"
    assert publisher.track({"events": [event(), event()]}).status_code == 202
    assert publisher.track(event("jump")).status_code == 422
    assert publisher.track(event(post_id="elsewhere")).status_code == 404
    publisher.until(plays=2, impressions=1)


def test_a_key_has_a_hundred_and_twenty_requests_a_minute(publisher):
    for _ in range(120):
        assert publisher.track(event("pause")).status_code == 202
    refused = publisher.track(event("pause"))
    assert (refused.status_code, refused.headers["X-RateLimit-Remaining"]) == (429, "0")
    assert int(refused.headers["Retry-After"]) >= 1


def test_a_key_is_needed_and_must_be_good(publisher):
    for path in ("/v1/analytics/posts", "/v1/analytics/posts.csv", "/v1/analytics/posts/article-1"):
        assert publisher.client.get(path).status_code == 401
    assert publisher.post("/v1/events/track", json=event()).status_code == 401
    wrong = publisher.client.get("/v1/analytics/posts", headers={"X-API-Key": "vg_live_wrong"})
    assert (wrong.status_code, wrong.json()["success"]) == (401, False)


def test_plans_decide_who_has_figures(make_server, tmp_path):
    (tmp_path / "plans.toml").write_text(PLANS)
    server = make_server("--plans-file", str(tmp_path / "plans.toml")).start()
    loaded = load_plans(tmp_path / "plans.toml")
    silent = Publisher(server, "silent", loaded["silent"])
    assert silent.track(event()).status_code == 403
    assert silent.get().status_code == 403
    small = Publisher(server, "small", loaded["small"])
    assert small.track(event()).status_code == 401
    assert small.tell(event()).status_code == 402


def test_another_workspace_sees_nothing(publisher, make_publisher):
    publisher.tell(event(), event(post_id="2026/11/an article"))
    publisher.until(plays=2)
    other = make_publisher()
    assert other.figures()["posts"] == []
    assert other.figures()["totals"]["plays"] == 0
    for name in (publisher.domain, publisher.site_id):
        assert other.get(key=other.manager, site=name).status_code == 404
    assert other.get(".csv").text.count("\r\n") == 1
    alone = other.get("/2026%2F11%2Fan%20article").json()["data"]
    assert alone["post"]["plays"] == 0


def test_a_sites_key_sees_its_site_and_a_workspaces_key_sees_all(publisher):
    publisher.tell(event())
    elsewhere = {"domain": f"other.{publisher.domain}", **event(post_id="elsewhere")}
    assert publisher.track(elsewhere).status_code == 404
    assert publisher.post(EVENTS, json=elsewhere).status_code == 202
    publisher.until(plays=1)
    whole = publisher.get(key=publisher.manager).json()["data"]
    assert {post["post_id"] for post in whole["posts"]} == {"article-1", "elsewhere"}
    one = publisher.get(key=publisher.manager, site=f"other.{publisher.domain}").json()["data"]
    assert [post["post_id"] for post in one["posts"]] == ["elsewhere"]
    assert publisher.get(site=f"other.{publisher.domain}").status_code == 404
    assert publisher.get("/elsewhere").status_code == 404


def test_lists_are_sorted_and_paged(publisher):
    article = {"post_id": "2026/11/an article"}
    publisher.tell(
        event(heard_seconds=60), event("impression"), event("impression"), event(lang="de"),
        event(lang="de"), event(**article), event(**article), event(**article),
        event("pause", **article, heard_seconds=1),
    )  # fmt: skip
    publisher.until(plays=6)
    for sort, order in {"plays": [3, 2, 1], "impressions": [1, 2, 3], "heard": [1, 3, 2]}.items():
        seen, cursor = [], None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = publisher.figures(sort=sort, limit=1, **more)
            assert page["totals"]["plays"] == 6
            seen += [post["plays"] for post in page["posts"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert seen == order, sort
    assert [post["plays"] for post in publisher.figures(language="DE")["posts"]] == [2]
    assert [post["plays"] for post in publisher.figures(lang="de")["posts"]] == [2]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-11-31"}, "from"),
        ({"to": "today"}, "to"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "from"),
        ({"from": "2025-01-01", "to": "2026-01-02"}, "from"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "9" * 30 + "-1"}, "cursor"),
        ({"sort": "title"}, "sort"),
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"site": "\u0000"}, "site"),
        ({"language": "\u0000"}, "language"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_field(publisher, query, field):
    response = publisher.get(**query)
    assert response.status_code == 422, response.text
    assert list(response.json()["errors"]) == [field]


def test_a_year_may_be_asked_for(publisher):
    assert publisher.get(**{"from": "2024-01-01", "to": "2024-12-31"}).status_code == 200


def test_each_day_is_shown_with_noughts_where_nobody_came(publisher):
    publisher.tell(event(post_id="2026/11/an article", heard_seconds=30))
    publisher.until(plays=1)
    today = datetime.now(UTC).date()
    for name in ("2026%2F11%2Fan%20article", "2026/11/an%20article"):
        response = publisher.get(f"/{name}", **{"from": str(today - timedelta(2))})
        assert response.status_code == 200, response.text
        data = response.json()["data"]
        assert data["post"]["post_id"] == "2026/11/an article"
        assert [day["day"] for day in data["days"]] == [
            str(today - timedelta(2)), str(today - timedelta(1)), str(today),
        ]  # fmt: skip
        assert [day["plays"] for day in data["days"]] == [0, 0, 1]
        assert [day["minutes_heard"] for day in data["days"]] == [0, 0, 0.5]
    assert publisher.get("/article-1", language="fr").status_code == 404


def test_a_file_for_spreadsheets_says_the_same(publisher):
    publisher.tell(event(heard_seconds=90), event("complete"), event(lang="de"))
    publisher.until(plays=2)
    file, asked = publisher.get(".csv"), publisher.get(accept="text/csv")
    assert file.text == asked.text
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert "attachment" in file.headers["Content-Disposition"]
    german, english = csv.DictReader(io.StringIO(file.text, newline=""))
    assert english["post_title"] == "'" + TITLE  # a text, whatever it begins with
    assert german["post_title"] == "Ein Titel"
    assert {name: english[name] for name in ("plays", "listeners_100", "completion_rate")} == {
        "plays": "1", "listeners_100": "1", "completion_rate": "1.0",
    }  # fmt: skip
    assert (english["minutes_heard"], german["completion_rate"]) == ("1.5", "0.0")


def test_a_long_file_has_every_post_once(publisher):
    def make(tx):
        today = int(time.time() // 86_400)
        for number in range(1201):
            post = make_post(tx, publisher.site_id, f"post-{number}")
            tx.execute(
                "INSERT INTO post_days VALUES (:post, :day, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)",
                post=post,
                day=today,
            )

    publisher.write(make)
    rows = list(csv.DictReader(io.StringIO(publisher.get(".csv").text, newline="")))
    assert [row["post_id"] for row in rows] == [f"post-{n}" for n in reversed(range(1201))]


def test_what_was_told_before_the_server_stopped_is_there_when_it_is_back(make_server, plans):
    server = make_server().start()
    publisher = Publisher(server, "blog", plans["unlimited"])
    assert publisher.tell(event()).status_code == 202
    assert server.stop() == 0
    server.start()
    assert publisher.figures()["totals"]["plays"] == 1
