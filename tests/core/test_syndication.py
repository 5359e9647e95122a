"""Feeds and sitemaps as sites really write them, broken ones and hostile ones among them."""

import gzip
import json

import pytest

from intone.core import syndication
from intone.core.syndication import read_listing
from intone.errors import InvalidInputError
from loopback import publisher
from loopback.publisher import atom, index, item, prose, rss, sitemap

URL = "https://blog.example/feeds/posts.xml"


def read(text, content_type="application/xml"):
    return read_listing(text if isinstance(text, bytes) else text.encode(), URL, content_type)


def test_rss_items_have_their_whole_content_their_language_and_a_stable_id():
    listing = read(rss(item(1, prose("sound"), title="Sound & vision"), item(2)))
    first, second = listing.entries
    assert listing.kind == "feed"
    assert (first.id, first.title, first.language) == ("post-1", "Sound & vision", "en-GB")
    assert first.url == "https://blog.example/posts/1"
    assert first.content == prose("sound")
    # A summary is not what is to be read aloud: the page has that.
    assert second.content is None


def test_markup_that_our_own_reader_heeds_survives_the_feed():
    content = '<p data-intone-skip="">Advertisement</p><p lang="fr" aria-hidden="true">Bon.</p>'
    assert read(rss(item(1, content))).entries[0].content == content


def test_an_item_without_guid_is_known_by_its_address_and_one_with_neither_is_left_out():
    listing = read(rss("<item><link>/a</link></item>", "<item><title>Lost</title></item>"))
    assert [entry.id for entry in listing.entries] == ["https://blog.example/a"]


@pytest.mark.parametrize("guid", ["7", "post-7", "/posts/7", "tag:blog.example,2026:7"])
def test_a_guid_is_kept_as_the_feed_writes_it_whether_it_is_an_address_or_not(guid):
    (entry,) = read(rss(f"<item><guid>{guid}</guid><link>/a</link></item>")).entries
    assert (entry.id, entry.url) == (guid, "https://blog.example/a")


def test_an_item_with_no_page_is_read_from_its_description():
    (entry,) = read(
        rss("<item><guid isPermaLink='false'>x</guid><description>All of it.</description></item>")
    ).entries
    assert (entry.url, entry.content) == (None, "All of it.")


def test_items_that_come_twice_count_once():
    assert len(read(rss(item(1), item(1), item(2))).entries) == 2


def test_atom_entries_have_their_base_their_page_and_their_language():
    listing = read(
        atom(
            '<entry xml:base="https://cdn.example/x/"><id>tag:1</id>'
            '<title type="html">&lt;b&gt;Bold&lt;/b&gt; claims</title>'
            '<link rel="alternate" type="application/pdf" href="p.pdf"/>'
            '<link href="p/1"/><link rel="alternate" hreflang="fr" href="p/fr"/>'
            "<updated>2026-11-20T10:00:00Z</updated>"
            '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>So.</p></div>'
            "</content></entry>",
            '<entry xml:lang="fr"><id>tag:2</id><title>Deux</title><link href="/2"/>'
            '<content type="text" src="/2.txt"/></entry>',
        )
    )
    one, two = listing.entries
    assert (one.id, one.title, one.language) == ("tag:1", "Bold claims", "de")
    assert one.url == "https://cdn.example/x/p/1"
    assert one.content is not None
    assert "<p>So.</p>" in one.content
    assert one.changed == "2026-11-20T10:00:00Z"
    assert two.url == "https://blog.example/2"
    assert two.content is None


def test_json_feeds_are_feeds():
    items = [
        {"id": 7, "url": "/7", "title": "Seven", "content_html": "<p>Seven.</p>"},
        {"id": "", "url": "/8", "content_text": "Eight.", "language": "de"},
        {"title": "neither"},
    ]
    feed = {"version": "https://jsonfeed.org/version/1.1", "language": "en", "items": items}
    one, two = read(json.dumps(feed)).entries
    assert (one.id, one.url, one.language) == ("7", "https://blog.example/7", "en")
    assert (two.id, two.content, two.language) == ("https://blog.example/8", "Eight.", "de")


@pytest.mark.parametrize("text", ["{}", '{"version": 1}', "[]", "{" + '"a":{' * 100_000])
def test_other_json_is_refused(text):
    with pytest.raises(InvalidInputError):
        read(text)


def test_an_encoding_that_the_feed_lies_about_is_found_out():
    text = rss(item(1, "<p>Ein schöner Tag für Zoë und André.</p>"))
    assert "utf-8" in text
    assert "schöner Tag für Zoë" in (read(text.encode("cp1252")).entries[0].content or "")


def test_an_encoding_that_only_the_server_names_is_used():
    text = rss(item(1, "<p>Это статья.</p>")).replace(' encoding="utf-8"', "")
    listing = read(text.encode("koi8-r"), "application/rss+xml; charset=koi8-r")
    assert listing.entries[0].content == "<p>Это статья.</p>"


def test_a_feed_that_is_not_well_formed_is_read_as_far_as_it_goes():
    text = rss(item(1, prose("a")), "<item><title>Fish & chips&nbsp;</title><link>/2</link></item>")
    entries = read(text.removesuffix("</channel></rss>")).entries
    assert [entry.id for entry in entries] == ["post-1", "https://blog.example/2"]
    assert entries[1].title == "Fish & chips"


def test_the_newest_of_a_sitemap_come_first():
    listing = read(
        sitemap(("/old", "2020-01-01"), ("/undated", None), ("/new?a=1&b=2", "2026-11-20"))
    )
    assert listing.kind == "sitemap"
    assert [entry.id.rpartition("/")[2] for entry in listing.entries] == [
        "new?a=1&b=2",
        "old",
        "undated",
    ]


def test_an_index_lists_sitemaps_and_other_schemes_are_left_out():
    listing = read(index("/a.xml", "https://blog.example/b.xml.gz", "file:///etc/passwd", ""))
    assert listing.kind == "index"
    assert listing.sitemaps == ("https://blog.example/a.xml", "https://blog.example/b.xml.gz")


def test_lists_may_be_compressed():
    assert read(publisher.zipped(sitemap(("/a", None)))).entries[0].url == "https://blog.example/a"


def test_a_list_that_swells_is_refused(monkeypatch):
    monkeypatch.setattr(syndication, "LARGEST_LISTING", 1_000_000)
    with pytest.raises(InvalidInputError, match="larger"):
        read(gzip.compress(b"<urlset>" + b" " * 20_000_000))


def test_damaged_compression_is_refused():
    with pytest.raises(InvalidInputError, match="damaged"):
        read(b"\x1f\x8b" + b"nonsense" * 10)


def bomb(root, body):
    entities = "".join(
        f'<!ENTITY {chr(98 + level)} "{f"&{chr(97 + level)};" * 10}">' for level in range(9)
    )
    return f'<?xml version="1.0"?><!DOCTYPE {root} [<!ENTITY a "ha">{entities}]>{body}'


@pytest.mark.parametrize(
    "text",
    [
        bomb("rss", rss(item(1, "<p>&j;</p>").replace("&amp;j;", "&j;"))[38:]),
        bomb("urlset", "<urlset><url><loc>https://blog.example/&j;</loc></url></urlset>"),
        '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + rss(item(1, "&x;"))[38:],
        '<!DOCTYPE rss [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]>' + rss(item(1, "x"))[38:],
    ],
    ids=["bomb", "sitemap-bomb", "file", "parameter"],
)
def test_what_defines_entities_is_refused(text):
    with pytest.raises(InvalidInputError, match="entities"):
        read(text)


def test_entities_hidden_behind_rubbish_do_not_swell_either():
    # Expat gives up at the first byte; feedparser goes on, and expands nothing.
    listing = read("rubbish" + bomb("rss", rss(item(1, "&j;").replace("&amp;j;", "&j;"))[38:]))
    assert sum(len(entry.content or "") for entry in listing.entries) < 100


def test_endless_nesting_is_refused_at_once():
    with pytest.raises(InvalidInputError, match="open"):
        read("<rss><channel>" + "<a>" * 200_000)


def test_a_feed_of_many_unclosed_paragraphs_is_still_a_feed():
    text = rss(*(f"<item><guid>{n}</guid><description><![CDATA[{'<p>x' * 50}]]></description></item>"
                 for n in range(300)))  # fmt: skip
    assert len(read(text).entries) == 300


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "<html><body><p>A page.</p></body></html>",
        "\0\1\2",
        "<?xml version='1.0'?><x/>",
    ],
)
def test_what_is_no_list_is_refused(text):
    with pytest.raises(InvalidInputError, match="no feed"):
        read(text, "text/html")


def test_a_sitemap_that_breaks_off_is_refused():
    with pytest.raises(InvalidInputError, match="well-formed"):
        read(sitemap(("/a", None))[:-20])
