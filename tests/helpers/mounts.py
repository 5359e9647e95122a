"""Whether this process may mount a small file system, to fill it."""

import functools
import subprocess
import tempfile


@functools.cache
def missing() -> str | None:
    """What is missing for tests that mount a tmpfs, or None."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        try:
            subprocess.run(mount, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return "the right to mount a tmpfs (Linux, as root)"
        subprocess.run(["umount", folder], check=True)
    return None
