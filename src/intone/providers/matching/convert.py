"""Turning a preset's speech into the matched voice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from intone.providers.matching.neighbours import FEWEST, Neighbours
from intone.providers.matching.windows import Windows
from intone.providers.matching.world import (
    SAMPLE_RATE,
    Frames,
    aperiodicity,
    from_pcm,
    spectrum,
    synthesise,
    take_apart,
    warped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from intone.providers.matching.model import MatchingModel, Sounds

__all__ = ["VoiceConverter"]

#: Frames this far below the loud ones are pauses, whose colour stays; natural log of power.
_PAUSE = 9.0
#: How much of what is found is used, the rest being the preset's own sound: 1.0 is nearer to the
#: target by 0.02 of the speaker encoder's cosine, but a sixth more words are misheard.
_FOUND = 0.75
#: Frames over which found envelopes are smoothed, and the ways between kinds of sound.
_SMOOTH = 5
#: A melody is widened or narrowed at most by this factor.
_MOST_LIVELY = 2.0
_LOWEST, _HIGHEST = 50.0, 600.0
#: Samples that the vocoder needs at least.
_SHORTEST = SAMPLE_RATE // 8
#: Louder samples are bent towards 1 and never reach it.
_KNEE = 0.8


class VoiceConverter:
    """Converts speech of one preset into one matched voice.

    Args:
        model: What `fit` found.
    """

    def __init__(self, model: MatchingModel) -> None:
        self._model = model
        self._kinds = [_Kind(model.voiced), _Kind(model.unvoiced)]

    def convert(self, pcm: NDArray[np.int16], sample_rate: int) -> NDArray[np.int16]:
        """Convert mono speech; the result has the same rate and length to within a sample.

        Args:
            pcm: What the preset said.
            sample_rate: In Hz.
        """
        stream = self.stream(sample_rate)
        parts = [*stream.feed(pcm), *stream.finish()]
        whole = np.concatenate([np.zeros(0, np.int16), *parts])
        if sample_rate != SAMPLE_RATE:
            import soxr

            samples = soxr.resample(whole.astype(np.float32), SAMPLE_RATE, sample_rate)
            whole = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
        return np.pad(whole, (0, max(0, len(pcm) - len(whole))))[: len(pcm)]

    def stream(self, sample_rate: int) -> ConvertedStream:
        """Convert speech while it arrives; what comes out has `SAMPLE_RATE`."""
        return ConvertedStream(self, sample_rate)

    def convert_samples(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert one piece of speech, within ±1 at `SAMPLE_RATE`, to as many samples."""
        padded = np.pad(samples, (0, max(0, _SHORTEST - len(samples))))
        frames = take_apart(padded)
        noise = aperiodicity(padded, frames)
        made = synthesise(self._pitch(frames), spectrum(self._bands(frames)), noise)
        made = np.pad(made, (0, max(0, len(samples) - len(made))))[: len(samples)]
        return _limited(self._model.gain * made)

    def _pitch(self, frames: Frames) -> NDArray[np.float64]:
        """The preset's melody about the target's pitch, as lively as the target's."""
        source, target = self._model.source_pitch, self._model.target_pitch
        lively = np.clip(target.spread / source.spread, 1 / _MOST_LIVELY, _MOST_LIVELY)
        heights = np.log(np.maximum(frames.pitch, 1.0))
        moved = np.exp((heights - source.median) * lively + target.median)
        return np.where(frames.voiced, np.clip(moved, _LOWEST, _HIGHEST), 0.0)

    def _bands(self, frames: Frames) -> NDArray[np.float64]:
        bands = warped(frames.bands, self._model.warp)
        sounding = _smoothed((frames.level > self._model.loud - _PAUSE).astype(float)[:, None])
        share = _smoothed(frames.voiced.astype(float)[:, None])
        voiced, unvoiced = (kind.convert(bands, sounding) for kind in self._kinds)
        return share * voiced + (1 - share) * unvoiced


class ConvertedStream:
    """Converts one stretch of speech, a window at a time; memory does not grow with it."""

    def __init__(self, converter: VoiceConverter, sample_rate: int) -> None:
        self._converter = converter
        self._resampler = None
        if sample_rate != SAMPLE_RATE:
            import soxr

            self._resampler = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float64")
        self._windows = Windows()

    def feed(self, pcm: NDArray[np.int16]) -> Iterator[NDArray[np.int16]]:
        """Take in more speech, and give what can be converted so far."""
        return self._converted(pcm, last=False)

    def finish(self) -> Iterator[NDArray[np.int16]]:
        """Convert the rest; no call may follow."""
        return self._converted(np.zeros(0, np.int16), last=True)

    def _converted(self, pcm: NDArray[np.int16], *, last: bool) -> Iterator[NDArray[np.int16]]:
        samples = from_pcm(pcm, SAMPLE_RATE)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        for window in self._windows.feed(samples, last=last):
            joined = self._windows.join(self._converter.convert_samples(window.samples), window)
            yield np.rint(32767 * joined).astype(np.int16)


class _Kind:
    """Converts the envelopes of one kind of sound."""

    def __init__(self, sounds: Sounds) -> None:
        self._shift = (sounds.target - sounds.source).astype(np.float64)
        self._neighbours = Neighbours(sounds) if len(sounds.frames) >= FEWEST else None

    def convert(
        self, bands: NDArray[np.float64], sounding: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The target's envelopes for the preset's warped ones, as loud as those.

        Args:
            bands: The preset's.
            sounding: For each frame 0 in a pause up to 1 in sound.
        """
        shifted = bands + self._shift
        if self._neighbours is None:
            return shifted
        found = self._neighbours.find(bands)
        found += (shifted - found).mean(axis=1, keepdims=True)
        share = _FOUND * sounding
        return np.asarray(share * _smoothed(found) + (1 - share) * shifted)


def _smoothed(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """A running mean over `_SMOOTH` frames, weighted towards the middle."""
    weights = np.hanning(_SMOOTH + 2)[1:-1]
    weights /= weights.sum()
    padded = np.pad(rows, ((_SMOOTH // 2, _SMOOTH // 2), (0, 0)), "edge")
    return np.asarray(sum(weight * padded[i : i + len(rows)] for i, weight in enumerate(weights)))


def _limited(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    over = np.maximum(np.abs(samples) - _KNEE, 0)
    room = 1 - _KNEE
    bent = _KNEE + room * np.tanh(over / room)
    return np.where(over > 0, np.sign(samples) * bent, samples)
