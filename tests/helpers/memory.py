"""Where the tests keep their files: in memory where there is room, for most wait for the disk."""

import os
import shutil
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")
#: Bytes: more than a run has at a time, for what a test leaves goes when it has passed.
_ENOUGH = 4 << 30


def use() -> None:
    """Have pytest and `tempfile` make their folders there, unless somebody says where."""
    given = os.environ.keys() & {"PYTEST_DEBUG_TEMPROOT", "TMPDIR"}
    if given or not _SHARED_MEMORY.is_dir() or not os.access(_SHARED_MEMORY, os.W_OK):
        return
    if shutil.disk_usage(_SHARED_MEMORY).free >= _ENOUGH:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = os.environ["TMPDIR"] = str(_SHARED_MEMORY)
