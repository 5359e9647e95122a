"""A core for the gateway and another for all else, so that neither is measured with the other."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Cores", "apart"]


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where; None: anywhere, where there is no second core or the system cannot pin."""

    gateway: int | None = None
    #: Of the vendor, and of this process, whose load it is.
    load: int | None = None

    @property
    def said(self) -> str:
        """For a note."""
        return "nothing pinned" if self.gateway is None else "gateway on a core of its own"


@contextmanager
def apart() -> Iterator[Cores]:
    """Keep this process on one core until the context ends."""
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if len(mine) < 2:
        yield Cores()
        return
    gateway, load = sorted(mine)[:2]
    os.sched_setaffinity(0, {load})
    try:
        yield Cores(gateway, load)
    finally:
        os.sched_setaffinity(0, mine)
