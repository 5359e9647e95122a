"""The queue on PostgreSQL: PgQueuer's tables, statements and notifications.

PgQueuer keeps a hot table of live entries, a log of what happened to them, and
tells listeners of inserts; its own dashboard and statistics work on ours. Its worker
loop is not used: entries are claimed and ended with its statements inside the
transactions of the rows they belong to, and fenced, which PgQueuer alone does not do.

One entry is one PgQueuer job: the kind is its entrypoint, the subject its payload.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from pgqueuer.adapters.drivers.psycopg import SyncPsycopgDriver
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pgqueuer.models import TableChangedEvent, TracebackRecord
from pgqueuer.queries import Queries, SyncQueries
from pgqueuer.types import JobId, QueueEntrypoint, QueueManagerId
from psycopg import sql
from psycopg.rows import dict_row

from intone.errors import LeaseLostError, UnavailableError
from intone.queue.base import Claim
from intone.queue.dead_letters import keep_dead_letter, prune_dead_letters, with_dead_letters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.queue.base import QueueDepth
    from intone.storage.database import Transaction
    from intone.storage.postgres import PostgresDatabase

__all__ = ["PostgresQueue"]

#: Seconds between two tries to get the listening connection back.
_RECONNECT_S = 1.0

# A pick is named by its worker and its time, as one worker may pick an entry more than once.
_LOCK_HELD = """
SELECT id FROM {queue}
WHERE id = $1 AND status = 'picked' AND queue_manager_id = $2 AND updated = $3
FOR UPDATE
"""

_EXTEND = """
UPDATE {queue} SET heartbeat = now()
WHERE id = $1 AND status = 'picked' AND queue_manager_id = $2 AND updated = $3
RETURNING id
"""

_LOCK_LIVE = """
SELECT id FROM {queue} WHERE dedupe_key = $1 AND status IN ('queued', 'picked') FOR UPDATE
"""

# PgQueuer's own `attempts` counts what was given back, not what was lost with its worker.
_ATTEMPTS = """
SELECT job_id, count(*) AS attempts FROM {log}
WHERE job_id = ANY($1::bigint[]) AND status = 'picked' GROUP BY job_id
"""

# A minimum per kind, not one over all of them: each is a single step down an index.
_NEXT_DUE = """
SELECT CAST(min(EXTRACT(EPOCH FROM soonest.execute_after - now())) AS float8) AS seconds
FROM unnest($1::text[]) AS wanted (kind) CROSS JOIN LATERAL (
    SELECT execute_after FROM {queue}
    WHERE entrypoint = wanted.kind AND status = 'queued'
    ORDER BY execute_after LIMIT 1
) AS soonest
"""

_DEPTH = """
SELECT entrypoint AS kind,
    count(*) FILTER (WHERE status = 'queued' AND execute_after <= now()) AS ready,
    count(*) FILTER (WHERE status = 'queued' AND execute_after > now()) AS delayed,
    count(*) FILTER (WHERE status = 'picked') AS running
FROM {queue} GROUP BY entrypoint
"""

# A live entry keeps its history: its attempts are counted from it.
_PRUNE_LOG = """
DELETE FROM {log} WHERE aggregated AND created < now() - $1::interval
    AND NOT EXISTS (SELECT 1 FROM {queue} WHERE {queue}.id = {log}.job_id)
"""

_PRUNE_STATISTICS = "DELETE FROM {statistics} WHERE created < now() - $1::interval"


class PostgresQueue:
    """Durable work in PgQueuer's tables.

    Args:
        database: Where the entries live; started and closed by its owner.
    """

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._builder = QueryQueueBuilder()
        self._worker = QueueManagerId(uuid.uuid4())
        self._signal = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    def enqueue(
        self, tx: Transaction, kind: str, subject: str, *, priority: int = 0, delay_ms: int = 0
    ) -> None:
        """See `Queue.enqueue`."""
        SyncQueries(SyncPsycopgDriver(tx.connection), self._builder).enqueue(
            kind,
            subject.encode(),
            priority,
            timedelta(milliseconds=delay_ms),
            _dedupe_key(kind, subject),
            on_conflict="skip",
        )

    async def claim(self, kinds: Sequence[str], *, limit: int, lease_ms: int) -> list[Claim]:
        """See `Queue.claim`."""
        return await self._database.write(self._take, list(kinds), limit, lease_ms)

    async def extend(self, claims: Sequence[Claim], *, lease_ms: int) -> list[Claim]:
        """See `Queue.extend`; the new lease is as long as the next claimer says."""
        del lease_ms
        return await self._database.write(self._extend, claims) if claims else []

    def complete(self, tx: Transaction, claim: Claim) -> None:
        """See `Queue.complete`."""
        self._lock_held(tx, claim)
        self._end(tx, claim.entry_id, "successful")

    def retry(self, tx: Transaction, claim: Claim, *, delay_ms: int) -> None:
        """See `Queue.retry`."""
        self._lock_held(tx, claim)
        delay = timedelta(milliseconds=delay_ms)
        _run(tx, self._builder.build_retry_job_query(), claim.entry_id, delay, None)
        # PgQueuer's trigger tells of inserts and deletes only.
        channel = self._builder.settings.channel
        event = TableChangedEvent(
            type="table_changed_event",
            channel=channel,
            operation="update",
            table=self._builder.settings.queue_table,
            sent_at=datetime.now(UTC),
        )
        _run(tx, "SELECT pg_notify($1, $2)", channel, event.model_dump_json())

    def bury(self, tx: Transaction, claim: Claim, reason: str) -> None:
        """See `Queue.bury`."""
        self._lock_held(tx, claim)
        record = TracebackRecord(
            job_id=JobId(claim.entry_id),
            timestamp=datetime.now(UTC),
            exception_type="buried",
            exception_message=reason,
            traceback="",
            additional_context=None,
        )
        self._end(tx, claim.entry_id, "exception", record)
        keep_dead_letter(tx, claim, reason)

    def cancel(self, tx: Transaction, kind: str, subject: str) -> bool:
        """See `Queue.cancel`."""
        rows = _run(tx, self._spell(_LOCK_LIVE), _dedupe_key(kind, subject))
        for row in rows:
            self._end(tx, row["id"], "canceled")
        return bool(rows)

    async def wait(self, kinds: Sequence[str], timeout_s: float) -> bool:
        """See `Queue.wait`."""
        deadline = time.monotonic() + timeout_s
        while True:
            signal = self._signal  # taken before looking, so that no commit falls in between
            due_in_s = await self._database.read(self._next_due, list(kinds))
            if due_in_s is not None and due_in_s <= 0:
                return True
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            pause_s = left_s if due_in_s is None else min(left_s, due_in_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await signal.wait()

    async def depth(self) -> list[QueueDepth]:
        """See `Queue.depth`."""
        return await self._database.read(self._depth)

    async def prune(self, *, older_than_ms: int) -> None:
        """See `Queue.prune`; PgQueuer's statistics are brought up to date before."""
        await self._database.write(self._prune, older_than_ms)

    async def start(self) -> None:
        """Bring PgQueuer's tables up to date and begin listening.

        Raises:
            UnavailableError: The database cannot be reached, or does not let us make tables.
        """
        try:
            async with await self._connect() as connection:
                # Takes PgQueuer's lock, so that several processes may start at once.
                await Queries.from_psycopg_connection(connection).upgrade()
        except psycopg.Error as error:
            raise UnavailableError(f"PgQueuer's tables cannot be made: {error}") from error
        listening = asyncio.Event()
        self._listener = asyncio.create_task(self._listen(listening), name="queue-listener")
        await listening.wait()

    async def close(self) -> None:
        """Stop listening; safe to call twice."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])
            self._listener = None

    def _take(self, tx: Transaction, kinds: list[str], limit: int, lease_ms: int) -> list[Claim]:
        query = self._builder.build_dequeue_query(
            batch_size=limit,
            entrypoints=[QueueEntrypoint(kind) for kind in kinds],
            concurrency_limits=[0] * len(kinds),
            queue_manager_id=self._worker,
            global_concurrency_limit=None,
            heartbeat_timeout=timedelta(milliseconds=lease_ms),
        )
        picks = _run(tx, query.sql, *query.args)
        if not picks:
            return []
        counted = _run(tx, self._spell(_ATTEMPTS), [pick["id"] for pick in picks])
        attempts = {row["job_id"]: row["attempts"] for row in counted}
        return [
            Claim(
                entry_id=pick["id"],
                kind=pick["entrypoint"],
                subject=pick["payload"].decode(),
                token=f"{self._worker}@{pick['updated'].isoformat()}",
                attempt=attempts[pick["id"]],
            )
            for pick in picks
        ]

    def _extend(self, tx: Transaction, claims: Sequence[Claim]) -> list[Claim]:
        extend = self._spell(_EXTEND)
        return [claim for claim in claims if _run(tx, extend, *_held_by(claim))]

    def _lock_held(self, tx: Transaction, claim: Claim) -> None:
        if not _run(tx, self._spell(_LOCK_HELD), *_held_by(claim)):
            raise LeaseLostError

    def _end(
        self, tx: Transaction, entry_id: int, status: str, record: TracebackRecord | None = None
    ) -> None:
        """Take an entry that this transaction has locked out of the live table, into the log."""
        detail = None if record is None else record.model_dump_json()
        _run(tx, self._builder.build_log_job_query(), [entry_id], [status], [detail])

    def _next_due(self, tx: Transaction, kinds: list[str]) -> float | None:
        """Seconds until something can be claimed; None if nothing will be as things stand."""
        seconds: float | None = _run(tx, self._spell(_NEXT_DUE), kinds)[0]["seconds"]
        return seconds

    def _depth(self, tx: Transaction) -> list[QueueDepth]:
        return with_dead_letters(tx, _run(tx, self._spell(_DEPTH)))

    def _spell(self, statement: str) -> str:
        names = self._builder.qualified
        return statement.format(
            queue=names.queue_table, log=names.queue_table_log, statistics=names.statistics_table
        )

    def _prune(self, tx: Transaction, older_than_ms: int) -> None:
        prune_dead_letters(tx, older_than_ms)
        _run(tx, self._builder.build_aggregate_log_data_to_statistics_query(advisory_lock=True))
        age = timedelta(milliseconds=older_than_ms)
        _run(tx, self._spell(_PRUNE_LOG), age)
        _run(tx, self._spell(_PRUNE_STATISTICS), age)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        # A listener never sends, so only keepalives tell it that the other side has gone.
        return await psycopg.AsyncConnection.connect(
            self._database.url,
            autocommit=True,
            application_name="intone-queue",
            connect_timeout=5,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )

    async def _listen(self, listening: asyncio.Event) -> None:
        channel = sql.Identifier(self._builder.settings.channel)
        while True:
            with contextlib.suppress(psycopg.Error):
                async with await self._connect() as connection:
                    await connection.execute(sql.SQL("LISTEN {}").format(channel))
                    listening.set()
                    self._wake()  # nobody knows what was missed before
                    async for note in connection.notifies():
                        if '"delete"' not in note.payload:
                            self._wake()
            await asyncio.sleep(_RECONNECT_S)

    def _wake(self) -> None:
        # A new event each time: who sleeps on the old one wakes, who looks from now on sees the
        # work, and nobody has to be the one who resets it.
        self._signal.set()
        self._signal = asyncio.Event()


def _run(tx: Transaction, query: str, *args: object) -> list[dict[str, Any]]:
    """Run a statement with `$1` parameters, as PgQueuer writes them."""
    with psycopg.RawCursor(tx.connection, row_factory=dict_row) as cursor:
        cursor.execute(query, args or None)
        return cursor.fetchall() if cursor.description else []


def _dedupe_key(kind: str, subject: str) -> str:
    return f"{kind}:{subject}"


def _held_by(claim: Claim) -> tuple[int, uuid.UUID, datetime]:
    """The parameters that name a pick."""
    worker, _, picked_at = claim.token.partition("@")
    return claim.entry_id, uuid.UUID(worker), datetime.fromisoformat(picked_at)
