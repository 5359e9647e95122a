"""Files that people send: good ones of every kind, made here, and bad ones of many kinds."""

import io
import struct

import av
import numpy as np

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


def encoded(kind, seconds=1.0, *, codec=None, rate=None, channels=1, hertz=440.0, options=None):
    """A file of a kind with a tone in it."""
    muxer, usual_codec, usual_rate = KINDS.get(kind, (kind, codec, rate))
    rate = rate or usual_rate
    file = io.BytesIO()
    with av.open(file, "w", format=muxer, options=options or {}) as container:
        layout = {1: "mono", 2: "stereo"}.get(channels, f"{channels}c")
        stream = container.add_stream(codec or usual_codec, rate=rate, layout=layout)
        fifo = av.AudioFifo()
        samples = tone(seconds, rate, hertz, channels)
        resampler = av.AudioResampler(stream.format, stream.layout, rate)
        for start in range(0, samples.shape[1], 4096):
            piece = np.ascontiguousarray(samples[:, start : start + 4096].T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(piece, format="s16", layout=layout)
            frame.sample_rate = rate
            frame.pts = start
            for resampled in resampler.resample(frame):
                fifo.write(resampled)
            while ready := fifo.read(stream.codec_context.frame_size or 1024):
                container.mux(stream.encode(ready))
        if rest := fifo.read(partial=True):
            container.mux(stream.encode(rest))
        container.mux(stream.encode(None))
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
