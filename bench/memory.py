"""Memory of an idle server with its engine processes, shared pages counted by their share."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.report import Row, at_most, tell
from bench.servers import family, intone_server, share_mb
from bench.speech import caller, speak

__all__ = ["measure"]

_JOBS = 20
_TEXT = "One sentence is not much to remember. Twenty of them should leave nothing behind."
#: Seconds in which all engine processes are up and the allocator has settled.
_SETTLE_S = 2.0


async def measure(folder: Path) -> list[Row]:
    """After the start, and after some jobs; nothing where the system does not tell."""
    if not Path("/proc/self/smaps_rollup").exists():
        tell("memory: only Linux says how large the shares are")
        return []
    with intone_server(folder / "memory") as server:
        await asyncio.sleep(_SETTLE_S)
        rows = [_row("idle, after the start", server.pid)]
        async with caller(server) as session:
            for _ in range(_JOBS):
                await speak(session, _TEXT)
        await asyncio.sleep(_SETTLE_S)
        rows.append(_row(f"idle, after {_JOBS} jobs", server.pid))
    return rows


def _row(what: str, pid: int) -> Row:
    shares = [share_mb(member) for member in family(pid)]
    note = f"server {shares[0]:.0f} MB, {len(shares) - 1} engines {sum(shares[1:]):.0f} MB"
    return Row("memory", what, sum(shares), "MB", at_most(200), note)
