"""The podcast of a real site: what it says of the audio is what is really there."""

import time
import xml.etree.ElementTree as ET
from email.utils import parsedate_to_datetime

import feedparser
import httpx
import pytest

from helpers.decoding import decode

PATH = "/v1/public/feed.xml"
ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
PODCAST = "{https://podcastindex.org/namespace/1.0}"
TRICKY = "A “tricky” title: </title> ]]> <b>bold</b> & 🎧"


def make_site(server, domain, *more):
    return server.prepare("sites", "create", "--domain", domain, *more).split()[0]


def send(client, post_id, text, *, title=None, **more):
    body = {
        "post_id": post_id,
        "content": f"<p>{text} It has to have fifty characters at least, to be read.</p>",
        "post_title": title,
        **more,
    }
    answer = client.post("/v1/audio/generate", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()["data"]


def ready(client, post_id, language="en"):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        params = {"language": language}
        found = client.get(f"/v1/audio/{post_id}/status", params=params).json()["data"]
        if found["status"] in {"ready", "failed"}:
            assert found["status"] == "ready", found
            return found
        time.sleep(0.1)
    raise AssertionError(f"{post_id} did not end: {found}")


@pytest.fixture(scope="module")
def blog(server):
    """A site with three posts, in two languages, and its domain."""
    key = make_site(server, "blog.feed.example", "--domain", "www.feed.example")
    server.prepare(
        *("sites", "update", "blog.feed.example", "--name", "The Blog", "--category", "Technology"),
        *("--email", "editors@feed.example", "--image-url", "https://feed.example/cover.jpg"),
    )
    with server.client(key) as client:
        send(client, "one", "This is the first article.", title="One")
        url = "https://blog.feed.example/two?a=1&b=2"
        send(client, "two", "This is the second.", title=TRICKY, post_url=url)
        send(client, "drei", "Das ist der dritte Artikel.", title="Drei", language="de")
        for post_id, language in (("one", "en"), ("two", "en"), ("drei", "de")):
            ready(client, post_id, language)
        yield client


def fetch(server, domain="blog.feed.example", **more):
    headers = more.pop("headers", None)
    return httpx.get(server.url + PATH, params={"domain": domain, **more}, headers=headers)


def items(answer):
    assert answer.status_code == 200, answer.text
    return ET.fromstring(answer.content).findall("channel/item")


def test_the_feed_is_a_valid_podcast(server, blog):
    answer = fetch(server)
    assert answer.headers["content-type"] == "application/rss+xml; charset=utf-8"
    read = feedparser.parse(answer.content)
    assert not read.bozo
    assert read.version == "rss20"
    assert read.feed.title == "The Blog"
    assert read.feed.link == "https://blog.feed.example/"
    assert [entry.title for entry in read.entries] == [
        "Drei",
        TRICKY,
        "One",
    ]
    assert [item.find("title").text for item in items(answer)] == ["Drei", TRICKY, "One"]
    assert read.entries[1].link == "https://blog.feed.example/two?a=1&b=2"
    channel = ET.fromstring(answer.content).find("channel")
    for tag in (
        "description",
        "language",
        f"{ITUNES}author",
        f"{ITUNES}explicit",
        f"{PODCAST}guid",
    ):
        assert channel.find(tag).text
    assert channel.find(f"{ITUNES}category").get("text") == "Technology"
    assert channel.find(f"{ITUNES}image").get("href") == "https://feed.example/cover.jpg"


def test_enclosures_are_exactly_what_they_say(server, blog):
    for item in items(fetch(server)):
        enclosure = item.find("enclosure")
        audio = httpx.get(enclosure.get("url"))
        assert audio.status_code == 200
        assert audio.headers["content-type"] == enclosure.get("type") == "audio/mpeg"
        assert len(audio.content) == int(enclosure.get("length"))
        seconds = decode(audio.content, "mp3").duration
        assert abs(seconds - int(item.find(f"{ITUNES}duration").text)) <= 0.6
        part = httpx.get(enclosure.get("url"), headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, audio.content[10:20])
        assert parsedate_to_datetime(item.find("pubDate").text).timestamp() <= time.time()


def test_transcripts_are_there_in_the_type_they_say(server, blog):
    for item in items(fetch(server, language="en")):
        told = item.findall(f"{PODCAST}transcript")
        types = {transcript.get("type") for transcript in told}
        assert types == {"text/vtt", "application/x-subrip", "application/json"}
        for transcript in told:
            found = httpx.get(transcript.get("url"))
            assert found.status_code == 200, found.text
            assert found.headers["content-type"].split(";")[0] == transcript.get("type")
            assert "fifty" in found.text


def test_the_json_transcript_is_of_the_podcast_namespaces_shape(server, blog):
    (item, *_) = items(fetch(server, language="de"))
    (url,) = (told.get("url") for told in item.findall(f"{PODCAST}transcript")
              if told.get("type") == "application/json")  # fmt: skip
    answer = httpx.get(url)
    told = answer.json()
    assert told["version"] == "1.0.0"
    said = "".join(segment["body"] for segment in told["segments"])
    assert said.startswith("Das ist der dritte Artikel. It has to have fifty")
    reached = 0.0
    for segment in told["segments"]:
        assert reached <= segment["startTime"] < segment["endTime"]
        reached = segment["endTime"]
    assert reached <= int(item.find(f"{ITUNES}duration").text) + 0.6
    assert answer.headers["access-control-allow-origin"] == "*"
    head = httpx.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == answer.headers["etag"]
    again = httpx.get(url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("job_id", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_a_transcript_of_nothing_is_not_found(server, job_id):
    answer = httpx.get(f"{server.url}/v1/public/audio/files/{job_id}/transcript.json")
    assert answer.status_code == 404
    assert answer.json()["success"] is False


def test_one_language_is_a_feed_of_its_own(server, blog):
    both, english, german = (
        fetch(server),
        fetch(server, language="en"),
        fetch(server, language="de"),
    )
    assert [len(items(answer)) for answer in (both, english, german)] == [3, 2, 1]
    channels = [ET.fromstring(one.content).find("channel") for one in (both, english, german)]
    assert channels[2].find("language").text == "de"
    assert len({channel.find(f"{PODCAST}guid").text for channel in channels}) == 3
    assert fetch(server, lang="de").content == german.content
    assert items(fetch(server, language="fr")) == []
    assert fetch(server, language="german").status_code == 422


def test_all_domains_of_a_site_lead_to_the_same_podcast(server, blog):
    assert fetch(server, "www.feed.example").content == fetch(server).content


def test_what_has_not_changed_is_not_sent_again(server, blog):
    first = fetch(server)
    etag, changed = first.headers["etag"], first.headers["last-modified"]
    assert etag.startswith('"')
    assert "max-age" in first.headers["cache-control"]
    for known in ({"If-None-Match": etag}, {"If-None-Match": f'"x", W/{etag}'},
                  {"If-Modified-Since": changed},
                  {"If-None-Match": etag, "If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}):  # fmt: skip
        again = fetch(server, headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    for unknown in ({"If-None-Match": '"x"'}, {"If-None-Match": '"x"', "If-Modified-Since": changed},
                    {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
                    {"If-Modified-Since": "nonsense"}):  # fmt: skip
        assert fetch(server, headers=unknown).status_code == 200


def test_head_says_the_same_without_the_document(server, blog):
    params = {"domain": "blog.feed.example"}
    get, head = fetch(server), httpx.head(server.url + PATH, params=params)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "last-modified", "content-length", "content-type"):
        assert head.headers[name] == get.headers[name]


def test_a_post_that_is_rendered_anew_stays_the_same_episode(server):
    key = make_site(server, "again.feed.example")
    with server.client(key) as client:
        send(client, "post", "This is what it said at first.", title="Post")
        ready(client, "post")
        before = fetch(server, "again.feed.example")
        send(client, "post", "This is what it says now, and more of it.", update="if-changed")
        deadline = time.monotonic() + 60
        (old,) = items(before)
        while True:
            after = fetch(server, "again.feed.example")
            (new,) = items(after)  # what there was is served meanwhile
            if new.find("enclosure").get("url") != old.find("enclosure").get("url"):
                break
            assert time.monotonic() < deadline
            time.sleep(1.1)  # 60 requests a minute
        assert new.find("guid").text == old.find("guid").text
        assert new.find("pubDate").text == old.find("pubDate").text
        audio = httpx.get(new.find("enclosure").get("url"))
        assert len(audio.content) == int(new.find("enclosure").get("length"))
        assert after.headers["etag"] != before.headers["etag"]
        client.delete("/v1/audio/post").raise_for_status()
        assert items(fetch(server, "again.feed.example")) == []


def test_a_site_without_posts_has_a_podcast_without_episodes(server):
    make_site(server, "new.feed.example")
    assert items(fetch(server, "new.feed.example")) == []


def test_a_domain_that_is_no_sites_is_not_found(server, blog):
    answer = fetch(server, "nobody.example")
    assert answer.status_code == 404
    body = answer.json()
    assert (body["success"], body["errors"]) == (False, {})
    assert "nobody.example" in body["message"]


@pytest.mark.parametrize("params", [{}, {"domain": ""}])
def test_a_domain_is_required(server, params):
    answer = httpx.get(server.url + PATH, params=params)
    assert answer.status_code == 422
    assert "domain" in answer.json()["errors"]


def test_a_plan_without_posts_has_no_podcast(server):
    server.prepare("workspaces", "create", "small", "--plan", "growth")
    make_site(server, "small.feed.example", "--workspace", "small")
    answer = fetch(server, "small.feed.example")
    assert answer.status_code == 402
    assert answer.json()["message"] == "Subscription inactive"


def test_a_domain_has_sixty_requests_a_minute(server):
    make_site(server, "busy.feed.example")
    with httpx.Client(base_url=server.url) as client:
        answers = [client.get(PATH, params={"domain": "busy.feed.example"}) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    assert answers[0].headers["x-ratelimit-limit"] == "60"
    assert answers[59].headers["x-ratelimit-remaining"] == "0"
    assert int(answers[60].headers["retry-after"]) >= 1
