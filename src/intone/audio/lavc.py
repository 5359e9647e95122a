"""Opus and AAC through FFmpeg's libraries (PyAV), each encoder one stream."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from intone.audio.formats import BYTES_PER_SAMPLE, FrameAligner
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import av
    from av.audio.stream import AudioStream

__all__ = ["LavcEncoder", "aac_encoder", "opus_encoder"]

#: Sample rates Opus codes, in Hz: the bit rate in kbit/s that suits one channel of speech.
_OPUS_RATES = {8_000: 24, 12_000: 32, 16_000: 40, 24_000: 48, 48_000: 64}
#: The same for AAC. FFmpeg's encoder needs about as much as MP3 does to sound as well.
_AAC_RATES = {
    8_000: 32,
    11_025: 32,
    12_000: 32,
    16_000: 48,
    22_050: 64,
    24_000: 64,
    32_000: 80,
    44_100: 96,
    48_000: 96,
    64_000: 128,
    88_200: 128,
    96_000: 128,
}
_CHANNELS = (1, 2)
#: Least bit rate of one channel in either codec, in kbit/s, and the most that Opus has.
_LEAST_KBPS, _MOST_OPUS_KBPS = 8, 256
#: AAC may spend 6144 bits on the 1024 samples of a frame of one channel.
_MOST_AAC_BITS_PER_SAMPLE = 6
#: PCM goes to the codec in pieces of this length, so that its chunks cannot matter.
_BLOCK_MS = 20
#: Bytes FFmpeg collects before it writes: a page or a frame, and little memory for each stream.
_BUFFER = 4096


@dataclass(frozen=True, slots=True)
class _Form:
    """How FFmpeg makes one format."""

    #: FFmpeg's names of the container, of the encoder, and of the samples that it takes.
    muxer: str
    codec: Literal["aac", "libopus"]
    samples: str
    codec_options: Mapping[str, str]
    muxer_options: Mapping[str, str]


_OPUS = _Form(
    "ogg",
    "libopus",
    "s16",
    # Faithful rather than "voip", whose high-pass filter is for microphones. From complexity 7
    # on, libopus analyses what it hears: a third of the speed, and hardly nearer the original.
    {
        "application": "audio",
        "frame_duration": "20",
        "compression_level": "5",
        "vbr": "constrained",
    },
    # In microseconds. A page leaves when the next begins: two packets each keep the first sound
    # below 100 ms; FFmpeg's own second would hold it back for two.
    {"page_duration": "40000"},
)
# The "fast" coder is four times as fast as the default one and, for speech, nearer the original.
_AAC = _Form("adts", "aac", "fltp", {"aac_coder": "fast"}, {})


def opus_encoder(
    sample_rate: int,
    channels: int,
    bitrate_kbps: int | None,
    tags: Mapping[str, str] = MappingProxyType({}),
) -> LavcEncoder:
    """Ogg Opus (RFC 7845) with these tags; a rate that Opus lacks is raised to the next it has.

    Raises:
        InvalidInputError: Opus has no such number of channels, rate or bit rate.
    """
    _check_channels("Opus", channels)
    coded = min((rate for rate in _OPUS_RATES if rate >= sample_rate), default=max(_OPUS_RATES))
    kbps = _bitrate("Opus", bitrate_kbps, _OPUS_RATES[coded], _MOST_OPUS_KBPS, channels)
    return LavcEncoder(_OPUS, sample_rate, coded, channels, kbps, tags=tags)


def aac_encoder(sample_rate: int, channels: int, bitrate_kbps: int | None) -> LavcEncoder:
    """AAC-LC in ADTS frames (ISO/IEC 14496-3), which can be joined and entered anywhere.

    The codec's delay and its last frame make the result up to three frames (3072 samples)
    longer than the PCM; ADTS cannot say so.

    Raises:
        InvalidInputError: AAC has no such number of channels, rate or bit rate.
    """
    _check_channels("AAC", channels)
    if sample_rate not in _AAC_RATES:
        rates = ", ".join(map(str, _AAC_RATES))
        raise InvalidInputError(f"AAC has no sample rate of {sample_rate} Hz, only {rates}.")
    most = sample_rate * _MOST_AAC_BITS_PER_SAMPLE // 1000
    kbps = _bitrate("AAC", bitrate_kbps, _AAC_RATES[sample_rate], most, channels)
    return LavcEncoder(_AAC, sample_rate, sample_rate, channels, kbps)


def _check_channels(title: str, channels: int) -> None:
    if channels not in _CHANNELS:
        raise InvalidInputError(f"{title} has 1 or 2 channels, not {channels}.")


def _bitrate(title: str, wanted: int | None, usual: int, most: int, channels: int) -> int:
    if wanted is None:
        return usual * channels
    if not _LEAST_KBPS * channels <= wanted <= most * channels:
        raise InvalidInputError(
            f"{title} has no bit rate of {wanted} kbit/s here, only "
            f"{_LEAST_KBPS * channels} to {most * channels}."
        )
    return wanted


class _Sink:
    """What FFmpeg writes to: it can only go forward, so nothing is ever mended afterwards."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken


class LavcEncoder:
    """An encoder and a container of FFmpeg's, opened when the first audio comes."""

    def __init__(
        self,
        form: _Form,
        sample_rate: int,
        coded_rate: int,
        channels: int,
        kbps: int,
        *,
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._form, self._tags = form, tags
        self._rate, self._coded_rate, self._kbps = sample_rate, coded_rate, kbps
        self._layout = "mono" if channels == 1 else "stereo"
        self._frame = channels * BYTES_PER_SAMPLE
        self._block = math.ceil(sample_rate * _BLOCK_MS / 1000) * self._frame
        self._aligner = FrameAligner(channels)
        self._waiting = bytearray()
        self._position = 0
        self._sink = _Sink()
        self._output: tuple[av.container.OutputContainer, AudioStream] | None = None

    def feed(self, pcm: bytes) -> bytes:
        """Take in more PCM and return what is encoded so far, perhaps nothing."""
        self._waiting += self._aligner.feed(pcm)
        whole = len(self._waiting) - len(self._waiting) % self._block
        ready = bytes(self._waiting[:whole])
        del self._waiting[:whole]
        for begin in range(0, whole, self._block):
            self._encode(ready[begin : begin + self._block])
        return self._sink.take()

    def finish(self) -> bytes:
        """Return the last bytes; no call may follow."""
        # No audio at all is no file that plays: an empty recording becomes a moment of silence.
        least = 0 if self._output else self._block
        self._encode(bytes(self._waiting.ljust(least, b"\0")))
        assert self._output
        container, stream = self._output
        container.mux(stream.encode(None))
        container.close()
        return self._sink.take()

    def _encode(self, pcm: bytes) -> None:
        if not pcm:
            return
        import av
        import numpy as np

        container, stream = self._output or self._open()
        samples = np.frombuffer(pcm, "<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=self._layout)
        frame.sample_rate, frame.pts = self._rate, self._position
        self._position += len(pcm) // self._frame
        container.mux(stream.encode(frame))

    def _open(self) -> tuple[av.container.OutputContainer, AudioStream]:
        import av

        form = self._form
        container = av.open(
            self._sink,
            "w",
            format=form.muxer,
            options={**form.muxer_options, "flush_packets": "1"},
            buffer_size=_BUFFER,
        )
        container.metadata.update(self._tags)
        stream = container.add_stream(
            form.codec,
            rate=self._coded_rate,
            options=dict(form.codec_options),
            layout=self._layout,
            format=form.samples,
            bit_rate=self._kbps * 1000,
        )
        self._output = container, stream
        return self._output
