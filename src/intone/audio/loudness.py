"""Measuring loudness (ITU-R BS.1770-4, EBU R128) and bringing speech to one level."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from intone.audio.steps import FULL_SCALE, STEPS_A_SECOND, StepMeter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from intone.audio.steps import Loudness

__all__ = ["LoudnessMeter", "apply_gain", "gain_to", "loudness_with"]

_OFFSET_LU = -0.691
_ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_LU = -70.0, -10.0
#: Gating blocks are 400 ms and overlap by 75 %: each is four steps.
_STEPS_A_BLOCK = 4
#: Blocks are counted by level in bins of 0.1 LU from the absolute gate up to +30 LUFS.
_BINS_A_LU, _BINS = 10, 1000

#: Loudness of speech in mono (AES TD1008, podcast directories); played on two speakers, or as
#: two equal channels, it reads 3 LU more: the customary -16 LUFS of stereo.
_MONO_TARGET_LUFS = -19.0
#: Limited peaks stay under this; the last decibel is for what lossy codecs and the waveform
#: between samples add.
_CEILING_DBFS = -1.0
#: Where limiting begins.
_KNEE_DBFS = -3.0
#: How far above the ceiling peaks may come to lie before they are limited. eSpeak's lie up to
#: 2 dB above: two samples in a thousand are touched, and the loudness falls by 0.03 LU.
_MOST_LIMITING_DB = 3.0
#: More would only make a recording of noise loud.
_MOST_GAIN_DB = 20.0


class LoudnessMeter:
    """Measures one stream of PCM; its memory does not grow.

    Args:
        sample_rate: In Hz.
        channels: Interleaved channels, all of weight 1 (mono, left and right).
    """

    def __init__(self, sample_rate: int, channels: int = 1) -> None:
        import numpy as np

        self.channels = channels
        self._meter = StepMeter(sample_rate, channels)
        #: Mean squares of the newest steps, which the next block shares.
        self._newest = np.zeros(0)
        self._counts = np.zeros(_BINS, np.int64)
        self._sums = np.zeros(_BINS)
        self._steps = 0

    def feed(self, pcm: bytes) -> None:
        """Measure more audio."""
        self._count(self._meter.feed(pcm))

    def integrated(self) -> float | None:
        """Loudness of everything fed so far in LUFS, or None where all of it is silence.

        Audio shorter than a gating block (400 ms), which the standard leaves without a value,
        is taken as one block.
        """
        import numpy as np

        if self._steps < _STEPS_A_BLOCK:
            return self._short()
        if not self._counts.any():
            return None
        gate = _level(self._sums.sum() / self._counts.sum()) + _RELATIVE_GATE_LU
        kept = slice(max(0, int(np.floor((gate - _ABSOLUTE_GATE_LUFS) * _BINS_A_LU))), None)
        return _level(self._sums[kept].sum() / self._counts[kept].sum())

    def add(self, loudness: Loudness, pause_s: float = 0.0) -> None:
        """Take in a piece that was measured before, after a pause; not amid what is being fed.

        Args:
            loudness: Of a piece of the same rate, in mono.
            pause_s: In seconds.
        """
        import numpy as np

        self._meter.peak = max(self._meter.peak, loudness.peak)
        pause = np.zeros(round(pause_s * STEPS_A_SECOND))
        self._count(np.concatenate((pause, np.frombuffer(loudness.steps, "<f4"))))

    def sample_peak(self) -> float | None:
        """Level of the largest sample in dBFS, or None where all are zero."""
        peak = self._meter.peak
        return 20 * math.log10(peak / FULL_SCALE) if peak else None

    def _count(self, powers: NDArray[np.float64]) -> None:
        """Sort the gating blocks that end with these steps by their level."""
        import numpy as np

        if not powers.size:
            return
        self._steps += len(powers)
        steps = np.concatenate((self._newest, powers))
        self._newest = steps[-(_STEPS_A_BLOCK - 1) :]
        if len(steps) < _STEPS_A_BLOCK:
            return
        blocks = np.convolve(steps, np.full(_STEPS_A_BLOCK, 1 / _STEPS_A_BLOCK), "valid")
        blocks = blocks[blocks > 10 ** ((_ABSOLUTE_GATE_LUFS - _OFFSET_LU) / 10)]
        above = _OFFSET_LU + 10 * np.log10(blocks) - _ABSOLUTE_GATE_LUFS
        bins = np.clip((above * _BINS_A_LU).astype(int), 0, _BINS - 1)
        self._counts += np.bincount(bins, minlength=_BINS)
        self._sums += np.bincount(bins, weights=blocks, minlength=_BINS)

    def _short(self) -> float | None:
        filled = self._steps + self._meter.pending
        if not filled:
            return None
        loudness = _level(float(self._newest.sum() + self._meter.rest().sum()) / filled)
        return loudness if loudness > _ABSOLUTE_GATE_LUFS else None


def gain_to(meter: LoudnessMeter, target_lufs: float | None = None) -> float:
    """The gain in dB that brings what was measured to a loudness.

    Less than that where peaks would lie more than 3 dB above the ceiling, and never more than
    20 dB. Silence gets none.

    Args:
        meter: Has measured the whole recording.
        target_lufs: The loudness wanted; by default -19 LUFS for mono, -16 LUFS for stereo.
    """
    loudness, peak = meter.integrated(), meter.sample_peak()
    if loudness is None or peak is None:
        return 0.0
    if target_lufs is None:
        target_lufs = _MONO_TARGET_LUFS + 10 * math.log10(meter.channels)
    return min(target_lufs - loudness, _CEILING_DBFS + _MOST_LIMITING_DB - peak, _MOST_GAIN_DB)


def loudness_with(meter: LoudnessMeter, gain_db: float | None, channels: int) -> float | None:
    """The loudness in LUFS of what was measured in mono, at another level and from every channel.

    Args:
        meter: Has measured the whole recording.
        gain_db: In dB; None where none was ever chosen.
        channels: Of the recording, all of them alike.

    Returns:
        None for silence.
    """
    measured = meter.integrated()
    if measured is None or gain_db is None:
        return None
    # The same voice from two loudspeakers is 3 LU louder (ITU-R BS.1770 sums the channels).
    return measured + gain_db + 10 * math.log10(channels)


def apply_gain(pcm: bytes, gain_db: float) -> bytes:
    """Change the level; what comes to lie above -3 dBFS is bent to stay below -1 dBFS.

    Args:
        pcm: Whole samples, any number of channels.
        gain_db: In dB.
    """
    import numpy as np

    samples = np.frombuffer(pcm, "<i2")
    louder = samples.astype(np.float32)  # converting while multiplying takes numpy longer
    louder *= np.float32(10 ** (gain_db / 20))
    knee = FULL_SCALE * 10 ** (_KNEE_DBFS / 20)
    room = FULL_SCALE * 10 ** (_CEILING_DBFS / 20) - knee
    over = np.flatnonzero(np.abs(louder) > knee)
    if over.size:
        peaks = louder[over]
        bent = knee + room * np.tanh((np.abs(peaks) - knee) / room)
        louder[over] = np.copysign(bent, peaks)
    np.rint(louder, out=louder)
    return louder.astype("<i2").tobytes()


def _level(power: Any) -> float:
    """LUFS of a K-weighted mean square."""
    return _OFFSET_LU + 10 * math.log10(max(float(power), 1e-20))
