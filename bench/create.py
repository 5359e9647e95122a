"""Create → durable 201 with 32 callers, against a bare route that only echoes."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.load import create_request, drive
from bench.report import Row, at_least, tell
from bench.servers import echo_server, intone_server

if TYPE_CHECKING:
    from pathlib import Path

    from bench.load import Load
    from bench.servers import Server

__all__ = ["measure"]

#: Short rounds, so that what disturbs the machine for some seconds falls on both servers.
_ROUNDS, _ROUND_S = 15, 1.0
_BESIDE_S, _WARM_S = 3.0, 1.0


async def measure(folder: Path) -> list[Row]:
    """Rounds by turns, so that what disturbs one server disturbs the other; then medians."""
    with (
        echo_server(folder) as echo,
        intone_server(folder / "create", "--no-worker", log_level="error") as intone,
    ):
        echoes, creates = await _by_turns(echo, intone)
    with intone_server(folder / "create-worker", log_level="error") as intone:
        tell("create: with the worker beside it")
        await drive(intone, create_request(intone), seconds=_WARM_S)
        beside = await drive(intone, create_request(intone), seconds=_BESIDE_S)
    echo_rate, create_rate = _median_rate(echoes), _median_rate(creates)
    return [
        Row(
            "create",
            "requests/s of create by those of a bare echo, 32 callers",
            create_rate / echo_rate,
            "×",
            at_least(0.25),
            f"{_said(creates)} / echo {_said(echoes)}",
        ),
        Row(
            "create",
            "the same in server CPU time a request",
            statistics.median(load.server_cpu_us for load in echoes)
            / statistics.median(load.server_cpu_us for load in creates),
            "×",
            note="load generator at most "
            f"{max(load.own_share for load in (*echoes, *creates)):.0%} of a core",
        ),
        Row(
            "create",
            "with the worker rendering beside it",
            beside.rate / echo_rate,
            "×",
            note=_said([beside]),
        ),
    ]


async def _by_turns(echo: Server, intone: Server) -> tuple[list[Load], list[Load]]:
    echoes, creates = [], []
    for server in (echo, intone):
        await drive(server, create_request(server), seconds=_WARM_S)
    for number in range(1, _ROUNDS + 1):
        echoes.append(await drive(echo, create_request(echo), seconds=_ROUND_S))
        creates.append(await drive(intone, create_request(intone), seconds=_ROUND_S))
        tell(
            f"create: round {number} of {_ROUNDS}:"
            f" {creates[-1].rate:,.0f}/s, echo {echoes[-1].rate:,.0f}/s"
        )
    return echoes, creates


def _median_rate(loads: list[Load]) -> float:
    return statistics.median(load.rate for load in loads)


def _said(loads: list[Load]) -> str:
    p50, p99, cpu = (
        statistics.median(getattr(load, name) for load in loads)
        for name in ("p50_ms", "p99_ms", "server_cpu_us")
    )
    return f"{_median_rate(loads):,.0f}/s (p50 {p50:.1f}, p99 {p99:.1f} ms, CPU {cpu:.0f} µs)"
