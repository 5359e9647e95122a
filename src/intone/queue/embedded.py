"""The embedded queue: one table in the database the work belongs to.

An entry is ready, delayed or running. The last two carry the time at which they
turn ready again: the end of the delay, or of the lease. They live in an index of
their own, so that a claim reads only what it takes, however much waits.

Processes on one file find each other's work by looking for it four times a second,
which is a read and writes nothing; within a process a commit wakes the sleepers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING

from intone.errors import LeaseLostError
from intone.queue.base import Claim
from intone.queue.dead_letters import keep_dead_letter, prune_dead_letters, with_dead_letters
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.queue.base import QueueDepth
    from intone.storage.database import Database, Transaction

__all__ = ["EmbeddedQueue"]

#: Seconds between two looks for what other processes have written.
_POLL_S = 0.25

_ENQUEUE = """
INSERT INTO queue_entries (kind, subject, priority, state, due_at, attempt, created_at)
VALUES (:kind, :subject, :priority, :state, :due_at, 0, :now)
ON CONFLICT (kind, subject) DO NOTHING
"""

# A minimum per kind, not one over all of them: each is a single step down an index.
_NEXT_DUE = """
SELECT min(CASE
    WHEN EXISTS (SELECT 1 FROM queue_entries WHERE state = 'ready' AND kind = wanted.value) THEN 0
    ELSE (SELECT min(due_at) FROM queue_entries WHERE state <> 'ready' AND kind = wanted.value)
END) AS due_at
FROM json_each(:kinds) AS wanted
"""

# The token stays: a holder that is late, but that nobody has replaced, may still end its work.
# In portions, so that a backlog that falls due at once does not hold up the other writers.
_PROMOTE = """
UPDATE queue_entries SET state = 'ready' WHERE id IN (
    SELECT id FROM queue_entries
    WHERE state <> 'ready' AND due_at <= :now
        AND kind IN (SELECT value FROM json_each(:kinds))
    LIMIT 1000
)
"""

# The best of each kind, then the best of those: an index walk that stops after `limit` rows.
_TAKE = """
UPDATE queue_entries
SET state = 'running', token = :token, attempt = attempt + 1, due_at = :lease_ends
WHERE id IN (
    SELECT entry.id
    FROM json_each(:kinds) AS wanted CROSS JOIN queue_entries AS entry
    WHERE entry.id IN (
        SELECT id FROM queue_entries
        WHERE state = 'ready' AND kind = wanted.value
        ORDER BY priority DESC, id LIMIT :limit
    )
    ORDER BY entry.priority DESC, entry.id LIMIT :limit
)
RETURNING id, kind, subject, priority, attempt
"""

_EXTEND = """
UPDATE queue_entries SET state = 'running', due_at = :lease_ends WHERE id = :id AND token = :token
"""

_COMPLETE = "DELETE FROM queue_entries WHERE id = :id AND token = :token"

_RETRY = """
UPDATE queue_entries SET state = :state, due_at = :due_at, token = NULL
WHERE id = :id AND token = :token
"""

_CANCEL = "DELETE FROM queue_entries WHERE kind = :kind AND subject = :subject"

_DEPTH = """
SELECT kind,
    sum(state = 'ready' OR (state = 'delayed' AND due_at <= :now)) AS ready,
    sum(state = 'delayed' AND due_at > :now) AS delayed,
    sum(state = 'running') AS running
FROM queue_entries GROUP BY kind
"""


class EmbeddedQueue:
    """Durable work in the table `queue_entries` of an SQLite database.

    Args:
        database: Where the entries live; started and closed by its owner.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        #: What wakes those who sleep in this process; None while nobody does.
        self._signal: asyncio.Event | None = None
        #: Kinds of which this process knows, without looking, that there is work.
        self._ready: set[str] = set()

    def enqueue(
        self, tx: Transaction, kind: str, subject: str, *, priority: int = 0, delay_ms: int = 0
    ) -> None:
        """See `Queue.enqueue`."""
        now = now_ms()
        if tx.execute(
            _ENQUEUE,
            kind=kind,
            subject=subject,
            priority=priority,
            state=_state(delay_ms),
            due_at=now + delay_ms,
            now=now,
        ):
            tx.after_commit(partial(self._wake, kind, delay_ms))

    async def claim(self, kinds: Sequence[str], *, limit: int, lease_ms: int) -> list[Claim]:
        """See `Queue.claim`."""
        wanted = json.dumps(list(kinds))
        if self._ready.isdisjoint(kinds):
            # Looking first keeps an idle server from writing, and so from waking its disk.
            due_at = await self._database.read(_next_due, wanted)
            if due_at is None or due_at > now_ms():
                return []
        self._ready.difference_update(kinds)
        # The power that is lost takes the worker as well, and the lease may go with it.
        return await self._database.reserve(_take, wanted, limit, lease_ms)

    async def extend(self, claims: Sequence[Claim], *, lease_ms: int) -> list[Claim]:
        """See `Queue.extend`."""
        return await self._database.write(_extend, claims, lease_ms) if claims else []

    def complete(self, tx: Transaction, claim: Claim) -> None:
        """See `Queue.complete`."""
        if not tx.execute(_COMPLETE, id=claim.entry_id, token=claim.token):
            raise LeaseLostError

    def retry(self, tx: Transaction, claim: Claim, *, delay_ms: int) -> None:
        """See `Queue.retry`."""
        if not tx.execute(
            _RETRY,
            id=claim.entry_id,
            token=claim.token,
            state=_state(delay_ms),
            due_at=now_ms() + delay_ms,
        ):
            raise LeaseLostError
        tx.after_commit(partial(self._wake, claim.kind, delay_ms))

    def bury(self, tx: Transaction, claim: Claim, reason: str) -> None:
        """See `Queue.bury`."""
        self.complete(tx, claim)
        keep_dead_letter(tx, claim, reason)

    def cancel(self, tx: Transaction, kind: str, subject: str) -> bool:
        """See `Queue.cancel`."""
        return tx.execute(_CANCEL, kind=kind, subject=subject) > 0

    async def wait(self, kinds: Sequence[str], timeout_s: float) -> bool:
        """See `Queue.wait`."""
        wanted = json.dumps(list(kinds))
        deadline = time.monotonic() + timeout_s
        while self._ready.isdisjoint(kinds):
            # Taken before looking, so that no commit falls in between.
            signal = self._signal = self._signal or asyncio.Event()
            due_at = await self._database.read(_next_due, wanted)
            due_in_s = _POLL_S if due_at is None else (due_at - now_ms()) / 1000
            if due_in_s <= 0:
                self._ready.update(kinds)  # a claim need not look again
                break
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, due_in_s, _POLL_S)):
                    await signal.wait()
        return True

    async def depth(self) -> list[QueueDepth]:
        """See `Queue.depth`."""
        return await self._database.read(_depth)

    async def prune(self, *, older_than_ms: int) -> None:
        """See `Queue.prune`."""
        await self._database.write(prune_dead_letters, older_than_ms)

    async def start(self) -> None:
        """Nothing to begin: the table comes with the database's schema."""

    async def close(self) -> None:
        """Nothing to stop: the queue has no task and no connection of its own."""

    def _wake(self, kind: str, delay_ms: int) -> None:
        if delay_ms <= 0:
            self._ready.add(kind)
        # A new event each time: who sleeps on the old one wakes, who looks from now on sees the
        # work, and nobody has to be the one who resets it.
        if self._signal is not None:
            self._signal.set()
            self._signal = None


def _state(delay_ms: int) -> str:
    return "delayed" if delay_ms > 0 else "ready"


def _next_due(tx: Transaction, wanted: str) -> int | None:
    """When something of these kinds can next be claimed: 0 is now, None not as things stand."""
    row = tx.one(_NEXT_DUE, kinds=wanted)
    return None if row is None else row["due_at"]


def _take(tx: Transaction, wanted: str, limit: int, lease_ms: int) -> list[Claim]:
    now = now_ms()
    token = secrets.token_hex(16)
    tx.execute(_PROMOTE, kinds=wanted, now=now)
    rows = tx.all(_TAKE, kinds=wanted, limit=limit, token=token, lease_ends=now + lease_ms)
    rows.sort(key=lambda row: (-row["priority"], row["id"]))  # RETURNING promises no order
    return [
        Claim(
            entry_id=row["id"],
            kind=row["kind"],
            subject=row["subject"],
            token=token,
            attempt=row["attempt"],
        )
        for row in rows
    ]


def _extend(tx: Transaction, claims: Sequence[Claim], lease_ms: int) -> list[Claim]:
    lease_ends = now_ms() + lease_ms
    return [
        claim
        for claim in claims
        if tx.execute(_EXTEND, id=claim.entry_id, token=claim.token, lease_ends=lease_ends)
    ]


def _depth(tx: Transaction) -> list[QueueDepth]:
    return with_dead_letters(tx, tx.all(_DEPTH, now=now_ms()))
