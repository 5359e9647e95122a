"""Environments of their own for what is measured with or against, below the one this runs in."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.report import tell

__all__ = ["MissingError", "installed"]

_ENVIRONMENTS = Path(sys.prefix) / "peers"
#: Longest that one step of installing may take, in seconds.
_INSTALL_S = 600.0


class MissingError(Exception):
    """A peer cannot be had here; the text says why."""


def installed(name: str, requirements: Path) -> Path:
    """The folder of commands of a peer's environment; it is made where it is not there as pinned.

    Args:
        name: The peer.
        requirements: Every package that it needs with its version; nothing else is installed.

    Raises:
        MissingError: It cannot be installed.
    """
    environment = _ENVIRONMENTS / name
    pinned, wanted = environment / "pinned", hashlib.sha256(requirements.read_bytes()).hexdigest()
    if pinned.exists() and pinned.read_text() == wanted:
        return environment / "bin"
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise MissingError(f"{name} was not installed: there is no uv")
    tell(f"{name}: installing it into {environment}")
    python = environment / "bin" / "python"
    _run(name, uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment))
    sync = (uv, "pip", "sync", "--quiet", "--compile-bytecode", "--python", str(python))
    _run(name, *sync, str(requirements))
    pinned.write_text(wanted)
    return environment / "bin"


def _run(name: str, *command: str) -> None:
    with tempfile.TemporaryFile("w+") as said:
        try:
            subprocess.run(command, stdout=said, stderr=said, check=True, timeout=_INSTALL_S)
        except (OSError, subprocess.SubprocessError) as error:
            said.seek(0)
            lines = said.read().strip().splitlines()
            why = lines[-1].strip() if lines else str(error)
            raise MissingError(f"{name} could not be installed: {why}") from None
