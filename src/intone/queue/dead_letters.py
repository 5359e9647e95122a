"""What no worker could finish, kept where an operator finds it; the same for every adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.queue.base import QueueDepth
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from intone.queue.base import Claim
    from intone.storage.database import Row, Transaction

__all__ = ["keep_dead_letter", "prune_dead_letters", "with_dead_letters"]

_INSERT = """
INSERT INTO dead_letters (kind, subject, attempts, reason, created_at)
VALUES (:kind, :subject, :attempts, :reason, :now)
"""

_PRUNE = "DELETE FROM dead_letters WHERE created_at < :before"

_COUNT = "SELECT kind, count(*) AS entries FROM dead_letters GROUP BY kind"


def keep_dead_letter(tx: Transaction, claim: Claim, reason: str) -> None:
    """Write down an entry that is given up, and why."""
    tx.execute(
        _INSERT,
        kind=claim.kind,
        subject=claim.subject,
        attempts=claim.attempt,
        reason=reason,
        now=now_ms(),
    )


def prune_dead_letters(tx: Transaction, older_than_ms: int) -> None:
    """Drop the letters that are older than that."""
    tx.execute(_PRUNE, before=now_ms() - older_than_ms)


def with_dead_letters(tx: Transaction, live: Iterable[Row]) -> list[QueueDepth]:
    """Complete an adapter's counts (`kind`, `ready`, `delayed`, `running`), sorted by kind."""
    dead = {row["kind"]: row["entries"] for row in tx.all(_COUNT)}
    counts = dict.fromkeys(dead, (0, 0, 0))
    counts |= {row["kind"]: (row["ready"], row["delayed"], row["running"]) for row in live}
    return [QueueDepth(kind, *counts[kind], dead=dead.get(kind, 0)) for kind in sorted(counts)]
