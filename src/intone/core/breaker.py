"""Leaving a provider alone that keeps failing, until it can be hoped to have recovered.

The figures are Envoy's and resilience4j's usual ones: open after 5 failures in a row, or when
half of the last calls failed; stay open for 30 s, longer each time; then let one call find out.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Literal

from intone.errors import BreakerOpenError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Breaker", "BreakerState"]

BreakerState = Literal["closed", "open", "half_open"]

#: Failures in a row that open it.
_IN_A_ROW = 5
#: How many of the last calls are judged, and how few are too few to judge.
_WINDOW, _FEWEST = 20, 10
#: Seconds it stays open the first time; as many more each further time, up to the most.
_OPEN_S, _MOST_OPEN_S = 30.0, 300.0
#: Seconds after which to ask again while another call is finding out.
_PROBE_RETRY_S = 1.0


class Breaker:
    """Guards one provider. Every `admit` is followed by one of the other three.

    What `admit` returns tells the call that finds out from those that were under way when it
    opened: they may end at any time, and must not make room for a second one.

    Args:
        name: The provider's, for messages.
        clock: Monotonic seconds.
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        #: Whether each of the last calls failed.
        self._failures: deque[bool] = deque(maxlen=_WINDOW)
        self._in_a_row = 0
        #: How often it has opened without a success in between.
        self._openings = 0
        self._open_until = 0.0
        #: Which call finds out, 0: none does; and how many have.
        self._probe = self._probes = 0

    @property
    def state(self) -> BreakerState:
        """`open`: nothing goes through; `half_open`: one call at a time finds out."""
        if not self._openings:
            return "closed"
        return "open" if self._clock() < self._open_until else "half_open"

    def admit(self) -> int:
        """Let a call through; returns 0, or a number of its own for the one that finds out.

        Raises:
            BreakerOpenError: Not now; `retry_after` says in how many seconds.
        """
        if not self._openings:
            return 0
        wait = self._open_until - self._clock()
        if wait <= 0 and not self._probe:
            self._probes += 1
            self._probe = self._probes
            return self._probe
        raise BreakerOpenError(
            f"The provider {self._name!r} has failed too often and is left alone for a while.",
            state="open" if wait > 0 else "half_open",
            retry_after=max(wait, _PROBE_RETRY_S),
        )

    def succeeded(self) -> None:
        """The call has begun to bring audio."""
        if self._openings:
            self._openings = self._probe = 0
            self._failures.clear()
        self._in_a_row = 0
        self._failures.append(False)

    def failed(self, probe: int = 0) -> None:
        """The call has failed, and the provider is to blame."""
        self._in_a_row += 1
        self._failures.append(True)
        if self._is_finding_out(probe) or (not self._openings and self._is_down()):
            self._open()

    def abandoned(self, probe: int = 0) -> None:
        """The call's end says nothing of the provider: it was refused, or nobody waited for it."""
        if self._is_finding_out(probe):
            self._probe = 0

    def _is_finding_out(self, probe: int) -> bool:
        return probe != 0 and probe == self._probe

    def _is_down(self) -> bool:
        if self._in_a_row >= _IN_A_ROW:
            return True
        return len(self._failures) >= _FEWEST and 2 * sum(self._failures) >= len(self._failures)

    def _open(self) -> None:
        self._openings += 1
        self._probe = 0
        self._in_a_row = 0
        self._failures.clear()
        self._open_until = self._clock() + min(_OPEN_S * self._openings, _MOST_OPEN_S)
