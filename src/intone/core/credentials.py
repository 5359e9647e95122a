"""The shape of every secret that this server issues, and what is stored of it.

It follows GitHub's token format: a prefix that secret scanners can find, 30 random
characters (178 bits) and a checksum that tells a mistyped secret from a revoked one
without asking the database.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib

__all__ = ["CHECKSUM_LENGTH", "RANDOM_LENGTH", "digest", "is_well_formed", "new_secret"]

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH = 30
CHECKSUM_LENGTH = 6


def new_secret(prefix: str) -> str:
    """A fresh secret that begins with `prefix`."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_LENGTH))
    return prefix + body + _checksum(prefix + body)


def is_well_formed(secret: str, prefix: str) -> bool:
    """Whether the text has the shape of such a secret; says nothing of what it opens."""
    stem, checksum = secret[:-CHECKSUM_LENGTH], secret[-CHECKSUM_LENGTH:]
    fits = secret.startswith(prefix) and len(stem) == len(prefix) + RANDOM_LENGTH
    return fits and secrets.compare_digest(_checksum(stem).encode(), checksum.encode())


def digest(secret: str) -> bytes:
    """What is stored of a secret. Secrets are random, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode("utf-8", "surrogatepass")), []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
