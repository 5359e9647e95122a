"""Learning a voice from samples: which preset comes nearest, and what turns it into the target.

CPU-bound and long for an event loop (2–6 seconds for a minute of samples): run it in a process of
its own. Neither the samples nor anything that could be played is in the result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from intone.errors import InvalidInputError
from intone.providers.matching.convert import VoiceConverter
from intone.providers.matching.model import MatchingModel, Pitch, Sounds
from intone.providers.matching.neighbours import Neighbours, motion
from intone.providers.matching.world import (
    BANDS,
    SAMPLE_RATE,
    cepstra,
    from_pcm,
    take_apart,
    warped,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from intone.providers.matching.world import Frames

__all__ = ["Candidate", "MatchedVoice", "fit"]

#: Of the samples, so many seconds are looked at; more makes no difference to be heard.
_MOST_S = 60.0
#: Frames of the target that a model keeps of each kind: half a minute of voiced ones.
_MOST_VOICED, _MOST_UNVOICED = 6000, 2500
#: How far formants are moved at most, and in which steps they are tried.
_WARPS = np.linspace(0.82, 1.22, 11)
#: Candidates whose formants are tried: those nearest in pitch.
_TRIED = 4
#: What an octave between two voices' pitches counts for beside the distance of their sounds.
_OCTAVE = 0.25
#: Every so manieth frame is enough to find a warp.
_SPARSE = 6
#: A melody flatter than this, in natural logarithm, is noise of the measurement.
_FLATTEST = 0.02
#: Seconds of the preset's rendering that set the loudness.
_LOUDNESS_S = 6.0
#: Where all but the rarest samples have to stay; the limiter's knee lies above it.
_PEAK = 0.6
#: With fewer voiced frames nobody can be heard speaking.
_FEWEST_VOICED = 50


@dataclass(frozen=True, slots=True)
class Candidate:
    """A preset that may become the base, as it sounds."""

    #: The preset's id at its provider.
    local_id: str
    #: What it says of `candidates.reference_text`, mono.
    pcm: NDArray[np.int16]
    #: In Hz.
    sample_rate: int


@dataclass(frozen=True, slots=True)
class MatchedVoice:
    """A base preset and what makes the target of it."""

    base_local_id: str
    model: MatchingModel


@dataclass(frozen=True, slots=True)
class _Voice:
    """One voice's frames and what is characteristic of it."""

    frames: Frames
    pitch: Pitch

    def chosen(self, *, voiced: bool) -> NDArray[np.bool_]:
        """Which frames are sound of that kind."""
        is_kind = self.frames.voiced if voiced else ~self.frames.voiced
        return self.frames.sounding() & is_kind


def fit(
    samples: Sequence[NDArray[np.int16]], sample_rate: int, candidates: Sequence[Candidate]
) -> MatchedVoice:
    """Choose the base and compute the conversion.

    Args:
        samples: Mono recordings of the target; `analyse` should have found nothing against them.
        sample_rate: Of all of them, in Hz.
        candidates: Presets of the language that the voice is to speak; at least one.

    Raises:
        InvalidInputError: There is no voice in the samples.
    """
    recording = np.concatenate([from_pcm(pcm, sample_rate) for pcm in samples])
    target = _listen(recording[: round(_MOST_S * SAMPLE_RATE)])
    heard = [(one, _listen(from_pcm(one.pcm, one.sample_rate))) for one in candidates]
    heard.sort(key=lambda pair: _octaves(pair[1], target))
    tried = [(*_best_warp(source, target), one, source) for one, source in heard[:_TRIED]]
    _, warp, chosen, source = min(
        tried, key=lambda found: found[0] + _OCTAVE * _octaves(found[3], target)
    )
    return MatchedVoice(chosen.local_id, _with_loudness(_model(source, target, warp), chosen))


def _listen(samples: NDArray[np.float64]) -> _Voice:
    frames = take_apart(samples)
    heights = np.log(frames.pitch[frames.voiced])
    if len(heights) < _FEWEST_VOICED:
        raise InvalidInputError("There is no voice to be heard in the samples.")
    low, median, high = np.percentile(heights, [16, 50, 84])
    return _Voice(frames, Pitch(float(median), max(_FLATTEST, float(high - low) / 2)))


def _octaves(one: _Voice, other: _Voice) -> float:
    return abs(one.pitch.median - other.pitch.median) / float(np.log(2))


def _best_warp(source: _Voice, target: _Voice) -> tuple[float, float]:
    """How unlike two voices' sounds are at the best warp, and that warp."""
    bands = source.frames.bands[source.chosen(voiced=True)]

    def distance(warp: float) -> float:
        sounds = _sounds(source, target, warp, voiced=True, most=_MOST_VOICED // 2)
        return Neighbours(sounds).distance(warped(bands, warp)[::_SPARSE])

    return min((distance(float(warp)), float(warp)) for warp in _WARPS)


def _model(source: _Voice, target: _Voice, warp: float) -> MatchingModel:
    return MatchingModel(
        warp=warp,
        source_pitch=source.pitch,
        target_pitch=target.pitch,
        loud=source.frames.loud_level(),
        gain=1.0,
        voiced=_sounds(source, target, warp, voiced=True, most=_MOST_VOICED),
        unvoiced=_sounds(source, target, warp, voiced=False, most=_MOST_UNVOICED),
    )


def _sounds(source: _Voice, target: _Voice, warp: float, *, voiced: bool, most: int) -> Sounds:
    own = warped(source.frames.bands[source.chosen(voiced=voiced)], warp)
    chosen = target.chosen(voiced=voiced)
    frames = target.frames.bands[chosen]
    if not len(frames) or not len(own):
        # A voice without such sounds keeps the preset's.
        nothing = np.zeros(BANDS, np.float32)
        return Sounds(nothing, nothing, np.zeros((0, BANDS), np.float32), nothing[:0, np.newaxis])
    moving = motion(cepstra(target.frames.bands))[chosen]
    kept = np.arange(0, len(frames), -(-len(frames) // most))
    # Sorted by loudness, so that what was said cannot be put together again.
    kept = kept[np.argsort(frames[kept].mean(axis=1), kind="stable")]
    return Sounds(
        source=own.mean(axis=0).astype(np.float32),
        target=frames.mean(axis=0).astype(np.float32),
        frames=frames[kept].astype(np.float32),
        motion=moving[kept].astype(np.float32),
    )


def _with_loudness(model: MatchingModel, base: Candidate) -> MatchingModel:
    """The model with the gain after which it is as loud as its base, its peaks permitting."""
    before = from_pcm(base.pcm, base.sample_rate)[: round(_LOUDNESS_S * SAMPLE_RATE)]
    after = VoiceConverter(model).convert_samples(before)
    level = np.sqrt((before**2).mean() / (after**2).mean())
    return replace(model, gain=float(min(level, _PEAK / np.percentile(np.abs(after), 99.9))))
