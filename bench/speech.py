"""One caller with one job at a time, and the bare engine beside it."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import aiohttp

from bench.load import BODY
from bench.servers import cpu_s
from intone.audio.encode import create_encoder
from intone.core.voices import VoiceCatalogue
from intone.providers.base import SpeechRequest
from intone.providers.engines.espeak_provider import EspeakProvider
from intone.text.segments import split

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.servers import Server
    from intone.providers.base import PresetVoice

__all__ = ["BareEngine", "Spoken", "bare_engine", "caller", "speak"]

_VOICE, _SAMPLE_RATE = "voice_en_us_001", 24_000
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Spoken:
    """One job, from the caller's side."""

    #: Milliseconds from the sent request to the event that says `completed`.
    ms: float
    #: Milliseconds between the stored times of creation and start.
    queued_ms: float
    #: Of the audio.
    duration_ms: int


@asynccontextmanager
async def caller(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with the server's key and connections that are kept."""
    async with aiohttp.ClientSession(
        server.url,
        headers={"Authorization": f"Bearer {server.key}"},
        timeout=aiohttp.ClientTimeout(total=_PATIENCE_S),
    ) as session:
        yield session


async def speak(session: aiohttp.ClientSession, text: str) -> Spoken:
    """Have a text spoken and wait for it on the job's events.

    Raises:
        RuntimeError: The job did not end as `completed`.
    """
    body: dict[str, Any] = {**BODY, "input": {"content": text, "content_type": "text/plain"}}
    began = time.perf_counter()
    key = {"Idempotency-Key": str(uuid.uuid4())}
    async with session.post("/v1/voice/jobs", json=body, headers=key) as response:
        created = await response.json()
        if response.status != 201:
            raise RuntimeError(f"The job was refused: {created}")
    path = f"/v1/voice/jobs/{created['job_id']}"
    last: dict[str, Any] = {}
    async with session.get(f"{path}/events") as events:
        async for line in events.content:
            if line.startswith(b"data: "):
                last = json.loads(line.removeprefix(b"data: "))
                if last["status"] not in {"pending", "processing"}:
                    took = time.perf_counter() - began
                    break
    if last.get("status") != "completed":
        raise RuntimeError(f"The job did not end well: {last}")
    async with session.get(path) as response:
        job = await response.json()
    waited = datetime.fromisoformat(job["started_at"]) - datetime.fromisoformat(job["created_at"])
    return Spoken(took * 1000, waited.total_seconds() * 1000, job["duration_ms"])


class BareEngine:
    """The engine's processes and the encoder, with nothing of Intone around them."""

    def __init__(self, provider: EspeakProvider, voice: PresetVoice) -> None:
        self._provider = provider
        self._voice = voice

    async def ms(self, text: str) -> float:
        """Milliseconds to speak a text's segments on all processes at once, and to encode them."""
        segments = [
            SpeechRequest(
                text=segment.spoken,
                voice=self._voice.local_id,
                language=self._voice.languages[0],
                sample_rate=_SAMPLE_RATE,
            )
            for segment in split(text, self._voice.languages[0])
        ]
        began = time.perf_counter()
        spoken = await asyncio.gather(*map(self._speak, segments))
        encoder = create_encoder("pcm", sample_rate=_SAMPLE_RATE)
        encoded = b"".join([*map(encoder.feed, spoken), encoder.finish()])
        took = time.perf_counter() - began
        if not any(encoded):
            raise RuntimeError("The engine said nothing.")
        return took * 1000

    def cpu_s(self) -> float:
        """CPU seconds of its processes, this one included; NaN where unknown."""
        try:
            return cpu_s([os.getpid(), *self._provider.pool.pids])
        except OSError:
            return float("nan")

    async def _speak(self, request: SpeechRequest) -> bytes:
        return b"".join([chunk.pcm async for chunk in self._provider.synthesize(request)])


@asynccontextmanager
async def bare_engine() -> AsyncIterator[BareEngine]:
    """As many processes as a server has by default: one a core."""
    provider = EspeakProvider()
    await provider.start()
    try:
        yield BareEngine(provider, VoiceCatalogue([provider]).by_slug(_VOICE))
    finally:
        await provider.close()
