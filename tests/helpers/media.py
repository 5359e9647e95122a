"""Files that people send: good ones of every kind, made here, and bad ones of many kinds."""

import functools
import io
import struct
import tempfile
from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 24_000

#: Kind of file, by PyAV's muxer, codec and rate.
KINDS = {
    "wav": ("wav", "pcm_s16le", 44_100),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "flac": ("flac", "flac", 48_000),
    "ogg": ("ogg", "libopus", 48_000),
    "m4a": ("ipod", "aac", 44_100),
}


def tone(seconds, rate=RATE, hertz=440.0, channels=1):
    """A sine as s16 samples, one row a channel."""
    wave = np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate) * 12_000
    return np.repeat(wave.astype(np.int16)[None], channels, axis=0)


def encoded(kind, seconds=1.0, *, codec=None, channels=1, options=None):
    """A file of a kind with a tone in it."""
    muxer, usual, rate = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:  # some options have a file read again
        path = Path(folder) / "file"
        with av.open(path, "w", format=muxer, options=options or {}) as container:
            layout = {1: "mono", 2: "stereo"}[channels]
            stream = container.add_stream(codec or usual, rate=rate, layout=layout)
            for packet in _packets(stream, tone(seconds, rate, channels=channels), rate, layout):
                container.mux(packet)
        return path.read_bytes()


def _packets(stream, samples, rate, layout):
    resampler, fifo = av.AudioResampler(stream.format, stream.layout, rate), av.AudioFifo()
    for start in range(0, samples.shape[1], 4096):
        piece = np.ascontiguousarray(samples[:, start : start + 4096].T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(piece, format="s16", layout=layout)
        frame.sample_rate, frame.pts = rate, start
        for resampled in resampler.resample(frame):
            fifo.write(resampled)
        while ready := fifo.read(stream.codec_context.frame_size or 1024):
            yield from stream.encode(ready)
    if rest := fifo.read(partial=True):
        yield from stream.encode(rest)
    yield from stream.encode(None)


def vorbis(seconds=1.0, rate=RATE):
    """A tone in Ogg Vorbis; PyAV's wheels cannot encode it, libsndfile can."""
    file = io.BytesIO()
    soundfile.write(file, tone(seconds, rate)[0], rate, format="OGG", subtype="VORBIS")
    return file.getvalue()


def wav(samples=RATE, *, rate=RATE, channels=1, bits=16, claimed=None):
    """A WAV file of silence whose header says what it is told to."""
    data = bytes(samples * max(channels, 1) * bits // 8)
    size = len(data) if claimed is None else claimed
    frame = channels * bits // 8
    return (
        struct.pack("<4sI4s", b"RIFF", min(size + 36, 0xFFFFFFFF), b"WAVE")
        + struct.pack("<4sIHHII", b"fmt ", 16, 1, channels, rate, rate * frame & 0xFFFFFFFF)
        + struct.pack("<HH4sI", frame & 0xFFFF, bits, b"data", size)
        + data
    )


def id3(size):
    """An ID3v2 tag of one text, `size` bytes without its header."""
    content = b"TXXX" + _synchsafe(size - 10) + b"\0\0" + b"\0" + b"x" * (size - 11)
    return b"ID3\x04\0\0" + _synchsafe(size) + content


def _synchsafe(size):
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def film(muxer="mp4", codec="mpeg4"):
    """A film of ten black pictures, with a second of sound."""
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        video = container.add_stream(codec, rate=10)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=44_100, layout="mono")
        for number in range(10):
            picture = av.VideoFrame(64, 64, "yuv420p")
            picture.pts = number
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 44_100), np.float32), "fltp", "mono")
        sound.sample_rate = 44_100
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    return file.getvalue()


@functools.cache
def flac_bomb(seconds=3 * 3600):
    """Hours of silence in a few hundred kilobytes of FLAC."""
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=8_000, layout="mono")
        for start in range(0, seconds * 8_000, 65_536):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 65_536), np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = 8_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def greedy_m4a(entries=10_000_000):
    """An M4A file whose table of samples says that there are millions of them."""

    def box(name, *content):
        inside = b"".join(content)
        return struct.pack(">I4s", len(inside) + 8, name) + inside

    def full(name, *content):
        return box(name, bytes(4), *content)

    handler = full(b"hdlr", bytes(4), b"soun", bytes(13))
    entry = box(b"mp4a", bytes(6), b"\0\1", bytes(8), struct.pack(">HHIHH", 1, 16, 0, 44_100, 0))
    table = box(
        b"stbl",
        full(b"stsd", struct.pack(">I", 1), entry),
        full(b"stts", struct.pack(">III", 1, entries, 1024)),
        full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        full(b"stsz", struct.pack(">II", 1, entries)),
        full(b"stco", struct.pack(">I", entries), bytes(4 * entries)),
    )
    media = box(
        b"mdia",
        full(b"mdhd", struct.pack(">IIIIHH", 0, 0, 44_100, 44_100, 0, 0)),
        handler,
        box(b"minf", table),
    )
    header = full(b"mvhd", bytes(96))
    return box(b"ftyp", b"M4A ", bytes(4)) + box(b"moov", header, box(b"trak", media))
