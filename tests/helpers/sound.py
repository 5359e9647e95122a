"""What can be measured of a voice: level, pitch, timbre."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Samples of one look, at 16 kHz.
_FRAME, _HOP = 1024, 512
SAMPLE_RATE = 16_000
_WINDOW = np.hanning(_FRAME)
_WINDOW_CORRELATION = np.correlate(_WINDOW, _WINDOW, "full")[_FRAME - 1 :] + 1e-3


@dataclass(frozen=True)
class Sound:
    """The features of one recording at `SAMPLE_RATE`."""

    seconds: float
    #: Root mean square of the louder half, 0–1.
    level: float
    #: Median and spread of the pitch in semitones above 55 Hz; 0 where there is none.
    pitch: float
    pitch_spread: float
    #: Share of frames that have a pitch.
    voiced: float
    #: Mean spectrum in bands, in dB about its own mean.
    timbre: NDArray[np.float64]

    def distance(self, other: "Sound") -> float:
        """How different two voices are; what one voice says twice is closer than 1."""
        return float(
            abs(self.pitch - other.pitch)
            + 0.5 * abs(self.pitch_spread - other.pitch_spread)
            + 10 * abs(self.voiced - other.voiced)
            + np.abs(self.timbre - other.timbre).mean()
            + 10 * abs(np.log(self.seconds / other.seconds))
        )


def listen(pcm: bytes) -> Sound:
    """Measure mono s16le samples at `SAMPLE_RATE`; they must not be silent."""
    samples = np.frombuffer(pcm, np.int16) / 32768
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP]
    power = (frames**2).mean(axis=1)
    loud = frames[power >= np.median(power[power > 1e-6])]
    spectra = np.abs(np.fft.rfft(loud * _WINDOW, 2 * _FRAME, axis=1)) ** 2
    pitches, voiced = _pitches(spectra)
    bands = np.array_split(spectra[:, 8:800], 24, axis=1)
    timbre = np.array([np.log10(band.mean(axis=1) + 1e-4).mean() for band in bands]) * 10
    return Sound(
        seconds=len(samples) / SAMPLE_RATE,
        level=float(np.sqrt((loud**2).mean())),
        pitch=float(np.median(pitches)) if len(pitches) else 0.0,
        pitch_spread=float(np.subtract(*np.percentile(pitches, [75, 25]))) if len(pitches) else 0.0,
        voiced=voiced,
        timbre=timbre - timbre.mean(),
    )


def _pitches(spectra: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The pitch of each voiced frame in semitones above 55 Hz, by autocorrelation."""
    correlation = np.fft.irfft(spectra, axis=1)[:, :_FRAME] / _WINDOW_CORRELATION
    shortest, longest = SAMPLE_RATE // 450, SAMPLE_RATE // 55
    window = correlation[:, shortest:longest]
    # The first lag that is nearly as good as the best: its multiples fit as well.
    lags = shortest + (window > 0.9 * window.max(axis=1, keepdims=True)).argmax(axis=1)
    is_voiced = window.max(axis=1) > 0.45 * correlation[:, 0]
    return 12 * np.log2(SAMPLE_RATE / lags[is_voiced] / 55), float(is_voiced.mean())
