"""Speech of built-in voices, and what tells one speaker from another."""

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from intone.providers.base import SpeechRequest
from intone.providers.matching.world import SAMPLE_RATE, from_pcm, take_apart
from intone.providers.registry import create_providers

__all__ = ["REFERENCE", "SAMPLE_RATE", "UNSEEN", "pitch_of", "preset", "timbre_distance"]

#: What a target says in its samples, and what is spoken later.
REFERENCE = (
    "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. "
    "It is easy to tell the depth of a well. These days a chicken leg is a rare dish."
)
UNSEEN = (
    "A boy was there when the sun rose. A rod is used to catch pink salmon. "
    "Kick the ball straight and follow through. Help the woman get back to her feet."
)


@functools.cache
def preset(voice: str, text: str) -> NDArray[np.int16]:
    """What a built-in voice says, at `SAMPLE_RATE`."""

    async def say() -> bytes:
        engine = create_providers(processes=1)["espeak"]
        await engine.start()
        try:
            request = SpeechRequest(text, voice, "en-US", sample_rate=SAMPLE_RATE)
            return b"".join([chunk.pcm async for chunk in engine.synthesize(request)])
        finally:
            await engine.close()

    # In a thread, as the test that asks may run in an event loop itself.
    with ThreadPoolExecutor(1) as thread:
        return np.frombuffer(thread.submit(lambda: asyncio.run(say())).result(), "<i2")


def pitch_of(pcm: NDArray[np.int16], sample_rate: int) -> float:
    """The median pitch in Hz."""
    frames = take_apart(from_pcm(pcm, sample_rate))
    return float(np.median(frames.pitch[frames.voiced]))


def timbre_distance(one: NDArray[np.int16], other: NDArray[np.int16], sample_rate: int) -> float:
    """How different two recordings' long-term spectra of voiced sounds are, in dB, level apart."""
    first, second = (_timbre(pcm, sample_rate) for pcm in (one, other))
    return float(np.sqrt(np.mean((first - second) ** 2)))


def _timbre(pcm: NDArray[np.int16], sample_rate: int) -> NDArray[np.float64]:
    frames = take_apart(from_pcm(pcm, sample_rate))
    bands = frames.bands[frames.sounding() & frames.voiced].mean(axis=0) * 10 / np.log(10)
    return bands - bands.mean()
