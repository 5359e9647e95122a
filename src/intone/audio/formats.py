"""The audio formats there are, and small arithmetic on PCM bytes.

PCM everywhere in this package is signed 16-bit little-endian, channels interleaved.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BYTES_PER_SAMPLE",
    "FORMATS",
    "AudioFormat",
    "FrameAligner",
    "audio_format",
    "duration_ms",
    "to_channels",
    "wav_header",
]

BYTES_PER_SAMPLE = 2

#: RIFF counts bytes in 32 bits; the largest count is also how a stream says "not known yet".
_UNKNOWN_SIZE = 0xFFFFFFFF
#: Bytes of a plain WAV header that its own RIFF size counts: all but `RIFF` and the size itself.
_WAV_HEADER_COUNTED = 36


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A format audio can be had in."""

    #: What requests and recordings call it, e.g. `mp3`.
    name: str
    #: Its general media type; a dialect may announce a narrower one for PCM.
    media_type: str
    #: File name extension without the dot.
    extension: str


#: All formats by their name.
FORMATS: Mapping[str, AudioFormat] = MappingProxyType(
    {
        known.name: known
        for known in (
            AudioFormat("pcm", "application/octet-stream", "pcm"),
            AudioFormat("wav", "audio/wav", "wav"),
            AudioFormat("mp3", "audio/mpeg", "mp3"),
            # In Ogg, which RFC 7845 calls audio/ogg; OpenAI and the servers that follow its API
            # answer audio/opus, and that is what their clients know.
            AudioFormat("opus", "audio/opus", "opus"),
            AudioFormat("aac", "audio/aac", "aac"),
            AudioFormat("flac", "audio/flac", "flac"),
        )
    }
)


def audio_format(name: str) -> AudioFormat:
    """The format of this name.

    Raises:
        InvalidInputError: There is none.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise InvalidInputError(
            f"The audio format {name!r} is not known; choose one of {', '.join(FORMATS)}."
        ) from None


def wav_header(sample_rate: int, channels: int, data_bytes: int | None, info: bytes = b"") -> bytes:
    """What stands before the samples of a 16-bit PCM WAV file: 44 bytes and `info`.

    Args:
        sample_rate: In Hz.
        channels: Interleaved channels.
        data_bytes: Bytes of samples that follow. None where that is not known yet, as in a
            stream; it is then given as 0xFFFFFFFF, which players read to the end. So is a
            length beyond the 4 GiB that RIFF can name.
        info: A whole chunk to stand before the samples.
    """
    counted = _WAV_HEADER_COUNTED + len(info)
    if data_bytes is None or data_bytes > _UNKNOWN_SIZE - counted:
        riff_size = data_size = _UNKNOWN_SIZE
    else:
        riff_size, data_size = data_bytes + counted, data_bytes
    frame = channels * BYTES_PER_SAMPLE
    head = struct.pack(
        "<4sI4s4sIHHIIHH",
        *(b"RIFF", riff_size, b"WAVE"),
        *(b"fmt ", 16, 1, channels, sample_rate, sample_rate * frame, frame, BYTES_PER_SAMPLE * 8),
    )
    return head + info + struct.pack("<4sI", b"data", data_size)


def to_channels(pcm: bytes, channels: int) -> bytes:
    """Mono audio as `channels` equal interleaved channels.

    Args:
        pcm: Mono, whole samples.
        channels: At least 1.
    """
    if channels == 1:
        return pcm
    import numpy as np

    return np.frombuffer(pcm, "<i2").repeat(channels).tobytes()


def duration_ms(size: int, sample_rate: int, channels: int = 1) -> int:
    """How long `size` bytes of PCM last, in milliseconds, rounded up."""
    return -(-size * 1000 // (sample_rate * channels * BYTES_PER_SAMPLE))


class FrameAligner:
    """Cuts a byte stream, however it is chunked, at whole sample frames.

    Args:
        channels: Interleaved channels; a frame is one sample of each.
        width: Bytes of one sample.
    """

    def __init__(self, channels: int = 1, width: int = BYTES_PER_SAMPLE) -> None:
        self._frame = channels * width
        self._rest = b""

    def feed(self, pcm: bytes) -> bytes:
        """The whole frames that are there now; the bytes after them wait for the next call."""
        if self._rest:
            pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % self._frame
        self._rest = pcm[whole:]
        return pcm[:whole]
