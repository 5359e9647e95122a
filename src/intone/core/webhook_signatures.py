"""Signatures of webhooks: the seed's header, and those of Standard Webhooks beside it.

`X-Voiceproductionai-Signature: sha256=<hex>` (seed 002) is an HMAC-SHA256 over the body, its key
the secret as its owner got it. It has room for one secret: while two are valid, it is the new one.

Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md)
signs `id.timestamp.body`; its key is what follows `whsec_`, decoded. Each valid secret signs, so
that receivers can change over, and the time in it lets them refuse what was recorded and replayed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final

from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "SEED_HEADER",
    "TOLERANCE_S",
    "check_secret",
    "new_secret",
    "sign",
    "verify_seed",
    "verify_standard",
]

SEED_HEADER: Final = "X-Voiceproductionai-Signature"
#: Seconds by which a receiver's clock may differ from the time of a delivery.
TOLERANCE_S: Final = 300
_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
#: Longest time in a header, in digits.
_LONGEST_TIME: Final = 15


def new_secret() -> str:
    """A fresh secret: `whsec_` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def check_secret(secret: str) -> None:
    """See that a secret has the form of ours.

    Raises:
        InvalidInputError: It has not.
    """
    _key(secret)


def sign(
    body: bytes, secrets_: Sequence[str], *, message_id: str, timestamp: int
) -> dict[str, str]:
    """The headers that sign a body.

    Args:
        body: The exact bytes that are sent.
        secrets_: The webhook's secret, then the old one while that is valid.
        message_id: The same for every try, so that receivers can tell repetitions.
        timestamp: Of this try, in seconds since the epoch.
    """
    return {
        SEED_HEADER: _seed(body, secrets_[0]),
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            _standard(body, secret, message_id, str(timestamp)) for secret in secrets_
        ),
    }


def verify_seed(body: bytes, secret: str, headers: Mapping[str, str]) -> bool:
    """Whether the seed's header signs the body.

    Args:
        body: As it came.
        secret: As its owner got it.
        headers: Looked up in any case.
    """
    return _same(headers.get(SEED_HEADER, ""), _seed(body, secret))


def verify_standard(body: bytes, secret: str, headers: Mapping[str, str], *, now: int) -> bool:
    """Whether one of the Standard Webhooks signatures signs the body, at about this time.

    Args:
        body: As it came.
        secret: As its owner got it.
        headers: Looked up in any case.
        now: Seconds since the epoch.

    Raises:
        InvalidInputError: The secret does not have the form of ours.
    """
    timestamp = headers.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _LONGEST_TIME):
        return False
    if abs(int(timestamp) - now) > TOLERANCE_S:
        return False
    expected = _standard(body, secret, headers.get("webhook-id", ""), timestamp)
    return any(_same(said, expected) for said in headers.get("webhook-signature", "").split())


def _seed(body: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _standard(body: bytes, secret: str, message_id: str, timestamp: str) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInputError(
            "A webhook's secret is whsec_ and base64, as creating the webhook has shown it."
        ) from None


def _same(said: str, expected: str) -> bool:
    return hmac.compare_digest(said.encode(), expected.encode())
