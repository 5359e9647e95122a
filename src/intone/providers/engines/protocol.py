"""What an engine process and its parent say to each other.

Frames on the child's stdin and stdout: four bytes of length, little-endian, then one
msgpack message. A child serves one request at a time: `Speak` is answered by any
number of `Chunk`s and one `End` or `Failure`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from intone.providers.base import WordMark  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = [
    "HEADER",
    "MAX_FRAME",
    "Cancel",
    "Chunk",
    "End",
    "Failure",
    "FromChild",
    "Ready",
    "Speak",
    "ToChild",
    "decode_from_child",
    "decode_to_child",
    "encode",
    "read_frame",
]

#: The length that goes before every frame, in bytes.
HEADER = struct.Struct("<I")
#: A longer frame, in bytes, can only mean that the stream is broken.
MAX_FRAME = 16 << 20


class Speak(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Speak a text."""

    #: Rises with every request to one child.
    id: int
    text: str
    #: The engine's own settings: which voice, and how it sounds.
    voice: dict[str, Any]
    #: Speed multiplier, 0.5–2.0.
    rate: float
    #: In Hz; None leaves it to the engine.
    sample_rate: int | None


class Cancel(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Stop speaking that request; its `End` still comes. Nothing happens where it came already."""

    id: int


class Ready(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The engine is open; the first thing a child says, unless it is a `Failure`."""


class Chunk(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Some audio, in order."""

    id: int
    #: Mono s16le.
    pcm: bytes
    sample_rate: int
    #: Words that have begun since the last chunk, or are about to.
    words: tuple[WordMark, ...] = ()


class End(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The request is over; all its audio has been sent, unless it was cancelled."""

    id: int
    #: The child's resident memory in bytes.
    resident: int


class Failure(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The request is over, and failed."""

    id: int
    #: `rejected`: it can never succeed. `failed`: it may the next time.
    kind: Literal["rejected", "failed"]
    message: str
    #: The child's resident memory in bytes.
    resident: int


ToChild = Speak | Cancel
FromChild = Ready | Chunk | End | Failure

_encoder = msgspec.msgpack.Encoder()
_to_child: msgspec.msgpack.Decoder[ToChild] = msgspec.msgpack.Decoder(ToChild)
_from_child: msgspec.msgpack.Decoder[FromChild] = msgspec.msgpack.Decoder(FromChild)


def decode_to_child(body: bytes) -> ToChild:
    """The message in a frame's body."""
    return _to_child.decode(body)


def decode_from_child(body: bytes) -> FromChild:
    """The message in a frame's body."""
    return _from_child.decode(body)


def encode(message: ToChild | FromChild) -> bytearray:
    """The whole frame of a message, its length included."""
    frame = bytearray(HEADER.size)
    _encoder.encode_into(message, frame, HEADER.size)
    HEADER.pack_into(frame, 0, len(frame) - HEADER.size)
    return frame


def read_frame(source: BinaryIO) -> bytes | None:
    """Wait for the next frame and return its message, or None at the end of the stream."""
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (size,) = HEADER.unpack(header)
    body = source.read(size)
    return body if len(body) == size else None
