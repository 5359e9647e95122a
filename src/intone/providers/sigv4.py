"""Signing requests to Amazon's services: AWS Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html. Only what a service
called with short bodies needs: the whole body is signed, and the signature goes into headers.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

__all__ = ["Signer"]

_ALGORITHM = "AWS4-HMAC-SHA256"
#: What stands for itself in a query (RFC 3986, section 2.3), beside letters and digits.
_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs requests to one service in one region.

    Args:
        access_key: Id of the access key.
        secret_key: The secret access key.
        region: E.g. `eu-central-1`.
        service: The service's name in signatures, e.g. `polly`.
        session_token: What comes with temporary credentials; empty with lasting ones.
    """

    access_key: str
    secret_key: str = field(repr=False)
    region: str
    service: str
    session_token: str = field(default="", repr=False)

    def sign(
        self,
        method: str,
        url: str,
        *,
        now: datetime,
        query: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> dict[str, str]:
        """The headers that make a request a signed one; send them beside `headers`.

        Args:
            method: The HTTP method.
            url: Where it goes, without a query. Its path is not yet percent-encoded, and has
                no `.`, `..` or empty parts.
            now: The time in UTC; Amazon takes a signature for 15 minutes.
            query: The query's parameters, not yet percent-encoded.
            headers: Further headers to sign; their values come without doubled spaces.
            body: The body, empty where there is none.
        """
        time = now.strftime("%Y%m%dT%H%M%SZ")
        added = {"Host": urlsplit(url).netloc, "X-Amz-Date": time}
        if self.session_token:
            added["X-Amz-Security-Token"] = self.session_token
        signed = {
            name.lower(): value.strip() for name, value in {**(headers or {}), **added}.items()
        }
        names = ";".join(sorted(signed))
        request = "\n".join(
            [
                method,
                quote(urlsplit(url).path or "/", safe="/" + _UNRESERVED),
                _canonical_query(query),
                *(f"{name}:{signed[name]}" for name in sorted(signed)),
                "",
                names,
                sha256(body).hexdigest(),
            ]
        )
        scope = f"{time[:8]}/{self.region}/{self.service}/aws4_request"
        text = "\n".join([_ALGORITHM, time, scope, sha256(request.encode()).hexdigest()])
        signature = _hmac(self._key(scope), text).hex()
        added["Authorization"] = (
            f"{_ALGORITHM} Credential={self.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return added

    def _key(self, scope: str) -> bytes:
        """The key of a day, region and service, which the secret cannot be told from."""
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = _hmac(key, part)
        return key


def _canonical_query(query: Iterable[tuple[str, str]]) -> str:
    """The parameters percent-encoded and in the order of their code points."""
    encoded = [
        (quote(name, safe=_UNRESERVED), quote(text, safe=_UNRESERVED)) for name, text in query
    ]
    return "&".join(f"{name}={text}" for name, text in sorted(encoded))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
