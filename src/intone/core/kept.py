"""What is kept of a spoken segment, and how it is written.

Of an MP3 that may be edited, each segment is encoded by itself and kept as it is heard, so that a
new edition takes it over without decoding or encoding anything. Of other formats the PCM is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from intone.audio.steps import Loudness  # noqa: TC001 - msgspec reads it
from intone.core.timing import TimedWord, Timing

if TYPE_CHECKING:
    from intone.core.jobs import Order
    from intone.text.segments import Segment

__all__ = ["Kept", "KeptPart", "KeptPcm", "in_parts", "origin", "unpacked", "words_moved"]

_Shape = TypeVar("_Shape", bound="KeptPart | KeptPcm")


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """Is written as MessagePack."""

    def packed(self) -> bytes:
        """What `unpacked` takes."""
        return msgspec.msgpack.encode(self)


class KeptPcm(_Packed, frozen=True, array_like=True):
    """A segment as a `Piece`."""

    #: Mono s16le at the rate that its key says, its edges trimmed.
    pcm: bytes
    loudness: Loudness
    #: From the first sample; the words' offsets count from `origin`.
    timing: Timing


class KeptPart(_Packed, frozen=True, array_like=True):
    """A segment as a part of an MP3, see `intone.audio.parts`."""

    frames: bytes
    #: Samples of its audio, whose edges are trimmed; 0 where it has no sound.
    samples: int
    #: By which its level was changed, in dB.
    gain_db: float
    #: Of the audio before that.
    loudness: Loudness
    #: From the first sample; the words' offsets count from `origin`.
    timing: Timing


class Kept(NamedTuple):
    """A segment that is to be kept."""

    key: bytes
    #: Slug of the voice that speaks it.
    voice: str
    #: A `KeptPart` or `KeptPcm`, packed.
    data: bytes


def in_parts(order: Order) -> bool:
    """Whether an order's recording is made of parts: an MP3 that says what it reuses."""
    return order.reuse and order.format == "mp3"


def unpacked(data: bytes, shape: type[_Shape]) -> _Shape | None:
    """What was packed; None where it is something else."""
    try:
        return msgspec.msgpack.decode(data, type=shape)
    except (msgspec.MsgspecError, ValueError):
        return None


def origin(segment: Segment, text: str) -> int:
    """Where a segment's first word is written: offsets that are kept count from there.

    Args:
        segment: The segment.
        text: The whole text.
    """
    written = text[segment.start : segment.end]
    return segment.start + len(written) - len(written.lstrip())


def words_moved(timing: Timing, by: int) -> Timing:
    """The same words at other offsets in a text."""
    words = (
        TimedWord(word.start + by, word.end + by, word.from_ms, word.to_ms) for word in timing.words
    )
    return Timing(timing.source, tuple(words))
