"""A job of 2,000 characters against the bare engine and encoder on the same cores."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.report import Row, at_least, tell
from bench.servers import intone_server
from bench.speech import bare_engine, caller, speak

if TYPE_CHECKING:
    from pathlib import Path

    from bench.speech import Spoken

__all__ = ["measure"]

_PARAGRAPH = (
    "A lighthouse keeper wrote down the weather every evening. In January the wind came from the"
    " north-west, and on twelve days the boat could not land. He noted the ships that passed, the"
    " oil that the lamp had burnt, and once, without any comment, that his brother had come to"
    " stay. The notebooks were found in a cupboard in 1978; nobody had opened them for sixty"
    " years. "
)
_TEXT = (_PARAGRAPH * 6)[:1999].rstrip(" ,;") + "."
_JOBS, _WARM = 25, 3


async def measure(folder: Path) -> list[Row]:
    """By turns: the bare engine, then a job."""
    bare: list[float] = []
    jobs: list[Spoken] = []
    bare_cpu_s = job_cpu_s = 0.0
    with intone_server(folder / "long_job") as server:
        async with bare_engine() as engine, caller(server) as session:
            for number in range(-_WARM, _JOBS):
                used = engine.cpu_s()
                alone, used = await engine.ms(_TEXT), engine.cpu_s() - used
                used_there = server.cpu_s()
                job, used_there = await speak(session, _TEXT), server.cpu_s() - used_there
                if number >= 0:
                    bare.append(alone)
                    jobs.append(job)
                    bare_cpu_s += used
                    job_cpu_s += used_there
    seconds = jobs[0].duration_ms / 1000
    tell(f"long_job: {_JOBS} jobs of {len(_TEXT):,} characters, each {seconds:.0f} s of audio")
    whole, alone = statistics.median(job.ms for job in jobs), statistics.median(bare)
    return [
        Row(
            "long_job",
            "speed of a 2,000-character job by that of the bare engine and encoder",
            alone / whole,
            "×",
            at_least(0.8),
            f"{alone:.0f} ms / {whole:.0f} ms; {seconds * 1000 / whole:,.0f} × realtime",
        ),
        Row(
            "long_job",
            "the same in CPU time",
            bare_cpu_s / job_cpu_s,
            "×",
            note=f"{bare_cpu_s / _JOBS * 1000:.0f} ms / {job_cpu_s / _JOBS * 1000:.0f} ms a job",
        ),
    ]
