"""Getting an answer from providers that may be slow, busy or broken; for streams and for jobs.

A call goes to the first candidate whose breaker lets it through. It has until the provider's
deadline to bring its first piece of audio, and then no longer than another between two pieces.
Until the first piece has come a failure may be mended: by another try, as long as retries stay
a small part of all calls, or by the next candidate. After it the failure is the caller's to see.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

from intone.core.breaker import Breaker
from intone.errors import (
    BreakerOpenError,
    IntoneError,
    ProviderBusyError,
    ProviderError,
    ProviderTimeoutError,
    UnavailableError,
)
from intone.providers.base import AudioChunk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from intone.core.breaker import BreakerState
    from intone.providers.base import Model, Provider

__all__ = ["Answer", "Candidate", "Router"]

#: A provider's own bytes, or samples.
T = TypeVar("T", bytes, AudioChunk)

_log = structlog.get_logger(__name__)

#: How often one candidate is tried for one call.
_TRIES = 3
#: Seconds before the second try; doubled for the third, with jitter.
_BACKOFF_S = 0.1
#: Part of a retry that every call pays for, and the most that is saved up.
_RETRIES_PER_CALL, _MOST_RETRIES = 0.2, 10.0
#: Longest that a busy provider's own Retry-After is waited for, in seconds.
_LONGEST_WAIT_S = 1.0
#: Bytes a second below which audio has stalled; speech has 750 of them at the very least.
_SLOWEST = 100
#: Seconds between two looks at a wait that is about to become too long.
_LOOK_S = 0.05
#: How much the latest call counts in a provider's usual latency.
_LATEST = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """Who may speak, and with what; two of them are never equal."""

    provider: Provider
    model: Model
    #: The provider's own voice id.
    voice: str
    #: BCP 47 tag of what the voice speaks; empty where nobody knows.
    language: str = ""


@dataclass(slots=True)
class _Health:
    """What is known of one provider in this process."""

    breaker: Breaker
    #: Retries that may be made.
    retries: float = _MOST_RETRIES
    #: Seconds to the first audio, as it was of late; None before the first.
    latency_s: float | None = None


class Answer(Generic[T]):
    """Audio that has begun to come; iterate it in one task, and close it."""

    def __init__(
        self, candidate: Candidate, first: T | None, rest: AsyncGenerator[T, None], health: _Health
    ) -> None:
        #: Who speaks.
        self.candidate = candidate
        self._first: T | None = first
        self._rest: AsyncGenerator[T, None] = rest
        self._health = health

    async def pieces(self) -> AsyncGenerator[T, None]:
        """All of it, as it comes.

        Raises:
            ProviderError: It broke off; a `ProviderTimeoutError` where nothing came for too long.
        """
        patience = _Patience(self.candidate.provider.timeouts.stall_s)
        try:
            if self._first is None:
                return
            yield self._first
            while True:
                patience.begin()
                piece = await anext(self._rest, None)
                if piece is None:
                    return
                patience.end(len(piece if isinstance(piece, bytes) else piece.pcm))
                yield piece
        except asyncio.CancelledError:
            if not patience.is_at_an_end():
                raise
            self._health.breaker.failed()
            raise ProviderTimeoutError(
                f"The provider {self.candidate.provider.name!r} stopped in the middle."
            ) from None
        except ProviderError as error:
            if error.is_outage:
                self._health.breaker.failed()
            raise
        finally:
            patience.over()
            await self._rest.aclose()

    async def aclose(self) -> None:
        """Stop the provider, whether or not somebody has listened."""
        await self._rest.aclose()


class _Patience:
    """Cancels the task that waits for a provider when all its waiting has become too long.

    Only waiting counts, not how slowly a listener takes what has come; and a byte now and then is
    no sign of life. One timer looks every while: to set one and take it back at each piece, as
    `asyncio.timeout` would, is a good part of what a piece costs.

    Args:
        seconds: For which nothing worth mentioning may come.
    """

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._all = self._left = seconds
        self._came = 0
        #: When the waiting under way began.
        self._since: float | None = None
        self._is_at_an_end = False
        self._timer = self._loop.call_later(seconds, self._look)

    def begin(self) -> None:
        """The waiting begins."""
        self._since = self._loop.time()

    def end(self, came: int) -> None:
        """Something has come, so many bytes."""
        assert self._since is not None
        self._left -= self._loop.time() - self._since
        self._since = None
        self._came += came
        if self._came >= self._all * _SLOWEST:
            self._left, self._came = self._all, 0

    def is_at_an_end(self) -> bool:
        """Whether this is why the task was cancelled; it then goes on."""
        if self._is_at_an_end and self._task is not None:
            self._task.uncancel()
        return self._is_at_an_end

    def over(self) -> None:
        """Nobody waits any more."""
        self._timer.cancel()

    def _look(self) -> None:
        left = self._left
        if self._since is not None:
            left -= self._loop.time() - self._since
            if left <= 0:
                self._is_at_an_end = True
                if self._task is not None:
                    self._task.cancel()
                return
        self._timer = self._loop.call_later(max(left, _LOOK_S), self._look)


class Router:
    """Calls providers, and remembers how they do. One serves the whole process."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._healths: dict[str, _Health] = {}

    def state(self, provider: str) -> BreakerState:
        """How a provider's breaker stands."""
        return self._health(provider).breaker.state

    def latency_s(self, provider: str) -> float | None:
        """Seconds to a provider's first audio of late, or None where there was none yet."""
        return self._health(provider).latency_s

    async def begin(
        self,
        candidates: Sequence[Candidate],
        speak: Callable[[Candidate], AsyncGenerator[T, None]],
    ) -> Answer[T]:
        """Have one of the candidates speak; returns when the first audio is there.

        Args:
            candidates: In the order in which they are tried; at least one.
            speak: Makes a provider's call for a candidate; failures raise then, or when it is
                iterated.

        Raises:
            ProviderError: What the last candidate said; a `ProviderTimeoutError` where the
                time was up before.
            BreakerOpenError: All are being left alone; the one that opens soonest says when.
            UnavailableError: The operator has not finished setting them up.
        """
        deadline = self._clock() + max(c.provider.timeouts.total_s for c in candidates)
        failure: IntoneError | None = None
        for candidate in candidates:
            try:
                return await self._try(candidate, speak, deadline)
            except (ProviderError, UnavailableError) as error:
                failure = _telling(failure, error)
                _log.warning(
                    "provider.failed",
                    provider=candidate.provider.name,
                    model=candidate.model.id,
                    error=error.code,
                )
            if self._clock() >= deadline:
                break
        assert failure is not None
        raise failure

    async def _try(
        self,
        candidate: Candidate,
        speak: Callable[[Candidate], AsyncGenerator[T, None]],
        deadline: float,
    ) -> Answer[T]:
        """One candidate, as often as may help."""
        provider = candidate.provider
        if provider.unavailable:
            raise UnavailableError(
                f"The provider {provider.name!r} cannot be asked: {provider.unavailable}."
            )
        health = self._health(provider.name)
        health.retries = min(health.retries + _RETRIES_PER_CALL, _MOST_RETRIES)
        for attempt in range(1, _TRIES + 1):
            try:
                return await self._attempt(candidate, speak, health, deadline)
            except ProviderError as error:
                wait = _wait_s(error, attempt)
                if wait is None or health.retries < 1 or self._clock() + wait >= deadline:
                    raise
                health.retries -= 1
            await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _attempt(
        self,
        candidate: Candidate,
        speak: Callable[[Candidate], AsyncGenerator[T, None]],
        health: _Health,
        deadline: float,
    ) -> Answer[T]:
        """One call, until its first audio is there."""
        probe = health.breaker.admit()  # from here to the first audio nothing may leave it open
        began = self._clock()
        timeouts = candidate.provider.timeouts
        patience_s = min(timeouts.first_byte_s, deadline - began)
        try:
            pieces = speak(candidate)
            async with asyncio.timeout(patience_s):
                first = await anext(pieces, None)
        except TimeoutError:
            if patience_s < min(timeouts.first_byte_s, timeouts.total_s) / 2:
                health.breaker.abandoned(probe)  # those before it took the time
            else:
                health.breaker.failed(probe)
            raise ProviderTimeoutError(
                f"The provider {candidate.provider.name!r} did not begin to speak"
                f" within {patience_s:.1f} seconds."
            ) from None
        except ProviderError as error:
            health.breaker.failed(probe) if error.is_outage else health.breaker.abandoned(probe)
            raise
        except BaseException:
            health.breaker.abandoned(probe)
            raise
        health.breaker.succeeded()
        took = self._clock() - began
        usual = took if health.latency_s is None else health.latency_s
        health.latency_s = usual + _LATEST * (took - usual)
        return Answer(candidate, first, pieces, health)

    def _health(self, provider: str) -> _Health:
        health = self._healths.get(provider)
        if health is None:
            health = self._healths[provider] = _Health(Breaker(provider, clock=self._clock))
        return health


def _wait_s(error: ProviderError, attempt: int) -> float | None:
    """Seconds until another try may help, or None where none would.

    A provider that has not answered in time is not asked again: it may be speaking all the
    same, and its deadline is the caller's patience.
    """
    if not error.retryable or isinstance(error, ProviderTimeoutError) or attempt == _TRIES:
        return None
    if isinstance(error, ProviderBusyError) and error.retry_after is not None:
        return error.retry_after if error.retry_after <= _LONGEST_WAIT_S else None
    delay: float = _BACKOFF_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
    return delay


def _telling(earlier: IntoneError | None, error: IntoneError) -> IntoneError:
    """Which of two candidates' failures tells the caller more."""
    if earlier is None or not isinstance(error, BreakerOpenError):
        return error
    if not isinstance(earlier, BreakerOpenError):
        return earlier
    return min(earlier, error, key=lambda failure: failure.retry_after or 0)
