"""The LiteLLM proxy on the same work, for comparison.

It is no dependency: it is installed from its registry into an environment of its own, below the
one that this runs in, from the versions in `litellm-requirements.txt`. Where that cannot be done
the rows are skipped and say why. It runs with a master key and without a database, so it checks
one key and keeps no accounts, while Intone does both.
"""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cores import apart
from bench.gateway import ALL_CALLERS, ONCE, PACED, STREAM_S, Work, paying_server
from bench.listeners import typical
from bench.peers import MissingError, installed
from bench.report import Row, at_least, at_most, tell
from bench.servers import free_port, running
from bench.vendor import vendor_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.listeners import Heard
    from bench.servers import Server

__all__ = ["measure"]

_REQUIREMENTS = Path(__file__).with_name("litellm-requirements.txt")

_ROUNDS = 5
_ONE = Work(ONCE, 1, 2.0)
_MANY = Work(ONCE, ALL_CALLERS, 4.0)
_STREAMS = Work(PACED, ALL_CALLERS, 3.0, STREAM_S)
_WARM = Work(ONCE, 8, 2.0)


@dataclass(slots=True)
class _Gateway:
    """One of the two, and what it gave."""

    server: Server
    #: Leads to the vendor's models.
    prefix: str
    idle_mb: float = 0.0
    #: The most at the end of a round.
    busy_mb: float = 0.0
    heard: dict[Work, list[Heard]] = field(default_factory=dict)

    async def round(self, work: Work) -> None:
        """One round of a work."""
        heard = await work.round(self.server, self.prefix)
        self.heard.setdefault(work, []).append(heard)
        self.busy_mb = max(self.busy_mb, self.server.memory_mb())

    def typical(self, work: Work, figure: str) -> float:
        """The median of its rounds."""
        return typical(self.heard[work], figure)

    def said(self, work: Work) -> str:
        """For a note."""
        return (
            f"{self.typical(work, 'rate'):,.0f}/s"
            f" (CPU {self.typical(work, 'server_cpu_us'):,.0f} µs)"
        )


async def measure(folder: Path) -> list[Row]:
    """Both gateways before one vendor, on one core, by turns."""
    try:
        command = installed("litellm", _REQUIREMENTS) / "litellm"
    except MissingError as error:
        tell(f"litellm: skipped: {error}")
        return [Row("litellm", "beside the LiteLLM proxy", None, "", note=str(error))]
    with (
        apart() as cores,
        vendor_server(folder, core=cores.load) as vendor,
        _proxy(folder, command, vendor, cores.gateway) as peer,
    ):
        async with paying_server(folder / "beside", vendor, core=cores.gateway) as intone:
            ours, theirs = _Gateway(intone, "vendor/"), _Gateway(peer, "")
            for gateway in (ours, theirs):
                gateway.idle_mb = gateway.server.memory_mb()
                await _WARM.round(gateway.server, gateway.prefix)
            for work in (_MANY, _ONE, _STREAMS):
                await _by_turns(ours, theirs, work)
    return _rows(ours, theirs, cores.said)


async def _by_turns(ours: _Gateway, theirs: _Gateway, work: Work) -> None:
    for number in range(1, _ROUNDS + 1):
        await theirs.round(work)
        await ours.round(work)
        tell(
            f"litellm: {work.model}, {work.callers} callers, round {number} of {_ROUNDS}:"
            f" Intone {ours.heard[work][-1].rate:,.0f}/s,"
            f" LiteLLM {theirs.heard[work][-1].rate:,.0f}/s"
        )


def _rows(ours: _Gateway, theirs: _Gateway, pinned: str) -> list[Row]:
    return [
        Row(
            "litellm",
            "requests/s by those of the LiteLLM proxy, 64 callers",
            ours.typical(_MANY, "rate") / theirs.typical(_MANY, "rate"),
            "×",
            at_least(12),
            f"{ours.said(_MANY)} / {theirs.said(_MANY)}; {pinned}",
        ),
        Row(
            "litellm",
            "the same in CPU time a request",
            theirs.typical(_MANY, "server_cpu_us") / ours.typical(_MANY, "server_cpu_us"),
            "×",
        ),
        Row(
            "litellm",
            "memory under load by its",
            ours.busy_mb / theirs.busy_mb if theirs.busy_mb else None,  # only Linux tells
            "×",
            at_most(1 / 3),
            f"{ours.busy_mb:.0f} MB / {theirs.busy_mb:.0f} MB, engine process included;"
            f" idle {ours.idle_mb:.0f} / {theirs.idle_mb:.0f} MB",
        ),
        _first_byte("first byte by its, one caller", ours, theirs, _ONE),
        _first_byte("the same, 64 streams of 20 chunks 10 ms apart", ours, theirs, _STREAMS),
    ]


def _first_byte(what: str, ours: _Gateway, theirs: _Gateway, work: Work) -> Row:
    mine, its = ours.typical(work, "first_ms"), theirs.typical(work, "first_ms")
    return Row("litellm", what, mine / its, "×", note=f"{mine:.2f} ms / {its:.2f} ms")


@contextmanager
def _proxy(folder: Path, command: Path, vendor: Server, core: int | None) -> Iterator[Server]:
    """The proxy with one worker and the vendor's two models."""
    config, key, port = folder / "litellm.yaml", f"sk-{secrets.token_urlsafe(32)}", free_port()
    models = [
        {
            "model_name": model,
            "litellm_params": {
                "model": f"openai/{model}",
                "api_base": f"{vendor.url}/v1",
                "api_key": "not-checked",
            },
        }
        for model in (ONCE, PACED)
    ]
    # JSON is YAML.
    config.write_text(
        json.dumps({"model_list": models, "general_settings": {"master_key": key}}, indent=1)
    )
    with running(
        [
            str(command),
            *("--config", str(config)),
            *("--host", "127.0.0.1", "--port", str(port)),
            *("--num_workers", "1", "--telemetry", "False"),
        ],
        port,
        log=folder / "litellm.log",
        # Its prices, which it would else fetch at its start, come with it.
        environment={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        core=core,
        ready="/health/liveliness",
    ) as server:
        yield replace(server, key=key)
