"""A spoken segment by itself: trimmed to be joined with others, and measured."""

from __future__ import annotations

from typing import NamedTuple

from intone.audio.formats import BYTES_PER_SAMPLE
from intone.audio.joins import trim
from intone.audio.steps import Loudness, loudness_of

__all__ = ["Piece", "piece_of"]


class Piece(NamedTuple):
    """What a recording is put together from."""

    #: Mono s16le, without the silence at its edges; empty where it has no sound.
    pcm: bytes
    loudness: Loudness

    @property
    def samples(self) -> int:
        """How long it is."""
        return len(self.pcm) // BYTES_PER_SAMPLE


def piece_of(pcm: bytes, sample_rate: int) -> tuple[Piece, int]:
    """Trim and measure a segment; returns how many samples were cut off before it as well.

    Args:
        pcm: Mono s16le, as its provider spoke it.
        sample_rate: In Hz.
    """
    trimmed, cut = trim(pcm, sample_rate)
    return Piece(trimmed, loudness_of(trimmed, sample_rate)), cut
