"""Streamed speech through Intone to a vendor, beside the same vendor asked directly.

Everything is on that a paying caller meets: the key with its limits of requests a minute and at
once, its caps of the day and the month, the wallet's hold and its settling on disk, the log.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.cores import apart
from bench.listeners import listen, speech_request, typical
from bench.report import Row, at_most, tell
from bench.servers import intone_server
from bench.vendor import DIGEST, vendor_server
from intone.core import keys, ledger, workspaces
from intone.storage.open import open_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bench.listeners import Heard
    from bench.servers import Server
    from intone.storage.database import Transaction

__all__ = ["ALL_CALLERS", "ONCE", "PACED", "STREAM_S", "Work", "measure", "paying_server"]

#: The vendor's models: 32,000 bytes at once, and 20 chunks 10 ms apart.
ONCE, PACED = "once", "paced-10"
#: Seconds that a paced answer takes.
STREAM_S = 0.19
ALL_CALLERS = 64

_ROUNDS = 5
_WARM_S = 1.0
_LIMITS = keys.KeyLimits(
    requests_per_minute=1_000_000,
    max_concurrency=1_000,
    daily_micros=10**12,
    monthly_micros=10**13,
)
#: Micro-dollars in the wallet; enough for any number of rounds.
_WALLET = 10**13
_USD_PER_MILLION = 15


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked of a server, in one round."""

    model: str
    callers: int
    seconds: float
    #: Within how many seconds the callers begin.
    spread_s: float = 0.0

    async def round(self, server: Server, prefix: str = "") -> Heard:
        """One round; `prefix` leads to the vendor's models."""
        return await listen(
            server,
            speech_request(server, prefix + self.model),
            DIGEST,
            seconds=self.seconds,
            callers=self.callers,
            spread_s=self.spread_s,
        )


_ONE = Work(ONCE, 1, 2.0)
_MANY = Work(ONCE, ALL_CALLERS, 2.0)
_STREAMS = Work(PACED, ALL_CALLERS, 3.0, STREAM_S)
_IN_STEP = Work(PACED, ALL_CALLERS, 2.0)


@asynccontextmanager
async def paying_server(
    folder: Path, vendor: Server, *, core: int | None = None, engine: bool = False
) -> AsyncIterator[Server]:
    """Intone before the vendor, whose models are `vendor/…` and cost money.

    Its key has every limit, all of them too high to be met.
    """
    with intone_server(
        folder,
        core=core,
        environment={
            "INTONE_LOG_FORMAT": "json",
            # As the peer: it passes on what a vendor speaks, and nothing else.
            **({} if engine else {"INTONE_ENGINE": "false", "INTONE_WORKER": "false"}),
            "INTONE_PROVIDERS__VENDOR__TYPE": "openai",
            "INTONE_PROVIDERS__VENDOR__BASE_URL": f"{vendor.url}/v1",
            "INTONE_PROVIDERS__VENDOR__API_KEY": "not-checked",
            "INTONE_PROVIDERS__VENDOR__PRICES": json.dumps({"*": _USD_PER_MILLION}),
        },
    ) as server:
        database = open_database(f"sqlite:///{(folder / 'intone.db').absolute()}")
        await database.start()
        try:
            secret = await database.write(_pay)
        finally:
            await database.close()
        yield replace(server, key=secret)


def _pay(tx: Transaction) -> str:
    """Fill the wallet, and make a key with limits."""
    workspace = workspaces.find(tx, "default")
    ledger.grant(tx, workspace.id, "wallet", _WALLET, "bench")
    return keys.create(tx, workspace.id, "bench", limits=_LIMITS).secret


async def measure(folder: Path) -> list[Row]:
    """Each work directly and through Intone, by turns."""
    with apart() as cores, vendor_server(folder, core=cores.load) as vendor:
        async with paying_server(folder / "gateway", vendor, core=cores.gateway) as intone:
            one = await _by_turns(vendor, intone, _ONE)
            streams = await _by_turns(vendor, intone, _STREAMS)
            many = await _by_turns(vendor, intone, _MANY)
            in_step = await _IN_STEP.round(intone, "vendor/")
    answers = [heard for turns in (one, streams, many) for heard in turns.through]
    return [
        _added("first byte beyond the vendor's, one caller, median", one, asked=1.2),
        _added("the same, 64 streams of 20 chunks 10 ms apart, p50", streams, asked=8),
        Row(
            "gateway",
            "the same, p99 less the vendor's p50",
            typical(streams.through, "first_p99_ms") - typical(streams.direct, "first_ms"),
            "ms",
            at_most(25),
            f"vendor's own p99 {typical(streams.direct, 'first_p99_ms'):.1f} ms",
        ),
        Row(
            "gateway",
            "answers with other bytes than the vendor's",
            sum(heard.altered for heard in answers),
            "",
            at_most(0),
            f"of {sum(heard.answers for heard in answers):,}, by SHA-256; {cores.said}",
        ),
        Row(
            "gateway",
            "server CPU a request, 64 callers",
            typical(many.through, "server_cpu_us"),
            "µs",
            note=f"{typical(many.through, 'rate'):,.0f}/s; a stream of 20 chunks"
            f" {typical(streams.through, 'server_cpu_us'):,.0f} µs; load"
            f" {typical(many.through, 'own_share'):.0%} of a core",
        ),
        Row(
            "gateway",
            "first byte where all 64 streams begin in the same moment, p50",
            in_step.first_ms,
            "ms",
            note=f"p99 {in_step.first_p99_ms:.1f} ms",
        ),
    ]


@dataclass(frozen=True, slots=True)
class _Turns:
    """All rounds of one work."""

    direct: list[Heard]
    through: list[Heard]


async def _by_turns(vendor: Server, intone: Server, work: Work) -> _Turns:
    await replace(work, seconds=_WARM_S).round(intone, "vendor/")
    turns = _Turns([], [])
    for number in range(1, _ROUNDS + 1):
        turns.direct.append(await work.round(vendor))
        turns.through.append(await work.round(intone, "vendor/"))
        direct, through = turns.direct[-1], turns.through[-1]
        tell(
            f"gateway: {work.model}, {work.callers} callers, round {number} of {_ROUNDS}:"
            f" {through.rate:,.0f}/s, first byte {through.first_ms:.2f} ms,"
            f" p99 {through.first_p99_ms:.2f}; direct {direct.rate:,.0f}/s,"
            f" {direct.first_ms:.2f} ms, p99 {direct.first_p99_ms:.2f}"
        )
    return turns


def _added(what: str, turns: _Turns, *, asked: float) -> Row:
    direct, through = typical(turns.direct, "first_ms"), typical(turns.through, "first_ms")
    return Row(
        "gateway",
        what,
        through - direct,
        "ms",
        at_most(asked),
        f"{through:.2f} ms - {direct:.2f} ms; CPU"
        f" {typical(turns.through, 'server_cpu_us'):,.0f} µs a request",
    )
