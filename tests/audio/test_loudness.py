"""The meter against FFmpeg's own EBU R128 meter and the EBU's test signals; levels that fit."""

import math
import tracemalloc

import av
import numpy as np
import pytest
from hypothesis import given

from helpers.signals import cuts, pieces, sine
from helpers.speech import ARTICLE, speak
from intone.audio.formats import to_channels
from intone.audio.loudness import LoudnessMeter, apply_gain, gain_to
from intone.audio.resample import Resampler
from intone.audio.steps import loudness_of

VOICES = ["en-us", "en-us+f2", "en-us+whisper", "de", "fr+f3", "cmn"]


def measured(pcm: bytes, sample_rate: int, channels: int = 1) -> LoudnessMeter:
    meter = LoudnessMeter(sample_rate, channels)
    meter.feed(pcm)
    return meter


def reference(pcm: bytes, sample_rate: int, channels: int = 1) -> float:
    """What FFmpeg's `ebur128` filter says of it, in LUFS."""
    layout = "mono" if channels == 1 else "stereo"
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=sample_rate, format="s16", layout=layout)
    meter = graph.add("ebur128", "metadata=1")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(
        np.frombuffer(pcm, "<i2").reshape(1, -1), format="s16", layout=layout
    )
    frame.sample_rate = sample_rate
    source.push(frame)
    source.push(None)
    loudness = math.nan
    while True:
        try:
            pulled = sink.pull()
        except (av.BlockingIOError, av.EOFError):
            return loudness
        loudness = float(pulled.metadata.get("lavfi.r128.I", loudness))


def at_rate(pcm: bytes, source: int, target: int) -> bytes:
    resampler = Resampler(source, target)
    return resampler.feed(pcm) + resampler.finish()


@pytest.mark.parametrize("voice", VOICES)
def test_speech_measures_as_in_ffmpeg(voice: str) -> None:
    sample_rate, pcm = speak(voice=voice)
    expected = reference(pcm, sample_rate)
    assert measured(pcm, sample_rate).integrated() == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 24000, 44100, 48000])
def test_speech_measures_the_same_at_every_rate(sample_rate: int) -> None:
    """The standard's filters are given for 48 kHz, so that is where FFmpeg measures it here."""
    pcm = at_rate(speak()[1], 22050, sample_rate)
    expected = reference(at_rate(pcm, sample_rate, 48000), 48000)
    assert measured(pcm, sample_rate).integrated() == pytest.approx(expected, abs=0.06)


def test_two_channels_measure_as_in_ffmpeg() -> None:
    """One voice in both channels, and a voice in each."""
    sample_rate, left = speak()
    both = to_channels(left, 2)
    assert measured(both, sample_rate, 2).integrated() == pytest.approx(
        reference(both, sample_rate, 2), abs=0.2
    )
    right = speak(voice="de")[1][: len(left)].ljust(len(left), b"\0")
    samples = [np.frombuffer(side, "<i2") for side in (left, right)]
    mixed = np.stack(samples, axis=1).tobytes()
    assert measured(mixed, sample_rate, 2).integrated() == pytest.approx(
        reference(mixed, sample_rate, 2), abs=0.2
    )


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("dbfs", [-23.0, -33.0])
def test_ebu_tech_3341_signals_1_and_2(sample_rate: int, dbfs: float) -> None:
    """A 1 kHz sine in stereo reads its peak level in LUFS; in one channel, 3 LU less."""
    stereo = sine(1000, 20, sample_rate, dbfs=dbfs, channels=2)
    assert measured(stereo, sample_rate, 2).integrated() == pytest.approx(dbfs, abs=0.1)
    mono = sine(1000, 20, sample_rate, dbfs=dbfs)
    assert measured(mono, sample_rate).integrated() == pytest.approx(dbfs - 3.01, abs=0.1)


@pytest.mark.parametrize(
    "parts",
    [
        [(10, -36), (60, -23), (10, -36)],
        [(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)],
        [(20, -26), (20.1, -20), (20, -26)],
    ],
    ids=["signal-3", "signal-4", "signal-5"],
)
def test_ebu_tech_3341_gating_signals(parts: list[tuple[float, float]]) -> None:
    """The quiet parts fall through the gates: each of these reads -23 LUFS."""
    pcm = b"".join(sine(1000, seconds, 48000, dbfs=dbfs, channels=2) for seconds, dbfs in parts)
    assert measured(pcm, 48000, 2).integrated() == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("frequency", [40, 60, 100, 200, 500, 2000, 3500])
def test_weighting_follows_the_standards_curve(frequency: int) -> None:
    pcm = sine(frequency, 10, 16000, dbfs=-20)
    expected = reference(pcm, 16000)
    assert measured(pcm, 16000).integrated() == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("channels", [1, 2])
def test_silence_has_no_loudness_and_gets_no_gain(channels: int) -> None:
    for size in (0, 2 * channels, 22050 * 4 * channels):
        meter = measured(bytes(size), 22050, channels)
        assert meter.integrated() is None
        assert meter.sample_peak() is None
        assert gain_to(meter) == 0.0


def test_pauses_do_not_make_speech_quieter() -> None:
    sample_rate, pcm = speak()
    alone = measured(pcm, sample_rate).integrated()
    paused = measured(pcm + bytes(20 * sample_rate) + pcm, sample_rate).integrated()
    assert paused == pytest.approx(alone, abs=0.1)


def test_a_word_shorter_than_a_gating_block_is_measured_too() -> None:
    """The standard is silent on less than 400 ms; a short answer is to be levelled all the same."""
    for seconds in (0.03, 0.1, 0.25, 0.39):
        loudness = measured(sine(1000, seconds, 24000, dbfs=-20), 24000).integrated()
        assert loudness == pytest.approx(-23.01, abs=0.3)


def test_peak_is_the_largest_sample_wherever_it_lies() -> None:
    for position in (0, 5000, 99_999):
        samples = np.zeros(100_000, "<i2")
        samples[position] = -16384
        assert measured(samples.tobytes(), 22050).sample_peak() == pytest.approx(-6.02, abs=0.01)
    samples[7] = -32768
    assert measured(samples.tobytes(), 22050).sample_peak() == 0.0


@given(sizes=cuts)
def test_measure_does_not_depend_on_the_chunks_nor_on_being_asked(sizes: list[int]) -> None:
    pcm = to_channels(speak()[1][40_000:100_000], 2)
    meter = LoudnessMeter(22050, 2)
    for piece in pieces(pcm, sizes):
        meter.feed(piece)
        meter.integrated()
        meter.sample_peak()
    whole = measured(pcm, 22050, 2)
    assert meter.integrated() == pytest.approx(whole.integrated(), abs=1e-4)
    assert meter.sample_peak() == whole.sample_peak()


def test_memory_does_not_grow_with_the_recording() -> None:
    sample_rate, pcm = speak()
    meter = measured(pcm, sample_rate)
    tracemalloc.start()
    try:
        meter.feed(pcm)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(60):
            meter.feed(pcm)
        assert tracemalloc.get_traced_memory()[0] - before < len(pcm)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("recorded_at_db", [-12.0, 0.0])
def test_every_voice_ends_at_the_same_loudness_and_none_clips(
    voice: str, recorded_at_db: float
) -> None:
    sample_rate, pcm = speak(voice=voice)
    pcm = apply_gain(pcm, recorded_at_db)
    levelled = apply_gain(pcm, gain_to(measured(pcm, sample_rate)))
    assert len(levelled) == len(pcm)
    assert reference(levelled, sample_rate) == pytest.approx(-19, abs=0.3)
    peak = measured(levelled, sample_rate).sample_peak()
    assert peak is not None
    assert peak < -1.0


def test_mono_played_on_two_channels_has_the_loudness_of_stereo() -> None:
    sample_rate, pcm = speak()
    levelled = apply_gain(pcm, gain_to(measured(pcm, sample_rate)))
    both = to_channels(levelled, 2)
    assert reference(both, sample_rate, 2) == pytest.approx(-16, abs=0.3)
    assert gain_to(measured(both, sample_rate, 2)) == pytest.approx(0, abs=0.3)


def test_gain_predicts_the_loudness_that_comes_out() -> None:
    sample_rate, pcm = speak()
    meter = measured(pcm, sample_rate)
    gain = gain_to(meter, target_lufs=-24)
    loudness = meter.integrated()
    assert loudness is not None
    assert loudness + gain == pytest.approx(-24)
    after = measured(apply_gain(pcm, gain), sample_rate).integrated()
    assert after == pytest.approx(-24, abs=0.05)


def test_gain_stops_where_peaks_would_have_to_be_crushed() -> None:
    """Quiet noise with one loud click: the click decides, at most 3 dB of it are limited."""
    samples = np.random.default_rng(1).normal(0, 60, 48000).astype("<i2")
    samples[24000] = 16384
    meter = measured(samples.tobytes(), 24000)
    assert gain_to(meter) == pytest.approx(-1 + 3 + 6.02, abs=0.01)


def test_noise_alone_is_not_made_loud() -> None:
    noise = np.random.default_rng(1).normal(0, 20, 48000).astype("<i2").tobytes()
    meter = measured(noise, 24000)
    assert meter.integrated() < -50
    assert gain_to(meter) == 20.0


def test_gain_is_linear_below_the_knee_and_bends_smoothly_above() -> None:
    ramp = np.arange(-32768, 32768).astype("<i2")
    after = np.frombuffer(apply_gain(ramp.tobytes(), 6.0), "<i2").astype(int)
    factor = 10 ** (6 / 20)
    linear = np.abs(ramp * factor) < 32768 * 10 ** (-3 / 20)
    assert np.abs(after[linear] - ramp[linear] * factor).max() <= 0.51
    steps = np.diff(after)
    assert steps.min() >= 0
    assert steps.max() <= math.ceil(factor)
    assert np.abs(after).max() <= 32768 * 10 ** (-1 / 20)


def test_speech_of_one_word_is_levelled_like_an_article() -> None:
    for text in ("Yes.", ARTICLE):
        sample_rate, pcm = speak(text)
        levelled = apply_gain(pcm, gain_to(measured(pcm, sample_rate)))
        assert measured(levelled, sample_rate).integrated() == pytest.approx(-19, abs=1.0)


def test_a_whole_is_as_loud_as_its_pieces_measured_one_by_one() -> None:
    rate, pcm = speak()
    pieces = [
        apply_gain(pcm, gain)[: 2 * rate * seconds]
        for gain, seconds in ((0, 3), (-6, 2), (-3, 4), (-9, 1))
    ]
    pause = bytes(2 * (rate * 3 // 10))
    whole, apart = LoudnessMeter(rate), LoudnessMeter(rate)
    for number, piece in enumerate(pieces):
        whole.feed((pause if number else b"") + piece)
        apart.add(loudness_of(piece, rate), 0.35 if number else 0.0)
    assert apart.integrated() == pytest.approx(whole.integrated(), abs=0.1)
    assert apart.sample_peak() == whole.sample_peak()
    assert gain_to(apart) == pytest.approx(gain_to(whole), abs=0.1)
