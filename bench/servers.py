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
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = [
    "Server",
    "cpu_s",
    "echo_server",
    "family",
    "free_port",
    "intone_server",
    "running",
    "share_mb",
]

#: Seconds a server may take to start or to stop.
_PATIENCE_S = 60.0
#: Seconds between two looks whether a server is ready.
_LOOK_S = 0.002


@dataclass(frozen=True, slots=True)
class Server:
    """A server that has said that it is ready."""

    port: int
    pid: int
    #: An API key that opens it; empty where none is needed.
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

    def memory_mb(self) -> float:
        """Proportional set size of it and its children, in MB (10⁶ bytes); NaN where unknown."""
        try:
            return sum(share_mb(member) for member in family(self.pid))
        except OSError:
            return float("nan")


@contextmanager
def intone_server(
    data_dir: Path,
    *flags: str,
    log_level: str = "info",
    environment: Mapping[str, str] | None = None,
    core: int | None = None,
) -> Iterator[Server]:
    """`intone serve` over a data folder.

    Args:
        data_dir: New, or one that this function made.
        flags: Further flags, e.g. `--no-worker`.
        log_level: Its log goes to a file beside the folder.
        environment: Further variables.
        core: The only core that it may use; None: any.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    key_file = data_dir / "bench-key"
    if not key_file.exists():
        key_file.write_text(generate())
    key = key_file.read_text()
    port = free_port()
    arguments = ["serve", "--port", str(port), "--data-dir", str(data_dir), *flags]
    variables = {
        "INTONE_BOOTSTRAP_KEY": key,
        "INTONE_LOG_FORMAT": "json",
        "INTONE_LOG_LEVEL": log_level,
        **(environment or {}),
    }
    with running(
        [sys.executable, "-m", "intone", *arguments],
        port,
        log=data_dir.with_suffix(".log"),
        key=key,
        environment=variables,
        core=core,
    ) as server:
        yield server


@contextmanager
def echo_server(folder: Path) -> Iterator[Server]:
    """The bare route of `bench.echo`."""
    port = free_port()
    command = [sys.executable, "-m", "bench.echo", str(port)]
    with running(command, port, log=folder / "echo.log") as server:
        yield server


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    *,
    log: Path,
    key: str = "",
    environment: Mapping[str, str] | None = None,
    core: int | None = None,
    ready: str = "/ready",
) -> Iterator[Server]:
    """A server in a process of its own, from when it is ready until the context ends.

    Args:
        command: Starts it.
        port: Where it then listens, on 127.0.0.1.
        log: The file that takes what it says.
        key: Opens it.
        environment: Variables beside ours, of which it gets all but those that set Intone up.
        core: The only core that it and its children may use; None: any.
        ready: The path that is answered with 200 once it is ready.

    Raises:
        RuntimeError: It has ended, or is not ready in time; with the end of what it said.
    """
    # What the caller has set for its own server must not decide over this one.
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("INTONE_")}
    with log.open("ab") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=inherited | dict(environment or {}),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        if core is not None:
            # Before it has any threads or children; all of them inherit it.
            os.sched_setaffinity(process.pid, {core})
        while not _is_ready(port, ready):
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


def _is_ready(port: int, path: str) -> bool:
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(head.encode())
            return b" 200 " in connection.recv(4096).partition(b"\r\n")[0]
    except OSError:
        return False


def free_port() -> int:
    """A port on which nobody listens now."""
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


def share_mb(pid: int) -> float:
    """Proportional set size of a process in MB (10⁶ bytes): shared pages count by their share.

    Raises:
        OSError: The system does not tell, or there is no such process.
    """
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("The system does not tell the proportional set size.")
