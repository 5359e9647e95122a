"""Reading from the web: bounded, polite, and only where somebody's link may lead."""

import asyncio
import gzip

import pytest

from intone.core.egress import Egress, ForbiddenAddressError
from intone.core.web_reader import NotReadableError, Validators, WebReader
from intone.errors import InvalidInputError, NotFoundError, UnavailableError
from loopback.publisher import Publisher

#: Nothing but the public internet.
PUBLIC = Egress(allow_http=True)


@pytest.fixture
async def publisher():
    async with Publisher() as server:
        yield server


@pytest.fixture
async def reader(publisher):
    async with WebReader(publisher.url("/feed.xml"), PUBLIC, patience_s=5) as made:
        yield made


async def test_a_document_comes_with_what_its_server_says_of_it(publisher, reader):
    headers = {"ETag": '"1"', "Last-Modified": "Fri, 20 Nov 2026 10:00:00 GMT"}
    publisher.put("/feed.xml", "<rss/>", headers=headers)
    document = await reader.read(publisher.url("/feed.xml"), most=1000)
    assert document is not None
    assert document.body == b"<rss/>"
    assert document.content_type == "application/xml"
    assert document.validators == Validators('"1"', "Fri, 20 Nov 2026 10:00:00 GMT")
    assert publisher.asked[0][1]["User-Agent"].startswith("Intone/")


async def test_what_has_not_changed_is_not_sent_again(publisher, reader):
    publisher.put("/feed.xml", "<rss/>", headers={"ETag": '"1"'})
    first = await reader.read(publisher.url("/feed.xml"), most=1000)
    assert first is not None
    known = first.validators
    assert await reader.read(publisher.url("/feed.xml"), most=1000, known=known) is None
    assert publisher.paths(304) == ["/feed.xml"]
    publisher.put("/feed.xml", "<rss></rss>", headers={"ETag": '"2"'})
    again = await reader.read(publisher.url("/feed.xml"), most=1000, known=known)
    assert again is not None
    assert again.body == b"<rss></rss>"


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, NotFoundError), (410, NotFoundError), (500, UnavailableError), (403, UnavailableError),
     (304, UnavailableError), (204, UnavailableError)],
)  # fmt: skip
async def test_a_status_other_than_200_is_an_error(publisher, reader, status, error):
    publisher.put("/page", b"" if status in {204, 304} else "no", status=status)
    with pytest.raises(error, match=str(status)):
        await reader.read(publisher.url("/page"), most=1000)


async def test_what_is_too_large_is_given_up(publisher, reader):
    publisher.put("/page", b"x" * 1001)
    with pytest.raises(InvalidInputError, match="larger than 1,000"):
        await reader.read(publisher.url("/page"), most=1000)


async def test_what_swells_when_decompressed_is_given_up(publisher, reader):
    swelling = gzip.compress(b"\0" * 50_000_000)
    publisher.put("/page", swelling, headers={"Content-Encoding": "gzip"})
    with pytest.raises(InvalidInputError, match="larger"):
        await reader.read(publisher.url("/page"), most=1_000_000)


async def test_a_server_that_never_ends_is_given_up(publisher):
    publisher.put("/page", b"beginning", is_endless=True)
    async with WebReader(publisher.url("/"), PUBLIC, patience_s=0.3) as reader:
        with pytest.raises(UnavailableError, match="within"):
            await reader.read(publisher.url("/page"), most=1000)


async def test_nobody_there_is_an_error(reader):
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await reader.read("http://127.0.0.1:443/", most=1000)


async def test_redirects_are_followed_but_not_for_ever(publisher, reader):
    for number in range(5):
        publisher.put(f"/{number}", "", status=302, headers={"Location": f"/{number + 1}"})
    publisher.put("/5", "here")
    document = await reader.read(publisher.url("/0"), most=1000)
    assert document is not None
    assert (document.body, document.url) == (b"here", publisher.url("/5"))
    publisher.put("/round", "", status=301, headers={"Location": "/round"})
    with pytest.raises(InvalidInputError, match="more than 5 times"):
        await reader.read(publisher.url("/round"), most=1000)


async def test_only_the_host_that_was_named_may_be_private(publisher):
    publisher.put("/page", "secret")
    async with WebReader(publisher.url("/", host="localhost"), PUBLIC) as reader:
        assert await reader.read(publisher.url("/page", host="localhost"), most=1000)
        for other in ("127.0.0.1", "127.0.0.2", "[::1]", "0.0.0.0", "169.254.169.254"):
            with pytest.raises(ForbiddenAddressError):
                await reader.read(publisher.url("/page", host=other), most=1000)
    assert len(publisher.asked) == 1


async def test_a_name_that_leads_to_a_private_address_is_refused(publisher):
    publisher.put("/page", "secret")
    async with WebReader(publisher.url("/"), PUBLIC) as reader:
        with pytest.raises(ForbiddenAddressError):
            await reader.read(publisher.url("/page", host="localhost"), most=1000)
    assert publisher.asked == []


async def test_other_ports_of_the_named_host_are_others(publisher):
    async with Publisher() as other:
        other.put("/page", "a database")
        async with WebReader(publisher.url("/"), PUBLIC) as reader:
            with pytest.raises(ForbiddenAddressError):
                await reader.read(other.url("/page"), most=1000)
        assert other.asked == []


async def test_a_redirect_to_a_private_address_is_refused(publisher, reader):
    target = publisher.url("/page", host="localhost")
    publisher.put("/away", "", status=302, headers={"Location": target})
    with pytest.raises(ForbiddenAddressError):
        await reader.read(publisher.url("/away"), most=1000)
    assert publisher.paths() == ["/away"]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://blog.example/a", "http://", "nonsense"]
)
async def test_what_is_no_address_of_the_web_is_refused(reader, url):
    with pytest.raises(InvalidInputError):
        await reader.read(url, most=1000)
    with pytest.raises(InvalidInputError, match="no address"):
        WebReader(url, PUBLIC)


async def test_robots_are_asked_once_and_heeded(publisher, reader):
    rules = "User-agent: *\nDisallow: /private/\n\nUser-agent: Intone\nDisallow: /drafts/\n"
    publisher.put("/robots.txt", rules, "text/plain")
    await reader.check_robots(publisher.url("/posts/1"))
    await reader.check_robots(publisher.url("/private/1"))
    with pytest.raises(NotReadableError, match="robots.txt"):
        await reader.check_robots(publisher.url("/drafts/1"))
    assert publisher.paths() == ["/robots.txt"]


async def test_a_site_without_robots_may_be_read(publisher, reader):
    await reader.check_robots(publisher.url("/posts/1"))
    assert publisher.paths(404) == ["/robots.txt"]


async def test_a_site_whose_robots_cannot_be_told_is_not_read_now(publisher, reader):
    publisher.put("/robots.txt", "oops", status=503)
    with pytest.raises(UnavailableError):
        await reader.check_robots(publisher.url("/posts/1"))
    publisher.put("/robots.txt", "", "text/plain")
    await reader.check_robots(publisher.url("/posts/1"))


async def test_one_request_at_a_time(publisher, reader):
    publisher.put("/page", b"x" * 200_000)
    await asyncio.gather(*(reader.read(publisher.url("/page"), most=10**6) for _ in range(5)))
    assert publisher.most_running == 1


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("Zoë’s café".encode(), "text/html"),
        ("Zoë’s café".encode("cp1252"), "text/html; charset=ISO-8859-1"),
        ("Zoë’s café".encode("cp1252"), "text/html"),
        ("Zoë’s café".encode("utf-16"), "text/html"),
        (b'<meta charset="windows-1252">' + "Zoë’s café".encode("cp1252"), "text/html"),
        ("Zoë’s café".encode(), "text/html; charset=no-such-one"),
        (b"\xef\xbb\xbf" + "Zoë’s café".encode(), "text/html; charset=iso-8859-1"),
    ],
)
async def test_pages_are_text_in_whatever_encoding(publisher, reader, body, content_type):
    publisher.put("/page", body, content_type)
    document = await reader.read(publisher.url("/page"), most=1000)
    assert document is not None
    assert document.text().rpartition(">")[2] == "Zoë’s café"
