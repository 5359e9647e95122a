"""Decoding what the server gave out, with FFmpeg's libraries (PyAV), as a listener's player does."""

import io
from dataclasses import dataclass

import av
import numpy as np

__all__ = ["Decoded", "decode", "dominant_frequency", "level_dbfs"]


@dataclass(frozen=True)
class Decoded:
    sample_rate: int
    channels: int
    #: Shape (channels, samples); 1.0 is full scale.
    samples: np.ndarray
    #: Name of the codec, e.g. `mp3float` or `pcm_s16le`.
    codec: str

    @property
    def duration(self) -> float:
        """Seconds of audio that were really decoded, whatever the header says."""
        return self.samples.shape[1] / self.sample_rate

    @property
    def pcm(self) -> bytes:
        """The samples as interleaved s16le."""
        clipped = np.clip(np.rint(self.samples.T * 32768), -32768, 32767)
        return clipped.astype("<i2").tobytes()


def decode(data: bytes, container: str | None = None) -> Decoded:
    """Decode a whole file; any error in it is raised.

    Args:
        data: The file.
        container: FFmpeg's name of the format; None lets it guess as players do.
    """
    with av.open(io.BytesIO(data), format=container) as file:
        stream = file.streams.audio[0]
        stream.codec_context.options = {"err_detect": "explode"}
        to_float = av.AudioResampler(format="fltp")
        frames = [f for frame in file.decode(stream) for f in to_float.resample(frame)]
        frames += to_float.resample(None)
        samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
        return Decoded(stream.rate, stream.channels, samples, stream.codec_context.name)


def dominant_frequency(samples: np.ndarray, sample_rate: int) -> float:
    """The strongest frequency of one channel, in Hz, to within about 1 Hz for a second of it."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * sample_rate / len(samples))


def level_dbfs(samples: np.ndarray) -> float:
    """Root mean square in dB of full scale."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))
