"""Access tokens for a Google service account, fetched when one is needed and kept for its life.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest: an assertion
signed with the account's own key is exchanged for a token that is good for an hour (RFC 7523).
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from intone.errors import InvalidInputError, ProviderAuthError, ProviderRejectedError
from intone.providers.http import Call

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

__all__ = ["ServiceAccount"]

T = TypeVar("T")

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: Seconds that an assertion is valid, and by which a token is renewed before its end.
_ASSERTION_S, _MARGIN_S = 3600, 120


class _File(msgspec.Struct):
    """What is used of the file that Google's console gives out."""

    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float


class _Ask(Protocol):
    async def __call__(self, call: Call, shape: type[T]) -> T: ...


class ServiceAccount:
    """A service account that is let in by tokens.

    Args:
        file: Its credentials.
        key: Its private key.
        ask: Makes a call that is answered with JSON.
    """

    def __init__(self, file: _File, key: RSAKey, ask: _Ask) -> None:
        self._file = file
        self._key = key
        self._ask = ask
        self._token = ""
        self._good_until = 0.0
        self._renewing = asyncio.Lock()

    @classmethod
    def read(cls, name: str, path: str, ask: _Ask) -> ServiceAccount:
        """The account of a JSON file.

        Args:
            name: The provider's name, for messages.
            path: The file.
            ask: Makes a call that is answered with JSON.

        Raises:
            InvalidInputError: The file cannot be read, or is no service account's.
        """
        try:
            file = msgspec.json.decode(Path(path).read_bytes(), type=_File)
        except OSError as error:
            raise InvalidInputError(
                f"The credentials_file of the provider {name!r} cannot be read: {error.strerror}."
            ) from None
        except (msgspec.MsgspecError, ValueError):
            raise _no_account(name) from None
        key = _private_key(file.private_key)
        if key is None:
            raise _no_account(name)
        return cls(file, key, ask)

    async def token(self) -> str:
        """A token that is still good for a while; many who need a new one share it.

        Raises:
            ProviderAuthError: The account is not let in.
            ProviderError: There was no token for any other reason.
        """
        async with self._renewing:
            if time.monotonic() >= self._good_until:
                await self._renew()
            return self._token

    def forget(self) -> None:
        """Fetch a new token next time: this one was not taken."""
        self._good_until = 0.0

    async def _renew(self) -> None:
        form = urlencode({"grant_type": _GRANT, "assertion": self._assertion()})
        call = Call(
            self._file.token_uri,
            form.encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        try:
            fetched = await self._ask(call, _Token)
        except ProviderRejectedError:
            # `invalid_grant`: the account is gone, its key is withdrawn, or the clock is wrong.
            raise ProviderAuthError from None
        self._token = fetched.access_token
        self._good_until = time.monotonic() + max(fetched.expires_in - _MARGIN_S, 0)

    def _assertion(self) -> str:
        from joserfc import jwt

        now = int(time.time())
        claims = {
            "iss": self._file.client_email,
            "scope": _SCOPE,
            "aud": self._file.token_uri,
            "iat": now,
            "exp": now + _ASSERTION_S,
        }
        header = {"alg": "RS256", "kid": self._file.private_key_id}
        return jwt.encode(header, claims, self._key)


def _no_account(name: str) -> InvalidInputError:
    return InvalidInputError(
        f"The credentials_file of the provider {name!r} is not the JSON key of a service account;"
        " make a new one in Google's console."
    )


def _private_key(pem: str) -> RSAKey | None:
    """The key, if it is one that Google gives out."""
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey

    try:
        key = RSAKey.import_key(pem)
    except (JoseError, ValueError):
        return None
    return key if key.is_private else None
