"""Encoding PCM into the formats of `FORMATS`, while it is still arriving."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from intone.audio.formats import BYTES_PER_SAMPLE, FrameAligner, audio_format, wav_header
from intone.audio.lavc import aac_encoder, opus_encoder
from intone.audio.mpeg import MPEG1_KBPS, MPEG2_KBPS
from intone.audio.tags import id3v1_tag, id3v2_tag, riff_info
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DELAYS", "Encoder", "create_encoder"]

#: By how many samples a player is late with what these formats hold, as nothing in the file tells
#: it of the codec's delay: LAME's and the decoder's own; FFmpeg's AAC encoder's.
DELAYS: Mapping[str, int] = MappingProxyType({"mp3": 1105, "aac": 1024})

_MPEG25_KBPS = (8, 16, 24, 32, 40, 48, 56, 64)
#: Sample rates of MPEG audio layer III in Hz: the bit rate in kbit/s that suits one channel of
#: speech (two channels get twice as much), and all bit rates there are.
_MP3_RATES = {
    8_000: (32, _MPEG25_KBPS),
    11_025: (32, _MPEG25_KBPS),
    12_000: (32, _MPEG25_KBPS),
    16_000: (48, MPEG2_KBPS),
    22_050: (64, MPEG2_KBPS),
    24_000: (64, MPEG2_KBPS),
    32_000: (80, MPEG1_KBPS),
    44_100: (96, MPEG1_KBPS),
    48_000: (96, MPEG1_KBPS),
}
#: LAME's speed against quality, 2 (best) to 7 (fastest). 7 is twice as fast, but shapes no noise.
_LAME_QUALITY = 5
_MP3_CHANNELS = (1, 2)

_FLAC_HIGHEST_RATE, _FLAC_MOST_CHANNELS = 655_350, 8
#: libsndfile's 0 to 1 for FLAC's 0 to 8: fixed predictors and frames of 1152 samples. The levels
#: with longer frames save 3 %, and would hold back the first sound for 170 ms.
_FLAC_COMPRESSION = 0.0


class Encoder(Protocol):
    """Turns one stream of PCM into one stream of encoded audio.

    The result does not depend on how the PCM is cut into chunks, not even amid a sample.
    """

    def feed(self, pcm: bytes) -> bytes:
        """Take in more PCM and return what is encoded so far, perhaps nothing."""

    def finish(self) -> bytes:
        """Return the last bytes; no call may follow."""


def create_encoder(
    name: str,
    *,
    sample_rate: int,
    channels: int = 1,
    total_bytes: int | None = None,
    bitrate_kbps: int | None = None,
    tags: Mapping[str, str] = MappingProxyType({}),
) -> Encoder:
    """An encoder for one recording.

    What it returns plays while the rest is still being made, and nothing is mended afterwards.

    Args:
        name: Name of the format (`FORMATS`).
        sample_rate: Of the PCM and of the result, in Hz; Opus, whose rates are 8, 12, 16, 24
            and 48 kHz, takes the next higher of them.
        channels: Interleaved channels of the PCM and of the result.
        total_bytes: How much PCM will come, where known; formats that name their length at
            the start do it then.
        bitrate_kbps: Bit rate of a lossy format in kbit/s; the default suits speech.
        tags: What the file says of itself, see `intone.audio.tags`; PCM cannot say anything.

    Raises:
        InvalidInputError: There is no such format, or it cannot have this rate, bit rate or
            number of channels.
    """
    match audio_format(name).name:
        case "pcm":
            return _PcmEncoder()
        case "wav":
            return _WavEncoder(wav_header(sample_rate, channels, total_bytes, riff_info(tags)))
        case "opus":
            return opus_encoder(sample_rate, channels, bitrate_kbps, tags)
        case "aac":
            return _Tagged(id3v2_tag(tags), aac_encoder(sample_rate, channels, bitrate_kbps))
        case "flac":
            return _FlacEncoder(sample_rate, channels, tags)
        case _:
            return _Mp3Encoder(sample_rate, channels, bitrate_kbps, id3v1_tag(tags))


class _PcmEncoder:
    def feed(self, pcm: bytes) -> bytes:
        return pcm

    def finish(self) -> bytes:
        return b""


class _Tagged:
    """Another encoder's stream with a tag before it, which leaves along with its first bytes."""

    def __init__(self, tag: bytes, encoder: Encoder) -> None:
        self._tag, self._encoder = tag, encoder

    def feed(self, pcm: bytes) -> bytes:
        return self._after_tag(self._encoder.feed(pcm))

    def finish(self) -> bytes:
        return self._after_tag(self._encoder.finish())

    def _after_tag(self, encoded: bytes) -> bytes:
        if not self._tag or not encoded:
            return encoded
        tag, self._tag = self._tag, b""
        return tag + encoded


class _WavEncoder:
    def __init__(self, header: bytes) -> None:
        self._header = header

    def feed(self, pcm: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + pcm if header else pcm

    def finish(self) -> bytes:
        return self._header


class _FlacEncoder:
    """FLAC (RFC 9639) whose header leaves the length open, as it may.

    Through libsndfile: FFmpeg's encoder takes 7 MB for each stream, this one 0.1 MB.
    """

    def __init__(self, sample_rate: int, channels: int, tags: Mapping[str, str]) -> None:
        if not 0 < sample_rate <= _FLAC_HIGHEST_RATE:
            raise InvalidInputError(
                f"FLAC has no sample rate of {sample_rate} Hz, only up to {_FLAC_HIGHEST_RATE}."
            )
        if not 0 < channels <= _FLAC_MOST_CHANNELS:
            raise InvalidInputError(
                f"FLAC has 1 to {_FLAC_MOST_CHANNELS} channels, not {channels}."
            )
        import soundfile

        self._sink = _ForwardSink()
        self._file = soundfile.SoundFile(
            self._sink,
            "w",
            samplerate=sample_rate,
            channels=channels,
            format="FLAC",
            subtype="PCM_16",
            compression_level=_FLAC_COMPRESSION,
        )
        # libsndfile's names of the same fields; it adds its own to the software's.
        for field, name in (("software", "encoder"), ("comment", "comment")):
            if name in tags:
                setattr(self._file, field, tags[name])
        self._aligner = FrameAligner(channels)
        self._one_frame = bytes(channels * BYTES_PER_SAMPLE)
        self._begun = False

    def feed(self, pcm: bytes) -> bytes:
        pcm = self._aligner.feed(pcm)
        if pcm:
            self._begun = True
            self._file.buffer_write(pcm, "int16")
        return self._sink.take()

    def finish(self) -> bytes:
        if not self._begun:
            # Not even the header would be written; one silent sample is a file that plays.
            self._file.buffer_write(self._one_frame, "int16")
        self._file.close()
        return self._sink.take()


class _ForwardSink:
    """A file whose bytes are gone once they are written.

    At its end libsndfile goes back to name the length in the header; that has been sent
    already, so what is written before the end is dropped.
    """

    def __init__(self) -> None:
        self._fresh = bytearray()
        self._position = self._size = 0

    def take(self) -> bytes:
        taken, self._fresh = bytes(self._fresh), bytearray()
        return taken

    def write(self, data: bytes) -> int:
        if self._position == self._size:
            self._fresh += data
            self._size += len(data)
        self._position += len(data)
        return len(data)

    def read(self, _size: int = -1) -> bytes:
        return b""

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        self._position = start[whence] + offset
        return self._position


class _Mp3Encoder:
    """Constant bit rate and no Xing frame: valid from the first byte, and files can be joined.

    LAME's delay and padding make the result up to three frames longer than the PCM.
    """

    def __init__(
        self, sample_rate: int, channels: int, bitrate_kbps: int | None, tag: bytes
    ) -> None:
        bitrate_kbps = _mp3_bitrate(sample_rate, channels, bitrate_kbps)
        import lameenc

        lame = lameenc.Encoder()
        lame.silence()
        lame.set_channels(channels)
        lame.set_in_sample_rate(sample_rate)
        # Said outright, or LAME would choose a lower rate to suit the bit rate.
        lame.set_out_sample_rate(sample_rate)
        lame.set_bit_rate(bitrate_kbps)
        lame.set_quality(_LAME_QUALITY)
        self._lame, self._tag = lame, tag
        self._aligner = FrameAligner(channels)
        self._one_frame = bytes(channels * BYTES_PER_SAMPLE)
        self._begun = False

    def feed(self, pcm: bytes) -> bytes:
        pcm = self._aligner.feed(pcm)
        if not pcm:
            return b""
        self._begun = True
        return bytes(self._lame.encode(pcm))

    def finish(self) -> bytes:
        # No bytes at all are no MP3 file: an empty recording becomes a moment of silence.
        first = b"" if self._begun else self.feed(self._one_frame)
        return first + bytes(self._lame.flush()) + self._tag


def _mp3_bitrate(sample_rate: int, channels: int, wanted: int | None) -> int:
    """The bit rate to use, in kbit/s.

    Raises:
        InvalidInputError: MP3 has no such rate, bit rate or number of channels.
    """
    if channels not in _MP3_CHANNELS:
        raise InvalidInputError(f"MP3 has 1 or 2 channels, not {channels}.")
    if sample_rate not in _MP3_RATES:
        rates = ", ".join(map(str, _MP3_RATES))
        raise InvalidInputError(f"MP3 has no sample rate of {sample_rate} Hz, only {rates}.")
    usual, allowed = _MP3_RATES[sample_rate]
    if wanted is None:
        return usual * channels
    if wanted not in allowed:
        rates = ", ".join(map(str, allowed))
        raise InvalidInputError(
            f"MP3 at {sample_rate} Hz has no bit rate of {wanted} kbit/s, only {rates}."
        )
    return wanted
