"""Speech at another speed: its length, its pitch, its level, and that nothing clicks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.decoding import level_dbfs
from helpers.signals import cuts, pieces, sine
from helpers.speech import speak
from intone.audio.tempo import TempoChanger
from intone.errors import InvalidInputError

FACTORS = [0.25, 0.4, 0.5, 0.75, 0.99, 1.01, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0]
RATES = [8000, 16000, 22050, 24000, 44100, 48000]


def changed(pcm: bytes, sample_rate: int, factor: float) -> bytes:
    tempo = TempoChanger(sample_rate, factor)
    return tempo.feed(pcm) + tempo.finish()


def samples_of(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2") / 32768


def voiced(frequency: float, seconds: float, sample_rate: int) -> bytes:
    """What a voice is to a pitch meter: many harmonics of one frequency."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = sum(np.cos(2 * np.pi * frequency * k * time) / k for k in range(1, 16))
    return np.rint(wave * 4000).astype("<i2").tobytes()


def pitch(pcm: bytes, sample_rate: int) -> float:
    """The median pitch of the voiced parts in Hz, by autocorrelation of 50 ms at a time."""
    size = sample_rate // 20
    window = np.hanning(size)
    own = correlation(window)
    frames = np.lib.stride_tricks.sliding_window_view(samples_of(pcm), size)[:: size // 5]
    found = []
    for frame in frames[np.sqrt((frames**2).mean(axis=1)) > 0.02]:
        likeness = correlation((frame - frame.mean()) * window) / (own + 1e-9 * own[0])
        first = sample_rate // 400
        part = likeness[first : sample_rate // 60]
        at = int(np.argmax(part > 0.92 * part.max()))
        while at + 1 < len(part) and part[at + 1] > part[at]:
            at += 1
        if part[at] > 0.6 * likeness[0] and 0 < at < len(part) - 1:
            before, peak, after = part[at - 1 : at + 2]
            shift = 0.5 * (before - after) / (before - 2 * peak + after)
            found.append(sample_rate / (first + at + shift))
    return float(np.median(found))


def correlation(frame: np.ndarray) -> np.ndarray:
    return np.fft.irfft(np.abs(np.fft.rfft(frame, 4 * len(frame))) ** 2)[: len(frame)]


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("factor", FACTORS)
def test_the_length_is_scaled_to_the_sample(factor: float, sample_rate: int) -> None:
    for seconds in (0.01, 0.1, 1.0, 2.3):
        pcm = sine(200, seconds, sample_rate)
        assert len(changed(pcm, sample_rate, factor)) == round(len(pcm) / 2 / factor) * 2


@pytest.mark.parametrize("factor", FACTORS)
def test_a_steady_voice_keeps_its_pitch(factor: float) -> None:
    """To within 0.2 %, a thirtieth of a semitone."""
    for frequency in (90, 137, 240):
        result = changed(voiced(frequency, 3.0, 24000), 24000, factor)
        assert pitch(result, 24000) == pytest.approx(frequency, rel=0.002)


@pytest.mark.parametrize("factor", [factor for factor in FACTORS if factor <= 2.0])
def test_speech_keeps_its_pitch(factor: float) -> None:
    """To within 1 %; beyond twice the speed, the meter hears too little of each vowel."""
    sample_rate, pcm = speak()
    before = pitch(pcm, sample_rate)
    assert pitch(changed(pcm, sample_rate, factor), sample_rate) == pytest.approx(before, rel=0.01)


@pytest.mark.parametrize("factor", FACTORS)
def test_speech_keeps_its_level_and_does_not_click(factor: float) -> None:
    """A click is a jump that bends the waveform more sharply than speech ever does."""
    sample_rate, pcm = speak()
    before, after = samples_of(pcm), samples_of(changed(pcm, sample_rate, factor))
    assert level_dbfs(after) == pytest.approx(level_dbfs(before), abs=0.6)
    bends = [np.percentile(np.abs(np.diff(samples, 2)), 99.99) for samples in (before, after)]
    assert bends[1] < 1.05 * bends[0]


@pytest.mark.parametrize("factor", FACTORS)
def test_a_steady_voice_stays_clean(factor: float) -> None:
    """What is added between its harmonics lies 25 dB below them."""
    rate, frequency = 24000, 137
    samples = samples_of(changed(voiced(frequency, 4.0, rate), rate, factor))[rate // 10 :]
    spectrum = np.abs(np.fft.rfft(samples * np.blackman(len(samples)))) ** 2
    place = np.fft.rfftfreq(len(samples), 1 / rate)
    nearest = np.rint(place / frequency) * frequency
    harmonic = (np.abs(place - nearest) < 8 + 0.002 * place) & (nearest > 0)
    assert 10 * np.log10(spectrum[harmonic].sum() / spectrum[~harmonic].sum()) > 25


@pytest.mark.parametrize("factor", FACTORS)
def test_sounds_lie_where_they_belong(factor: float) -> None:
    """A beep in the middle and one at the very end: neither is late, so neither is cut off."""
    rate, beep = 24000, sine(1000, 0.4, 24000)
    silence = bytes(rate * 2)
    result = np.abs(samples_of(changed(silence + beep + silence + beep, rate, factor))) > 0.05
    edges = np.flatnonzero(np.diff(result.astype(int))) / rate
    gap = np.flatnonzero(np.diff(edges) > 0.5 / factor)
    begins = [edges[0], edges[gap[-1] + 1]]
    early = [
        begins[0] * factor - 1.0,
        begins[1] * factor - 2.4,
        edges[-1] * factor - 2.8,
    ]
    assert min(early) > -0.06
    assert max(early) < 0.005


@pytest.mark.parametrize("factor", FACTORS)
def test_audio_comes_out_as_it_goes_in(factor: float) -> None:
    sample_rate, pcm = speak()
    tempo = TempoChanger(sample_rate, factor)
    returned = 0
    for begin in range(0, len(pcm), 882):
        returned += len(tempo.feed(pcm[begin : begin + 882])) / 2
        fed = min(begin + 882, len(pcm)) / 2
        assert fed - returned * factor < 0.2 * sample_rate


@pytest.mark.parametrize("size", [0, 1, 2, 4, 442])
@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0, 4.0])
def test_next_to_nothing_is_scaled_as_well(factor: float, size: int) -> None:
    whole = b"\x01\x02" * size
    assert len(changed(whole, 22050, factor)) == round(size / factor) * 2


def test_silence_stays_silent() -> None:
    assert not any(changed(bytes(96000), 24000, 1.7))


@given(sizes=cuts)
def test_at_its_own_speed_audio_is_untouched(sizes: list[int]) -> None:
    pcm = speak()[1][:50_000]
    tempo = TempoChanger(22050, 1.0)
    assert b"".join(tempo.feed(piece) for piece in pieces(pcm, sizes)) + tempo.finish() == pcm


@settings(max_examples=40, deadline=None)
@given(factor=st.sampled_from([0.25, 0.5, 0.9, 1.3, 2.0, 4.0]), sizes=cuts)
def test_the_result_does_not_depend_on_the_chunks(factor: float, sizes: list[int]) -> None:
    pcm = speak()[1][:60_000]
    tempo = TempoChanger(22050, factor)
    parts = b"".join(tempo.feed(piece) for piece in pieces(pcm, sizes)) + tempo.finish()
    assert parts == changed(pcm, 22050, factor)


@pytest.mark.parametrize("factor", [0.0, 0.24, 4.01, -1.0, float("nan"), float("inf")])
def test_other_speeds_are_refused(factor: float) -> None:
    with pytest.raises(InvalidInputError, match=r"between 0\.25 and 4"):
        TempoChanger(24000, factor)
