"""Schemathesis against a running server, from the server's own document."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx

#: DELETE cancels a job and does not remove it, so that its end can still be looked up.
_NOT_OURS = "use_after_free"
_CONFIG = Path(__file__).with_name("fuzz.toml")


def fuzz(server, folder: Path, *options: str, limit_s: float) -> None:
    """Run every check on generated requests; what fails is shown as commands that repeat it."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "SCHEMATHESIS_HOOKS": "helpers.fuzz_hooks",
    }
    command = [
        Path(sys.executable).parent / "schemathesis", "--config-file", _CONFIG, "run", f"{server.url}/openapi.json",
        "--header", f"Authorization: Bearer {server.key}", "--exclude-checks", _NOT_OURS,
        "--continue-on-failure", "--no-color", "--suppress-health-check", "all", *options,
    ]  # fmt: skip
    folder.mkdir(exist_ok=True)
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=limit_s,
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-20_000:] + result.stderr


def assert_unharmed(server) -> None:
    """Every job has ended, every hold as its job has, nothing hangs, and nothing has crashed."""
    with sqlite3.connect(f"file:{server.data_dir}/intone.db?mode=ro", uri=True) as db:
        deadline = time.monotonic() + 60
        # Of jobs: events for addresses that nobody has are tried again for days.
        waiting = "SELECT count(*) FROM queue_entries WHERE kind = 'render'"
        while db.execute(waiting).fetchone()[0]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        # One look at one moment; jobs that were deleted may be gone, their holds are not.
        db.execute("BEGIN")
        ends = set(
            db.execute("SELECT j.state, h.state FROM jobs j JOIN holds h ON h.id = j.hold_id")
        )
        meters = db.execute("SELECT meter, spent, held FROM balances").fetchall()
        settled = dict(
            db.execute("SELECT meter, sum(settled) FROM holds WHERE state <> 'open' GROUP BY meter")
        )
        still_open = db.execute("SELECT count(*) FROM holds WHERE state = 'open'").fetchone()[0]
    assert ends <= {("ready", "settled"), ("cancelled", "released")}, ends
    assert ("ready", "settled") in ends
    assert still_open == 0
    for meter, spent, held in meters:
        assert (spent, held) == (settled.get(meter, 0), 0), meter
    assert in_flight(server) == 1  # the question itself
    assert errors_of(server) == []


def in_flight(server) -> int:
    """How many requests the server says it is answering, this one included."""
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    return int(
        float(next(x for x in lines if x.startswith("intone_http_requests_in_flight ")).split()[1])
    )


def errors_of(server) -> list[str]:
    """The lines of the server's log that an operator would be woken by."""
    found = []
    for line in server.log.read_text().splitlines():
        try:
            if json.loads(line)["level"] in {"error", "critical"}:
                found.append(line)
        except (ValueError, KeyError):
            if line.startswith(("ERROR", "CRITICAL", "Traceback", "Exception", "Task ")):
                found.append(line)
    return found
