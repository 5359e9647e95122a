"""Ids: random uuids as canonical text."""

from __future__ import annotations

import os
import uuid
from collections import deque

__all__ = ["new_id"]

_BYTES, _AT_ONCE = 16, 256
#: Random bytes for the next ids; taking from it and adding to it need no lock.
_fresh: deque[bytes] = deque()


def new_id() -> str:
    """A new uuid (version 4), from any thread.

    The system is asked for the randomness of many ids at once: each question gives up the
    interpreter's lock, and getting it back on a busy server costs ten times what an id does.
    """
    while True:
        try:
            return str(uuid.UUID(bytes=_fresh.popleft(), version=4))
        except IndexError:
            block = os.urandom(_BYTES * _AT_ONCE)
            _fresh.extend(block[i : i + _BYTES] for i in range(0, len(block), _BYTES))
