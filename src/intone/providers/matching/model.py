"""What is known of a matched voice: how to turn the preset's sound into the target's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from intone.errors import InvalidInputError
from intone.providers.matching.world import BANDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MODEL_VERSION", "MatchingModel", "Pitch", "Sounds"]

#: Rises whenever older models cannot be used any more.
MODEL_VERSION = 1


class Pitch(msgspec.Struct, frozen=True):
    """Where a voice's pitch lies and how far it moves; natural logarithms of Hz."""

    median: float
    spread: float


@dataclass(frozen=True, slots=True)
class Sounds:
    """One kind of sound (voiced or unvoiced) of both voices."""

    #: Mean envelope of the preset, after the warp, in `BANDS`.
    source: NDArray[np.float32]
    #: Mean envelope of the target.
    target: NDArray[np.float32]
    #: Envelopes of the target's frames; may be few, or none.
    frames: NDArray[np.float32]
    #: How the shape of each of `frames` is changing, in cepstra.
    motion: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MatchingModel:
    """All that a conversion needs; what the target said cannot be heard from it."""

    #: How much higher the target's formants lie.
    warp: float
    source_pitch: Pitch
    target_pitch: Pitch
    #: Level of the preset's loud frames, as `Frames.loud_level`.
    loud: float
    #: Factor after which the result is as loud as the preset.
    gain: float
    voiced: Sounds
    unvoiced: Sounds

    def to_bytes(self) -> bytes:
        """The model as it is kept, below 2 MB."""
        return msgspec.msgpack.encode(
            _Stored(
                MODEL_VERSION,
                self.warp,
                self.source_pitch,
                self.target_pitch,
                self.loud,
                self.gain,
                _pack(self.voiced),
                _pack(self.unvoiced),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> MatchingModel:
        """Read a model that `to_bytes` wrote.

        Raises:
            InvalidInputError: It is damaged, or of another version.
        """
        try:
            stored = msgspec.msgpack.decode(data, type=_Stored)
            if stored.version == MODEL_VERSION:
                return cls(
                    stored.warp,
                    stored.source_pitch,
                    stored.target_pitch,
                    stored.loud,
                    stored.gain,
                    _unpack(stored.voiced),
                    _unpack(stored.unvoiced),
                )
        except (msgspec.MsgspecError, ValueError):
            raise InvalidInputError("The model of this matched voice is damaged.") from None
        raise InvalidInputError(
            f"The model of this matched voice has version {stored.version} and not"
            f" {MODEL_VERSION}: clone the voice again."
        )


class _StoredSounds(msgspec.Struct, frozen=True, array_like=True):
    source: bytes
    target: bytes
    frames: bytes
    motion: bytes
    count: int


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    version: int
    warp: float
    source_pitch: Pitch
    target_pitch: Pitch
    loud: float
    gain: float
    voiced: _StoredSounds
    unvoiced: _StoredSounds


def _pack(sounds: Sounds) -> _StoredSounds:
    return _StoredSounds(
        sounds.source.astype("<f4").tobytes(),
        sounds.target.astype("<f4").tobytes(),
        sounds.frames.astype("<f2").tobytes(),
        sounds.motion.astype("<f2").tobytes(),
        len(sounds.frames),
    )


def _unpack(stored: _StoredSounds) -> Sounds:
    def read(data: bytes, form: str) -> NDArray[np.float32]:
        return np.frombuffer(data, form).astype(np.float32)

    return Sounds(
        read(stored.source, "<f4").reshape(BANDS),
        read(stored.target, "<f4").reshape(BANDS),
        read(stored.frames, "<f2").reshape(stored.count, BANDS),
        read(stored.motion, "<f2").reshape(stored.count, -1 if stored.count else 1),
    )
