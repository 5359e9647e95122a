"""How soon the server is ready, and the help is there."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from bench.report import Row, at_most
from bench.servers import intone_server

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["measure"]

_STARTS, _HELPS = 5, 10


async def measure(folder: Path) -> list[Row]:
    """Medians, after one start that fills the disk's cache."""
    new, used, helps = list[float](), list[float](), list[float]()
    for number in range(_STARTS + 1):
        for starts in (new, used):
            with intone_server(folder / f"start-{number}") as server:
                starts.append(server.start_s)
    for _ in range(_HELPS + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "intone", "--help"], capture_output=True, check=True)
        helps.append(time.perf_counter() - began)
    return [
        _row("`serve` to /ready, new data folder", new, 1.5),
        _row("`serve` to /ready, used data folder", used, 1.5),
        _row("`intone --help`", helps, 0.3),
    ]


def _row(what: str, seconds: list[float], asked: float) -> Row:
    kept = seconds[1:]
    note = f"{min(kept):.2f}–{max(kept):.2f} s, {len(kept)} times"
    return Row("start", what, statistics.median(kept), "s", at_most(asked), note)
