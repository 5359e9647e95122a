"""Whether recordings will do for matching a voice: is there speech, enough of it, and clean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from intone.providers.matching.world import (
    FRAME_S,
    SAMPLE_RATE,
    cepstra,
    from_pcm,
    take_apart,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from intone.providers.matching.world import Frames

__all__ = ["LEAST_SPEECH_S", "SampleProblem", "SampleReport", "analyse"]

#: Seconds of speech that are needed.
LEAST_SPEECH_S = 5.0

#: Of longer samples, the first seconds tell enough.
_MOST_S = 120.0
#: dBFS: what never gets louder holds nothing.
_SILENT_DB = -55.0
#: Share of sounding samples at the peak from which on a recording is distorted; samples below
#: `_FAINT` of the peak are pauses.
_MOST_CLIPPED, _AT_PEAK, _FAINT = 0.005, 0.998, 0.01
#: dB between speech and the noise beneath it, and the most that is told.
_LEAST_SNR_DB, _MOST_SNR_DB = 15.0, 80.0
#: dB beneath the loud frames down to which a frame counts as sound.
_RANGE_DB = 30.0
#: Seconds of pause that still belong to the speech about it.
_BRIDGED_S = 0.3
#: Power that stands for digital silence.
_SILENCE = 1e-12
#: Speech of 17 voices in 6 languages has 0.67–0.94, 1.5–4.3 a second, 1.17–2.1 and at most 0.16;
#: chords, melodies, drums, hum and noise miss at least one of these bounds, mostly three.
_VOICED, _LEAST_ONSETS, _LEAST_MOTION, _MOST_STEADY = (0.35, 0.97), 1.2, 1.0, 0.7
#: Frames between which the timbre's motion is taken.
_MOTION = 4
#: Octaves in 5 ms below which a pitch stands still.
_STILL = 0.02 / 12


class SampleProblem(StrEnum):
    """Why samples will not do; the values are what clients are told."""

    TOO_SHORT = "sample_too_short"
    SILENT = "sample_silent"
    CLIPPED = "sample_clipped"
    NOISY = "sample_noisy"
    NOT_SPEECH = "sample_not_speech"


@dataclass(frozen=True, slots=True)
class SampleReport:
    """What was found in all samples together."""

    #: Of everything, pauses included.
    seconds: float
    #: Of speech, short pauses included.
    speech_seconds: float
    #: Of the sounding part, root mean square.
    level_dbfs: float
    #: Share of sounding samples at the peak, 0–1.
    clipped_share: float
    #: Between the speech and the quietest parts, in dB; an estimate, at most 80.
    snr_db: float
    #: Median pitch in Hz, and the range between its 10th and 90th percentile; 0 without a voice.
    pitch_hz: float
    pitch_range_hz: tuple[float, float]
    #: Share of sounding frames that have a pitch, 0–1.
    voiced_share: float
    #: None where the samples will do.
    problem: SampleProblem | None


@dataclass(frozen=True, slots=True)
class _Traits:
    """What tells speech from music and noise."""

    #: Share of sounding frames with a pitch. Noise has next to none; a held note always.
    voiced: float
    #: How often a second the voice sets in. Syllables come and go 3–8 times.
    onsets: float
    #: How far the timbre moves in 20 ms. Instruments keep theirs.
    motion: float
    #: Share of pitches that stand still. Notes do, speech hardly ever.
    steady: float

    @property
    def are_of_speech(self) -> bool:
        return (
            _VOICED[0] <= self.voiced <= _VOICED[1]
            and self.onsets >= _LEAST_ONSETS
            and self.motion >= _LEAST_MOTION
            and self.steady <= _MOST_STEADY
        )


def analyse(samples: Sequence[NDArray[np.int16]], sample_rate: int) -> SampleReport:
    """Look at recordings of a voice.

    CPU-bound, about a thirtieth of their length: run it in a process of its own.

    Args:
        samples: Mono recordings; two minutes of them are looked at.
        sample_rate: Of all of them, in Hz.
    """
    pcm = np.concatenate([np.zeros(0, np.int16), *samples])
    seconds = len(pcm) / sample_rate
    pcm = pcm[: round(_MOST_S * sample_rate)]
    wave = np.pad(from_pcm(pcm, sample_rate), (0, SAMPLE_RATE // 8))
    levels = _levels(wave)
    quiet, loud = np.percentile(levels, [8, 95])
    if loud < _SILENT_DB:
        silent = SampleProblem.SILENT
        return SampleReport(seconds, 0.0, float(loud), 0.0, 0.0, 0.0, (0.0, 0.0), 0.0, silent)
    frames = take_apart(wave)
    sounding = levels[: len(frames.pitch)] > loud - _RANGE_DB
    traits = _traits(frames, sounding)
    pitches = frames.pitch[sounding & frames.voiced]
    low, middle, high = np.percentile(pitches, [10, 50, 90]) if len(pitches) else (0.0, 0.0, 0.0)
    found = SampleReport(
        seconds=seconds,
        speech_seconds=_bridged(sounding) * FRAME_S,
        level_dbfs=float(10 * np.log10(np.mean(10 ** (levels[: len(sounding)][sounding] / 10)))),
        clipped_share=_clipped(pcm),
        snr_db=float(min(loud - quiet, _MOST_SNR_DB)),
        pitch_hz=float(middle),
        pitch_range_hz=(float(low), float(high)),
        voiced_share=traits.voiced,
        problem=None,
    )
    return replace(found, problem=_problem(found, traits))


def _problem(found: SampleReport, traits: _Traits) -> SampleProblem | None:
    # Noise takes the traits away as well: what still comes and goes like a voice is one in noise.
    if found.snr_db < _LEAST_SNR_DB and traits.voiced >= _VOICED[0] / 2:
        in_noise = traits.onsets >= _LEAST_ONSETS and traits.steady <= _MOST_STEADY
        return SampleProblem.NOISY if in_noise else SampleProblem.NOT_SPEECH
    if found.seconds < LEAST_SPEECH_S:
        return SampleProblem.TOO_SHORT
    if not traits.are_of_speech:
        return SampleProblem.NOT_SPEECH
    if found.clipped_share > _MOST_CLIPPED:
        return SampleProblem.CLIPPED
    return SampleProblem.TOO_SHORT if found.speech_seconds < LEAST_SPEECH_S else None


def _levels(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """How loud 20 ms are at every frame, in dBFS."""
    hop = round(FRAME_S * SAMPLE_RATE)
    padded = np.pad(wave, (2 * hop, 3 * hop))
    power = np.concatenate([[0.0], np.cumsum(padded**2)])
    starts = np.arange(0, len(wave) + 1, hop)
    mean = np.maximum(power[starts + 4 * hop] - power[starts], 0) / (4 * hop)
    return np.asarray(10 * np.log10(mean + _SILENCE))


def _traits(frames: Frames, sounding: NDArray[np.bool_]) -> _Traits:
    voiced = frames.voiced & sounding
    heard = max(1, int(sounding.sum()))
    shapes = cepstra(frames.bands)
    motion = np.abs(shapes[_MOTION:] - shapes[:-_MOTION]).mean(axis=1)[sounding[_MOTION:]]
    pairs = voiced[1:] & voiced[:-1]
    steps = np.abs(np.diff(np.log2(np.maximum(frames.pitch, 1.0))))[pairs]
    return _Traits(
        voiced=float(voiced.sum() / heard),
        onsets=float((voiced[1:] & ~voiced[:-1]).sum() / (heard * FRAME_S)),
        motion=float(np.median(motion)) if len(motion) else 0.0,
        steady=float((steps < _STILL).mean()) if len(steps) else 1.0,
    )


def _bridged(sounding: NDArray[np.bool_]) -> int:
    """How many frames sound, short pauses between them included."""
    places = np.flatnonzero(sounding)
    gaps = np.diff(places)
    return int(gaps[gaps * FRAME_S <= _BRIDGED_S].sum()) + 1 if len(places) else 0


def _clipped(pcm: NDArray[np.int16]) -> float:
    """Share of samples at the peak: in a clipped recording, whatever its level, there are many."""
    sizes = np.abs(pcm.astype(np.int32))
    sounding = sizes[sizes > sizes.max() * _FAINT]
    return float((sounding >= sizes.max() * _AT_PEAK).mean())
