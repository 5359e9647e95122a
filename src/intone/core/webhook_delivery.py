"""Delivering events to webhooks: the worker's handler for them.

At least once, as Standard Webhooks describes it: only an answer of 2xx counts, and all else is
tried again over three days. A receiver that answers 410 wants no more, and one that took nothing
for as long as a delivery is tried is not there any more; both webhooks are turned off.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from intone.core import webhook_errands, webhooks
from intone.core.webhook_deliveries import Attempt
from intone.core.webhook_signatures import sign
from intone.errors import IntoneError, InvalidInputError, LeaseLostError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    import aiohttp

    from intone.core.egress import Egress
    from intone.core.webhook_deliveries import Outcome
    from intone.core.webhook_errands import Errand
    from intone.queue.base import Claim, Queue
    from intone.storage.database import Database, Transaction

__all__ = ["AT_ONCE", "SCHEDULE_S", "Deliverer"]

_log = structlog.get_logger(__name__)

#: Deliveries that one process has under way at once: each is little more than a socket.
AT_ONCE: Final = 256
#: Of these, how many to one webhook and to all of one workspace.
_PER_WEBHOOK, _PER_WORKSPACE = 4, 16
#: Seconds after each failed try, 75.6 hours in all, times the jitter; after the last there is none.
SCHEDULE_S: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
_JITTER: Final = (0.8, 1.2)
#: Seconds for connecting, TLS included, and for a whole try.
_CONNECT_S, _TOTAL_S = 10.0, 20.0
#: Bytes of an answer that are read, and how many of them are kept for the owner to see.
_READ, _KEPT = 64 * 1024, 4 * 1024
#: Seconds that a try is thought to take before one has ended.
_QUICK_S: Final = 0.01
#: Seconds that one which has to wait for its turn waits at least and at most.
_TURN_S: Final = (0.5, 300.0)

_SUCCESS, _REDIRECTION, _CLIENT_ERROR, _GONE = 200, 300, 400, 410


class Deliverer:
    """Delivers events; `run` is the worker's handler for them.

    Args:
        database: Where the deliveries are.
        queue: Where their entries are.
        egress: Says which addresses may be connected to.
    """

    def __init__(self, *, database: Database, queue: Queue, egress: Egress) -> None:
        self._database = database
        self._queue = queue
        self._egress = egress
        self._turns = _Turns()
        self._session: aiohttp.ClientSession | None = None

    async def run(self, claim: Claim) -> None:
        """Try the claimed delivery and end the claim, or have it tried again later."""
        try:
            await self._run(claim)
        except LeaseLostError:
            _log.info("webhook.lease_lost", delivery=claim.subject)
        except IntoneError as error:
            # What came of it cannot be written now: the lease runs out, and it is tried again.
            _log.warning("webhook.not_written", delivery=claim.subject, error=error.code)
        except asyncio.CancelledError:
            # The process is stopping, or the lease has passed on: then giving back changes nothing.
            await asyncio.shield(self._give_back(claim))
            raise

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _run(self, claim: Claim) -> None:
        errand = await self._database.read(webhook_errands.find, claim.subject)
        if errand is None:
            await self._database.write(self._queue.complete, claim)
            return
        wait_s = self._turns.take(errand)
        if wait_s:
            await self._database.write(self._queue.retry, claim, delay_ms=int(1000 * wait_s))
            return
        began = time.monotonic()
        try:
            attempt = await self._send(errand)
        finally:
            self._turns.give_back(errand, time.monotonic() - began)
        _log.info(
            "webhook.tried",
            delivery=errand.delivery_id,
            webhook=errand.webhook_id,
            status=attempt.status,
            error=attempt.error,
            attempt=errand.attempts + 1,
        )
        await self._database.write(
            _conclude,
            self._queue,
            claim,
            errand,
            attempt,
            jitter=random.uniform(*_JITTER),  # noqa: S311 - no secret
        )

    async def _send(self, errand: Errand) -> Attempt:
        """One try, and what came of it."""
        import aiohttp

        if self._session is None:
            self._session = _session(self._egress)
        created_at, began = now_ms(), time.monotonic()
        status: int | None = None
        answer = b""
        error: Outcome | None
        try:
            self._egress.check_url(errand.url)  # its owner's rules may have changed since
            async with self._session.post(
                errand.url, data=errand.body, headers=_headers(errand), allow_redirects=False
            ) as response:
                status, error = response.status, _judged(response.status)
                answer = await _beginning(response)
        except InvalidInputError:
            error = "forbidden_address"
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            # Once the head of an answer is there, that alone decides.
            error = _outcome(failure) if status is None else _judged(status)
        took_ms = int(1000 * (time.monotonic() - began))
        return Attempt(status, error, answer, took_ms, created_at)

    async def _give_back(self, claim: Claim) -> None:
        with suppress(IntoneError):
            await self._database.write(self._queue.retry, claim, delay_ms=0)


@dataclass(slots=True)
class _Lane:
    """How busy one webhook, or one workspace, is."""

    #: How many tries it may have under way at once.
    most: int
    running: int = 0
    #: Seconds that a try takes.
    took_s: float = _QUICK_S
    #: On the monotonic clock: when it last had a place free, and until when turns are given out.
    free_at: float = 0.0
    booked_until: float = 0.0

    def book(self, now: float) -> float:
        """A turn behind all that were given out before, in seconds from now."""
        least, most = _TURN_S
        pace = max(self.took_s, now - self.free_at) / self.most
        self.booked_until = min(max(self.booked_until, now + least) + pace, now + most)
        return self.booked_until - now


class _Turns:
    """Who may be sent to now, so that a slow receiver holds up nobody else.

    What finds its receiver busy goes back into the queue for about as long as those before it will
    take, so that a long backlog is not looked at again and again.
    """

    def __init__(self) -> None:
        #: By the id of a webhook or a workspace, as long as it has tries under way.
        self._lanes: dict[str, _Lane] = {}

    def take(self, errand: Errand) -> float:
        """Begin a try, to be ended with `give_back`: 0; or the seconds to wait for a turn."""
        now = time.monotonic()
        lanes = {
            errand.webhook_id: self._lanes.get(errand.webhook_id) or _Lane(_PER_WEBHOOK),
            errand.workspace_id: self._lanes.get(errand.workspace_id) or _Lane(_PER_WORKSPACE),
        }
        full = [lane for lane in lanes.values() if lane.running >= lane.most]
        if full:
            return max(lane.book(now) for lane in full)
        for lane in lanes.values():
            lane.running += 1
            lane.free_at = now
        self._lanes.update(lanes)
        return 0.0

    def give_back(self, errand: Errand, took_s: float) -> None:
        """A try has ended."""
        for name in (errand.webhook_id, errand.workspace_id):
            lane = self._lanes[name]
            lane.running -= 1
            lane.took_s = took_s
            if not lane.running:
                del self._lanes[name]


def _conclude(
    tx: Transaction, queue: Queue, claim: Claim, errand: Errand, attempt: Attempt, *, jitter: float
) -> None:
    """Write down what came of a try, and what follows from it."""
    is_over = attempt.error == "gone" or errand.attempts >= len(SCHEDULE_S)
    delay_ms = None if is_over else int(1000 * jitter * SCHEDULE_S[errand.attempts])
    webhook_errands.finish(tx, queue, claim, attempt, delay_ms)
    if attempt.error == "gone":
        webhooks.disable(tx, errand.webhook_id, "gone")
    elif (
        attempt.error is not None
        and is_over
        and webhook_errands.is_only_failing(tx, errand.webhook_id, errand.created_at)
    ):
        webhooks.disable(tx, errand.webhook_id, "failing")


def _session(egress: Egress) -> aiohttp.ClientSession:
    import aiohttp

    return aiohttp.ClientSession(
        connector=egress.connector(),
        timeout=aiohttp.ClientTimeout(total=_TOTAL_S, sock_connect=_CONNECT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # an answer is not worth a bomb
        headers={"Accept-Encoding": "identity"},
    )


def _headers(errand: Errand) -> dict[str, str]:
    signed = sign(
        errand.body,
        errand.secrets,
        message_id=errand.message_id,
        timestamp=int(time.time()),
    )
    return {"Content-Type": "application/json", "User-Agent": "Intone-Webhooks", **signed}


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """What is kept of an answer; one that is longer than we read, or never ends, is cut off."""
    import aiohttp

    kept, read = bytearray(), 0
    with suppress(aiohttp.ClientError, OSError):
        while read < _READ and (part := await response.content.read(_READ - read)):
            read += len(part)
            kept += part[: _KEPT - len(kept)]
    response.close()
    return bytes(kept)


def _judged(status: int) -> Outcome | None:
    if _SUCCESS <= status < _REDIRECTION:
        return None
    if status == _GONE:
        return "gone"
    return "redirected" if _REDIRECTION <= status < _CLIENT_ERROR else "refused"


def _outcome(failure: Exception) -> Outcome:
    """The category of a failure of the HTTP client."""
    import aiohttp

    match failure:
        case TimeoutError():
            return "timed_out"
        case aiohttp.ClientConnectorDNSError():
            return "not_resolved"
        case aiohttp.ClientSSLError():
            return "tls_failed"
        case aiohttp.ClientConnectorError() | aiohttp.InvalidURL():
            return "not_connected"
        case aiohttp.ClientResponseError():
            return "invalid_answer"
        case _:
            return "broken_off"
