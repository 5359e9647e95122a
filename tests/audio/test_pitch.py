"""Speech at another pitch: how high, how long, how loud, how clean, and still the same person."""

import functools
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.decoding import level_dbfs
from helpers.pitch import semitones_between
from helpers.signals import cuts, pieces
from helpers.speech import ARTICLE, speak
from helpers.thorough import examples, some
from intone.audio.pitch import PitchShifter
from intone.errors import InvalidInputError

#: A bass, an old man's creak, a man, women, and the highest of the presets.
VOICES = some(["Mike", "grandpa", "f2", "Annie"], of=["Mike", "grandpa", "m3", "f2", "f4", "Annie"])
SEMITONES = some([-12.0, 0.5, 3.0, 12.0], of=[-12.0, -6.0, -3.0, 0.5, 3.0, 7.0, 12.0])
RATES = some([8000, 22050, 48000], of=[8000, 16000, 22050, 24000, 44100, 48000])


def voice(variant: str) -> tuple[int, bytes]:
    return speak(ARTICLE, f"gmw/en-US+{variant}" if variant else "gmw/en-US")


@functools.lru_cache(maxsize=128)
def shifted(pcm: bytes, sample_rate: int, semitones: float) -> bytes:
    shifter = PitchShifter(sample_rate, semitones)
    return shifter.feed(pcm) + shifter.finish()


def samples_of(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2") / 32768


def noise(seconds: float, sample_rate: int) -> bytes:
    samples = np.random.default_rng(1).normal(0, 3000, round(seconds * sample_rate))
    return np.rint(samples).astype("<i2").tobytes()


def timbre(pcm: bytes, sample_rate: int) -> np.ndarray:
    """The long-term spectrum in bands, in dB: what formants a voice has."""
    samples = samples_of(pcm)
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::512]
    frames = frames[np.abs(frames).max(axis=1) > 0.05] * np.hanning(1024)
    power = (np.abs(np.fft.rfft(frames)) ** 2).mean(axis=0)
    edges = np.geomspace(350, 0.45 * sample_rate, 13) * 1024 / sample_rate
    bands = [power[int(a) : int(b)].mean() for a, b in pairwise(edges)]
    level = 10 * np.log10(bands)
    return level - level.mean()


def loudness_over_time(pcm: bytes, sample_rate: int) -> np.ndarray:
    """The level every 5 ms, smoothed over 40."""
    size = sample_rate // 200
    samples = samples_of(pcm)
    whole = samples[: len(samples) - len(samples) % size].reshape(-1, size)
    return np.convolve(np.sqrt((whole**2).mean(axis=1)), np.ones(8) / 8, "same")


@pytest.mark.thorough
@pytest.mark.parametrize("variant", VOICES)
@pytest.mark.parametrize("semitones", SEMITONES)
def test_the_pitch_moves_by_so_many_semitones_and_the_length_stays(
    semitones: float, variant: str
) -> None:
    sample_rate, pcm = voice(variant)
    result = shifted(pcm, sample_rate, semitones)
    assert len(result) == len(pcm)
    moved = semitones_between(pcm, result, sample_rate, semitones)
    assert moved == pytest.approx(semitones, abs=0.15)


@pytest.mark.thorough
@pytest.mark.parametrize("variant", some(["Mike", "f2"], of=["Mike", "m3", "f2"]))
@pytest.mark.parametrize("semitones", SEMITONES)
def test_the_same_person_speaks(semitones: float, variant: str) -> None:
    """The vocal tract stays: played faster instead, the voice would be another by far more."""
    sample_rate, pcm = voice(variant)
    before = timbre(pcm, sample_rate)
    change = np.std(timbre(shifted(pcm, sample_rate, semitones), sample_rate) - before)
    assert change < 3
    if abs(semitones) >= 7:
        faster = timbre(pcm, round(sample_rate * 2 ** (semitones / 12)))
        assert change < 0.75 * np.std(faster - before)


@pytest.mark.thorough
@pytest.mark.parametrize("variant", VOICES)
@pytest.mark.parametrize("semitones", SEMITONES)
def test_nothing_clicks_and_nothing_gets_too_loud(semitones: float, variant: str) -> None:
    """A click is a jump that bends the waveform more sharply than speech ever does."""
    sample_rate, pcm = voice(variant)
    before, after = samples_of(pcm), samples_of(shifted(pcm, sample_rate, semitones))
    bends = [np.percentile(np.abs(np.diff(samples, 2)), 99.99) for samples in (before, after)]
    assert bends[1] < 1.05 * bends[0]
    assert -5 < level_dbfs(after) - level_dbfs(before) < 1
    peaks = [np.percentile(np.abs(samples), 99.99) for samples in (before, after)]
    assert peaks[1] < 1.25 * peaks[0]


@pytest.mark.thorough
@pytest.mark.parametrize("sample_rate", RATES)
def test_every_sample_rate_will_do(sample_rate: int) -> None:
    from intone.audio.resample import Resampler

    own_rate, own = voice("f2")
    resampler = Resampler(own_rate, sample_rate)
    pcm = resampler.feed(own) + resampler.finish()
    result = shifted(pcm, sample_rate, 4.0)
    assert len(result) == len(pcm)
    assert semitones_between(pcm, result, sample_rate, 4.0) == pytest.approx(4.0, abs=0.15)


@pytest.mark.parametrize("semitones", [-12.0, -1.0, 5.0, 12.0])
def test_what_has_no_pitch_stays_as_it_is(semitones: float) -> None:
    """Hissing is the same sound, at most quieter along with a lowered voice."""
    pcm = noise(2.0, 24000)
    before, after = samples_of(pcm)[2400:-2400], samples_of(shifted(pcm, 24000, semitones))
    after = after[2400:-2400] / min(1, 2 ** (semitones / 24))
    assert level_dbfs(after - before) < level_dbfs(before) - 30


def test_silence_stays_silent() -> None:
    assert not any(shifted(bytes(96000), 24000, 7.0))


@pytest.mark.parametrize("semitones", [-12.0, 3.0, 12.0])
def test_sounds_lie_where_they_were(semitones: float) -> None:
    """Its loudness rises and falls when it did, to within a hundredth of a second, to the end."""
    sample_rate, pcm = voice("f2")
    before, after = (
        loudness_over_time(heard, sample_rate)
        for heard in (pcm, shifted(pcm, sample_rate, semitones))
    )
    for start in range(0, len(before) - 400, 200):
        piece = before[start + 2 : start + 398]
        likeness = [
            np.corrcoef(piece, after[start + 2 + late : start + 398 + late])[0, 1]
            for late in range(-2, 3)
        ]
        assert max(likeness) > 0.8
        assert abs(int(np.argmax(likeness)) - 2) <= 1


@pytest.mark.parametrize("semitones", [-12.0, 0.0, 12.0])
def test_audio_comes_out_as_it_goes_in(semitones: float) -> None:
    sample_rate, pcm = voice("Mike")
    shifter = PitchShifter(sample_rate, semitones)
    returned = 0
    for begin in range(0, len(pcm), 882):
        returned += len(shifter.feed(pcm[begin : begin + 882])) / 2
        fed = min(begin + 882, len(pcm)) / 2
        assert fed - returned < 0.5 * sample_rate


@pytest.mark.parametrize("size", [0, 1, 2, 4, 442])
@pytest.mark.parametrize("semitones", [-12.0, 0.0, 12.0])
def test_next_to_nothing_keeps_its_length(semitones: float, size: int) -> None:
    whole = b"\x01\x02" * size
    assert len(shifted(whole, 22050, semitones)) == len(whole)


@given(sizes=cuts)
def test_at_its_own_pitch_audio_is_untouched(sizes: list[int]) -> None:
    pcm = speak()[1][:50_000]
    shifter = PitchShifter(22050, 0.0)
    assert b"".join(shifter.feed(piece) for piece in pieces(pcm, sizes)) + shifter.finish() == pcm


@settings(max_examples=examples(30), deadline=None)
@given(semitones=st.sampled_from([-12.0, -2.5, 4.0, 12.0]), sizes=cuts)
def test_the_result_does_not_depend_on_the_chunks(semitones: float, sizes: list[int]) -> None:
    pcm = speak()[1][:80_000]
    shifter = PitchShifter(22050, semitones)
    parts = b"".join(shifter.feed(piece) for piece in pieces(pcm, sizes)) + shifter.finish()
    assert parts == shifted(pcm, 22050, semitones)


@pytest.mark.parametrize("semitones", [-12.01, 12.01, 100.0, float("nan"), float("inf")])
def test_other_pitches_are_refused(semitones: float) -> None:
    with pytest.raises(InvalidInputError, match=r"between -12 and 12"):
        PitchShifter(24000, semitones)
