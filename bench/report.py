"""What a scenario found: rows for people and for machines."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from intone import __version__
from intone.storage.sqlite_driver import library_version

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Asked",
    "Machine",
    "Row",
    "at_least",
    "at_most",
    "machine",
    "percentile",
    "show",
    "tell",
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a figure has to keep."""

    bound: Literal["≥", "≤"]
    value: float

    def met(self, measured: float) -> bool:
        """Whether `measured` keeps it."""
        return measured >= self.value if self.bound == "≥" else measured <= self.value


def at_least(value: float) -> Asked:
    """The figure may not be smaller."""
    return Asked("≥", value)


def at_most(value: float) -> Asked:
    """The figure may not be larger."""
    return Asked("≤", value)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. Without something asked it is there for information."""

    scenario: str
    what: str
    #: None where it could not be measured here; the note says why.
    measured: float | None
    #: `×` for a ratio, else ms, s, MB, req/s …
    unit: str
    asked: Asked | None = None
    #: What it was made from.
    note: str = ""

    @property
    def verdict(self) -> str:
        """`met` or `MISSED`; `info` where nothing was asked, `skipped` where nothing is known."""
        if self.measured is None:
            return "skipped"
        if self.asked is None:
            return "info"
        return "met" if self.asked.met(self.measured) else "MISSED"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and when the figures were taken."""

    at: str
    intone: str
    python: str
    sqlite: str
    cores: int
    system: str
    #: Processes that wanted to run in the minute before; well below `cores` on a quiet machine.
    load: float
    #: Milliseconds in which the disk makes 4 KiB durable, the median of 20.
    fsync_ms: float


def machine(folder: Path) -> Machine:
    """This machine, and the disk that `folder` lies on."""
    return Machine(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        intone=__version__,
        python=platform.python_version(),
        sqlite=library_version(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        system=f"{platform.system()} {platform.machine()}",
        load=round(os.getloadavg()[0], 2),
        fsync_ms=round(_fsync_s(folder / "fsync") * 1000, 2),
    )


def _fsync_s(path: Path) -> float:
    took = []
    with path.open("wb") as file:
        for _ in range(20):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    path.unlink()
    return statistics.median(took)


def percentile(values: list[float], percent: float) -> float:
    """The value that `percent` per cent of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def tell(text: str) -> None:
    """Say how far the run has come, on standard error."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def show(rows: list[Row], where: Machine, *, as_json: bool) -> None:
    """Print everything on standard output."""
    if as_json:
        figures = [
            {**asdict(row), "asked": _asked(row) or None, "verdict": row.verdict} for row in rows
        ]
        print(json.dumps({"machine": asdict(where), "rows": figures}, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("scenario", "what", "measured", "asked", "verdict"):
        table.add_column(column, justify="right" if column == "measured" else "left")
    table.add_column("made from", style="dim")
    for row in rows:
        measured = "–" if row.measured is None else f"{_number(row.measured)} {row.unit}"
        table.add_row(row.scenario, row.what, measured, _asked(row), row.verdict, row.note)
    print(
        f"Intone {where.intone}, Python {where.python}, SQLite {where.sqlite}, {where.system},"
        f" {where.cores} cores, load {where.load}, fsync {where.fsync_ms} ms, {where.at}\n"
    )
    # A terminal wraps; a file gets whole lines.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _asked(row: Row) -> str:
    return "" if row.asked is None else f"{row.asked.bound} {_number(row.asked.value)} {row.unit}"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.1f}"
