"""What a stranger's file is, and its audio as PCM; for the child process alone.

The content says what it is and never the name: only the five kinds below are looked for, each by
its first bytes, and FFmpeg is told which of its readers to use. Playlists and whatever else leads
a reader from one file to another are among those it is not told of.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from intone.audio.sniff import looks_like
from intone.errors import (
    MediaBrokenError,
    MediaHasNoAudioError,
    MediaTooLongError,
    MediaTooShortError,
    UnsupportedMediaError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import AudioFrame, AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer

__all__ = ["PCM_RATE", "DecodeLimits", "Decoded", "Form", "decode", "recognise"]

#: Of the PCM that comes out: mono s16le at this rate, in Hz.
PCM_RATE: Final = 24_000
_BYTES_PER_MS: Final = PCM_RATE * 2 // 1000

_HEAD = 64
#: Bytes of an ID3v2 header, its flag that says that as many stand behind the tag, and how many
#: tags may follow one another.
_ID3_HEADER, _ID3_FOOTER, _MOST_TAGS = 10, 0x10, 4
#: Bytes of nothing that may stand between a tag and the first frame.
_MOST_PADDING = 64 * 1024
#: A file in which more than one packet in so many is damaged is no recording any more.
_DAMAGED_IN = 10
#: What may be missing of the length that a file claims, in seconds and as a part of it.
_MISSING_S, _MISSING_PART = 0.25, 0.02


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """How far decoding goes. The defaults fit a sample of a voice."""

    #: Longest and shortest audio, in seconds.
    max_seconds: float = 600.0
    min_seconds: float = 0.1
    #: In Hz.
    min_rate: int = 8_000
    max_rate: int = 192_000
    max_channels: int = 8
    #: Bytes of private memory the process may have; it needs 40 MiB to begin with.
    memory_bytes: int = 72 * 1024 * 1024
    #: Seconds of processor time, and of time.
    cpu_seconds: int = 15
    timeout_s: float = 90.0

    @property
    def pcm_bytes(self) -> int:
        """The most PCM that can come out."""
        return int(self.max_seconds * 1000) * _BYTES_PER_MS


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was found."""

    #: The file's kind, as its name would end: `wav`, `mp3`, `flac`, `ogg` or `m4a`.
    form: str
    duration_ms: int
    #: Of the file, in Hz; the PCM has `PCM_RATE`.
    sample_rate: int
    #: Of the file; the PCM has one.
    channels: int


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of file, and what FFmpeg may use for it."""

    name: str
    demuxer: str
    decoders: tuple[str, ...]
    #: Whether the file says truly how long it is.
    tells_length: bool = False


_PCM = ("u8", "s16le", "s24le", "s32le", "f32le", "f64le", "alaw", "mulaw")
_WAV = Form("wav", "wav", tuple(f"pcm_{kind}" for kind in _PCM))
_MP3 = Form("mp3", "mp3", ("mp3float", "mp3"))
_FLAC = Form("flac", "flac", ("flac",), tells_length=True)
_OGG = Form("ogg", "ogg", ("vorbis", "opus", "libopus", "flac"))
_M4A = Form("m4a", "mov", ("aac", "alac"), tells_length=True)


def recognise(file: BinaryIO) -> tuple[Form, int]:
    """What kind of file this is, and where in it that kind begins: behind any ID3 tags.

    FFmpeg need not see the tags: it would read pictures of any size into memory.

    Raises:
        MediaHasNoAudioError: It is empty.
        MediaBrokenError: It ends within its tags.
        UnsupportedMediaError: It is of no kind that is accepted.
    """
    start, size = 0, file.seek(0, os.SEEK_END)
    if not size:
        raise MediaHasNoAudioError
    head = _head_at(file, 0)
    for _ in range(_MOST_TAGS):
        if head[:3] != b"ID3" or len(head) < _ID3_HEADER:
            break
        start += _tag_size(head)
        if start >= size:
            raise MediaBrokenError
        head = _head_at(file, start)
    if start:
        start = _skip_padding(file, start)
        head = _head_at(file, start)
    form = _form_of(head)
    if form is None or (start and form not in {_MP3, _FLAC}):
        raise UnsupportedMediaError
    return form, start


def _head_at(file: BinaryIO, start: int) -> bytes:
    file.seek(start)
    return file.read(_HEAD)


def _tag_size(head: bytes) -> int:
    """Bytes of an ID3v2 tag with its header and footer."""
    size = 0
    for byte in head[6:_ID3_HEADER]:
        size = size << 7 | byte & 0x7F
    return size + _ID3_HEADER * (2 if head[5] & _ID3_FOOTER else 1)


def _skip_padding(file: BinaryIO, start: int) -> int:
    file.seek(start)
    padding = file.read(_MOST_PADDING)
    return start + len(padding) - len(padding.lstrip(b"\0"))


def _form_of(head: bytes) -> Form | None:
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return _WAV
    if head[:4] == b"fLaC":
        return _FLAC
    if head[:4] == b"OggS":
        return _OGG
    if head[4:8] == b"ftyp":
        return _M4A
    return _MP3 if looks_like("mp3", head) else None


def decode(file: BinaryIO, sink: BinaryIO, limits: DecodeLimits) -> Decoded:
    """Decode a file to mono s16le PCM at `PCM_RATE`, a piece at a time.

    Args:
        file: What was sent; it can seek.
        sink: Where the PCM goes.
        limits: How far to go.

    Raises:
        MediaError: It cannot be used; the class says why.
        OSError: The PCM cannot be written.
    """
    import av

    form, start = recognise(file)
    try:
        container = av.open(
            _Behind(file, start),
            mode="r",
            format=form.demuxer,
            metadata_errors="ignore",
            container_options={
                "protocol_whitelist": "",  # nothing can be opened from within
                "format_whitelist": form.demuxer,
                "codec_whitelist": ",".join(form.decoders),
                "max_streams": "16",
            },
        )
    except av.FFmpegError as error:
        raise MediaBrokenError from error
    with container:
        stream = _sound_of(container, form)
        return _Decoding(form, sink, limits).run(container, stream)


class _Behind:
    """A file from some place on; a file to FFmpeg."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self._start = file, start
        file.seek(start)

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET:
            offset += self._start
        return self._file.seek(offset, whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def seekable(self) -> bool:
        return True


def _sound_of(container: InputContainer, form: Form) -> AudioStream:
    """The stream to decode: the first with sound, in a file that has no film in it."""
    from av.stream import Disposition

    for stream in container.streams:
        if stream.type == "video" and not stream.disposition & Disposition.attached_pic:
            raise UnsupportedMediaError
    if not container.streams.audio:
        raise MediaHasNoAudioError
    stream = container.streams.audio[0]
    context = cast("Any", stream.codec_context)
    if context is None or context.name not in form.decoders:
        raise UnsupportedMediaError
    context.thread_count = 1
    return stream


class _Decoding:
    """One file on its way to PCM."""

    def __init__(self, form: Form, sink: BinaryIO, limits: DecodeLimits) -> None:
        self._form, self._sink, self._limits = form, sink, limits
        self._resampler: AudioResampler | None = None
        #: Format, layout and rate of the last frame; a file may change them on its way.
        self._kind: tuple[str, str, int] | None = None
        self._channels = self._rate = self._written = 0

    def run(self, container: InputContainer, stream: AudioStream) -> Decoded:
        import av

        packets = damaged = 0
        try:
            for packet in container.demux(stream):
                packets += 1
                try:
                    frames = packet.decode()
                except (av.FFmpegError, MemoryError):
                    damaged += 1
                    continue
                for frame in frames:
                    self._take(frame)
        except av.FFmpegError as error:
            raise MediaBrokenError from error
        self._write(None)
        duration_ms = self._written // _BYTES_PER_MS
        if damaged * _DAMAGED_IN > packets or self._is_cut_off(stream):
            raise MediaBrokenError
        if not self._written:
            raise MediaHasNoAudioError
        if duration_ms < self._limits.min_seconds * 1000:
            raise MediaTooShortError
        return Decoded(self._form.name, duration_ms, self._rate, self._channels)

    def _take(self, frame: AudioFrame) -> None:
        import av

        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:
            self._check(frame)
            self._write(None)
            self._kind = kind
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=PCM_RATE)
        self._write(frame)

    def _check(self, frame: AudioFrame) -> None:
        limits, channels = self._limits, frame.layout.nb_channels
        if not limits.min_rate <= frame.sample_rate <= limits.max_rate:
            raise UnsupportedMediaError
        if not 1 <= channels <= limits.max_channels:
            raise UnsupportedMediaError
        if self._kind is None:
            self._rate, self._channels = frame.sample_rate, channels

    def _write(self, frame: AudioFrame | None) -> None:
        """Write a frame's PCM, or with None what the resampler has held back."""
        for piece in self._resampled(frame):
            self._written += len(piece)
            if self._written > self._limits.pcm_bytes:
                raise MediaTooLongError
            self._sink.write(piece)

    def _resampled(self, frame: AudioFrame | None) -> Iterator[bytes]:
        if self._resampler is None:
            return
        for piece in self._resampler.resample(frame):
            yield bytes(piece.planes[0])[: piece.samples * 2]

    def _is_cut_off(self, stream: AudioStream) -> bool:
        """Whether much less came out than the file says there is."""
        if not self._form.tells_length or not stream.duration or stream.time_base is None:
            return False
        claimed = float(stream.duration * stream.time_base)
        missing = claimed - self._written / _BYTES_PER_MS / 1000
        return missing > max(_MISSING_S, claimed * _MISSING_PART)
