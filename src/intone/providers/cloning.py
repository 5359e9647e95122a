"""What an engine that clones voices is: samples in, what it needs to speak with the voice out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["SAMPLE_RATE", "CloneEngine", "PreparedVoice", "ResolvedClone"]

#: Of the samples that engines get, in Hz.
SAMPLE_RATE = 24_000


@dataclass(frozen=True, slots=True)
class PreparedVoice:
    """What an engine has made of samples."""

    #: What it needs to speak with the voice.
    model: bytes
    #: Slug of the preset that it is spoken from.
    base_voice: str
    #: What was found in the samples; of JSON's types.
    analysis: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ResolvedClone:
    """What a cloned voice is spoken with."""

    #: The id of the preset that it is spoken from, as its provider knows it.
    base_local_id: str
    #: The file, on this machine, that holds what the engine has made of the samples. A file is
    #: read once: another model needs another path.
    model: Path


class CloneEngine(Protocol):
    """Makes voices out of samples; the provider of the same name speaks with them."""

    #: Name of the provider.
    name: str

    def available(self) -> bool:
        """Whether it can be asked: its model is there and this machine can run it."""

    async def prepare(self, samples: Sequence[Path], language: str) -> PreparedVoice:
        """Learn a voice, outside of this process's event loop.

        Args:
            samples: Files with recordings of one speaker: mono s16le at `SAMPLE_RATE`.
            language: BCP 47 tag of what the voice is to speak.

        Raises:
            SampleRejectedError: The samples will not do.
            ProviderError: It failed; `retryable` says whether to try again.
        """
