"""Resampled audio: length, pitch, level, no aliases, and no trace of the chunks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.decoding import decode, dominant_frequency, level_dbfs
from helpers.signals import cuts, pieces, sine
from helpers.speech import speak
from intone.audio.encode import create_encoder
from intone.audio.resample import Resampler

RATES = [8000, 16000, 22050, 24000, 44100]
sample_rates = st.sampled_from([8000, 11025, 16000, 22050, 24000, 44100, 48000])


def resampled(pcm: bytes, source: int, target: int) -> bytes:
    resampler = Resampler(source, target)
    return resampler.feed(pcm) + resampler.finish()


def samples_of(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2") / 32768


@pytest.mark.parametrize("source", RATES)
@pytest.mark.parametrize("target", RATES)
def test_pitch_and_level_stay(source: int, target: int) -> None:
    pcm = resampled(sine(440, 2.0, source, dbfs=-9), source, target)
    steady = samples_of(pcm)[target // 2 : target * 3 // 2]
    assert dominant_frequency(steady, target) == pytest.approx(440, abs=1)
    assert level_dbfs(steady) == pytest.approx(-9 - 3.01, abs=0.05)


def test_sine_is_the_same_after_resampling_and_mp3() -> None:
    """The whole way a recording goes: 440 Hz stay 440 Hz."""
    pcm = resampled(sine(440, 2.0, 22050), 22050, 16000)
    encoder = create_encoder("mp3", sample_rate=16000)
    result = decode(encoder.feed(pcm) + encoder.finish())
    assert result.sample_rate == 16000
    middle = result.samples[0, 8000:24000]
    assert dominant_frequency(middle, 16000) == pytest.approx(440, abs=1)


def test_what_the_lower_rate_cannot_hold_is_gone() -> None:
    """6 kHz would come back as 2 kHz at 8 kHz without a filter."""
    pcm = resampled(sine(6000, 1.0, 44100), 44100, 8000)
    assert level_dbfs(samples_of(pcm)[800:-800]) < -80


@given(source=sample_rates, target=sample_rates, count=st.integers(0, 5000))
def test_length_is_right_to_within_a_sample(source: int, target: int, count: int) -> None:
    pcm = speak()[1][20_000 : 20_000 + 2 * count]
    assert abs(len(resampled(pcm, source, target)) / 2 - count * target / source) < 1


@given(target=sample_rates, sizes=cuts)
def test_result_does_not_depend_on_the_chunks(target: int, sizes: list[int]) -> None:
    pcm = speak()[1][:60_000]
    resampler = Resampler(22050, target)
    parts = b"".join(resampler.feed(piece) for piece in pieces(pcm, sizes)) + resampler.finish()
    assert parts == resampled(pcm, 22050, target)


def test_equal_rates_change_nothing() -> None:
    pcm = speak()[1]
    assert resampled(pcm, 22050, 22050) == pcm


def test_silence_stays_silence() -> None:
    assert not any(resampled(bytes(20_000), 22050, 24000))


def test_overshoot_is_held_at_full_scale_and_never_wraps() -> None:
    """A full-scale square wave overshoots when filtered; a wrapped sample would change its sign."""
    square = np.tile(np.repeat(np.array([32767, -32768], "<i2"), 50), 200)
    after = np.frombuffer(resampled(square.tobytes(), 22050, 44100), "<i2").astype(int)
    expected = np.repeat(square, 2).astype(int)
    inside = np.abs(np.convolve(expected, np.ones(21), "same")) > 20 * 32767
    assert (np.sign(after[inside]) == np.sign(expected[inside])).all()
    assert after.max() == 32767
    assert after.min() == -32768


def test_first_audio_comes_early() -> None:
    """A stream is not kept waiting for its end: 100 ms suffice for the first samples."""
    sample_rate, pcm = speak()
    assert Resampler(sample_rate, 24000).feed(pcm[: sample_rate // 10 * 2])
