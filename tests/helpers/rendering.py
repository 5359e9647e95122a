"""The renderer at work in tests: the real engine, made to fail or to wait where a test wants it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from helpers.work import claimed
from intone.core import jobs
from intone.providers.base import AudioChunk, PresetVoice, Provider, SpeechRequest
from intone.providers.engines.espeak_provider import EspeakProvider

#: More than one segment.
SENTENCES = "This is a sentence that takes a while to say. " * 40


class Wrapped(Provider):
    """The real engine behind a provider that can be made to fail, to wait or to break.

    Its process is started when it is first to speak: many tests never come so far.
    """

    name = "espeak"

    def __init__(self, inner: EspeakProvider) -> None:
        self._inner = inner
        self.capabilities = inner.capabilities
        self.errors: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()
        self.spoken = 0
        self._is_started = False

    def voices(self) -> Sequence[PresetVoice]:
        return self._inner.voices()

    async def synthesize(self, request: SpeechRequest) -> AsyncIterator[AudioChunk]:
        self.asked.set()
        if self.errors:
            raise self.errors.pop(0)
        if self.spoken:  # the first segment always gets through
            await self.open.wait()
        self.spoken += 1
        if not self._is_started:
            self._is_started = True
            await self._inner.start()
        async for chunk in self._inner.synthesize(request):
            yield chunk


async def find(database, workspace_id, job_id):
    return await database.read(jobs.find, workspace_id, job_id)


async def run_next(queue, renderer):
    """Claim one job and render it; waits for a delayed one."""
    async with asyncio.timeout(30):
        while not (claims := await claimed(queue)):
            await asyncio.sleep(0.01)
    await renderer.run(claims[0])


@contextlib.asynccontextmanager
async def under_way(queue, renderer, provider):
    """A job that has spoken its first segment and waits for the second."""
    provider.open.clear()
    (claim,) = await claimed(queue)
    task = asyncio.create_task(renderer.run(claim))
    async with asyncio.timeout(30):
        while not provider.spoken:
            await asyncio.sleep(0.01)
    try:
        yield task
    finally:
        provider.open.set()
        task.cancel()
        await asyncio.wait({task})
