"""Create latency where 200,000 finished jobs lie in the table, against an empty one."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from bench.load import create_request, drive
from bench.report import Row, at_most, tell
from bench.servers import intone_server
from intone.storage.database import now_ms
from intone.storage.open import open_database

if TYPE_CHECKING:
    from pathlib import Path

    from intone.storage.database import Transaction

__all__ = ["measure"]

_JOBS = 200_000
_ROUNDS = 7
_ROUND_S, _WARM_S = 1.0, 1.0
_DAY_MS = 86_400_000

# Uuids as random as real ones, or the indexes would be friendlier than they are.
_UUID = """lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' ||
  substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' ||
  hex(randomblob(6)))"""
_FILL = (
    f"""
CREATE TEMP TABLE past AS
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {_JOBS})
SELECT n, {_UUID} AS job, {_UUID} AS hold, {_UUID} AS key, :now - {_JOBS} + n AS at,
  (SELECT id FROM workspaces) AS workspace
FROM counted
""",
    """
INSERT INTO holds (id, workspace_id, meter, amount, state, settled, created_at, ended_at)
SELECT hold, workspace, 'characters', 13, 'settled', 13, at, at FROM past
""",
    """
INSERT INTO jobs (id, workspace_id, dialect, state, spec, tag, hold_id, progress, attempts,
  created_at, started_at, ended_at, expires_at)
SELECT job, workspace, 'voice_jobs', 'ready',
  '{"text":"Hello, world.","voice":"voice_en_us_001","language":"en-US","retention_hours":24}',
  'msg-001', hold, 100, 1, at, at, at, at + :day
FROM past
""",
    """
INSERT INTO recordings (job_id, blob, format, sample_rate, channels, bytes, duration_ms,
  loudness_mlufs, created_at)
SELECT job, 'recordings/' || job, 'pcm', 24000, 1, 48000, 1000, -19000, at
FROM past
""",
    """
INSERT INTO idempotency_keys
  (workspace_id, scope, key, fingerprint, status, headers, body, expires_at)
SELECT workspace, 'voice_jobs/v1', key, randomblob(32), 201,
  '{"X-Quota-Limit":"1000000000000","X-Quota-Remaining":"999999999987"}',
  CAST('{"job_id":"' || job || '"}' AS BLOB), at + :day
FROM past
""",
    "DROP TABLE past",
    # What a server that has grown to this size by itself knows about its tables.
    "ANALYZE",
)


async def measure(folder: Path) -> list[Row]:
    """Both servers side by side, in rounds by turns; the ratio of the median p50s."""
    full, empty = folder / "full", folder / "empty"
    with intone_server(full, "--no-worker"):
        pass  # it has made the tables and the workspace
    began = time.monotonic()
    await _fill(full)
    tell(f"create_200k: {_JOBS:,} finished jobs written in {time.monotonic() - began:.0f} s")
    with (
        intone_server(full, "--no-worker", log_level="error") as filled,
        intone_server(empty, "--no-worker", log_level="error") as fresh,
    ):
        p50s: dict[int, list[float]] = {filled.port: [], fresh.port: []}
        for server in (filled, fresh):
            await drive(server, create_request(server), seconds=_WARM_S)
        for _ in range(_ROUNDS):
            for server in (fresh, filled):
                load = await drive(server, create_request(server), seconds=_ROUND_S)
                p50s[server.port].append(load.p50_ms)
    with_jobs, without = (statistics.median(p50s[s.port]) for s in (filled, fresh))
    return [
        Row(
            "create_200k",
            "p50 of create with 200,000 finished jobs by that with none, 32 callers",
            with_jobs / without,
            "×",
            at_most(1.3),
            f"{with_jobs:.1f} ms / {without:.1f} ms",
        )
    ]


async def _fill(data_dir: Path) -> None:
    database = open_database(f"sqlite:///{(data_dir / 'intone.db').absolute()}")
    await database.start()
    try:
        await database.write(_write_jobs)
    finally:
        await database.close()


def _write_jobs(tx: Transaction) -> None:
    parameters = {"now": now_ms(), "day": _DAY_MS}
    for statement in _FILL:
        used = {name: value for name, value in parameters.items() if f":{name}" in statement}
        tx.execute(statement, **used)
