"""A real server that speaks with vendors on loopback, and what its books say."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from helpers.server import IntoneServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Every model of every vendor here costs a micro-dollar a character.
PRICE_USD = 1.0
#: Deadlines of all vendors here, in seconds.
DEADLINES = {"connect_s": 0.5, "first_byte_s": 1.0, "stall_s": 1.0, "total_s": 3.0}


class SpeechServer(IntoneServer):
    """A server with vendors.

    Args:
        folder: For its data.
        vendors: By name, a vendor's base URL, or all that is said of it.
        more: Further tables of `intone.toml`.
        env: Further settings.
    """

    def __init__(
        self,
        folder: Path,
        vendors: Mapping[str, str | Mapping[str, Any]],
        more: Mapping[str, Any] | None = None,
        **env: str,
    ) -> None:
        super().__init__(folder / "data", INTONE_ENGINE_PROCESSES="1", **env)
        self.data_dir.mkdir(parents=True)
        usual = {"type": "openai", "prices": {"*": PRICE_USD}, "timeouts": DEADLINES}
        providers = {
            name: usual | ({"base_url": said} if isinstance(said, str) else dict(said))
            for name, said in vendors.items()
        }
        tables = {"providers": providers, **(more or {})}
        lines = [f"{name} = {_toml(table)}\n" for name, table in tables.items()]
        (self.data_dir / "intone.toml").write_text("".join(lines))

    def grant(self, usd: str = "1") -> None:
        """Put money into the wallet."""
        done = self.cli("workspaces", "grant", "default", "--wallet-usd", usd)
        assert done.returncode == 0, done.stderr

    def new_key(self, name: str = "k", **fields: Any) -> str:
        """Another key, with the limits that the API knows."""
        with self.client() as client:
            made = client.post("/v1/keys", json={"name": name, **fields})
            assert made.status_code == 201, made.text
            return made.json()["keyValue"]

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database says."""
        with sqlite3.connect(f"file:{self.data_dir}/intone.db?mode=ro", uri=True) as db:
            return db.execute(sql, values).fetchall()

    def wallet(self) -> tuple[int, int, int]:
        """What was granted, is spent and is held, in micro-dollars."""
        return self.rows("SELECT granted, spent, held FROM balances WHERE meter = 'wallet'")[0]

    def wait_until_settled(self) -> None:
        """Wait until no stream holds money any more; fail where one keeps it."""
        deadline = time.monotonic() + 10
        while self.rows("SELECT 1 FROM holds WHERE state = 'open'"):
            assert time.monotonic() < deadline, "a hold was left behind"
            time.sleep(0.02)

    def calls(self, provider: str) -> list[tuple[str, str | None, int, int]]:
        """Status, error code, characters and cost of a vendor's calls, oldest first."""
        return self.rows(
            "SELECT status, error_code, characters, cost FROM calls WHERE provider = ?"
            " ORDER BY number",
            provider,
        )


def body(model: str = "vendor/m", text: str = "Good morning to you all.", **fields: Any) -> dict:
    """A request's body."""
    return {"model": model, "input": text, "voice": "alloy", **fields}


def _toml(value: Any) -> str:
    """Tables inline; all else is written as in JSON."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)
