"""Ids: uuids (RFC 9562) as canonical text, random ones or in the order of their making."""

from __future__ import annotations

import os
from collections import deque

__all__ = ["new_id", "new_ordered_id"]

#: Hexadecimal digits of an id, and ids made at once.
_DIGITS, _AT_ONCE = 32, 256
#: The digit that says "RFC 9562" in its upper two bits, for each digit it may be made from.
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
#: The next ids; taking from it and adding to it need no lock.
_fresh: deque[str] = deque()


def new_id() -> str:
    """A new uuid, from any thread.

    The system is asked for the randomness of many ids at once: each question gives up the
    interpreter's lock, and getting it back on a busy server costs ten times what an id does.
    """
    while True:
        try:
            return _fresh.popleft()
        except IndexError:
            digits = os.urandom(_DIGITS // 2 * _AT_ONCE).hex()
            starts = range(0, len(digits), _DIGITS)
            _fresh.extend(_uuid4(digits[start : start + _DIGITS]) for start in starts)


def _uuid4(h: str) -> str:
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:]}"


def new_ordered_id(at_ms: int) -> str:
    """A new uuid of version 7 (RFC 9562): it sorts behind those of earlier milliseconds.

    For rows whose time is no secret: where they are inserted in the order of their ids, a page of
    an index takes many of them instead of one.

    Args:
        at_ms: Milliseconds since the epoch.
    """
    time, rest = f"{at_ms:012x}", new_id()
    return f"{time[:8]}-{time[8:]}-7{rest[15:]}"
