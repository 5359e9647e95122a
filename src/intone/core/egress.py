"""Which addresses may be connected to when a client names the address.

A webhook's receiver is chosen by a tenant, so it could be anything that this machine can reach
and the tenant cannot: a database beside it, a router, the cloud's metadata. So a URL is first
judged by its form; then its name is resolved, every address it has is judged, and the connection
goes to one of exactly those. Only global unicast addresses pass, by the IANA special-purpose
registries (RFC 6890 and its updates), as Stripe's Smokescreen does it; Python's own
`ipaddress.is_global` lets through what leads to private ones by another name (NAT64, 6to4,
IPv4-compatible). The operator alone opens exceptions.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import re
import socket
from typing import TYPE_CHECKING, ClassVar, Final, cast
from urllib.parse import urlsplit

from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.connector import AddrInfoType

    _Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    _Network = ipaddress.IPv4Network | ipaddress.IPv6Network

__all__ = ["LONGEST_URL", "Egress", "ForbiddenAddressError"]

#: Longest URL, in characters.
LONGEST_URL: Final = 2048
#: Seconds within which a name must have been resolved.
_RESOLVE_S: Final = 5.0
#: Web servers listen on these, or above the ports of well-known services.
_WEB_PORTS: Final = (80, 443)
_LEAST_FREE_PORT: Final = 1024

#: IPv4 that is not global unicast, and what clouds keep at public addresses.
_DENIED_V4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' NAT; one cloud's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host, at a public address
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, given up
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
#: What of IPv6 is global unicast at all. Outside lie loopback, IPv4-compatible addresses, NAT64
#: (64:ff9b::/96, 64:ff9b:1::/48), unique local (fc00::/7, with a cloud's metadata), link-local,
#: site-local (fec0::/10) and multicast.
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
#: What of that is not.
_DENIED_V6: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3ffe::/16",  # given back
        "3fff::/20",  # documentation
    )
)

_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
#: Names end so in no top-level domain, but resolvers read them as numbers of an IPv4 address.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_LONGEST_NAME: Final = 253


class ForbiddenAddressError(InvalidInputError):
    """This address is not one of the public internet; only those may be connected to."""

    code: ClassVar[str] = "forbidden_address"


class Egress:
    """Judges addresses that clients have named.

    Args:
        allow: Networks that pass whatever they are, in CIDR form, e.g. `127.0.0.0/8`.
        allow_http: Whether URLs may be http as well as https.

    Raises:
        InvalidInputError: One of them is not a network.
    """

    def __init__(self, allow: Sequence[str] = (), *, allow_http: bool = False) -> None:
        try:
            self._allow: tuple[_Network, ...] = tuple(
                ipaddress.ip_network(network, strict=False) for network in allow
            )
        except ValueError as error:
            raise InvalidInputError(f"egress_allow names what is no network: {error}.") from None
        self._schemes = ("https", "http") if allow_http else ("https",)

    def allows(self, address: str) -> bool:
        """Whether an IP address may be connected to; an IPv4-mapped one is the IPv4 within."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        return any(ip in network for network in self._allow) or _is_global(ip)

    def check_url(self, url: str) -> None:
        """See that a URL is one to connect to, as far as it can be told without resolving.

        Args:
            url: At most `LONGEST_URL` printable ASCII characters.

        Raises:
            ForbiddenAddressError: Its host is an IP address that may not be connected to.
            InvalidInputError: It is malformed, or of a form that is not accepted.
        """
        if len(url) > LONGEST_URL:
            raise InvalidInputError(f"url: a URL has at most {LONGEST_URL} characters.")
        # Printable ASCII without blanks and backslashes: what every parser takes for the same.
        if not all("!" <= character <= "~" and character != "\\" for character in url):
            raise InvalidInputError(
                "url: a URL is of ASCII characters without spaces and backslashes; write an"
                " international name in its xn-- form, and other characters as %XX."
            )
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise InvalidInputError("url: this is not a URL.") from None
        if parts.scheme not in self._schemes or not url.lower().startswith(f"{parts.scheme}://"):
            raise InvalidInputError(f"url: a URL begins with {' or '.join(self._schemes)}://.")
        if "@" in parts.netloc:
            raise InvalidInputError("url: a URL must not hold a user name or a password.")
        if parts.fragment:
            raise InvalidInputError("url: a URL must not have a fragment (#…); it is never sent.")
        if port is not None and port not in _WEB_PORTS and port < _LEAST_FREE_PORT:
            raise InvalidInputError(
                f"url: the port is 80, 443 or one from {_LEAST_FREE_PORT} on; others belong to"
                " services that are no web servers."
            )
        if ("[" in parts.netloc) is not (":" in host):  # only IPv6 is written in brackets
            raise InvalidInputError("url: this is not the name of a host.")
        self._check_host(host)

    async def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a host, each of which may be connected to.

        Args:
            host: A name, or an IP address.
            port: Where it will be connected to.

        Raises:
            ForbiddenAddressError: One of its addresses may not be connected to.
            OSError: The name has no address, or was not resolved in time.
        """
        async with asyncio.timeout(_RESOLVE_S):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
        addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
        if not addresses:
            raise OSError(errno.ENOENT, "The name has no address.")
        if not all(self.allows(address) for address in addresses):
            raise ForbiddenAddressError(
                "This name leads to an address that is not one of the public internet."
            )
        return addresses

    def connector(self) -> aiohttp.TCPConnector:
        """For an `aiohttp.ClientSession`: connects to checked addresses and to no others.

        Each connection resolves and checks anew, and is used once. Certificates are checked
        against the name. The session must follow no redirects and use no proxy; URLs go through
        `check_url` before, as aiohttp resolves no IP addresses.
        """
        import aiohttp

        return aiohttp.TCPConnector(
            resolver=cast("AbstractResolver", _Resolver(self)),
            use_dns_cache=False,
            force_close=True,
            limit=0,
            socket_factory=self._socket,
        )

    def _socket(self, address: AddrInfoType) -> socket.socket:
        """A socket for what is about to be connected to: the last look, whoever resolved it."""
        family, kind, protocol, _, sockaddr = address
        if not self.allows(str(sockaddr[0])):
            raise PermissionError(errno.EACCES, "This address may not be connected to.")
        return socket.socket(family, kind, protocol)

    def _check_host(self, host: str) -> None:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            _check_name(host)
            return
        if not self.allows(host):
            raise ForbiddenAddressError


class _Resolver:
    """aiohttp's view of `Egress.resolve`."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's
    ) -> list[ResolveResult]:
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in await self._egress.resolve(host, port)
        ]

    async def close(self) -> None:
        """Nothing to close."""


def _is_global(ip: _Address) -> bool:
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _DENIED_V4)
    if ip.scope_id is not None or ip not in _GLOBAL_V6:
        return False
    return not any(ip in network for network in _DENIED_V6)


def _check_name(host: str) -> None:
    name = host.removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        raise InvalidInputError(
            "url: an IPv4 address is written as four decimal numbers, e.g. 198.51.100.7."
        )
    if len(name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidInputError("url: this is not the name of a host.")
