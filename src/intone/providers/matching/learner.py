"""Learning matched voices in a process of its own, so that no event loop waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from intone.errors import (
    EngineCrashedError,
    ProviderTimeoutError,
    SampleClippedError,
    SampleNoisyError,
    SampleNotSpeechError,
    SampleRejectedError,
    SampleSilentError,
    SampleTooShortError,
)
from intone.providers.base import SpeechRequest
from intone.providers.cloning import SAMPLE_RATE, PreparedVoice
from intone.providers.matching.candidates import base_candidates, reference_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from intone.providers.base import PresetVoice, Provider

__all__ = ["LearnOrder", "Learnt", "MatchingLearner", "Spoken"]

_log = structlog.get_logger(__name__)

#: Seconds after which a process that learns is ended; a minute of samples takes 6 of a free core.
_LONGEST_S = 600.0
#: Libraries of linear algebra: threads of theirs would only wait for each other.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_REJECTIONS: dict[str, type[SampleRejectedError]] = {
    kind.code: kind
    for kind in (
        SampleTooShortError,
        SampleSilentError,
        SampleClippedError,
        SampleNoisyError,
        SampleNotSpeechError,
    )
}


class Spoken(msgspec.Struct, frozen=True, array_like=True):
    """A preset that may become the base, as it sounds."""

    #: The preset's id at its provider.
    local_id: str
    #: Mono s16le at `SAMPLE_RATE`.
    pcm: bytes


class LearnOrder(msgspec.Struct, frozen=True):
    """What the process is to learn from."""

    #: Files with mono s16le at `SAMPLE_RATE`.
    samples: list[str]
    #: With none, it is only to see whether the samples will do.
    candidates: list[Spoken] = []


class Learnt(msgspec.Struct, frozen=True):
    """What it has found."""

    #: Fields of a `SampleReport`, where there were no candidates.
    report: dict[str, Any] = {}
    base_local_id: str = ""
    model: bytes = b""


class MatchingLearner:
    """Learns matched voices; see `intone.providers.cloning.CloneEngine`.

    Args:
        engine: The built-in engine, whose presets are the base; started before anybody learns.
    """

    name = "matching"

    def __init__(self, engine: Provider) -> None:
        self._engine = engine
        self._presets = {preset.local_id: preset for preset in engine.voices()}

    def available(self) -> bool:
        """Always: it needs nothing but the engine."""
        return True

    async def prepare(self, samples: Sequence[Path], language: str) -> PreparedVoice:
        """Learn a voice; see `CloneEngine.prepare`.

        Raises:
            SampleRejectedError: The samples will not do; the class says why.
            EngineCrashedError, ProviderTimeoutError: The process died or hung.
            ProviderError: The engine could not speak.
        """
        order = LearnOrder([str(path) for path in samples])
        report = (await _learn(order)).report
        problem = report.pop("problem", None)
        if problem is not None:
            raise _REJECTIONS.get(problem, SampleRejectedError)(analysis=report)
        spoken = [
            Spoken(preset.local_id, await self._reference(preset, language))
            for preset in base_candidates(self._engine, language)
        ]
        learnt = await _learn(msgspec.structs.replace(order, candidates=spoken))
        return PreparedVoice(learnt.model, self._presets[learnt.base_local_id].slug, report)

    async def _reference(self, preset: PresetVoice, language: str) -> bytes:
        request = SpeechRequest(
            text=reference_text(language),
            voice=preset.local_id,
            language=preset.languages[0],
            sample_rate=SAMPLE_RATE,
        )
        return b"".join([chunk.pcm async for chunk in self._engine.synthesize(request)])


def _environment() -> dict[str, str]:
    """Ours without our settings, which hold keys and passwords."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INTONE_")}
    return kept | _ENVIRONMENT


async def _learn(order: LearnOrder) -> Learnt:
    """Have a process learn.

    Raises:
        EngineCrashedError: It died.
        ProviderTimeoutError: It took too long.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "intone.providers.matching.learner_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=_environment(),
    )
    try:
        async with asyncio.timeout(_LONGEST_S):
            answer, _ = await process.communicate(msgspec.msgpack.encode(order))
    except TimeoutError:
        raise ProviderTimeoutError("Learning the voice took too long.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        _log.warning("matching.learner_died", status=process.returncode)
        raise EngineCrashedError("The process that learns voices has died.")
    return msgspec.msgpack.decode(answer, type=Learnt)
