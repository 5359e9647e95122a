"""The queue's port: durable work, claimed under a lease, ended exactly once.

Two adapters implement it, `embedded` (a table in SQLite) and `postgres`
(PgQueuer); one conformance suite in `tests/queue` runs on both. Entries are
written and ended inside the caller's transaction, so work exists exactly when the
rows it belongs to exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.storage.database import Transaction

__all__ = ["Claim", "Queue", "QueueDepth"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One entry, held by one worker until its lease runs out."""

    #: The adapter's own id of the entry.
    entry_id: int
    #: What kind of work, e.g. `render`.
    kind: str
    #: Which piece of work, e.g. a job's id.
    subject: str
    #: Changes with every claim; an ending write that names an old one changes nothing (fencing).
    token: str
    #: How many times the entry has been claimed, this one included.
    attempt: int


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How much work of one kind there is."""

    kind: str
    ready: int
    delayed: int
    running: int
    dead: int


class Queue(Protocol):
    """Durable work. Functions that take a `Transaction` belong inside the caller's unit of work."""

    def enqueue(
        self, tx: Transaction, kind: str, subject: str, *, priority: int = 0, delay_ms: int = 0
    ) -> None:
        """Add work that may be claimed once the transaction commits and the delay has passed.

        Args:
            tx: The transaction the work belongs to.
            kind: What kind of work.
            subject: Which piece of work; at most one live entry exists for a kind and subject,
                a second enqueue changes nothing.
            priority: Higher is claimed first; entries of one priority are claimed in order.
            delay_ms: Milliseconds before it may be claimed.
        """

    async def claim(self, kinds: Sequence[str], *, limit: int, lease_ms: int) -> list[Claim]:
        """Take the best entries whose time has come, or whose lease has run out.

        Args:
            kinds: What kinds of work to take.
            limit: How many entries to take at most, 1 or more.
            lease_ms: Milliseconds for which they are held. Every worker uses one figure for a
                kind: PostgreSQL judges another's lease by it.

        Returns:
            What was taken, best first; empty when there is nothing to do.
        """

    async def extend(self, claims: Sequence[Claim], *, lease_ms: int) -> list[Claim]:
        """Renew leases, `lease_ms` from now as in `claim`.

        Returns:
            Those that are still held; the rest were lost or cancelled.
        """

    def complete(self, tx: Transaction, claim: Claim) -> None:
        """End the entry with success.

        Raises:
            LeaseLostError: The claim is not held any more; the caller's transaction must not
                commit.
        """

    def retry(self, tx: Transaction, claim: Claim, *, delay_ms: int) -> None:
        """Give the entry back, to be claimed again after a delay.

        Raises:
            LeaseLostError: As `complete`.
        """

    def bury(self, tx: Transaction, claim: Claim, reason: str) -> None:
        """Move the entry to the dead letters, where an operator finds it.

        Raises:
            LeaseLostError: As `complete`.
        """

    def cancel(self, tx: Transaction, kind: str, subject: str) -> bool:
        """Remove the live entry of a piece of work; whoever holds it loses its lease."""

    async def wait(self, kinds: Sequence[str], timeout_s: float) -> bool:
        """Sleep until there is work of these kinds to claim; at once if there is some already.

        A lease that runs out may go unnoticed until the next claim, so the timeout bounds how
        long a dead worker's entries stay where they are.

        Args:
            kinds: What kinds of work to wait for.
            timeout_s: Seconds after which to give up.

        Returns:
            Whether there was something to claim, which another worker may take first; False when
            the time passed and nothing came.
        """

    async def depth(self) -> list[QueueDepth]:
        """How much work there is, a row a kind."""

    async def prune(self, *, older_than_ms: int) -> None:
        """Drop dead letters and the adapter's history of what ended longer ago than that."""

    async def start(self) -> None:
        """Make the queue ready for use and begin listening for new work."""

    async def close(self) -> None:
        """Stop listening; safe to call twice."""
