"""Signatures on what is given out and comes back: addresses that open something for a while."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, Final

from intone.errors import SignatureError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from intone.storage.database import Database, Transaction

__all__ = ["Signer"]

_KEY_BYTES: Final = 32


class Signer:
    """Signs with keys that all nodes share: one a purpose, made by the first that needs it.

    A signature is 64 hexadecimal digits: HMAC-SHA256 over purpose, subject and expiry.

    Args:
        database: Where the keys are.
        clock: Seconds since the epoch.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._keys: dict[str, bytes] = {}

    async def sign(self, purpose: str, subject: str, expires_at_s: int) -> str:
        """A signature that is good until that second.

        Args:
            purpose: What it opens, e.g. `downloads`; that of another purpose does not.
            subject: Which of them, e.g. an id.
            expires_at_s: Seconds since the epoch.

        Raises:
            UnavailableError: The database cannot be asked for the key.
        """
        return _signature(await self._key(purpose), purpose, subject, expires_at_s)

    def sign_within(self, tx: Transaction, purpose: str, subject: str, expires_at_s: int) -> str:
        """As `sign`, for what is given out by a unit of work."""
        if purpose not in self._keys:
            # Not remembered: this unit of work, and with it a key just made, may be undone.
            return _signature(
                _shared_key(tx, purpose, secrets.token_bytes(_KEY_BYTES)),
                purpose,
                subject,
                expires_at_s,
            )
        return _signature(self._keys[purpose], purpose, subject, expires_at_s)

    async def verify(self, purpose: str, subject: str, expires_at_s: int, signature: str) -> None:
        """See that a signature is the one that `sign` gave, letter by letter, and still good.

        Raises:
            SignatureError: It is another, or its time is over.
            UnavailableError: The database cannot be asked for the key.
        """
        ours = _signature(await self._key(purpose), purpose, subject, expires_at_s)
        # As text and not as the bytes that it stands for: upper case would be the same bytes.
        is_ours = hmac.compare_digest(ours.encode(), signature.encode("utf-8", "surrogatepass"))
        if not is_ours or self._clock() > expires_at_s:
            raise SignatureError

    async def _key(self, purpose: str) -> bytes:
        if purpose not in self._keys:
            fresh = secrets.token_bytes(_KEY_BYTES)
            self._keys[purpose] = await self._database.write(_shared_key, purpose, fresh)
        return self._keys[purpose]


def _shared_key(tx: Transaction, purpose: str, fresh: bytes) -> bytes:
    """The key of a purpose: the fresh one where there was none."""
    tx.execute(
        "INSERT INTO signing_keys (purpose, secret, created_at) VALUES (:purpose, :secret, :now)"
        " ON CONFLICT (purpose) DO NOTHING",
        purpose=purpose,
        secret=fresh,
        now=now_ms(),
    )
    row = tx.one("SELECT secret FROM signing_keys WHERE purpose = :purpose", purpose=purpose)
    assert row is not None
    return bytes(row["secret"])


def _signature(key: bytes, purpose: str, subject: str, expires_at_s: int) -> str:
    # Each part with its length, so that no two sets of parts make the same text.
    parts = (purpose, subject, str(expires_at_s))
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
