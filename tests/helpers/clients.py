"""Real clients of the speech API, each in an environment of its own beside the tests' own.

An environment is made from a file of pinned requirements under `tests/clients`, once, and kept
in the virtual environment that the tests run in; other pins are another environment. What runs in
it is a script of `tests/clients/scripts`, which gets jobs as lines of JSON and answers with lines
of JSON.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["ClientProcess", "environment", "missing", "program", "python_of"]

_ROOT = Path(__file__).parent.parent / "clients"
_SCRIPTS = _ROOT / "scripts"
_KEPT = Path(sys.prefix) / "clients"
#: Seconds that making one environment may take.
_PATIENCE_S = 400
#: The oldest Python that a client runs on, where that is not ours.
_LEAST_PYTHON = {"wyoming": (3, 12)}
_NODE = "node"


@functools.cache
def missing(client: str) -> str | None:
    """What keeps a client from running here, in words; None where it can run.

    Args:
        client: The name of a file in `tests/clients/requirements`, or `node`.
    """
    asked, folder = time.time(), environment(client)
    failure = folder.with_suffix(".failure")
    with _locked(folder.with_suffix(".lock")):
        if (folder / "ready").exists():
            return None
        if failure.exists() and failure.stat().st_mtime >= asked:
            return failure.read_text()  # another worker has just tried
        shutil.rmtree(folder, ignore_errors=True)
        reason = _make_node(folder) if client == _NODE else _make_python(client, folder)
        if reason:
            failure.write_text(reason)
            return reason
        for other in _KEPT.glob(f"{client}-*"):
            if other.is_dir() and other != folder:
                shutil.rmtree(other)
        (folder / "ready").touch()
    return None


@functools.cache
def environment(client: str) -> Path:
    """Where a client's environment is, whether or not it has been made."""
    pins = _ROOT / "node/package-lock.json" if client == _NODE else _requirements(client)
    pinned = hashlib.sha256(f"{sys.version_info[:2]}".encode() + pins.read_bytes())
    return _KEPT / f"{client}-{pinned.hexdigest()[:12]}"


def python_of(client: str) -> Path:
    """The Python of a client's environment."""
    return environment(client) / "bin/python"


def program(client: str) -> list[str | Path]:
    """The command that runs a client's script."""
    if client == _NODE:
        return ["node", _SCRIPTS / "openai_node.cjs"]
    return [python_of(client), _SCRIPTS / f"{client}_client.py"]


class ClientProcess:
    """A client's script that is running; a context manager.

    Args:
        client: As for `missing`, which has said that nothing is.
        folder: For what it writes: audio, and its log.
    """

    def __init__(self, client: str, folder: Path) -> None:
        self._client, self._folder = client, folder
        self._log = folder / f"{client}.log"
        self._number = 0

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                program(self._client),
                cwd=environment(self._client),
                env=clean_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # a script ends with its jobs
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def start(self, **job: Any) -> Path:
        """Give it a job; returns the file that it writes the audio to."""
        assert self._process.stdin is not None
        self._number += 1
        audio = self._folder / f"{self._client}-{self._number}.audio"
        json.dump({**job, "number": self._number, "audio": str(audio)}, self._process.stdin)
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return audio

    def read(self) -> dict[str, Any]:
        """The next thing it tells of its job."""
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            told = json.loads(line)
            if told["number"] == self._number:  # and not of one that a failed test has left
                return told
        raise AssertionError(f"{self._client} ended: {self._log.read_text()[-4000:]}")

    def do(self, **job: Any) -> tuple[dict[str, Any], Path]:
        """Have it do a job; returns the last that it tells, and the file with the audio."""
        audio = self.start(**job)
        while (told := self.read())["event"] != "end":
            pass
        return told, audio


def clean_environment() -> Mapping[str, str]:
    """Our environment variables without those that clients take settings from."""
    theirs = ("OPENAI_", "AZURE_OPENAI_", "TTS_", "STT_", "LIVEKIT_", "WYOMING_", "INTONE_")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    return {**ours, "NO_PROXY": "127.0.0.1"}


def _requirements(client: str) -> Path:
    return _ROOT / f"requirements/{client}.txt"


def _make_python(client: str, folder: Path) -> str | None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        return f"{client}: uv, to install it with (pip install uv)"
    least = _LEAST_PYTHON.get(client, sys.version_info[:2])
    steps: list[list[str | Path]] = [
        [uv, "venv", "--quiet", "--no-project", "--python", _python(least), folder],
        [uv, "pip", "install", "--quiet", "--python", folder / "bin/python", "-r",
         _requirements(client)],
    ]  # fmt: skip
    return _run(client, steps, _KEPT)


def _make_node(folder: Path) -> str | None:
    if not shutil.which("node") or not shutil.which("npm"):
        return "Node.js with npm (apt install nodejs npm)"
    shutil.copytree(_ROOT / "node", folder)
    return _run("openai for Node", [["npm", "ci", "--ignore-scripts", "--no-audit"]], folder)


def _run(what: str, steps: Sequence[Sequence[str | Path]], folder: Path) -> str | None:
    """Run commands to their ends; returns what went wrong, if anything did."""
    for step in steps:
        command = " ".join(str(word) for word in (Path(step[0]).name, *step[1:3]))
        try:
            subprocess.run(step, cwd=folder, check=True, capture_output=True, timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            return f"{what}: {command} took longer than {_PATIENCE_S} s"
        except subprocess.CalledProcessError as error:
            told = error.stderr.decode(errors="replace").splitlines()
            # The first line names the cause; those below name registries and folders as well.
            cause = next((line for line in told if "error" in line), "it does not say why")
            return f"{what}: {command} failed: {cause}"
    return None


def _python(least: tuple[int, ...]) -> str:
    """A Python that is new enough: ours, one that is installed, or one for uv to find or fetch."""
    if sys.version_info[:2] >= least:
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for minor in range(least[1], least[1] + 3):
        name = f"{least[0]}.{minor}"
        beside = sorted(pyenv.glob(f"versions/{name}.*/bin/python{name}"))
        for found in (shutil.which(f"python{name}"), *beside):
            # One that is on the path need not run: pyenv puts scripts there for all it knows.
            if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
                return str(found)
    return ".".join(str(part) for part in least)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
