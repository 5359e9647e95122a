"""A pool of engine processes behind one async interface."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from intone.errors import (
    EngineCrashedError,
    ProviderError,
    ProviderRejectedError,
    ProviderTimeoutError,
)
from intone.machine import usable_cores
from intone.providers.base import AudioChunk
from intone.providers.engines.child import EngineChild, Request
from intone.providers.engines.protocol import Chunk, End, Failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["EnginePool", "PoolLimits"]

_log = structlog.get_logger(__name__)

#: Seconds before the first retry of a start that failed; doubled each time, up to the most.
_RETRY_S, _MOST_RETRY_S = 0.1, 10.0
#: After so many urgent requests one of the others is served.
_URGENT_IN_A_ROW = 3
#: After so many failed starts in a row, callers are told instead of kept waiting.
_STARTS_BEFORE_GIVING_UP = 3


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """What the pool puts up with from its processes."""

    #: Seconds without a sign of life in a request after which its process is ended.
    silence_s: float = 30.0
    #: Seconds for which a request that nobody wants any more may go on.
    cancel_s: float = 1.0
    #: Seconds for an engine to open.
    start_s: float = 60.0
    #: Resident memory in bytes from which on a process is replaced, once its request is over.
    resident_bytes: int = 256 << 20


class EnginePool:
    """A fixed number of engine processes, each serving one request at a time.

    Args:
        engine: Which engine, as `host` knows it.
        size: How many processes; one a core by default.
        limits: What is put up with from a process.
    """

    def __init__(
        self, engine: str, *, size: int | None = None, limits: PoolLimits | None = None
    ) -> None:
        self.size = size or usable_cores()
        self._engine = engine
        self._limits = limits or PoolLimits()
        self._children: set[EngineChild] = set()
        self._idle: deque[EngineChild] = deque()
        #: Who waits for a child, those first whose listener waits with them.
        self._waiting = _Turns()
        self._keepers: list[asyncio.Task[None]] = []
        self._reclaiming: set[asyncio.Task[None]] = set()
        #: Why callers need not wait, if so.
        self._refusal: ProviderError | None = ProviderError("The engine is not running.")

    @property
    def pids(self) -> list[int]:
        """The process ids of the children that are up."""
        return [child.pid for child in self._children if child.usable]

    async def start(self) -> None:
        """Begin to start the processes; requests wait for the first that is ready."""
        if not self._keepers:
            self._refusal = None
            self._keepers = [asyncio.create_task(self._keep()) for _ in range(self.size)]

    async def close(self) -> None:
        """End all processes and the requests on them; safe to call twice."""
        self._refuse(ProviderError("The engine is stopping."))
        tasks = [*self._keepers, *self._reclaiming]
        self._keepers = []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def speak(
        self,
        text: str,
        voice: dict[str, Any],
        *,
        rate: float,
        sample_rate: int | None,
        urgent: bool = False,
    ) -> AsyncGenerator[AudioChunk, None]:
        """Speak a text on the next free process; callers are served in their order.

        What the caller has not taken yet stays in the child, which waits with it. Closing the
        iterator early stops the child.

        Args:
            text: What to say.
            voice: The engine's own settings.
            rate: Speed multiplier, 0.5–2.0.
            sample_rate: Of the chunks, in Hz; None leaves it to the engine.
            urgent: Whether it goes before those that are not, as somebody is listening.

        Raises:
            ProviderRejectedError: The request can never succeed.
            EngineCrashedError: The process died.
            ProviderTimeoutError: The process hangs; it is ended.
            ProviderError: The request failed, or no process can be started.
        """
        child = await self._begun(Request(text, voice, rate, sample_rate), urgent)
        is_over = False
        try:
            while not is_over:
                message = await child.receive(self._limits.silence_s)
                if isinstance(message, Chunk):
                    yield AudioChunk(message.pcm, message.sample_rate, message.words)
                elif isinstance(message, End | Failure):
                    is_over = True
                    self._ended(child, message)
        except (EngineCrashedError, ProviderTimeoutError) as error:
            _log.warning("engine.lost", engine=self._engine, pid=child.pid, error=error.code)
            child.retire()
            raise
        finally:
            if not is_over and child.usable:
                self._reclaim(child)
        if isinstance(message, Failure):
            is_rejection = message.kind == "rejected"
            raise (ProviderRejectedError if is_rejection else ProviderError)(message.message)

    async def _begun(self, request: Request, urgent: bool) -> EngineChild:
        """Wait for a free child, which then works on the request already."""
        if self._refusal is not None:
            raise _copy(self._refusal)
        while self._idle:
            child = self._idle.popleft()
            if child.usable:
                child.begin(request)
                return child
        turn = _Turn(request, asyncio.get_running_loop().create_future())
        self._waiting.add(turn, urgent=urgent)
        try:
            return await turn.child
        except asyncio.CancelledError:
            given = turn.child
            if given.done() and not given.cancelled() and given.exception() is None:
                self._reclaim(given.result())
            raise

    def _offer(self, child: EngineChild) -> None:
        """Have a free child work for whoever has waited longest.

        It begins before that caller so much as wakes: a core is not to wait for the event loop.
        """
        if not child.usable:
            return
        while (turn := self._waiting.next()) is not None:
            if not turn.child.done():
                child.begin(turn.request)
                turn.child.set_result(child)
                return
        self._idle.append(child)

    def _ended(self, child: EngineChild, last: End | Failure) -> None:
        child.served += 1
        if last.resident > self._limits.resident_bytes:
            _log.info("engine.recycled", engine=self._engine, pid=child.pid, bytes=last.resident)
            child.retire()
        else:
            self._offer(child)

    def _reclaim(self, child: EngineChild) -> None:
        """Get a child back from a caller that has gone, without keeping the caller waiting."""
        task = asyncio.create_task(self._stop_speaking(child))
        self._reclaiming.add(task)
        task.add_done_callback(self._reclaiming.discard)

    async def _stop_speaking(self, child: EngineChild) -> None:
        try:
            async with asyncio.timeout(self._limits.cancel_s):
                child.cancel()
                while not isinstance(
                    last := await child.receive(self._limits.silence_s), End | Failure
                ):
                    pass
        except (TimeoutError, ProviderError):
            child.retire()
        else:
            self._ended(child, last)

    async def _keep(self) -> None:
        """Keep one process up."""
        failures = 0
        while True:
            try:
                child = await EngineChild.start(self._engine, timeout_s=self._limits.start_s)
            except (ProviderError, OSError) as error:
                failures += 1
                self._start_failed(error, failures)
            else:
                await self._attend(child)
                failures = 0 if child.served else failures + 1
            if failures:
                await asyncio.sleep(min(_RETRY_S * 2 ** (failures - 1), _MOST_RETRY_S))

    async def _attend(self, child: EngineChild) -> None:
        """Offer a child that is ready, until it dies or is sent away."""
        if self._keepers:
            self._refusal = None
        self._children.add(child)
        try:
            self._offer(child)
            await child.over()
        finally:
            self._children.discard(child)
            if child in self._idle:
                self._idle.remove(child)
            await child.close()

    def _start_failed(self, error: Exception, failures: int) -> None:
        _log.error("engine.start_failed", engine=self._engine, error=str(error), tries=failures)
        if failures >= _STARTS_BEFORE_GIVING_UP and not self._children:
            self._refuse(ProviderError(f"The engine {self._engine} does not start: {error}"))

    def _refuse(self, reason: ProviderError) -> None:
        """Turn callers away, those that wait included."""
        self._refusal = reason
        while (turn := self._waiting.next()) is not None:
            if not turn.child.done():
                turn.child.set_exception(_copy(reason))


class _Turn(NamedTuple):
    """One who waits."""

    request: Request
    #: That has begun to work on it.
    child: asyncio.Future[EngineChild]


class _Turns:
    """Who waits for a child: urgent ones first, but every fourth turn is one of the others'."""

    def __init__(self) -> None:
        self._urgent: deque[_Turn] = deque()
        self._others: deque[_Turn] = deque()
        self._in_a_row = 0

    def add(self, turn: _Turn, *, urgent: bool) -> None:
        """Have somebody wait."""
        (self._urgent if urgent else self._others).append(turn)

    def next(self) -> _Turn | None:
        """Whose turn it is, or None where nobody waits."""
        if self._urgent and (not self._others or self._in_a_row < _URGENT_IN_A_ROW):
            self._in_a_row += 1
            return self._urgent.popleft()
        self._in_a_row = 0
        return self._others.popleft() if self._others else None


def _copy(error: ProviderError) -> ProviderError:
    """An error object must not be raised twice: tracebacks would pile up on it."""
    return type(error)(error.message)
