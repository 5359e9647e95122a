"""A provider that does as it is told: for tests of clocks and order, where a real one is too free."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from intone.providers.base import AudioChunk, Capabilities, Model, Provider, Timeouts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from intone.core.routing import Router
    from intone.providers.base import SpeechRequest

#: What a call does, step by step: a number is a pause in seconds, an event is waited for, an
#: error's class is raised, everything else is yielded.
Act = tuple[Any, ...]


class Scripted(Provider):
    """Each call plays the next act, and when there is none left the usual one."""

    def __init__(
        self,
        name: str = "one",
        *,
        usual: Act = (b"audio",),
        models: Sequence[Model] = (Model("m", "M", 1000),),
        unavailable: str | None = None,
        timeouts: Timeouts | None = None,
        **capabilities: Any,
    ) -> None:
        self.name, self.models, self.unavailable = name, models, unavailable
        self.usual = usual
        self.timeouts = timeouts or Timeouts()
        self.capabilities = Capabilities(**{"formats": ("mp3", "pcm")} | capabilities)
        self.acts: deque[Act] = deque()
        #: What it was asked to speak.
        self.requests: list[SpeechRequest] = []
        #: Calls under way.
        self.running = 0

    def then(self, *acts: Act) -> None:
        """Play these acts first."""
        self.acts.extend(acts)

    async def _play(self, request: SpeechRequest) -> AsyncGenerator[Any, None]:
        self.requests.append(request)
        self.running += 1
        try:
            for step in self.acts.popleft() if self.acts else self.usual:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                elif isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, type | Exception):
                    raise step
                else:
                    yield step
        finally:
            self.running -= 1

    def synthesize(self, request: SpeechRequest) -> AsyncGenerator[AudioChunk, None]:
        return self._play(request)

    def stream(self, request: SpeechRequest, _form: str) -> AsyncGenerator[bytes, None]:
        return self._play(request)


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def everything(answer: Any) -> list[Any]:
    """All pieces of a router's answer."""
    return [piece async for piece in answer.pieces()]


def retries_left(router: Router, provider: str) -> float:
    """How many retries a router would still make of a provider's calls."""
    return router._health(provider).retries
