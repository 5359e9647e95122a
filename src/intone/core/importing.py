"""Keeps the audio of a site's posts up to date with what the site says of itself.

A feed or a sitemap is read, each of its posts is sent to a server that compares it with what it
has had, and what has been done is remembered, so that the next look asks only for what changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from intone.core.syndication import LARGEST_LISTING, Entry, read_listing
from intone.core.web_reader import Validators
from intone.errors import IntoneError, InvalidInputError, UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from intone.core.syndication import Listing
    from intone.core.web_reader import Document, WebReader

    #: Sends an article; says whether it was queued, or there was nothing to do.
    Send = Callable[["Article"], Awaitable[bool]]

__all__ = ["Article", "Importer", "Memory", "Plan", "Result", "memory_path"]

#: Largest page, in bytes after decompression.
_LARGEST_PAGE: Final = 5 * 1024 * 1024
#: Sitemaps of one index, and posts of one run.
_MOST_SITEMAPS: Final = 500
_MOST_ENTRIES: Final = 50_000
#: Posts that are remembered of one list.
_MOST_REMEMBERED: Final = 100_000
#: Characters below which a page is no post: an overview, a form.
_SHORTEST_POST: Final = 50
#: What a server takes of a post's id and of its title, in characters.
_LONGEST_ID: Final = 255
_LONGEST_TITLE: Final = 500
#: Where a page says what it is called, and in what language it is, the most certain first.
_TITLES: Final = ("//meta[@property='og:title']/@content", "//h1", "//title")
_LANGUAGES: Final = ("/html/@lang", "/html/body/@lang", "/html/@*[name()='xml:lang']")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?=$|[-_])")
_NO_LANGUAGE: Final = frozenset({"und", "mul", "zxx"})

Outcome = Literal["new", "changed", "unchanged", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Article:
    """A post as it is sent."""

    post_id: str
    title: str | None
    url: str | None
    #: ISO 639-1; None where nobody has said.
    language: str | None
    #: HTML or text.
    content: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a post, or of a list that could not be read."""

    post_id: str
    title: str | None
    outcome: Outcome
    #: Why, where it failed or was skipped.
    reason: str | None = None


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of a post that was sent."""

    #: As of `Entry`.
    changed: str | None = None
    #: Of its page, where that was read.
    page: Validators | None = None


class Memory(msgspec.Struct):
    """What is remembered from one run to the next."""

    #: Of each list whose posts have all been sent.
    listings: dict[str, Validators] = {}
    #: By `Entry.id`.
    posts: dict[str, Known] = {}

    @classmethod
    def load(cls, path: Path) -> Memory:
        """What is remembered in a file; nothing where there is none, or it is damaged."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (FileNotFoundError, msgspec.MsgspecError):
            return cls()

    def save(self, path: Path) -> None:
        """Write it to a file, in place of what was there."""
        for oldest in list(self.posts)[: max(len(self.posts) - _MOST_REMEMBERED, 0)]:
            del self.posts[oldest]
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_bytes(msgspec.json.encode(self))
        beside.replace(path)


def memory_path(data_dir: Path, *parts: str) -> Path:
    """Where it is remembered what was sent: from which list, in what language, to whom."""
    name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    return data_dir / "imports" / f"{name}.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to look at."""

    entries: tuple[Entry, ...]
    #: Lists that could not be read.
    failed: tuple[Result, ...]
    #: Of each list that was read, to be remembered when its entries have all been sent.
    listings: dict[str, Validators]
    #: Whether all lists are as they were.
    is_unchanged: bool


class Importer:
    """Reads a site's list of posts and sends them.

    Args:
        reader: Reads from the web.
        memory: What was done before; kept up to date, and saved by the caller.
        language: ISO 639-1 of all posts; None: as the list, or the page, says.
    """

    def __init__(self, reader: WebReader, memory: Memory, *, language: str | None = None) -> None:
        self._reader = reader
        self._memory = memory
        self._language = language

    async def plan(self, url: str, *, limit: int | None = None) -> Plan:
        """Read the list at an address, and those that it is an index of.

        Args:
            url: Of a feed, a sitemap or an index of sitemaps.
            limit: Most posts; those that changed last, as far as the list says.

        Raises:
            IntoneError: It cannot be read, or is no such list.
        """
        first = await self._listing(url)
        if first is None:
            return Plan((), (), {}, is_unchanged=True)
        validators, listing = first
        if listing.kind == "index":  # what it is of may change where it does not itself
            entries, listings, failed = await self._sitemaps(listing.sitemaps[:_MOST_SITEMAPS])
        else:
            entries, listings, failed = list(listing.entries), {url: validators}, []
        once: dict[str, Entry] = {}
        for entry in entries:
            once.setdefault(entry.id, entry)
        most = _MOST_ENTRIES if limit is None else limit
        return Plan(
            entries=tuple(once.values())[:most],
            failed=tuple(failed),
            listings=listings if len(once) <= most else {},
            is_unchanged=False,
        )

    async def _sitemaps(
        self, addresses: Sequence[str]
    ) -> tuple[list[Entry], dict[str, Validators], list[Result]]:
        """What sitemaps list, the newest first; what was said of them; those that failed."""
        entries, listings, failed = list[Entry](), dict[str, Validators](), list[Result]()
        for address in addresses:
            try:
                found = await self._listing(address)
                if found is not None and found[1].kind != "sitemap":
                    raise InvalidInputError("An index of sitemaps may list sitemaps alone.")
            except IntoneError as error:
                failed.append(Result(address, None, "failed", error.message))
                continue
            if found is not None:
                listings[address] = found[0]
                entries += found[1].entries
        entries.sort(key=lambda entry: entry.changed or "", reverse=True)
        return entries, listings, failed

    async def run(self, plan: Plan, send: Send) -> AsyncIterator[Result]:
        """Send what has changed; gives what became of each post, as soon as it is known.

        Args:
            plan: What there is to look at.
            send: Sends an article.

        Raises:
            UnauthenticatedError: The server does not know the sender.
        """
        for result in plan.failed:
            yield result
        are_all_done = True
        for entry in plan.entries:
            result = await self._import(entry, send)
            are_all_done &= result.outcome != "failed"
            yield result
        if are_all_done:
            self._memory.listings |= plan.listings

    async def _import(self, entry: Entry, send: Send) -> Result:
        known = self._memory.posts.get(entry.id)
        try:
            article, page = await self._article(entry, known)
            if article is None:
                self._note(entry, page)
                return Result(entry.id, entry.title, "unchanged")
            was_queued = await send(article)
        except UnauthenticatedError:  # nor will any other post be taken
            raise
        except _NoPostError as reason:
            return Result(entry.id, entry.title, "skipped", str(reason))
        except IntoneError as error:
            return Result(entry.id, entry.title, "failed", error.message)
        self._note(entry, page)
        if not was_queued:
            return Result(entry.id, article.title, "unchanged")
        return Result(entry.id, article.title, "new" if known is None else "changed")

    def _note(self, entry: Entry, page: Validators | None) -> None:
        self._memory.posts.pop(entry.id, None)  # the oldest are forgotten first
        self._memory.posts[entry.id] = Known(entry.changed, page)

    async def _article(
        self, entry: Entry, known: Known | None
    ) -> tuple[Article | None, Validators | None]:
        """The post to send, None if its page is as it was; and what its server said of the page."""
        if entry.content is not None:
            article = await asyncio.to_thread(_feed_article, entry, self._language)
            return article, None
        before = None
        if known is not None:
            before = known.page
            if entry.changed and entry.changed == known.changed:
                return None, before
        if entry.url is None:
            raise _NoPostError("It has no text and no address.")
        await self._reader.check_robots(entry.url)
        page = await self._reader.read(entry.url, most=_LARGEST_PAGE, known=before)
        if page is None:
            return None, before
        article = await asyncio.to_thread(_page_article, entry, page, self._language)
        return article, page.validators

    async def _listing(self, url: str) -> tuple[Validators, Listing] | None:
        """The list at an address, and what its server said of it; None if it is as it was."""
        known = self._memory.listings.get(url)
        document = await self._reader.read(url, most=LARGEST_LISTING, known=known)
        if document is None:
            return None
        listing = await asyncio.to_thread(
            read_listing, document.body, document.url, document.content_type
        )
        return document.validators, listing


class _NoPostError(Exception):
    """There is nothing to read aloud."""


def _feed_article(entry: Entry, language: str | None) -> Article:
    """The post in a feed.

    Raises:
        _NoPostError: There is hardly any text in it.
    """
    content, language = entry.content or "", language or _language(entry.language)
    _check_length(content, language)
    return Article(_post_id(entry), _cut(entry.title), entry.url, language, content)


def _page_article(entry: Entry, page: Document, language: str | None) -> Article:
    """The post on a page.

    Raises:
        _NoPostError: There is hardly any text on it.
    """
    from lxml import etree

    content = page.text()
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, no_network=True)
    # With something in any case: of an empty page the parser makes an error.
    tree = etree.fromstring(content.encode("utf-8", "replace") + b"<p>.", parser)
    language = language or _language(entry.language) or _language(_first(tree, _LANGUAGES))
    _check_length(content, language)
    title = entry.title or _first(tree, _TITLES)
    return Article(_post_id(entry), _cut(title), entry.url, language, content)


def _check_length(content: str, language: str | None) -> None:
    from intone.text.html import looks_like_html, read_html

    text = read_html(content, language or "en").text if looks_like_html(content) else content
    if len(text.strip()) < _SHORTEST_POST:
        raise _NoPostError(f"It has fewer than {_SHORTEST_POST} characters of text.")


def _first(tree: Any, paths: Sequence[str]) -> str | None:
    """The first of these paths, in their order, that leads to some text."""
    for path in paths:
        for found in () if tree is None else tree.xpath(path):
            text = found if isinstance(found, str) else "".join(found.itertext())
            if words := " ".join(text.split()):
                return words
    return None


def _post_id(entry: Entry) -> str:
    """What a server can call a post by: the list's own name for it, if it is not too long."""
    if len(entry.id) <= _LONGEST_ID and entry.id.isprintable():
        return entry.id
    return f"sha256:{hashlib.sha256(entry.id.encode('utf-8', 'replace')).hexdigest()}"


def _cut(title: str | None) -> str | None:
    """As much of a title as a server takes."""
    printable = "".join(c for c in title or "" if c.isprintable())
    return printable[:_LONGEST_TITLE] or None


def _language(tag: str | None) -> str | None:
    """The language of a tag such as `en-GB`."""
    found = _LANGUAGE.match((tag or "").strip())
    language = None if found is None else found[0].lower()
    return None if language in _NO_LANGUAGE else language
