"""The identity provider's public keys: fetched, kept for a while, renewed when they rotate."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey, import_key

from intone.core.outbound import JsonClient, OutboundError
from intone.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from joserfc.jwk import Key

__all__ = ["KeySource", "is_loopback", "is_protected"]

_log = structlog.get_logger(__name__)

#: Seconds after which the keys are asked for again even if none is missing.
_LIFETIME_S = 300.0
#: Seconds old keys go on being used while the provider is down. Access tokens rarely live longer
#: than an hour, and a provider that is down issues no new ones.
_STALE_S = 3600.0
#: Least seconds between two fetches, so that made-up key ids cannot hammer the provider.
_REFETCH_S = 5.0
#: Largest discovery document or key set, in bytes.
_MAX_BYTES = 512 * 1024
#: Smallest RSA modulus accepted, in bits (RFC 7518 §3.3).
_RSA_BITS = 2048
#: Asymmetric key types only: a shared secret has no place in a public document.
_KEY_TYPES = ("RSA", "EC", "OKP")


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def is_loopback(url: str) -> bool:
    """Whether the address lies on this machine."""
    host = _parts(url)[1]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_protected(url: str) -> bool:
    """Whether nobody on the way can change what this address answers."""
    scheme, host = _parts(url)
    return bool(host) and (scheme == "https" or (scheme == "http" and is_loopback(url)))


def _parts(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:  # such as an unfinished IPv6 address
        return "", ""
    return parts.scheme, parts.hostname or ""


class KeySource:
    """The keys an issuer publishes.

    One fetch serves everybody who waits for it, and fetches are at least five seconds apart.
    Keys are renewed every five minutes, and at once when a token names one that is not
    known. Whatever a renewal does not list any more is gone. While the provider is
    down, the keys that are known are used for up to an hour.

    Args:
        issuer: The issuer; its discovery document must name it exactly so.
        jwks_url: Where the keys are; None asks the discovery document.
        timeout_s: Seconds for each of the two calls.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        issuer: str,
        jwks_url: str | None,
        *,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._client = JsonClient(timeout_s=timeout_s, max_bytes=_MAX_BYTES)
        self._clock = clock
        self._published: list[dict[str, Any]] = []
        self._keys: list[Key] = []
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._failing = False
        self._fetching: asyncio.Task[None] | None = None
        #: Changes whenever other keys are published.
        self.version = 0

    async def find(self, suits: Callable[[Key], bool]) -> list[Key]:
        """The keys for which `suits` holds; an empty list says that the issuer has none.

        Raises:
            UnavailableError: The provider cannot be asked and the known keys do not answer this.
        """
        if self._age() > _LIFETIME_S:
            if self._failing and self._age() <= _STALE_S:
                self._begin()  # nobody waits for a provider that is known to be down
            else:
                await self._renew()
        if self._age() > _STALE_S:
            raise self._unavailable()
        if not (found := list(filter(suits, self._keys))):
            await self._renew()
            found = list(filter(suits, self._keys))
            if not found and self._failing:
                raise self._unavailable()
        return found

    async def close(self) -> None:
        """Stop fetching and close the connections; safe to call twice."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)
        await self._client.close()

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock() - self._fetched_at

    def _begin(self) -> None:
        if self._fetching is not None and not self._fetching.done():
            return
        if self._tried_at is None or self._clock() - self._tried_at >= _REFETCH_S:
            self._fetching = asyncio.create_task(self._fetch())

    async def _renew(self) -> None:
        self._begin()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)  # others wait for it as well

    async def _fetch(self) -> None:
        try:
            url = self._jwks_url or await self._discover()
            published = (await self._client.get(url, _KeySet)).keys
        except OutboundError as error:
            self._failing = True
            _log.warning("identity_provider_failed", issuer=self._issuer, reason=str(error))
        else:
            if published != self._published:
                self._keys = [key for entry in published if (key := _usable(entry)) is not None]
                self._published = published
                self.version += 1
            self._failing, self._fetched_at = False, self._clock()
        finally:
            self._tried_at = self._clock()

    async def _discover(self) -> str:
        url = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
        document = await self._client.get(url, _Discovery)
        if document.issuer != self._issuer:
            raise OutboundError("its discovery document names another issuer")
        # A loopback key address is fine for a loopback issuer only.
        if not is_protected(document.jwks_uri) or (
            is_loopback(document.jwks_uri) and not is_loopback(self._issuer)
        ):
            raise OutboundError("its discovery document names a key address that cannot be trusted")
        return document.jwks_uri

    def _unavailable(self) -> UnavailableError:
        return UnavailableError(
            "The identity provider cannot be reached to check this access token; try again"
            " shortly.",
            retry_after=_REFETCH_S,
        )


def _usable(entry: dict[str, Any]) -> Key | None:
    """The key, or None for one we cannot use; unknown kinds are skipped (RFC 7517 §5)."""
    if entry.get("kty") not in _KEY_TYPES:
        return None
    try:
        key = import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAKey) and key.public_key.key_size < _RSA_BITS:
        return None
    return key
