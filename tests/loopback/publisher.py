"""A publisher's web server on 127.0.0.1: feeds, sitemaps and pages, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass, field
from typing import Self
from xml.sax.saxutils import escape

from aiohttp import web


@dataclass
class Page:
    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: Whether it is never sent to its end.
    is_endless: bool = False


class Publisher:
    """Serves `pages` by their paths; a page's ETag is answered with 304 where it is known."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        #: Path and headers of each request, and the status it was answered with.
        self.asked: list[tuple[str, dict[str, str], int]] = []
        self.running = 0
        self.most_running = 0
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._ended = asyncio.Event()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def put(self, path: str, body: str | bytes, content_type: str = "", **more) -> None:
        kinds = {"xml": "application/xml", "gz": "application/gzip", "json": "application/json"}
        kind = content_type or kinds.get(path.rpartition(".")[2], "text/html; charset=utf-8")
        raw = body.encode() if isinstance(body, str) else body
        self.pages[path] = Page(raw, kind, **more)

    def paths(self, status: int | None = None) -> list[str]:
        return [path for path, _, given in self.asked if status in {None, given}]

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            answer = await self._page(request)
        finally:
            self.running -= 1
        self.asked.append((request.path_qs, dict(request.headers), answer.status))
        return answer

    async def _page(self, request: web.Request) -> web.StreamResponse:
        page = self.pages.get(request.path_qs)
        if page is None:
            return web.Response(status=404, text="nothing")
        etag = page.headers.get("ETag")
        if etag is not None and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        headers = {"Content-Type": page.content_type, **page.headers}
        if not page.is_endless:
            return web.Response(status=page.status, body=page.body, headers=headers)
        stream = web.StreamResponse(headers=headers)
        await stream.prepare(request)
        await stream.write(page.body)
        await self._ended.wait()
        return stream


def prose(about: str) -> str:
    """A short article's HTML, two paragraphs of it."""
    return (
        f"<p>This article is about {about}, and it has been written for a test.</p>"
        "<p>Its second paragraph says little more, but it says that calmly.</p>"
    )


def rss(*items: str, language: str | None = "en-GB") -> str:
    told = "" if language is None else f"<language>{language}</language>"
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/">'
        f"<channel><title>Blog</title><link>/</link>{told}{''.join(items)}</channel></rss>"
    )


def item(number: int, content: str | None = None, *, title: str = "", link: str = "") -> str:
    told = "" if content is None else f"<content:encoded>{escape(content)}</content:encoded>"
    return (
        f'<item><guid isPermaLink="false">post-{number}</guid>'
        f"<title>{escape(title or f'Post {number}')}</title>"
        f"<link>{link or f'/posts/{number}'}</link>"
        f"<description>In short.</description>{told}</item>"
    )


def atom(*entries: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"'
        f' xml:lang="de"><title>Blog</title>{"".join(entries)}</feed>'
    )


def sitemap(*addresses: tuple[str, str | None], root: str = "urlset", one: str = "url") -> str:
    told = "".join(
        f"<{one}><loc>{escape(loc)}</loc>{f'<lastmod>{at}</lastmod>' if at else ''}</{one}>"
        for loc, at in addresses
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{told}</{root}>'
    )


def index(*addresses: str) -> str:
    return sitemap(*((loc, None) for loc in addresses), root="sitemapindex", one="sitemap")


def page(title: str, content: str, language: str = "en") -> str:
    return (
        f'<!doctype html><html lang="{language}"><head><title>{escape(title)}</title>'
        "<script>var secret = 1;</script></head><body><nav>Home About Contact</nav>"
        f"<main><h1>{escape(title)}</h1>{content}</main><footer>All rights.</footer></body></html>"
    )


def zipped(text: str) -> bytes:
    return gzip.compress(text.encode())
