"""Streamed speech: limits, money and delivery of one request.

Before anybody is asked to speak, what it may cost is held in the wallet. It is settled once, with
what was really spoken, before the stream ends: who has heard the end finds it in the activity.
A client that leaves stops its provider and pays for what was spoken until then.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import structlog

from intone.core import ledger
from intone.core.calls import CallRecord, end_call
from intone.core.delivery import Delivery
from intone.core.ids import new_id
from intone.core.spending import Spender
from intone.errors import InternalError, IntoneError, InvalidInputError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from intone.core.access import Principal
    from intone.core.delivery import Switch, Utterance
    from intone.core.ledger import Balance
    from intone.core.limits import RateLimiter, Slots
    from intone.core.models import ModelDirectory, Wish
    from intone.core.policy import Policy
    from intone.core.routing import Candidate, Router
    from intone.core.voices import CatalogueVoice, VoiceCatalogue
    from intone.storage.database import Database

__all__ = ["Speaking", "Speech"]

_log = structlog.get_logger(__name__)

#: Milliseconds for which a hold lasts unless its stream still runs; and between two renewals.
_HOLD_MS = 15 * 60_000
_RENEW_EVERY_S = 240.0


class Speech:
    """Serves utterances; one for the whole process."""

    def __init__(
        self,
        *,
        database: Database,
        models: ModelDirectory,
        voices: VoiceCatalogue,
        router: Router,
        policy: Policy,
        limiter: RateLimiter,
        slots: Slots,
    ) -> None:
        self._database = database
        self._models = models
        self._voices = voices
        self._router = router
        self._policy = policy
        self._limiter = limiter
        self._slots = slots
        self._held: set[str] = set()
        self._ending: set[asyncio.Future[Any]] = set()

    async def begin(self, principal: Principal, utterance: Utterance) -> Speaking:
        """Have an utterance spoken; returns when its first audio is there.

        Raises:
            InvalidInputError: A model or voice does not exist, or there is nothing to say.
            VoiceNotReadyError: A cloned voice is still being made, or could not be made.
            RateLimitedError, ConcurrencyLimitError: The key has had enough for now.
            PolicyBlockedError: The text is not allowed.
            InsufficientCreditError, SpendLimitError: The wallet, or the key, cannot pay for it.
            ProviderError, BreakerOpenError, UnavailableError: Nobody could be had to speak.
        """
        began = time.monotonic()
        if not utterance.text.strip():
            raise InvalidInputError("There is no text to speak.")
        clones = await self._clones(principal, utterance.wishes)
        candidates = self._models.candidates(utterance.wishes, clones)
        owner = principal.key_id or principal.subject
        if principal.limits.requests_per_minute is not None:
            await self._limiter.hit(f"key:{owner}", principal.limits.requests_per_minute)
        self._slots.take(owner, principal.limits.max_concurrency)
        try:
            await self._policy.check(utterance.text)
            hold_id = await self._hold(principal, utterance, candidates)
        except BaseException:
            self._slots.free(owner)
            raise
        speaking = Speaking(
            self, principal, utterance, Delivery(self._router, candidates, utterance), began
        )
        speaking.hold_id = hold_id
        await speaking.begin()
        return speaking

    async def _clones(
        self, principal: Principal, wishes: Sequence[Wish]
    ) -> dict[str, CatalogueVoice]:
        """By the name that is asked for, the caller's cloned voices."""
        names = {wish.voice for wish in wishes if self._models.may_be_cloned(wish)}
        found: dict[str, CatalogueVoice] = {}
        for name in names:
            if self._voices.preset(name) is not None:
                continue
            if clone := await self._voices.clone(principal.workspace_id, name):
                found[name] = clone
        return found

    async def keep_holds(self) -> None:
        """Renew the holds of streams that still run, until cancelled."""
        while True:
            await asyncio.sleep(_RENEW_EVERY_S)
            if not self._held:
                continue
            try:
                until = now_ms() + _HOLD_MS
                await self._database.write(ledger.prolong, tuple(self._held), until)
            except IntoneError as error:
                _log.warning("speech.holds_not_renewed", error=error.code)

    async def close(self) -> None:
        """Wait until every call that has ended is written down."""
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _hold(
        self, principal: Principal, utterance: Utterance, candidates: Sequence[Candidate]
    ) -> str | None:
        """Reserve what the dearest candidate would cost; None where all are free."""
        most = max(candidate.model.cost(len(utterance.text)) for candidate in candidates)
        if not most:
            return None
        limits, spender = principal.limits, None
        if principal.key_id is not None:
            spender = Spender(principal.key_id, limits.daily_micros, limits.monthly_micros)
        # Without waiting for the disk: who loses the power has lost the stream as well.
        holding = self._database.reserve(
            ledger.hold,
            principal.workspace_id,
            "wallet",
            most,
            spender=spender,
            expires_at=now_ms() + _HOLD_MS,
        )
        try:
            hold_id, _ = await asyncio.shield(holding)
        except asyncio.CancelledError:
            # The client has left amid it.
            self._await_end(asyncio.create_task(self._let_go(holding)))
            raise
        self._held.add(hold_id)
        return hold_id

    async def _let_go(self, holding: asyncio.Future[tuple[str, Balance]]) -> None:
        """Release a hold that nobody wants any more, once it is there, if it will be."""
        with suppress(IntoneError):
            hold_id, _ = await holding
            await self._database.write(ledger.release, hold_id)

    async def end(self, owner: str, call: CallRecord, *, held: bool) -> None:
        """Write down how a call ended, and end its hold; also when the caller is cancelled."""
        self._slots.free(owner)
        writing = self._database.write(end_call, call, held=held)
        writing.add_done_callback(partial(self._written, call))
        self._await_end(writing)
        with suppress(IntoneError):
            await asyncio.shield(writing)

    def _written(self, call: CallRecord, writing: asyncio.Future[None]) -> None:
        self._held.discard(call.id)
        error = None if writing.cancelled() else writing.exception()
        if isinstance(error, Exception):
            # The hold runs out and is released: what was spoken is then the operator's loss.
            _log.error("speech.call_not_written", call=call.id, cost=call.cost, error=_code(error))

    def _await_end(self, work: asyncio.Future[Any]) -> None:
        """Have `close` wait for something that must be done even though its request has ended."""
        self._ending.add(work)
        work.add_done_callback(self._ending.discard)


class Speaking:
    """An utterance that is being spoken. Iterate `chunks` once, or `close` it."""

    hold_id: str | None = None

    def __init__(
        self,
        speech: Speech,
        principal: Principal,
        utterance: Utterance,
        delivery: Delivery,
        began: float,
    ) -> None:
        self._speech = speech
        self._principal = principal
        self._utterance = utterance
        self._delivery = delivery
        self._began = began
        self._first_byte_ms: int | None = None
        self._ended = False
        #: How many bytes have been delivered.
        self.size = 0

    @property
    def candidate(self) -> Candidate:
        """Who speaks now."""
        return self._delivery.candidate

    @property
    def form(self) -> str:
        """The format of the chunks."""
        return self._utterance.form

    @property
    def switches(self) -> Sequence[Switch]:
        """Where somebody else went on reading, so far."""
        return self._delivery.switches

    @property
    def may_switch(self) -> bool:
        """Whether somebody else may go on reading, should this one break off."""
        return self._utterance.resumes

    @property
    def characters(self) -> int:
        """How many characters have been spoken so far."""
        return sum(self._delivery.spoken.values())

    async def begin(self) -> None:
        """Wait for the first audio; a failure is written down."""
        try:
            await self._delivery.begin()
        except Exception as error:
            await self._end("failed", _code(error))
            raise
        except BaseException:
            await self._end("cancelled", None)
            raise
        self._first_byte_ms = self._ms()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The audio; when it has ended, what it cost is settled.

        Raises:
            ProviderError, BreakerOpenError: It broke off; what came is paid for, and is not whole.
        """
        try:
            async with aclosing(self._delivery.chunks()) as chunks:
                async for chunk in chunks:
                    self.size += len(chunk)
                    yield chunk
        except Exception as error:
            await self._end("failed", _code(error))
            raise
        except BaseException:
            await self._end("cancelled", None)
            raise
        await self._end("ok", None)

    async def close(self) -> None:
        """End it now, if it has not ended: stop the provider and settle what was spoken."""
        if not self._ended:
            try:
                await self._delivery.close()
            finally:
                await self._end("cancelled", None)

    async def _end(
        self, status: Literal["ok", "failed", "cancelled"], error_code: str | None
    ) -> None:
        if self._ended:
            return
        self._ended = True
        principal, candidate = self._principal, self._delivery.candidate
        spoken = self._delivery.spoken
        call = CallRecord(
            id=self.hold_id or new_id(),
            workspace_id=principal.workspace_id,
            key_id=principal.key_id,
            provider=candidate.provider.name,
            model=candidate.model.id,
            status=status,
            error_code=error_code,
            characters=sum(spoken.values()),
            cost=_cost(spoken),
            first_byte_ms=self._first_byte_ms,
            total_ms=self._ms(),
        )
        owner = principal.key_id or principal.subject
        await self._speech.end(owner, call, held=self.hold_id is not None)

    def _ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)


def _cost(spoken: Mapping[Candidate, int]) -> int:
    """Micro-dollars, rounded up once and not for each speaker: it must fit what was held."""
    return -(-sum(one.model.nanos_per_character * n for one, n in spoken.items()) // 1000)


def _code(error: Exception) -> str:
    return error.code if isinstance(error, IntoneError) else InternalError.code
