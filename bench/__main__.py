"""`python -m bench`: measure what Intone promises about speed and memory.

Exit code 1 when a figure misses what is asked.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from bench import (
    create,
    create_200k,
    edit,
    gateway,
    html,
    litellm,
    local_speech,
    long_job,
    many_streams,
    matching,
    memory,
    one_sentence,
    player,
    start,
    webhooks,
)
from bench.report import machine, show, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from bench.report import Row

_SCENARIOS: dict[str, Callable[[Path], Coroutine[Any, Any, list[Row]]]] = {
    "create": create.measure,
    "create_200k": create_200k.measure,
    "one_sentence": one_sentence.measure,
    "long_job": long_job.measure,
    "edit": edit.measure,
    "gateway": gateway.measure,
    "litellm": litellm.measure,
    "local_speech": local_speech.measure,
    "many_streams": many_streams.measure,
    "html": html.measure,
    "player": player.measure,
    "matching": matching.measure,
    "start": start.measure,
    "memory": memory.measure,
    "webhooks": webhooks.measure,
}


def main() -> int:
    """Run the scenarios, one after another, and print their rows."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=_SCENARIOS,
        metavar="NAME",
        help=f"run this scenario; may be repeated: {', '.join(_SCENARIOS)}",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for machines")
    arguments = parser.parse_args()
    # Here and not in the system's folder for temporary files, which may lie in memory, where
    # nothing is ever durable.
    folder = Path(tempfile.mkdtemp(prefix="bench-data-", dir=Path.cwd()))
    (folder / ".gitignore").write_text("*\n")
    began = time.monotonic()
    try:
        where = machine(folder)
        rows = _run(arguments.only or list(_SCENARIOS), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tell(f"done in {time.monotonic() - began:.0f} s")
    show(rows, where, as_json=arguments.json)
    return 1 if any(row.verdict == "MISSED" for row in rows) else 0


def _run(names: list[str], folder: Path) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        tell(name)
        rows += uvloop.run(_SCENARIOS[name](folder))
    return rows


if __name__ == "__main__":
    sys.exit(main())
