"""Create → audio ready for one sentence on an idle server, and how long it waited in the queue."""

from __future__ import annotations

import asyncio
import statistics
from typing import TYPE_CHECKING

from bench.report import Row, at_most, percentile, tell
from bench.servers import intone_server
from bench.speech import bare_engine, caller, speak

if TYPE_CHECKING:
    from pathlib import Path

    from bench.speech import Spoken

__all__ = ["measure"]

_SENTENCE = "The quick brown fox jumps over the lazy dog near the old stone bridge."
#: So many that the 99th percentile is not the slowest one.
_JOBS, _WARM = 200, 10
#: Seconds in which the server falls idle again.
_REST_S = 0.02


async def measure(folder: Path) -> list[Row]:
    """By turns: the bare engine, then a job."""
    bare: list[float] = []
    jobs: list[Spoken] = []
    with intone_server(folder / "one_sentence") as server:
        async with bare_engine() as engine, caller(server) as session:
            for number in range(-_WARM, _JOBS):
                alone = await engine.ms(_SENTENCE)
                await asyncio.sleep(_REST_S)
                job = await speak(session, _SENTENCE)
                await asyncio.sleep(_REST_S)
                if number >= 0:
                    bare.append(alone)
                    jobs.append(job)
    tell(f"one_sentence: {_JOBS} jobs, each {jobs[0].duration_ms / 1000:.1f} s of audio")
    whole, alone = statistics.median(job.ms for job in jobs), statistics.median(bare)
    waits = [job.queued_ms for job in jobs]
    return [
        Row(
            "one_sentence",
            "create → ready beyond the bare engine and encoder, median",
            whole - alone,
            "ms",
            at_most(30),
            f"{whole:.1f} ms - {alone:.1f} ms; p99 {percentile([j.ms for j in jobs], 99):.1f} ms",
        ),
        _wait("median", statistics.median(waits), 5),
        _wait("p99", percentile(waits, 99), 25),
    ]


def _wait(which: str, measured: float, asked: float) -> Row:
    return Row("one_sentence", f"wait in the queue, {which}", measured, "ms", at_most(asked))
