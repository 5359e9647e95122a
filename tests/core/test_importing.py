"""What an import remembers, and what it makes of entries and pages that are out of the ordinary."""

import pytest

from intone.core.egress import Egress
from intone.core.importing import Importer, Known, Memory, memory_path
from intone.core.web_reader import Validators, WebReader
from intone.errors import IntoneError, UnauthenticatedError
from loopback.publisher import Publisher, item, page, prose, rss, sitemap


@pytest.fixture
async def publisher():
    async with Publisher() as server:
        yield server


class Server:
    """Takes articles as a server does; `refused` are answered with an error."""

    def __init__(self):
        self.articles = []
        self.refused = {}

    async def send(self, article):
        if error := self.refused.get(article.post_id):
            raise error
        is_new = article not in self.articles
        self.articles.append(article)
        return is_new


@pytest.fixture
def server():
    return Server()


async def imported(publisher, server, memory, path, **more):
    """One run; returns what became of each post."""
    url = publisher.url(path)
    async with WebReader(url, Egress(allow_http=True)) as reader:
        importer = Importer(reader, memory, language=more.pop("language", None))
        plan = await importer.plan(url, **more)
        return [result async for result in importer.run(plan, server.send)]


async def test_names_and_titles_that_are_too_long_are_made_to_fit(publisher, server):
    feed = rss(item(1, prose("length"), title="t" * 600).replace("post-1", "x" * 300))
    publisher.put("/feed.xml", feed)
    memory = Memory()
    await imported(publisher, server, memory, "/feed.xml")
    (article,) = server.articles
    assert article.post_id.startswith("sha256:")
    assert len(article.post_id) == 71
    assert article.title == "t" * 500
    assert list(memory.posts) == ["x" * 300]


@pytest.mark.parametrize(
    ("html", "title", "language"),
    [
        (page("In the head", prose("a"), "pt-BR"), "In the head", "pt"),
        ("<title>T</title><meta property='og:title' content='Shared &amp; so'>" + prose("a"),
         "Shared & so", None),
        ("<title> A\n title </title>" + prose("a"), "A title", None),
        ("<html xml:lang='fr'><body>" + prose("a"), None, "fr"),
        ("<html lang='und'><body>" + prose("a"), None, None),
    ],
)  # fmt: skip
async def test_a_page_says_what_it_is_called_and_in_what_language(
    publisher, server, html, title, language
):
    publisher.put("/map.xml", sitemap(("/page", None)))
    publisher.put("/page", html)
    await imported(publisher, server, Memory(), "/map.xml")
    (article,) = server.articles
    assert (article.title, article.language) == (title, language)
    assert article.content == html


async def test_a_language_that_is_given_is_everyones(publisher, server):
    publisher.put("/feed.xml", rss(item(1, prose("a")), language="de"))
    await imported(publisher, server, Memory(), "/feed.xml", language="nl")
    assert server.articles[0].language == "nl"


async def test_a_list_is_read_again_while_one_of_its_posts_has_failed(publisher, server):
    publisher.put(
        "/feed.xml", rss(item(1, prose("a")), item(2, prose("b"))), headers={"ETag": '"1"'}
    )
    server.refused["post-2"] = IntoneError("It is too late.")
    memory = Memory()
    results = await imported(publisher, server, memory, "/feed.xml")
    assert [result.outcome for result in results] == ["new", "failed"]
    assert results[1].reason == "It is too late."
    assert memory.listings == {}
    server.refused.clear()
    results = await imported(publisher, server, memory, "/feed.xml")
    assert [result.outcome for result in results] == ["unchanged", "new"]
    assert await imported(publisher, server, memory, "/feed.xml") == []


async def test_a_sender_that_is_not_known_stops_at_once(publisher, server):
    publisher.put("/feed.xml", rss(item(1, prose("a")), item(2, prose("b"))))
    server.refused["post-1"] = UnauthenticatedError()
    with pytest.raises(UnauthenticatedError):
        await imported(publisher, server, Memory(), "/feed.xml")
    assert server.articles == []


async def test_a_page_that_could_not_be_sent_is_read_again(publisher, server):
    publisher.put("/map.xml", sitemap(("/page", None)))
    publisher.put("/page", page("P", prose("a")), headers={"ETag": '"1"'})
    memory, url = Memory(), publisher.url("/page")
    server.refused[url] = IntoneError("Not now.")
    await imported(publisher, server, memory, "/map.xml")
    server.refused.clear()
    (result,) = await imported(publisher, server, memory, "/map.xml")
    assert result.outcome == "new"
    assert memory.posts[url].page == Validators('"1"')
    assert publisher.paths(304) == []


def test_memory_lasts(tmp_path):
    path = memory_path(tmp_path, "server", "site", "list")
    assert path != memory_path(tmp_path, "server", "site", "another")
    memory = Memory({"list": Validators('"1"')}, {"post": Known("today", Validators(None, "x"))})
    memory.save(path)
    assert Memory.load(path) == memory
    assert [kept.name for kept in path.parent.iterdir()] == [path.name]


def test_damaged_memory_is_none(tmp_path):
    path = tmp_path / "memory.json"
    assert Memory.load(path) == Memory()
    for damaged in (b"", b"{", b'{"posts": 1}', b"\xff\xfe"):
        path.write_bytes(damaged)
        assert Memory.load(path) == Memory()


def test_memory_does_not_grow_for_ever(tmp_path):
    memory = Memory(posts={str(number): Known() for number in range(100_010)})
    memory.save(tmp_path / "memory.json")
    kept = Memory.load(tmp_path / "memory.json").posts
    assert len(kept) == 100_000
    assert "9" not in kept
    assert "100009" in kept
