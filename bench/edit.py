"""A new edition of a long text with one sentence changed, against its first rendering."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from typing import TYPE_CHECKING, Any

from bench.report import Row, at_most, tell
from bench.servers import intone_server
from bench.speech import caller

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from bench.servers import Server

__all__ = ["WORDS", "article", "measure"]

#: Of an article.
WORDS = 5_000
_TIMES = 3
#: Seconds between two looks at a generation.
_LOOK_S = 0.01
_OPENINGS = ("In the morning", "Towards evening", "That winter", "After the storm", "In May")
_SUBJECTS = (
    "the keeper",
    "his brother",
    "the old captain",
    "a boat from the north",
    "the inspector",
)
_VERBS = ("wrote down", "had asked for", "brought back", "counted", "never mentioned")
_OBJECTS = ("the oil that was left", "two letters", "the hours of fog", "a broken lamp", "the nets")
_ENDINGS = (
    "before the tide turned",
    "as he did every week",
    "and said nothing",
    "without any hurry",
)


async def measure(folder: Path) -> list[Row]:
    """Each time another text, and a sentence changed in its middle."""
    firsts, seconds, cpu = list[float](), list[float](), list[float]()
    reused: dict[str, Any] = {}
    with intone_server(folder / "edit") as server:
        async with caller(server) as session:
            await _generate(session, server, "A short text, so that everything is loaded.")
            for number in range(_TIMES):
                text = article(number)
                sentences = text.split(". ")
                sentences[len(sentences) // 2] = "This sentence was not in the first edition"
                first, first_cpu, _ = await _generate(session, server, text)
                second, second_cpu, reused = await _generate(session, server, ". ".join(sentences))
                firsts.append(first)
                seconds.append(second)
                cpu.append(second_cpu / first_cpu)
    first, second = statistics.median(firsts), statistics.median(seconds)
    of = int(reused["of"])
    tell(f"edit: {_TIMES} texts of {WORDS:,} words, {of} segments")
    what = "one sentence changed in 5,000 words, by the first rendering"
    note = f"{second * 1000:.0f} ms / {first * 1000:.0f} ms"
    return [
        Row("edit", what, second / first, "×", at_most(0.1), note),
        Row("edit", "the same in CPU time", statistics.median(cpu), "×"),
        Row("edit", "segments spoken again", of - int(reused["segments"]), "", at_most(1)),
    ]


def article(number: int) -> str:
    """A text of so many words whose sentences differ, in paragraphs."""
    chosen, sentences, words = random.Random(number), list[str](), 0
    while words < WORDS:
        parts = map(chosen.choice, (_OPENINGS, _SUBJECTS, _VERBS, _OBJECTS, _ENDINGS))
        sentence = f"{len(sentences) + 2} years on: " + " ".join(parts)
        sentences.append(sentence)
        words += len(sentence.split())
    return ". ".join(sentences) + "."


async def _generate(
    session: aiohttp.ClientSession, server: Server, text: str
) -> tuple[float, float, dict[str, Any]]:
    """Have a text spoken; seconds until it is ready, CPU seconds, and what was reused.

    Raises:
        RuntimeError: It did not become ready.
    """
    body = {"voiceId": "voice_en_us_001", "script": text, "format": "mp3"}
    used, began = server.cpu_s(), time.perf_counter()
    async with session.post("/v1/generations", json=body) as response:
        made = await response.json()
        if response.status != 202:
            raise RuntimeError(f"The generation was refused: {made}")
    while made["status"] not in {"ready", "failed"}:
        await asyncio.sleep(_LOOK_S)
        async with session.get(f"/v1/generations/{made['id']}") as response:
            made = await response.json()
    took = time.perf_counter() - began
    if made["status"] != "ready":
        raise RuntimeError(f"The generation did not end well: {made}")
    return took, server.cpu_s() - used, made["reused"]
