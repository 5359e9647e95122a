"""Claims work from the queue and runs it, many pieces at once, each under a lease."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import structlog

from intone.errors import IntoneError

if TYPE_CHECKING:
    from intone.queue.base import Claim, Queue

__all__ = ["Handler", "Worker"]

_log = structlog.get_logger(__name__)

#: Does one piece of work and ends its queue entry; what it raises is logged, the lease runs out
#: and another try begins.
Handler = Callable[["Claim"], Awaitable[None]]

#: Milliseconds a worker may be silent before its work passes to another.
_LEASE_MS = 10_000
#: Seconds between two looks at an idle queue that nobody woke.
_LOOK_AGAIN_S = 1.0
#: Seconds to wait after the queue could not be asked.
_BACK_OFF_S = 1.0


class Worker:
    """Runs handlers, one for each kind of work."""

    def __init__(
        self,
        queue: Queue,
        handlers: Mapping[str, Handler],
        *,
        concurrency: int,
        lease_ms: int = _LEASE_MS,
    ) -> None:
        self._queue = queue
        self._handlers = handlers
        self._concurrency = concurrency
        self._lease_ms = lease_ms
        self._running: dict[asyncio.Task[None], Claim] = {}
        self._slot_freed = asyncio.Event()
        #: Whether the last claim got all there was.
        self._has_all = False

    async def run(self) -> None:
        """Work until cancelled; then what is running is cancelled and gives its work back."""
        heartbeat = asyncio.create_task(self._beat())
        try:
            while True:
                await self._fill()
        finally:
            heartbeat.cancel()
            for task in self._running:
                task.cancel()
            await asyncio.gather(heartbeat, *self._running, return_exceptions=True)

    async def _fill(self) -> None:
        """Take what there are slots for, or wait until there is a slot or work."""
        free = self._concurrency - len(self._running)
        if free == 0:
            self._slot_freed.clear()
            await self._slot_freed.wait()
            return
        kinds = list(self._handlers)
        try:
            if self._has_all:
                # When the time is up as well: leases that have run out show in a claim alone.
                await self._queue.wait(kinds, _LOOK_AGAIN_S)
            claims = await self._queue.claim(kinds, limit=free, lease_ms=self._lease_ms)
            self._has_all = len(claims) < free
        except IntoneError as error:
            _log.warning("worker.claim_failed", error=error.code)
            await asyncio.sleep(_BACK_OFF_S)
            return
        except Exception:  # noqa: BLE001 - a server must not go on without its worker
            _log.exception("worker.claim_failed")
            await asyncio.sleep(_BACK_OFF_S)
            return
        for claim in claims:
            task = asyncio.create_task(self._work(claim))
            self._running[task] = claim
            task.add_done_callback(self._done)

    async def _work(self, claim: Claim) -> None:
        try:
            await self._handlers[claim.kind](claim)
        except Exception:  # noqa: BLE001 - the lease runs out, and another try begins
            _log.exception("worker.failed", kind=claim.kind, subject=claim.subject)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._slot_freed.set()

    async def _beat(self) -> None:
        """Renew the leases of what is running, and stop what was taken from us."""
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            if not self._running:
                continue
            # What is taken up while the queue answers is not part of the question.
            asked = dict(self._running)
            try:
                held = set(await self._queue.extend(list(asked.values()), lease_ms=self._lease_ms))
            except IntoneError as error:
                _log.warning("worker.heartbeat_failed", error=error.code)
                continue
            except Exception:  # noqa: BLE001 - without a heartbeat all work would pass to others
                _log.exception("worker.heartbeat_failed")
                continue
            for task, claim in asked.items():
                if claim not in held:
                    task.cancel()
