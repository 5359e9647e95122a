"""`intone import` against a publisher's real web server and a real Intone."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import httpx
import pytest

from helpers.background import BackgroundLoop
from helpers.decoding import decode
from loopback.publisher import Publisher, atom, index, item, page, prose, rss, sitemap, zipped


@pytest.fixture(scope="module")
def background():
    loop = BackgroundLoop()
    yield loop
    loop.stop()


@pytest.fixture
def publisher(background):
    served = Publisher()
    background.run(served.__aenter__())
    yield served
    background.run(served.__aexit__())


@pytest.fixture(scope="module")
def _site(server):
    made = server.cli("sites", "create", "--domain", "127.0.0.1", "--no-key")
    assert made.returncode == 0, made.stderr


@pytest.fixture
def key(server, _site):
    """A fresh one, as each may send 60 posts a minute."""
    made = server.cli("keys", "create", "--name", "import")
    assert made.returncode == 0, made.stderr
    return re.search(r"in_live_\w+", made.stdout)[0]


@pytest.fixture
def importing(server, key):
    """Runs the command; returns its exit code and what it has printed as JSON."""

    def run(url, *more, code=0, site="127.0.0.1", credential=key):
        done = server.cli(
            *("import", url, "--site", site, "--server", server.url, "--json", *more),
            *(("--key", credential) if credential else ()),
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        return json.loads(done.stdout) if done.stdout else done.stderr

    return run


def outcomes(told):
    return {post["post_id"]: post["outcome"] for post in told["posts"]}


def counts(told):
    return {name: count for name, count in told.items() if name != "posts" and count}


def heard(server, key, post_id, language="en"):
    """The audio of a post, decoded, and what the server says of it."""
    with server.client(key) as client:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            params = {"domain": "127.0.0.1", "post_id": post_id, "lang": language}
            found = client.get("/v1/public/audio", params=params).json()
            if "data" in found:  # and not that there were too many requests in this minute
                found = found["data"]
                assert found["status"] != "failed", found
                if found["status"] == "ready":
                    return decode(httpx.get(found["audio_url"]).content, "mp3"), found
            time.sleep(0.5)
    raise AssertionError(f"{post_id} was not ready: {found}")


def test_a_feeds_posts_are_heard_and_then_only_what_changed_is_sent(
    server, key, publisher, importing
):
    first = [item(n, prose(f"the number {n}"), title=f"Post {n}") for n in (1, 2)]
    publisher.put("/feed.xml", rss(*first), headers={"ETag": '"1"'})
    feed = publisher.url("/feed.xml")
    told = importing(feed)
    assert outcomes(told) == {"post-1": "new", "post-2": "new"}
    sound, found = heard(server, key, "post-1")
    assert sound.duration > 3
    assert found["post_title"] == "Post 1"
    assert found["post_url"] == publisher.url("/posts/1")
    heard(server, key, "post-2")

    assert importing(feed)["posts"] == []  # 304: there is nothing to look at
    assert publisher.paths(304) == ["/feed.xml"]

    changed = item(2, prose("the number two, written anew"), title="Post 2")
    publisher.put(
        "/feed.xml", rss(item(3, prose("three")), changed, first[0]), headers={"ETag": '"2"'}
    )
    told = importing(feed)
    assert outcomes(told) == {"post-3": "new", "post-2": "changed", "post-1": "unchanged"}


def test_a_summary_sends_us_to_the_page(server, key, publisher, importing):
    publisher.put("/summaries.xml", rss(item(10, title="Ten"), language=None))
    publisher.put(
        "/posts/10", page("Ten, on its page", prose("ten"), "de-AT"), headers={"ETag": '"a"'}
    )
    assert outcomes(importing(publisher.url("/summaries.xml"))) == {"post-10": "new"}
    _, found = heard(server, key, "post-10", "de")
    assert found["post_title"] == "Ten"
    captions = httpx.get(found["captions_url"]).text
    assert "article is about ten" in captions
    assert "Contact" not in captions
    assert "secret" not in captions
    assert "/robots.txt" in publisher.paths()
    # The page is asked whether it has changed, and the server is not bothered.
    assert outcomes(importing(publisher.url("/summaries.xml"))) == {"post-10": "unchanged"}
    assert publisher.paths(304) == ["/posts/10"]
    publisher.put("/posts/10", page("Ten", prose("ten, anew"), "de"), headers={"ETag": '"b"'})
    assert outcomes(importing(publisher.url("/summaries.xml"))) == {"post-10": "changed"}


def test_atom_and_its_languages(server, key, publisher, importing):
    entry = (
        "<entry><id>tag:blog,2026:{}</id><title>Eintrag</title>{}"
        '<content type="html">&lt;p&gt;{} Hier steht noch ein wenig mehr davon.&lt;/p&gt;'
        "</content></entry>"
    )
    text = "Dieser Eintrag ist auf Deutsch geschrieben worden."
    publisher.put("/atom.xml", atom(entry.format(1, '<link href="/a/1"/>', text)))
    assert outcomes(importing(publisher.url("/atom.xml"))) == {"tag:blog,2026:1": "new"}
    heard(server, key, "tag:blog,2026:1", "de")
    told = importing(publisher.url("/atom.xml"), "--language", "fr")
    assert counts(told) == {"new": 1}
    heard(server, key, "tag:blog,2026:1", "fr")


def test_an_index_of_sitemaps_is_followed(server, key, publisher, importing):
    for name in "abc":
        publisher.put(f"/map/{name}", page(f"Page {name}", prose(f"the letter {name}")))
    publisher.put("/map/", page("Home", "<p>Hello.</p>"))
    publisher.put("/1.xml.gz", zipped(sitemap(("/map/a", "2026-01-01"), ("/map/", None))))
    publisher.put("/2.xml", sitemap(("/map/b", "2026-02-01"), ("/map/c", "2025-01-01")))
    publisher.put("/index.xml", index("/1.xml.gz", "/2.xml", "/3.xml"))
    told = importing(publisher.url("/index.xml"), code=1)
    url = publisher.url
    assert outcomes(told) == {
        url("/3.xml"): "failed",
        url("/map/b"): "new",
        url("/map/a"): "new",
        url("/map/c"): "new",
        url("/map/"): "skipped",
    }
    assert next(p for p in told["posts"] if p["outcome"] == "failed")["reason"].endswith("404).")
    _, found = heard(server, key, url("/map/a"))
    assert found["post_title"] == "Page a"
    # What its lastmod says is unchanged is not even asked for.
    before = len(publisher.asked)
    told = importing(publisher.url("/index.xml"), code=1)
    assert counts(told) == {"unchanged": 3, "skipped": 1, "failed": 1}
    again = [path for path, *_ in publisher.asked[before:]]
    assert "/map/a" not in again
    assert "/2.xml" in again


def test_only_the_newest_where_a_limit_says_so(publisher, importing):
    found = [(f"/limit/{month}", f"2026-{month:02}-01") for month in range(1, 9)]
    for path, _ in found:
        publisher.put(path, page("Page", prose(path)))
    publisher.put("/limit.xml", sitemap(*found), headers={"ETag": '"1"'})
    told = importing(publisher.url("/limit.xml"), "--limit", "2")
    assert list(outcomes(told)) == [publisher.url("/limit/8"), publisher.url("/limit/7")]
    # The list is not taken for done: the rest is seen by the next run.
    assert counts(importing(publisher.url("/limit.xml"))) == {"new": 6, "unchanged": 2}


def test_each_failure_has_its_reason_and_the_others_go_on(publisher, importing):
    publisher.put("/bad/404", "", status=404)
    publisher.put("/bad/500", "", status=500)
    publisher.put("/bad/huge", b"x" * (5 * 1024 * 1024 + 1))
    publisher.put("/robots.txt", "User-agent: *\nDisallow: /bad/robots", "text/plain")
    publisher.put("/bad/robots", page("Robots", prose("robots")))
    publisher.put("/bad/good", page("Good", prose("good things")))
    publisher.put(
        "/bad/away", "", status=302, headers={"Location": publisher.url("/x", host="localhost")}
    )
    names = ("404", "500", "huge", "robots", "away", "good")
    inside = publisher.url("/bad/good", host="localhost")
    publisher.put("/bad.xml", sitemap(*((f"/bad/{n}", None) for n in names), (inside, None)))
    told = importing(publisher.url("/bad.xml"), code=1)
    reasons = {post["post_id"].rpartition(":")[2].partition("/")[2]: post["reason"]
               for post in told["posts"] if post["outcome"] == "failed"}  # fmt: skip
    assert "404" in reasons["bad/404"]
    assert "500" in reasons["bad/500"]
    assert "larger" in reasons["bad/huge"]
    assert "robots.txt" in reasons["bad/robots"]
    assert "public internet" in reasons["bad/away"]
    assert "public internet" in reasons["bad/good"]  # of the other host
    assert counts(told) == {"new": 1, "failed": 6}
    assert publisher.most_running == 1
    publisher.put("/bad/500", page("Well again", prose("health")))
    told = importing(publisher.url("/bad.xml"), code=1)
    assert outcomes(told)[publisher.url("/bad/500")] == "new"


def test_a_post_that_the_server_refuses_has_its_reason(publisher, importing):
    short = item(20, "<p>Too short.</p>")
    elsewhere = item(21, prose("elsewhere"), link="https://elsewhere.example/21")
    publisher.put("/refused.xml", rss(short, elsewhere))
    told = importing(publisher.url("/refused.xml"), code=1)
    assert outcomes(told) == {"post-20": "skipped", "post-21": "failed"}
    reasons = [post["reason"] for post in told["posts"]]
    assert "50 characters" in reasons[0]
    assert "domain" in reasons[1]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<html><body>A page</body></html>", "no feed"),
        ('<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><rss version="2.0"/>', "entities"),
        (b"\x1f\x8bnonsense", "damaged"),
    ],
)
def test_a_list_that_cannot_be_read_is_said_to_be(publisher, importing, body, reason):
    publisher.put("/list.xml", body)
    assert reason in importing(publisher.url("/list.xml"), code=2)
    assert importing(publisher.url("/nowhere.xml"), code=3)


def test_a_key_that_is_refused_ends_it_at_once(publisher, importing):
    publisher.put("/feed.xml", rss(*(item(n, prose("a key")) for n in range(30, 35))))
    wrong = importing(publisher.url("/feed.xml"), code=1, credential="in_live_" + "x" * 36)
    assert wrong.count("\n") == 1
    assert "key" in importing(publisher.url("/feed.xml"), code=1, credential=None)


def test_an_unknown_site_is_said_to_be(publisher, importing):
    publisher.put("/feed.xml", rss(item(40, prose("a site"))))
    told = importing(publisher.url("/feed.xml"), code=1, site="nobody.example")
    assert "nobody.example" in told["posts"][0]["reason"]


def test_a_dry_run_sends_nothing(server, publisher, importing):
    publisher.put("/dry.xml", rss(item(50, prose("dryness")), item(51)), headers={"ETag": '"1"'})
    told = importing(publisher.url("/dry.xml"), "--dry-run", credential=None)
    assert [post["post_id"] for post in told["posts"]] == ["post-50", "post-51"]
    assert told["posts"][0]["characters"] == len(prose("dryness"))
    assert told["posts"][1]["characters"] is None
    assert publisher.paths() == ["/dry.xml"]
    params = {"domain": "127.0.0.1", "post_id": "post-50"}
    assert httpx.get(f"{server.url}/v1/public/audio/status", params=params).status_code == 404


def test_people_get_a_table(server, key, publisher):
    publisher.put(
        "/table.xml", rss(item(60, prose("a [bold]table[/bold]"), title="[red]\x1b[31m!"))
    )
    arguments = ("--site", "127.0.0.1", "--server", server.url, "--key", key)
    done = server.cli("import", publisher.url("/table.xml"), *arguments)
    assert done.returncode == 0, done.stderr
    assert "1 new" in done.stdout
    assert "[red]" in done.stdout
    assert "\x1b" not in done.stdout


def test_it_watches_until_it_is_stopped(server, key, publisher):
    publisher.put("/watch.xml", rss(item(70, prose("watching"))))
    command = [sys.executable, "-m", "intone", "import", publisher.url("/watch.xml"),
               "--site", "127.0.0.1", "--server", server.url, "--key", key, "--watch", "1",
               "--json", "--data-dir", str(server.data_dir)]  # fmt: skip
    with subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True) as process:
        told = json.loads(process.stdout.readline())
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert outcomes(told) == {"post-70": "new"}
