"""Reads documents from the web politely: one at a time, bounded, and only where it may.

Somebody names one address, and may name one on a private network; what the document there links
to was written by others, and may lead to public addresses alone (`core/egress.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin
from urllib.robotparser import RobotFileParser

import msgspec

from intone import __version__
from intone.errors import IntoneError, InvalidInputError, NotFoundError, UnavailableError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    import aiohttp

    from intone.core.egress import Egress

__all__ = ["USER_AGENT", "Document", "NotReadableError", "Validators", "WebReader"]

#: What servers are told of who reads.
USER_AGENT: Final = f"Intone/{__version__}"
#: What it is called in robots.txt.
_ROBOT: Final = "Intone"
_MOST_REDIRECTS: Final = 5
_READ: Final = 65_536
#: Of a robots.txt, as RFC 9309 asks for at least.
_LARGEST_ROBOTS: Final = 512_000
#: Where a page says in what encoding it is, by the HTML standard.
_PROLOGUE: Final = 4_096
_CHARSET: Final = re.compile(
    rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE
)
#: What pages mean by some names (https://encoding.spec.whatwg.org/#names-and-labels).
_WRITTEN_FOR: Final = {"iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252"}
_OK: Final = 200
_NOT_MODIFIED: Final = 304
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({404, 410})
_WEB_PORTS: Final = frozenset({80, 443})


class NotReadableError(InvalidInputError):
    """The site's robots.txt asks not to read this page; allow `Intone` there."""


class Validators(msgspec.Struct, frozen=True, array_like=True):
    """What a server has said of a document, for asking whether it has changed since."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """What to ask with."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in asked.items() if value}


@dataclass(frozen=True, slots=True)
class Document:
    """What was read."""

    #: Where it was in the end, after redirects.
    url: str
    body: bytes
    #: As its server said it; empty where it did not.
    content_type: str
    charset: str | None
    validators: Validators

    def text(self) -> str:
        """The body as text, in the encoding that its server, or else it itself, names."""
        for name in (_marked(self.body), self.charset, _declared(self.body), "utf-8"):
            if name is not None:
                with contextlib.suppress(LookupError, UnicodeError):
                    return self.body.decode(_WRITTEN_FOR.get(name.lower(), name))
        return self.body.decode("cp1252", "replace")


class WebReader:
    """Reads documents, one at a time; a context manager that can be entered again and again.

    Args:
        named: The address somebody has named: its host may be a private one.
        egress: Judges all others.
        patience_s: Seconds that a document may take, from its name's resolution to its last byte.

    Raises:
        InvalidInputError: What was named is no address of the web.
    """

    def __init__(self, named: str, egress: Egress, *, patience_s: float = 30.0) -> None:
        from yarl import URL

        try:
            url = URL(named)
        except ValueError:
            url = URL()
        if url.scheme not in {"http", "https"} or not url.host:
            raise InvalidInputError(f"{named[:200]!r} is no address of the web.")
        self._host, self._ports = url.host, _WEB_PORTS | {url.port}
        self._egress = egress
        self._patience_s = patience_s
        self._sessions: tuple[aiohttp.ClientSession, aiohttp.ClientSession] | None = None
        self._robots: dict[str, RobotFileParser] = {}

    async def __aenter__(self) -> Self:
        import aiohttp

        def session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
            return aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
            )

        self._robots = {}  # they may have changed since
        named = session(aiohttp.TCPConnector(limit=1))
        self._sessions = named, session(self._egress.connector())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for session in self._sessions or ():
            await session.close()

    async def read(
        self, url: str, *, most: int, known: Validators | None = None
    ) -> Document | None:
        """The document at an address; None if it has not changed.

        Args:
            url: Its address.
            most: How large it may be, in bytes after decompression.
            known: What its server said of it the last time.

        Raises:
            ForbiddenAddressError: It, or what it leads to, is at a private address.
            InvalidInputError: It is no address, too large, or leads on and on.
            NotFoundError: There is no such document.
            UnavailableError: Its server does not answer, not in time, or fails.
        """
        headers = Validators().headers() if known is None else known.headers()
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._follow(url, most, headers)
        except TimeoutError:
            raise UnavailableError(f"It was not there within {self._patience_s:g} s.") from None

    async def check_robots(self, url: str) -> None:
        """See that the site's robots.txt does not ask us to leave a page alone.

        Raises:
            NotReadableError: It does.
            IntoneError: As of `read`, where there is no telling.
        """
        origin = urljoin(url, "/robots.txt")
        if (rules := self._robots.get(origin)) is None:
            rules = self._robots[origin] = RobotFileParser()
            try:
                found = await self.read(origin, most=_LARGEST_ROBOTS)
            except (NotFoundError, InvalidInputError):
                found = None  # there are no rules
            except IntoneError:
                del self._robots[origin]
                raise
            rules.parse([] if found is None else found.text().splitlines())
        if not rules.can_fetch(_ROBOT, url):
            raise NotReadableError

    async def _follow(self, url: str, most: int, headers: dict[str, str]) -> Document | None:
        for _ in range(_MOST_REDIRECTS + 1):
            session, url = self._session(url)
            answer = await _ask(session, url, most, headers)
            if not isinstance(answer, str):
                return answer
            url = urljoin(url, answer)
        raise InvalidInputError(f"It leads elsewhere more than {_MOST_REDIRECTS} times.")

    def _session(self, address: str) -> tuple[aiohttp.ClientSession, str]:
        """By what an address is to be asked for, and how it is written."""
        from yarl import URL

        try:
            url = URL(address).with_fragment(None)
        except ValueError:
            raise InvalidInputError("This is no address of the web.") from None
        assert self._sessions is not None
        if url.scheme in {"http", "https"} and url.host == self._host and url.port in self._ports:
            return self._sessions[0], str(url)
        self._egress.check_url(str(url))
        return self._sessions[1], str(url)


async def _ask(
    session: aiohttp.ClientSession, url: str, most: int, headers: dict[str, str]
) -> Document | str | None:
    """What is at an address; a string is where it has gone, None that it has not changed."""
    import aiohttp

    from intone.core.egress import ForbiddenAddressError

    try:
        async with session.get(url, headers=headers, allow_redirects=False) as answer:
            if answer.status == _NOT_MODIFIED and headers:
                return None
            if answer.status in _REDIRECTS and "location" in answer.headers:
                return answer.headers["location"]
            _check_status(answer.status)
            return Document(
                url=url,
                body=await _body(answer, most),
                content_type=answer.headers.get("content-type", ""),
                charset=answer.charset,
                validators=Validators(
                    answer.headers.get("etag"), answer.headers.get("last-modified")
                ),
            )
    except ForbiddenAddressError:
        raise
    except PermissionError:  # the last look, when connecting
        raise ForbiddenAddressError from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _failure(error) from None


def _check_status(status: int) -> None:
    if status in _GONE:
        raise NotFoundError(f"There is nothing (HTTP {status}).")
    if status != _OK:
        raise UnavailableError(f"Its server answered with HTTP {status}.")


def _failure(error: Exception) -> IntoneError:
    """What an error of aiohttp's is to those who asked."""
    from intone.core.egress import ForbiddenAddressError

    cause: Any = error
    while cause is not None:
        if isinstance(cause, ForbiddenAddressError):
            return cause
        if isinstance(cause, PermissionError):
            return ForbiddenAddressError()
        cause = cause.__cause__
    return UnavailableError(f"It cannot be reached ({type(error).__name__}).")


async def _body(answer: aiohttp.ClientResponse, most: int) -> bytes:
    body = bytearray()
    while part := await answer.content.read(_READ):
        body += part
        if len(body) > most:
            raise InvalidInputError(f"It is larger than {most:,} bytes.")
    return bytes(body)


def _marked(body: bytes) -> str | None:
    """The encoding that a byte order mark tells of."""
    if body.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    return "utf-16" if body.startswith((b"\xff\xfe", b"\xfe\xff")) else None


def _declared(body: bytes) -> str | None:
    """The encoding that a page names within."""
    found = _CHARSET.search(body[:_PROLOGUE])
    return None if found is None else found[1].decode("ascii")
