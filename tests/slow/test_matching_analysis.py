"""What samples are taken for: speech that will do, or the reason why they will not."""

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from helpers import flite
from helpers.voices import REFERENCE, SAMPLE_RATE, preset
from intone.providers.matching.analysis import SampleProblem, SampleReport, analyse

SECONDS = 12


def look(samples: NDArray) -> SampleReport:
    return analyse([np.clip(samples, -32768, 32767).astype(np.int16)], SAMPLE_RATE)


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float64]:
    return preset("en-us.emma", REFERENCE).astype(float)


@pytest.fixture(scope="module")
def noise() -> NDArray[np.float64]:
    return np.random.default_rng(4).normal(0, 3000, 2 * SECONDS * SAMPLE_RATE)


def note(hertz: float, seconds: float, decay: float = 3.0) -> NDArray[np.float64]:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tones = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 8))
    return tones * np.exp(-decay * time) * np.minimum(1, time / 0.01)


CHORDS = [
    (261.6, 329.6, 392.0),
    (220.0, 261.6, 329.6),
    (174.6, 220.0, 261.6),
    (196.0, 246.9, 293.7),
]
SCALE = [262, 294, 330, 349, 392, 440, 494, 523, 392, 330, 262, 294]


def chords() -> NDArray[np.float64]:
    return 3000 * np.concatenate([sum(note(tone, 0.75) for tone in chord) for chord in CHORDS * 4])


def melody() -> NDArray[np.float64]:
    return 6000 * np.concatenate([note(tone, 0.3) for tone in SCALE * 4])


def song() -> NDArray[np.float64]:
    """Chords, a bass and drums."""
    bars = chords()
    bass = np.concatenate([note(chord[0] / 2, 0.375) for chord in CHORDS * 4 for _ in range(2)])
    beats = np.random.default_rng(5).normal(0, 4000, len(bars))
    return bars + 6000 * bass + beats * np.exp(-(np.arange(len(bars)) % 4000) / 600)


@pytest.mark.parametrize(
    "voice",
    ["en-us.emma", "en-us.caleb", "en-us.mason", "en-us.grace", "fi-fi.mikko", "ru-ru.galina"],
)
def test_speech_of_built_in_voices_will_do(voice: str) -> None:
    pcm = preset(voice, REFERENCE)
    report = look(pcm)
    assert report.problem is None
    assert 0.8 * report.seconds < report.speech_seconds <= report.seconds


@pytest.mark.requires("flite")
@pytest.mark.parametrize("voice", ["kal", "kal16", "awb", "rms", "slt"])
def test_speech_of_another_engine_will_do(voice: str) -> None:
    pcm, sample_rate = flite.say(voice, REFERENCE)
    report = analyse([pcm], sample_rate)
    assert report.problem is None
    assert 70 < report.pitch_range_hz[0] < report.pitch_hz < report.pitch_range_hz[1] < 300


@pytest.mark.parametrize("music", [chords, melody, song])
def test_music_is_not_speech(music) -> None:
    assert look(music()).problem is SampleProblem.NOT_SPEECH


def test_noise_is_not_speech(noise: NDArray) -> None:
    assert look(noise).problem is SampleProblem.NOT_SPEECH
    beats = np.sin(2 * np.pi * 4 * np.arange(len(noise)) / SAMPLE_RATE) > 0
    assert look(noise * beats).problem is SampleProblem.NOT_SPEECH


def test_a_tone_and_a_hum_are_not_speech() -> None:
    time = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    assert look(9000 * np.sin(2 * np.pi * 220 * time)).problem is SampleProblem.NOT_SPEECH
    assert look(6000 * np.sign(np.sin(2 * np.pi * 50 * time))).problem is SampleProblem.NOT_SPEECH


def test_silence_is_silent(speech: NDArray) -> None:
    assert look(np.zeros(SECONDS * SAMPLE_RATE)).problem is SampleProblem.SILENT
    assert look(speech * 1e-4).problem is SampleProblem.SILENT


@pytest.mark.parametrize("samples", [[], [np.zeros(0, np.int16)], [np.ones(48, np.int16)]])
def test_next_to_nothing_is_silent_and_no_failure(samples: list) -> None:
    assert analyse(samples, SAMPLE_RATE).problem is SampleProblem.SILENT


def test_four_seconds_of_speech_are_too_short_however_much_silence_follows(speech: NDArray) -> None:
    four = speech[: 4 * SAMPLE_RATE]
    assert look(four).problem is SampleProblem.TOO_SHORT
    assert (
        look(np.concatenate([four, np.zeros(20 * SAMPLE_RATE)])).problem is SampleProblem.TOO_SHORT
    )


def test_several_short_samples_count_together(speech: NDArray) -> None:
    pieces = np.array_split(speech[: 9 * SAMPLE_RATE].astype(np.int16), 3)
    assert analyse(pieces, SAMPLE_RATE).problem is None


def test_clipped_speech_is_clipped_at_any_level(speech: NDArray) -> None:
    clipped = np.clip(8 * speech, -32768, 32767)
    assert look(clipped).problem is SampleProblem.CLIPPED
    assert look(clipped / 5).problem is SampleProblem.CLIPPED
    assert look(speech).clipped_share < 0.001


def test_speech_in_noise_is_noisy(speech: NDArray, noise: NDArray) -> None:
    hiss = noise[: len(speech)] / noise.std() * speech.std()
    reports = [look(speech / 2 + hiss / 2 * 10 ** (-snr / 20)) for snr in (0, 5, 30)]
    assert [report.problem for report in reports] == [SampleProblem.NOISY] * 2 + [None]
    assert reports[0].snr_db < reports[1].snr_db < reports[2].snr_db


def test_quiet_speech_will_do_and_its_level_is_told(speech: NDArray) -> None:
    quiet = look(speech / 30)
    assert quiet.problem is None
    assert quiet.level_dbfs == pytest.approx(look(speech).level_dbfs - 29.5, abs=0.3)


def test_the_sample_rate_does_not_matter(speech: NDArray) -> None:
    high = soxr.resample(speech, SAMPLE_RATE, 44_100)
    report = analyse([np.clip(high, -32768, 32767).astype(np.int16)], 44_100)
    assert report.problem is None
    assert report.pitch_hz == pytest.approx(look(speech).pitch_hz, rel=0.01)
