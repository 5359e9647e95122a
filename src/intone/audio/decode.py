"""Decoding what a vendor delivers when it has no raw PCM, while it is still arriving.

The codecs are FFmpeg's (PyAV) and run in this process: the bytes come from a vendor that the
operator has configured, not from anybody who likes. What a stranger uploads is not decoded here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast

from intone.audio.containers import FlacReader, OggPacket, OggReader, WavFormat, WavReader
from intone.audio.formats import BYTES_PER_SAMPLE, FrameAligner
from intone.audio.sniff import looks_like
from intone.errors import ProviderInvalidResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from av import AudioFrame, AudioResampler, Packet
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.stream import AudioStream
    from numpy.typing import NDArray

__all__ = ["DECODABLE", "Decoder", "create_decoder"]

#: Bytes that may pass with no audio in them: more than any cover picture in a spoken answer.
_PATIENCE = 512 * 1024
#: Bytes looked at in one go, so that a large piece of garbage is noticed at its beginning.
_SLICE = 16 * 1024
#: Bytes of an ID3v2 header, and its flag that says that as many stand behind the tag.
_ID3_HEADER, _ID3_FOOTER = 10, 0x10
#: An encoder's note on its file has the form of a first frame; these words are in its beginning.
_NOTES, _NOTE_WITHIN = (b"Xing", b"Info", b"VBRI"), 64
#: The packets an Opus stream begins with, and the place of the length of the codec's run-in.
_OPUS, _OPUS_HEAD, _OPUS_TAGS = "libopus", b"OpusHead", b"OpusTags"
_OPUS_HEAD_SIZE, _RUN_IN_AT = 19, 10
_FULL_SCALE = 32_768


class Decoder(Protocol):
    """Turns one encoded stream into mono s16le PCM; several channels are mixed.

    How the bytes are cut into chunks does not matter.
    """

    @property
    def sample_rate(self) -> int:
        """Of the PCM, in Hz; 0 until the first of it has been returned."""

    def feed(self, data: bytes) -> bytes:
        """Take in more bytes and return what is decoded so far, perhaps nothing.

        Raises:
            ProviderInvalidResponseError: They are not of that format.
        """

    def finish(self) -> bytes:
        """Return the last samples; no call may follow.

        Raises:
            ProviderInvalidResponseError: There was no audio at all.
        """


def create_decoder(form: str) -> Decoder:
    """A decoder for one stream.

    Args:
        form: One of `DECODABLE`. Opus means Ogg Opus, and AAC means ADTS.

    Raises:
        KeyError: It is none of them.
    """
    return DECODABLE[form]()


class _Decoder(ABC):
    """What all decoders do: look at little at a time, and give up where no audio comes."""

    def __init__(self) -> None:
        self._rate = 0
        self._fruitless = 0

    @property
    def sample_rate(self) -> int:
        return self._rate

    def feed(self, data: bytes) -> bytes:
        decoded: list[bytes] = []
        for begin in range(0, len(data), _SLICE):
            piece = data[begin : begin + _SLICE]
            decoded.append(self._take(piece))
            self._fruitless = 0 if decoded[-1] else self._fruitless + len(piece)
            if self._fruitless > _PATIENCE:
                raise ProviderInvalidResponseError
        return b"".join(decoded)

    def finish(self) -> bytes:
        rest = self._rest()
        if not self._rate:
            raise ProviderInvalidResponseError
        return rest

    @abstractmethod
    def _take(self, data: bytes) -> bytes: ...

    @abstractmethod
    def _rest(self) -> bytes: ...


class _WavDecoder(_Decoder):
    def __init__(self) -> None:
        super().__init__()
        self._reader = WavReader()
        self._aligner = FrameAligner()

    def _take(self, data: bytes) -> bytes:
        samples = self._reader.feed(data)
        form = self._reader.format
        if form is None:
            return b""
        if not self._rate:
            self._rate = form.sample_rate
            self._aligner = FrameAligner(form.channels, form.bits // 8)
        return _to_mono(self._aligner.feed(samples), form)

    def _rest(self) -> bytes:
        return b""


def _to_mono(data: bytes, form: WavFormat) -> bytes:
    """Whole frames of a WAV file as mono s16le; what is finer than 16 bits is cut off."""
    import numpy as np

    samples: NDArray[Any]
    if form.is_float:
        samples = np.nan_to_num(np.frombuffer(data, "<f4")).clip(-1, 1) * _FULL_SCALE
    elif form.bits == BYTES_PER_SAMPLE * 8:
        if form.channels == 1:
            return data
        samples = np.frombuffer(data, "<i2")
    elif form.bits > BYTES_PER_SAMPLE * 8:
        # The upper two bytes of each sample.
        high = np.frombuffer(data, np.uint8).reshape(-1, form.bits // 8)[:, -BYTES_PER_SAMPLE:]
        samples = np.ascontiguousarray(high).view("<i2")[:, 0]
    else:
        samples = (np.frombuffer(data, np.uint8).astype(np.int16) - 128) * 256
    mono = np.rint(samples.reshape(-1, form.channels).mean(axis=1, dtype=np.float64))
    return bytes(mono.clip(-_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes())


def _open(codec: str) -> AudioCodecContext:
    import av

    # Of this name there are only audio codecs.
    return cast("AudioCodecContext", av.CodecContext.create(codec, "r"))


class _LavcDecoder(_Decoder):
    """One of FFmpeg's decoders, and the way from its frames to mono PCM at the first one's rate."""

    def __init__(self, codec: str) -> None:
        super().__init__()
        self._codec = _open(codec)
        # On its own, or what it reads ahead would tell the decoder a later frame's rate.
        self._parser = _open(codec)
        self._resampler: AudioResampler | None = None
        self._form: tuple[str, str, int] | None = None

    def _packets(self, data: bytes | None) -> list[Packet[AudioStream]]:
        """Cut a stream into packets; None for the last ones."""
        if data is None:
            # Of those that it has held back, the parser gives out one at a time.
            last: list[Packet[AudioStream]] = []
            while held := self._parser.parse(None):
                last += held
            return last
        return self._parser.parse(data)

    def _decode(self, packets: Iterable[Packet[AudioStream] | None]) -> bytes:
        """What these packets hold; None ends the stream. A damaged packet is left out."""
        import av

        decoded: list[bytes] = []
        for packet in packets:
            try:
                decoded += map(self._to_mono, self._codec.decode(packet))
            except av.FFmpegError:
                continue
        return b"".join(decoded)

    def _to_mono(self, frame: AudioFrame) -> bytes:
        import av

        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        flushed = b""
        if form != self._form:
            self._rate = self._rate or frame.sample_rate
            flushed = self._resampled(None)
            self._form = form
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=self._rate)
        return flushed + self._resampled(frame)

    def _resampled(self, frame: AudioFrame | None) -> bytes:
        if self._resampler is None:
            return b""
        return b"".join(piece.to_ndarray().tobytes() for piece in self._resampler.resample(frame))

    def _rest(self) -> bytes:
        return self._decode([*self._packets(None), None]) + self._resampled(None)


class _MpegDecoder(_LavcDecoder):
    """MP3, or AAC in ADTS: frames one after the other, perhaps with a tag before them."""

    def __init__(self, form: str, codec: str) -> None:
        super().__init__(codec)
        self._name = form
        self._head: bytes | None = b""
        self._skip = 0
        self._is_first = True

    def _take(self, data: bytes) -> bytes:
        if self._head is not None:
            data = self._begin(self._head + data)
        return self._decode(self._sounding(self._packets(data))) if data else b""

    def _begin(self, data: bytes) -> bytes:
        """Leave out tags and see whether a frame follows; b"" until that is known."""
        while True:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            self._head = data = data[skipped:]
            if data[:3] != b"ID3" or self._name != "mp3":
                break
            if len(data) < _ID3_HEADER:
                return b""
            self._skip = _id3_size(data)
        looks = looks_like(self._name, data)
        if looks is False:
            raise ProviderInvalidResponseError
        if looks:
            self._head = None
        return data if looks else b""

    def _sounding(self, packets: list[Packet[AudioStream]]) -> list[Packet[AudioStream]]:
        """All packets but a first one that holds the encoder's note instead of sound."""
        if self._is_first and packets:
            self._is_first = False
            beginning = bytes(packets[0])[:_NOTE_WITHIN]
            if self._name == "mp3" and any(note in beginning for note in _NOTES):
                return packets[1:]
        return packets


def _id3_size(data: bytes) -> int:
    """Bytes of an ID3v2 tag with its header, and with its footer where a flag says so."""
    size = 0
    for byte in data[6:_ID3_HEADER]:
        size = size << 7 | byte & 0x7F
    return size + _ID3_HEADER * (2 if data[5] & _ID3_FOOTER else 1)


class _FlacDecoder(_LavcDecoder):
    def __init__(self) -> None:
        super().__init__("flac")
        self._reader = FlacReader()

    def _take(self, data: bytes) -> bytes:
        audio = self._reader.feed(data)
        if not audio:
            return b""
        if not self._codec.is_open:
            self._codec.extradata = self._reader.streaminfo
        return self._decode(self._packets(audio))


class _OpusDecoder(_LavcDecoder):
    """Ogg Opus (RFC 7845), several streams in a row included.

    FFmpeg leaves out the codec's run-in, of which the header tells; what pads the last packet
    is cut off here.
    """

    def __init__(self) -> None:
        super().__init__(_OPUS)
        self._reader = OggReader()
        #: In samples since the beginning of this stream, its run-in included.
        self._position = 0

    def _take(self, data: bytes) -> bytes:
        return b"".join([self._packet(packet) for packet in self._reader.feed(data)])

    def _packet(self, packet: OggPacket) -> bytes:
        import av

        if packet.is_first:
            return self._begin(packet.data)
        if packet.data.startswith(_OPUS_TAGS):
            return b""
        pcm = self._decode([cast("Packet[AudioStream]", av.Packet(packet.data))])
        if packet.end is not None:
            pcm = pcm[: max(packet.end - self._position, 0) * BYTES_PER_SAMPLE]
        self._position += len(pcm) // BYTES_PER_SAMPLE
        return pcm

    def _begin(self, head: bytes) -> bytes:
        if len(head) < _OPUS_HEAD_SIZE or not head.startswith(_OPUS_HEAD):
            raise ProviderInvalidResponseError
        rest = self._decode([None]) if self._rate else b""
        self._codec = _open(_OPUS)
        self._codec.extradata = head
        self._position = int.from_bytes(head[_RUN_IN_AT : _RUN_IN_AT + 2], "little")
        return rest

    def _rest(self) -> bytes:
        return self._decode([None]) if self._rate else b""


#: All that can be decoded, by its name.
DECODABLE: Mapping[str, Callable[[], Decoder]] = MappingProxyType(
    {
        "wav": _WavDecoder,
        "mp3": lambda: _MpegDecoder("mp3", "mp3float"),
        "aac": lambda: _MpegDecoder("aac", "aac"),
        "opus": _OpusDecoder,
        "flac": _FlacDecoder,
    }
)
