"""What a site says of its posts by itself: RSS, Atom, JSON Feed and sitemaps, read into one shape.

Feeds are read by feedparser, which knows their many dialects, guesses the encoding where a feed
lies about it, gets along with markup that is broken and expands no entities. Sitemaps
(https://www.sitemaps.org/protocol.html) are simple, large and well-formed, so expat reads them
here. What defines entities, as no list has to, is refused before it can use them.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urljoin
from xml.parsers import expat

import msgspec

from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["LARGEST_LISTING", "Entry", "Listing", "read_listing"]

#: Largest list that is read, in bytes after decompression: a sitemap may be so large.
LARGEST_LISTING: Final = 50 * 1024 * 1024
#: Largest feed; feedparser takes some ten times that of memory.
_LARGEST_FEED: Final = 10 * 1024 * 1024
#: Elements left open in a feed. feedparser takes time with the square of them.
_DEEPEST: Final = 10_000
_GZIP: Final = b"\x1f\x8b"
_SITEMAP_ROOTS: Final = ("urlset", "sitemapindex")
_JSON_FEED: Final = "https://jsonfeed.org/version/"
_TAG: Final = re.compile(
    rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|<(/?)[a-z][^<>]*?(/?)>", re.IGNORECASE | re.DOTALL
)
#: In a title.
_MARKUP: Final = re.compile(r"</?[a-zA-Z][^<>]*>")
#: What of a feed's content can be read aloud.
_READABLE: Final = ("text/html", "application/xhtml+xml", "text/plain")


@dataclass(frozen=True, slots=True)
class Entry:
    """A post, as the list has it."""

    #: The list's own name for it: a guid, or else its address.
    id: str
    url: str | None
    title: str | None
    #: A tag such as `en-GB`, where the list says it.
    language: str | None
    #: HTML or text of the whole post; None: only its page has it.
    content: str | None
    #: When it changed, in the list's own words; equal while it has not.
    changed: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What one document lists."""

    kind: Literal["feed", "sitemap", "index"]
    entries: tuple[Entry, ...] = ()
    #: Addresses of the sitemaps that an index is of.
    sitemaps: tuple[str, ...] = ()


def read_listing(body: bytes, url: str, content_type: str = "") -> Listing:
    """Read a document that lists posts.

    Args:
        body: As it came; it may be compressed with gzip, as sitemaps are.
        url: Where it is, for addresses that are relative.
        content_type: As its server said it.

    Raises:
        InvalidInputError: It is no feed and no sitemap, too large or unsafe to read.
    """
    body = _inflated(body)
    if body.lstrip()[:1] == b"{":
        return _json_feed(body, url)
    return _sitemap(body, url) or _feed(body, url, content_type)


def _inflated(body: bytes) -> bytes:
    if not body.startswith(_GZIP):
        return body
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflate.decompress(body, LARGEST_LISTING + 1)
    except zlib.error:
        raise InvalidInputError("It is compressed, and damaged.") from None
    if len(plain) > LARGEST_LISTING:
        raise InvalidInputError(f"It is larger than {LARGEST_LISTING:,} bytes when decompressed.")
    return plain


class _NotASitemapError(Exception):
    """The root is another."""


class _SitemapReader:
    """Takes a sitemap's addresses from expat's events."""

    def __init__(self) -> None:
        self.root = ""
        self.found: list[dict[str, str]] = []
        self._path: list[str] = []
        self._text: list[str] = []

    def start(self, tag: str, _: Mapping[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        if not self._path:
            self.root = name
            if name not in _SITEMAP_ROOTS:
                raise _NotASitemapError
        elif len(self._path) == 1:
            self.found.append({})
        self._path.append(name)
        self._text.clear()

    def text(self, text: str) -> None:
        self._text.append(text)

    def end(self, tag: str) -> None:
        name = tag.rpartition(" ")[2]
        if len(self._path) == 3:  # noqa: PLR2004 - urlset/url/loc
            self.found[-1].setdefault(name, "".join(self._text).strip())
        self._path.pop()
        self._text.clear()

    def entity(self, *_: object) -> None:
        raise InvalidInputError("It defines entities, which is not safe to read.")


def _sitemap(body: bytes, url: str) -> Listing | None:
    """The sitemap or the index in a document; None if its root is another.

    Raises:
        InvalidInputError: It is one that is not well-formed, or it defines entities.
    """
    reader = _SitemapReader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = reader.entity
    try:
        parser.Parse(body.lstrip(), True)
    except _NotASitemapError:
        return None
    except expat.ExpatError as error:
        if not reader.root:
            return None
        raise InvalidInputError(
            f"The sitemap is not well-formed XML, from line {error.lineno} on."
        ) from None
    if reader.root == "sitemapindex":
        return Listing("index", sitemaps=tuple(_addresses(reader.found, url)))
    found = [{**one, "loc": _absolute(url, one.get("loc"))} for one in reader.found]
    # Those changed last come first, as in a feed; what does not say comes last, in its order.
    found.sort(key=lambda one: one.get("lastmod") or "", reverse=True)
    return Listing("sitemap", tuple(_sitemap_entries(found)))


def _addresses(found: Iterable[Mapping[str, str]], url: str) -> Iterable[str]:
    return dict.fromkeys(
        address for one in found if (address := _absolute(url, one.get("loc"))) is not None
    )


def _sitemap_entries(found: Iterable[Mapping[str, str | None]]) -> Iterable[Entry]:
    seen = set[str]()
    for one in found:
        address = one["loc"]
        if address is not None and address not in seen:
            seen.add(address)
            yield Entry(address, address, None, None, None, one.get("lastmod") or None)


def _feed(body: bytes, url: str, content_type: str) -> Listing:
    _check_feed(body)
    import feedparser  # late: it takes a tenth of a second
    from feedparser.api import LooseFeedParser

    headers = {"content-location": url}
    if content_type:
        headers["content-type"] = content_type
    # An id is compared letter by letter (RFC 4287 §4.2.6.1): `7` is not to become an address. All
    # parsers share this set.
    LooseFeedParser.can_be_relative_uri.discard("id")
    # What posts say is read by our own reader of HTML, which has to see all of it.
    feed = feedparser.parse(
        body, response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )
    if not feed.get("version"):
        raise InvalidInputError("It is no feed (RSS, Atom, JSON Feed) and no sitemap.")
    language = feed.feed.get("language")
    return Listing("feed", _each_once(_feed_entry(one, url, language) for one in feed.entries))


def _check_feed(body: bytes) -> None:
    if len(body) > _LARGEST_FEED:
        raise InvalidInputError(f"The feed is larger than {_LARGEST_FEED:,} bytes.")
    depth = 0
    for tag in _TAG.finditer(body):
        if tag[1] is None or tag[2]:
            continue
        depth += -1 if tag[1] else 1
        if depth > _DEEPEST:
            raise InvalidInputError(f"The feed leaves more than {_DEEPEST:,} elements open.")


def _feed_entry(found: Mapping[str, Any], url: str, language: str | None) -> Entry | None:
    address = _absolute(url, _page(found))
    name = found.get("id") or address
    if not name:
        return None
    content = next(
        (
            part
            for part in found.get("content", ())
            if part.get("value") and part.get("type") in _READABLE
        ),
        None,
    )
    told: str | None = None if content is None else content["value"]
    if told is None and address is None:
        told = found.get("summary")  # there is nothing else to read
    return Entry(
        id=name,
        url=address,
        title=_plain_title(found),
        language=(content or {}).get("language") or language or None,
        content=told,
        changed=found.get("updated") or found.get("published"),
    )


def _page(found: Mapping[str, Any]) -> str | None:
    """The first address of an entry that is said to be its page."""
    links = [link["href"] for link in found.get("links", ()) if _is_page(link)]
    page: str | None = links[0] if links else found.get("link")
    return page


def _is_page(link: Mapping[str, str]) -> bool:
    is_html = link.get("type", "text/html") in _READABLE
    return bool(link.get("href")) and link.get("rel") == "alternate" and is_html


def _plain_title(found: Mapping[str, Any]) -> str | None:
    """The title as text; where it may hold markup, without it."""
    title = found.get("title") or ""
    if found.get("title_detail", {}).get("type") != "text/plain":
        title = unescape(_MARKUP.sub("", title))
    return " ".join(title.split()) or None


class _JsonItem(msgspec.Struct):
    id: str | int | float | None = None
    url: str | None = None
    title: str | None = None
    language: str | None = None
    content_html: str | None = None
    content_text: str | None = None
    date_modified: str | None = None
    date_published: str | None = None


class _JsonFeed(msgspec.Struct):
    version: str
    items: list[_JsonItem]
    language: str | None = None


def _json_feed(body: bytes, url: str) -> Listing:
    """JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/)."""
    try:
        feed = msgspec.json.decode(body, type=_JsonFeed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        feed = _JsonFeed("", [])
    if not feed.version.startswith(_JSON_FEED):
        raise InvalidInputError("It is JSON, and no JSON Feed.")
    return Listing("feed", _each_once(_json_entry(one, url, feed.language) for one in feed.items))


def _json_entry(item: _JsonItem, url: str, language: str | None) -> Entry | None:
    address = _absolute(url, item.url)
    name = address if item.id in {None, ""} else str(item.id)
    if not name:
        return None
    return Entry(
        id=name,
        url=address,
        title=item.title or None,
        language=item.language or language,
        content=item.content_html or item.content_text or None,
        changed=item.date_modified or item.date_published,
    )


def _each_once(entries: Iterable[Entry | None]) -> tuple[Entry, ...]:
    once: dict[str, Entry] = {}
    for entry in entries:
        if entry is not None:
            once.setdefault(entry.id, entry)
    return tuple(once.values())


def _absolute(base: str, url: str | None) -> str | None:
    """An address of the web, whole; None where there is none in it."""
    try:
        whole = urljoin(base, (url or "").strip())
    except ValueError:
        return None
    return whole if url and whole.startswith(("http://", "https://")) else None
