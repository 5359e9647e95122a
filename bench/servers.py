"""Servers in processes of their own, on loopback, stopped by their own process id."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from intone.core.keys import generate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Server", "cpu_s", "echo_server", "family", "intone_server"]

#: Seconds a server may take to start or to stop.
_PATIENCE_S = 30.0
#: Seconds between two looks whether a server is ready.
_LOOK_S = 0.002
_READY = b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers `/ready` with 200."""

    port: int
    pid: int
    #: An API key of its default workspace; empty for the echo server.
    key: str
    #: Seconds from the start of the process to that answer.
    start_s: float

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """CPU seconds it and its children have used, user and system; NaN where unknown."""
        try:
            return cpu_s(family(self.pid))
        except OSError:
            return float("nan")


@contextmanager
def intone_server(data_dir: Path, *flags: str, log_level: str = "info") -> Iterator[Server]:
    """`intone serve` over a data folder.

    Args:
        data_dir: New, or one that this function made.
        flags: Further flags, e.g. `--no-worker`.
        log_level: Its log goes to a file beside the folder.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    key_file = data_dir / "bench-key"
    if not key_file.exists():
        key_file.write_text(generate())
    key = key_file.read_text()
    port = _free_port()
    command = ["-m", "intone", "serve", "--port", str(port), "--data-dir", str(data_dir), *flags]
    environment = {
        "INTONE_BOOTSTRAP_KEY": key,
        "INTONE_LOG_FORMAT": "json",
        "INTONE_LOG_LEVEL": log_level,
    }
    with _running(command, port, key, environment, data_dir.with_suffix(".log")) as server:
        yield server


@contextmanager
def echo_server(folder: Path) -> Iterator[Server]:
    """The bare route of `bench.echo`."""
    port = _free_port()
    with _running(["-m", "bench.echo", str(port)], port, "", {}, folder / "echo.log") as server:
        yield server


@contextmanager
def _running(
    command: Sequence[str], port: int, key: str, environment: dict[str, str], log: Path
) -> Iterator[Server]:
    # What the caller has set for its own server must not decide over this one.
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("INTONE_")}
    with log.open("ab") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command],
            env=inherited | environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        while not _ready(port):
            if process.poll() is not None or time.perf_counter() - began > _PATIENCE_S:
                raise RuntimeError(f"The server did not start: {log.read_text()[-2000:]}")
            time.sleep(_LOOK_S)
        yield Server(port, process.pid, key, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(_READY)
            return b" 200 " in connection.recv(4096).partition(b"\r\n")[0]
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def family(pid: int) -> list[int]:
    """A process and all that descend from it; Linux only.

    Raises:
        OSError: There is no /proc, or no such process.
    """
    members = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            members += family(int(child))
    return members


def cpu_s(pids: Iterable[int]) -> float:
    """CPU seconds that processes have used, user and system; Linux only.

    Raises:
        OSError: There is no /proc, or no such process.
    """
    ticks = 0
    for pid in pids:
        # The command's name may hold blanks and ends with the last parenthesis.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / float(os.sysconf("SC_CLK_TCK"))
