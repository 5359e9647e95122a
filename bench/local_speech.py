"""How soon a local engine is heard: the first sample beyond silence, however long the text."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from array import array
from typing import TYPE_CHECKING

from bench.report import Row, at_most, percentile, tell
from bench.servers import intone_server
from bench.speech import caller

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

__all__ = ["measure"]

_SHORT = "The lighthouse keeper wrote down every day's news."
_PARAGRAPH = (
    " In January the wind came from the north-west, and on twelve days the boat could not land."
    " He noted the ships that passed, the oil that the lamp had burnt, and once, without any"
    " comment, that his brother had come to stay."
)
_LONG = (_SHORT + _PARAGRAPH * 500)[:100_000]
assert (len(_SHORT), len(_LONG)) == (50, 100_000)
#: The loudest sample of what counts as silence: -60 dB of full scale.
_SILENCE = 33
_TIMES, _WARM = 60, 5
#: Seconds in which an engine that was cut short falls idle again.
_REST_S = 0.05


async def measure(folder: Path) -> list[Row]:
    """By turns: the short text, then the long one; each is left as soon as it is heard."""
    short, long = list[float](), list[float]()
    with intone_server(folder / "local_speech") as server:
        async with caller(server) as session:
            for number in range(-_WARM, _TIMES):
                for text, times in ((_SHORT, short), (_LONG, long)):
                    took = await _first_sound_ms(session, text)
                    if number >= 0:
                        times.append(took)
                    await asyncio.sleep(_REST_S)
    of_short, of_long = statistics.median(short), statistics.median(long)
    tell(f"local_speech: {_TIMES} times, {of_short:.1f} ms and {of_long:.1f} ms")
    return [
        _row("first sound of espeak/default as PCM, 50 characters, median", short),
        _row("the same, 100,000 characters", long),
        Row(
            "local_speech",
            "100,000 characters by 50",
            of_long / of_short,
            "×",
            at_most(1.5),
        ),
    ]


def _row(what: str, times: list[float]) -> Row:
    note = f"p99 {percentile(times, 99):.1f} ms, {_TIMES} times"
    return Row("local_speech", what, statistics.median(times), "ms", at_most(15), note)


async def _first_sound_ms(session: aiohttp.ClientSession, text: str) -> float:
    """Milliseconds from sending the request to the first sample that can be heard."""
    body = {
        "model": "espeak/default",
        "input": text,
        "voice": "voice_en_us_001",
        "response_format": "pcm",
    }
    odd = b""
    began = time.perf_counter()
    async with session.post("/v1/audio/speech", json=body) as response:
        if response.status != 200:
            raise RuntimeError(f"The text was refused: {await response.text()}")
        async for piece in response.content.iter_any():
            heard = odd + piece
            whole = len(heard) & ~1
            odd = heard[whole:]
            if _is_audible(heard[:whole]):
                took = time.perf_counter() - began
                response.close()
                return took * 1000
    raise RuntimeError("Nothing was heard.")


def _is_audible(pcm: bytes) -> bool:
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    return any(abs(sample) > _SILENCE for sample in samples)
