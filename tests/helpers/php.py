"""PHP's command line, for what publishers run."""

import shutil

__all__ = ["missing"]


def missing() -> str | None:
    """What is not there, if so."""
    return None if shutil.which("php") else "the command php (apt install php-cli)"
