"""The HTTP connections to one vendor: kept warm, and replaced where one has gone stale."""

from __future__ import annotations

import socket
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from intone.errors import ProviderError, ProviderInvalidResponseError, ProviderTimeoutError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp
    from aiohttp.connector import AddrInfoType

__all__ = ["Connections", "failure_of"]

#: Seconds for which an unused connection is kept warm.
_KEEP_ALIVE_S = 75.0
#: A request that is cut within so many seconds may have gone out over a closed connection.
_STALE_S = 1.0
#: Bytes of one answer that may wait here to be taken; twice as many stop its vendor. With 256
#: streams whose listeners are slow, this is what they cost.
_READ_BUFFER = 64 << 10


@dataclass(slots=True)
class _Attempt:
    """What is known of the connection that a request goes over."""

    is_new: bool = False


#: The one of the task that waits for a connection. aiohttp's tracing would tell as well whether
#: one is new, at a sixth of the whole cost of a request.
_attempt: ContextVar[_Attempt] = ContextVar("attempt")


def _new_socket(address: AddrInfoType) -> socket.socket:
    _attempt.get().is_new = True
    family, kind, protocol, *_ = address
    return socket.socket(family, kind, protocol)


class Connections:
    """To one vendor; made in a running event loop and closed in the same.

    Args:
        name: The provider's, for messages.
        connect_s: Seconds within which a connection must stand, its TLS handshake included.
    """

    def __init__(self, name: str, *, connect_s: float) -> None:
        import aiohttp

        self._name = name
        self._connect_s = connect_s
        self._proxies: dict[str, str | None] = {}
        self._kept = self._session(
            aiohttp.TCPConnector(
                limit=0, keepalive_timeout=_KEEP_ALIVE_S, socket_factory=_new_socket
            )
        )
        self._fresh = self._session(aiohttp.TCPConnector(limit=0, force_close=True))

    def _session(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        import aiohttp

        return aiohttp.ClientSession(
            connector=connector,
            # Whoever asks counts the seconds of a call; he alone knows who is waiting for what.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": "Intone"},
            read_bufsize=_READ_BUFFER,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        """Send a request and wait for the head of its answer, whatever it says.

        A server may close a connection that it has kept, just when a request goes out over it.
        Such a request is sent once more, over a new connection, if it was cut at once and nothing
        of an answer had come: the vendor has hardly seen it. aiohttp does so only for GET.
        Redirects are not followed: they would take the key elsewhere.

        Returns:
            The answer; closing it early cuts its connection.

        Raises:
            ProviderError: There is no answer.
        """
        import aiohttp

        attempt, began = _Attempt(), time.monotonic()
        _attempt.set(attempt)
        arguments: dict[str, Any] = {
            "params": query or None,
            "data": body or None,
            "headers": headers,
            "proxy": self._proxy(url),
            "allow_redirects": False,
        }
        try:
            try:
                return await self._kept.request(method, url, **arguments)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if attempt.is_new or not _was_stale(error, time.monotonic() - began):
                    raise
            return await self._fresh.request(method, url, **arguments)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise failure_of(self._name, error) from None

    async def close(self) -> None:
        """Close all of them, those in use as well."""
        await self._kept.close()
        await self._fresh.close()

    def _proxy(self, url: str) -> str | None:
        """The proxy for a URL by the environment, looked up once for each server.

        aiohttp's own `trust_env` looks at every request, in a thread, and reads `~/.netrc` for
        credentials that would stand beside ours.
        """
        scheme, server, *_ = urlsplit(url)
        origin = f"{scheme}://{server}"
        if origin not in self._proxies:
            from urllib.request import getproxies, proxy_bypass

            self._proxies[origin] = None if proxy_bypass(server) else getproxies().get(scheme)
        return self._proxies[origin]


def _was_stale(error: Exception, seconds: float) -> bool:
    """Whether a connection ended so soon, and so silently, that it had been closed before."""
    import aiohttp

    if seconds > _STALE_S or isinstance(error, aiohttp.ClientConnectorError):
        return False
    # What had come of an answer stands in place of the message.
    return not isinstance(error, aiohttp.ServerDisconnectedError) or isinstance(error.message, str)


def failure_of(name: str, error: Exception, *, has_begun: bool = False) -> ProviderError:
    """What a failure of the HTTP client means, with nothing in it that the vendor has said.

    Args:
        name: The provider's.
        error: What aiohttp raised.
        has_begun: Whether a part of the answer had come.
    """
    import aiohttp

    kind: type[ProviderError] = ProviderError
    match error:
        case TimeoutError():
            kind, what = ProviderTimeoutError, "did not answer in time"
        case aiohttp.ClientConnectorDNSError():
            what = "could not be reached: its address cannot be found"
        case aiohttp.ClientConnectorCertificateError():
            what = "could not be reached: its certificate is not valid"
        case aiohttp.ClientSSLError():
            what = "could not be reached: its TLS handshake failed"
        case aiohttp.ClientConnectorError():
            what = "could not be reached"
        case ValueError():
            what = "could not be asked: the settings make no request that can be sent"
        case aiohttp.ClientResponseError():
            kind, what = ProviderInvalidResponseError, "answered with something that is not HTTP"
        case _ if has_begun:
            what = "broke off in the middle of its answer"
        case _:
            what = "hung up without an answer"
    return kind(f"{name} {what}.")
