"""A podcast's document: what RSS 2.0, Apple and Podcasting 2.0 ask for, whatever titles say."""

import uuid
from dataclasses import replace
from email.utils import parsedate_to_datetime

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from intone.core.feed import Episode, Podcast, Transcript, feed_guid, feed_xml, http_date

ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
PODCAST = "{https://podcastindex.org/namespace/1.0}"
ATOM = "{http://www.w3.org/2005/Atom}"
#: 20 November 2026, 12:00:00.123 UTC.
NOON = 1_795_176_000_123

EPISODE = Episode(
    guid="site:en:article-001",
    title="Listening to the web",
    description="Listening to the web\n\nhttps://blog.example/listening",
    language="en",
    link="https://blog.example/listening",
    published_at=NOON,
    audio_url="https://speech.example/v1/public/audio/files/1.mp3",
    audio_bytes=123_456,
    media_type="audio/mpeg",
    duration_ms=61_400,
    transcripts=(
        Transcript("https://speech.example/1.vtt", "text/vtt"),
        Transcript("https://speech.example/1.srt", "application/x-subrip"),
    ),
)
SHOW = Podcast(
    title="Blog",
    feed_url="https://speech.example/v1/public/feed.xml?domain=blog.example&language=en",
    link="https://blog.example/",
    description="The articles of Blog, read aloud.",
    language="en",
    author="The editors",
    email="editors@blog.example",
    image_url="https://blog.example/cover.jpg",
    category="Society & Culture > Documentary",
    changed_at=NOON,
    episodes=(EPISODE,),
)
#: Said of nobody: what a site need not say.
BARE = replace(SHOW, email=None, image_url=None, category=None)


def channel(podcast):
    root = etree.fromstring(feed_xml(podcast))
    assert root.tag == "rss"
    assert root.get("version") == "2.0"
    (found,) = root
    return found


def words(element, tag):
    (found,) = element.findall(tag)
    return found.text


def test_the_channel_has_what_rss_and_apple_require():
    found = channel(SHOW)
    assert words(found, "title") == "Blog"
    assert words(found, "link") == "https://blog.example/"
    assert words(found, "description") == "The articles of Blog, read aloud."
    assert words(found, "language") == "en"
    assert words(found, f"{ITUNES}author") == "The editors"
    assert words(found, f"{ITUNES}summary") == words(found, "description")
    assert words(found, f"{ITUNES}explicit") == "false"
    assert words(found, f"{ITUNES}type") == "episodic"
    assert words(found, f"{ITUNES}owner/{ITUNES}name") == "The editors"
    assert words(found, f"{ITUNES}owner/{ITUNES}email") == "editors@blog.example"
    assert found.find(f"{ITUNES}image").get("href") == "https://blog.example/cover.jpg"
    assert words(found, "image/url") == "https://blog.example/cover.jpg"
    outer = found.find(f"{ITUNES}category")
    assert outer.get("text") == "Society & Culture"
    assert [inner.get("text") for inner in outer] == ["Documentary"]
    own = found.find(f"{ATOM}link")
    assert (own.get("rel"), own.get("href")) == ("self", SHOW.feed_url)


def test_the_channel_has_podcasting_2_0s_tags():
    found = channel(SHOW)
    assert words(found, f"{PODCAST}guid") == feed_guid(SHOW.feed_url)
    assert words(found, f"{PODCAST}medium") == "podcast"
    assert words(found, f"{PODCAST}locked") == "yes"
    assert found.find(f"{PODCAST}locked").get("owner") == "editors@blog.example"


def test_what_a_site_has_not_said_is_left_out():
    found = channel(BARE)
    for tag in (f"{ITUNES}owner", f"{ITUNES}image", "image", f"{ITUNES}category"):
        assert found.find(tag) is None
    assert found.find(f"{PODCAST}locked").attrib == {}


def test_an_item_has_its_audio_and_its_transcripts():
    item = channel(SHOW).find("item")
    assert words(item, "title") == EPISODE.title
    assert words(item, "guid") == EPISODE.guid
    assert item.find("guid").get("isPermaLink") == "false"
    assert words(item, "link") == EPISODE.link
    assert words(item, "description") == EPISODE.description
    assert dict(item.find("enclosure").attrib) == {
        "url": EPISODE.audio_url,
        "length": "123456",
        "type": "audio/mpeg",
    }
    assert words(item, f"{ITUNES}duration") == "61"
    assert [dict(found.attrib) for found in item.findall(f"{PODCAST}transcript")] == [
        {"url": told.url, "type": told.media_type, "language": "en", "rel": "captions"}
        for told in EPISODE.transcripts
    ]


def test_times_are_rfc_822s():
    item = channel(SHOW).find("item")
    assert words(item, "pubDate") == "Fri, 20 Nov 2026 12:00:00 GMT"
    assert parsedate_to_datetime(http_date(NOON)).timestamp() == NOON // 1000


def test_nothing_lasts_less_than_a_second():
    short = replace(SHOW, episodes=(replace(EPISODE, duration_ms=80),))
    assert words(channel(short).find("item"), f"{ITUNES}duration") == "1"


@pytest.mark.parametrize(
    ("address", "guid"),
    [  # the examples of the tag's documentation
        ("https://mp3s.nashownotes.com/pc20rss.xml", "917393e3-1b1e-5cef-ace4-edaa54e1f810"),
        ("http://podnews.net/rss/", "9b024349-ccf0-5f69-a609-6b82873eab3c"),
    ],
)
def test_a_feeds_guid_is_derived_as_the_namespace_says(address, guid):
    assert feed_guid(address) == guid
    assert uuid.UUID(guid).version == 5


@pytest.mark.parametrize(
    "title",
    [
        "</title></item></channel></rss>",
        "<![CDATA[ ]]> and ]]>",
        "Fish & chips &amp; &nbsp; &#0; <b>",
        "<!-- not -- a comment -->",
        "<?php echo 1 ?>",
        "🎧 Пример שלום 例",
        "two\nlines\tand a tab",
    ],
)
def test_titles_are_text_whatever_they_hold(title):
    show = replace(SHOW, title=title, episodes=(replace(EPISODE, title=title, guid=title),))
    found = channel(show)
    assert words(found, "title") == title
    assert words(found.find("item"), "title") == title
    assert len(found.findall("item")) == 1


def test_what_xml_cannot_hold_is_left_out():
    title = "a\x00b\x08c\x1bd\ud800e\ufffef\uffffg"
    show = replace(SHOW, author=title, category=title, episodes=(replace(EPISODE, title=title),))
    found = channel(show)
    assert words(found, f"{ITUNES}author") == "abcdefg"
    assert found.find(f"{ITUNES}category").get("text") == "abcdefg"
    assert words(found.find("item"), "title") == "abcdefg"


@given(st.text(), st.text())
def test_any_text_gives_a_well_formed_document(title, address):
    made = replace(EPISODE, title=title, link=address, audio_url=address)
    assert len(channel(replace(SHOW, title=title, description=title, episodes=(made,)))) > 1


def test_descriptions_are_no_longer_than_apple_takes():
    long = "ž" * 5_000
    found = channel(replace(SHOW, description=long))
    assert words(found, "description") == "ž" * 2_000


def test_a_podcast_player_reads_it():
    read = feedparser.parse(feed_xml(replace(SHOW, episodes=(EPISODE, EPISODE))))
    assert not read.bozo
    assert read.version == "rss20"
    assert read.feed.image.href == "https://blog.example/cover.jpg"
    assert [entry.id for entry in read.entries] == [EPISODE.guid] * 2
    assert read.entries[0].enclosures[0].length == "123456"
    assert not read.entries[0].guidislink


def test_the_same_podcast_is_always_the_same_document():
    assert feed_xml(SHOW) == feed_xml(replace(SHOW))
    assert feed_xml(SHOW) != feed_xml(replace(SHOW, changed_at=NOON + 1000))


def test_a_podcast_without_episodes_is_one():
    assert channel(replace(SHOW, episodes=())).find("item") is None
