"""What the local disk needs beside writing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["sync_file", "sync_folder"]


def sync_file(path: Path) -> None:
    """Put a file's content on disk; a power cut may take it before that.

    Raises:
        OSError: It cannot be read, or the disk failed.
    """
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Put a folder's entries on disk: a new file is safe only when its name is.

    Raises:
        OSError: It cannot be read, or the disk failed.
    """
    if os.name == "posix":  # elsewhere folders cannot be opened, and need not be
        _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
