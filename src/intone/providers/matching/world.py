"""Speech taken apart with the WORLD vocoder: pitch, spectral envelope, aperiodicity.

WORLD (https://github.com/mmorise/World) is reached through `pyworld`. DIO with StoneMask finds the
pitch: Harvest is a little better and twenty times slower. Envelopes are kept as the logarithm of
power in bands that lie evenly on the mel scale, which is as fine as a voice's timbre is heard.

NumPy and the vocoder are imported with this module: import it late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyworld
import soxr

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BANDS",
    "FRAME_S",
    "SAMPLE_RATE",
    "Frames",
    "aperiodicity",
    "cepstra",
    "from_pcm",
    "spectrum",
    "synthesise",
    "take_apart",
    "warped",
]

#: What everything is computed at, in Hz: where a voice differs from another lies below 8 kHz.
SAMPLE_RATE = 16_000
#: From one frame to the next.
FRAME_S = 0.005
#: Bands of an envelope.
BANDS = 64

_FRAME_MS = FRAME_S * 1000
_FFT = 1024
_LOWEST_PITCH, _HIGHEST_PITCH = 60.0, 500.0
#: Cepstral coefficients that describe an envelope's shape.
_CEPSTRA = 24
#: Added to power before its logarithm.
_TINY = 1e-12
#: Frames whose envelopes are found at once: more than a window of `windows` has.
_AT_ONCE = 1500
#: Frames that lie at most this far below the loud ones count as sound; natural log of power.
_QUIET = 7.0


def _mel(hertz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(1127 * np.log1p(np.asarray(hertz) / 700))


_CENTRES = np.linspace(0, _mel(SAMPLE_RATE / 2), BANDS)
_CENTRES_HZ = 700 * np.expm1(_CENTRES / 1127)
#: Where each bin of a spectrum lies among the bands.
_PLACES = np.interp(_mel(np.arange(_FFT // 2 + 1) * SAMPLE_RATE / _FFT), _CENTRES, np.arange(BANDS))
_TO_BANDS = np.maximum(0, 1 - np.abs(_PLACES[:, None] - np.arange(BANDS)))
_TO_BANDS /= _TO_BANDS.sum(axis=0)
_TO_BINS = np.maximum(0, 1 - np.abs(np.arange(BANDS)[:, None] - _PLACES))
#: The cosine transform without its first coefficient, the level.
_COSINES = np.cos(np.pi * np.arange(1, _CEPSTRA) * (np.arange(BANDS)[:, None] + 0.5) / BANDS)
_COSINES *= np.sqrt(2 / BANDS)


@dataclass(frozen=True, slots=True)
class Frames:
    """A recording, frame by frame."""

    #: In Hz; 0 where there is no voice.
    pitch: NDArray[np.float64]
    #: Seconds of each frame.
    times: NDArray[np.float64]
    #: Frames × `BANDS`: natural logarithm of power.
    bands: NDArray[np.float64]

    @property
    def voiced(self) -> NDArray[np.bool_]:
        """Which frames have a pitch."""
        return self.pitch > 0

    @property
    def level(self) -> NDArray[np.float64]:
        """How loud each frame is: the mean of its bands."""
        return np.asarray(self.bands.mean(axis=1))

    def loud_level(self) -> float:
        """The level of the loud frames."""
        return float(np.percentile(self.level, 95))

    def sounding(self) -> NDArray[np.bool_]:
        """Which frames hold sound and no pause."""
        return self.level > self.loud_level() - _QUIET


def from_pcm(pcm: NDArray[np.int16], sample_rate: int) -> NDArray[np.float64]:
    """Samples within ±1 at `SAMPLE_RATE`."""
    samples = pcm.astype(np.float64) / 32768
    if sample_rate == SAMPLE_RATE:
        return samples
    return np.asarray(soxr.resample(samples, sample_rate, SAMPLE_RATE, quality="HQ"))


def take_apart(samples: NDArray[np.float64]) -> Frames:
    """Find pitch and envelope of samples at `SAMPLE_RATE`."""
    rough, times = pyworld.dio(
        samples,
        SAMPLE_RATE,
        f0_floor=_LOWEST_PITCH,
        f0_ceil=_HIGHEST_PITCH,
        frame_period=_FRAME_MS,
    )
    pitch = pyworld.stonemask(samples, rough, times, SAMPLE_RATE)
    bands = [
        _bands(samples, pitch[at : at + _AT_ONCE], times[at : at + _AT_ONCE])
        for at in range(0, len(pitch), _AT_ONCE)
    ]
    return Frames(pitch, times, np.concatenate(bands))


def _bands(
    samples: NDArray[np.float64], pitch: NDArray[np.float64], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The envelopes of some frames; before they are bands they are eight times as large."""
    envelope = pyworld.cheaptrick(samples, pitch, times, SAMPLE_RATE, fft_size=_FFT)
    envelope += _TINY
    return np.asarray(np.log(envelope, out=envelope) @ _TO_BANDS)


def aperiodicity(samples: NDArray[np.float64], frames: Frames) -> NDArray[np.float64]:
    """How noisy each frame is, bin by bin."""
    found = pyworld.d4c(samples, frames.pitch, frames.times, SAMPLE_RATE, fft_size=_FFT)
    return np.asarray(found)


def spectrum(bands: NDArray[np.float64]) -> NDArray[np.float64]:
    """The envelope of bands: power, bin by bin."""
    return np.asarray(np.exp(bands @ _TO_BINS))


def synthesise(
    pitch: NDArray[np.float64], envelope: NDArray[np.float64], noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Samples at `SAMPLE_RATE` with that pitch, envelope and aperiodicity."""
    made = pyworld.synthesize(pitch, envelope, noise, SAMPLE_RATE, _FRAME_MS)
    return np.asarray(made)


def warped(bands: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Envelopes whose formants lie `factor` times as high: a shorter vocal tract above 1."""
    places = np.interp(_mel(_CENTRES_HZ / factor), _CENTRES, np.arange(BANDS))
    below = np.minimum(places.astype(int), BANDS - 2)
    share = places - below
    return np.asarray(bands[:, below] * (1 - share) + bands[:, below + 1] * share)


def cepstra(bands: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shape of each envelope in few numbers, apart from its level."""
    return np.asarray(bands @ _COSINES)
