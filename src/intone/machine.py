"""What there is to know of the machine we run on."""

from __future__ import annotations

import os
import sys

__all__ = ["keep_freed_memory", "usable_cores"]

#: Of glibc's `mallopt`: from how many free bytes on the end of a heap is given back to the
#: system, and from what size on a block is had from the system by itself.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT, _LARGE = 8 << 20, 4 << 20


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_freed_memory() -> None:
    """Have the C library keep some of what is freed, for this whole process.

    Audio is worked on in blocks of some 100 KB. glibc would give each back to the system and get
    it anew, page by page, and that takes longer than what is done to the audio. Does nothing where
    the library is another one.
    """
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
