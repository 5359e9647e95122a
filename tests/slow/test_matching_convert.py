"""A matched voice has the target's pitch and timbre and still says the preset's words."""

import functools

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from helpers import flite
from helpers.voices import REFERENCE, SAMPLE_RATE, UNSEEN, pitch_of, preset, timbre_distance
from intone.errors import InvalidInputError
from intone.providers.matching.candidates import reference_text
from intone.providers.matching.convert import VoiceConverter
from intone.providers.matching.fit import Candidate, MatchedVoice, fit
from intone.providers.matching.model import MatchingModel

WOMAN, MAN = "en-us.emma", "en-us.henry"
#: Targets by the base that they are made of: each lies far from it.
PAIRS = [(MAN, "preset:en-us.grace"), (WOMAN, "preset:en-us.james")]
FLITE_PAIRS = [(WOMAN, "flite:slt"), (MAN, "flite:awb"), (WOMAN, "flite:rms")]
ALL_PAIRS = [*PAIRS, *(pytest.param(*p, marks=pytest.mark.requires("flite")) for p in FLITE_PAIRS)]


@functools.cache
def spoken(target: str, text: str) -> tuple[NDArray[np.int16], int]:
    engine, _, voice = target.partition(":")
    return flite.say(voice, text) if engine == "flite" else (preset(voice, text), SAMPLE_RATE)


@functools.cache
def candidate(base: str) -> Candidate:
    return Candidate(base, preset(base, reference_text("en-US")), SAMPLE_RATE)


@functools.cache
def matched(base: str, target: str) -> MatchedVoice:
    pcm, sample_rate = spoken(target, REFERENCE)
    return fit([pcm], sample_rate, [candidate(base)])


@functools.cache
def converted(base: str, target: str) -> NDArray[np.int16]:
    model = matched(base, target).model
    return VoiceConverter(model).convert(preset(base, UNSEEN), SAMPLE_RATE)


def levels(pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    """The level of every 50 ms, in dB."""
    looks = pcm[: len(pcm) // 800 * 800].reshape(-1, 800).astype(float)
    return 10 * np.log10((looks**2).mean(axis=1) + 100)


@pytest.mark.parametrize(("base", "target"), ALL_PAIRS)
def test_unseen_text_has_the_pitch_of_the_targets_samples(base: str, target: str) -> None:
    pcm, sample_rate = spoken(target, REFERENCE)
    assert pitch_of(converted(base, target), SAMPLE_RATE) == pytest.approx(
        pitch_of(pcm, sample_rate), rel=0.03
    )


@pytest.mark.parametrize(("base", "target"), ALL_PAIRS)
def test_unseen_text_has_the_targets_timbre(base: str, target: str) -> None:
    pcm, sample_rate = spoken(target, UNSEEN)
    assert sample_rate == SAMPLE_RATE
    before = timbre_distance(preset(base, UNSEEN), pcm, SAMPLE_RATE)
    after = timbre_distance(converted(base, target), pcm, SAMPLE_RATE)
    assert after < 0.6 * before


@pytest.mark.parametrize(("base", "target"), ALL_PAIRS)
def test_words_stay_where_they_are_and_as_loud(base: str, target: str) -> None:
    source, result = preset(base, UNSEEN), converted(base, target)
    assert len(result) == len(source)
    assert np.corrcoef(levels(source), levels(result))[0, 1] > 0.85
    assert np.abs(result.astype(int)).max() < 32767
    loudness = [np.sqrt((pcm.astype(float) ** 2).mean()) for pcm in (source, result)]
    assert 0.35 < loudness[1] / loudness[0] < 1.5


def test_the_same_speech_is_converted_to_the_same_samples() -> None:
    base, target = PAIRS[0]
    again = VoiceConverter(matched(base, target).model).convert(preset(base, UNSEEN), SAMPLE_RATE)
    assert np.array_equal(again, converted(base, target))


def test_pieces_of_any_size_give_what_the_whole_gives() -> None:
    base, target = PAIRS[0]
    source = preset(base, UNSEEN)
    stream = VoiceConverter(matched(base, target).model).stream(SAMPLE_RATE)
    parts = [part for piece in np.array_split(source, 37) for part in stream.feed(piece)]
    parts += stream.finish()
    assert len(np.concatenate(parts)) == len(source)
    assert len(parts) > 2, "sound comes before the end"
    whole = converted(base, target)
    assert np.corrcoef(levels(np.concatenate(parts)), levels(whole))[0, 1] > 0.95


def test_seams_between_windows_are_not_heard() -> None:
    """Speech without a pause is cut all the same; no sample jumps further than speech does."""
    base, target = PAIRS[1]
    source = preset(base, UNSEEN).astype(float)
    voiced = np.tile(source[np.abs(source) > 30], 3)
    whole = VoiceConverter(matched(base, target).model).convert(
        voiced.astype(np.int16), SAMPLE_RATE
    )
    assert len(whole) == len(voiced) > 15 * SAMPLE_RATE
    assert np.abs(np.diff(whole.astype(int))).max() < 24_000


@pytest.mark.parametrize("length", [0, 1, 79, 400, 7_999, 8_321])
def test_very_short_pieces_keep_their_length(length: int) -> None:
    base, target = PAIRS[0]
    source = preset(base, UNSEEN)[3_000 : 3_000 + length]
    assert len(VoiceConverter(matched(base, target).model).convert(source, SAMPLE_RATE)) == length


def test_silence_stays_silent() -> None:
    base, target = PAIRS[0]
    nothing = np.zeros(3 * SAMPLE_RATE, np.int16)
    result = VoiceConverter(matched(base, target).model).convert(nothing, SAMPLE_RATE)
    assert np.abs(result.astype(int)).max() < 33


@pytest.mark.parametrize("sample_rate", [8_000, 22_050, 44_100])
def test_other_sample_rates_are_kept(sample_rate: int) -> None:
    base, target = PAIRS[0]
    source = soxr.resample(preset(base, UNSEEN), SAMPLE_RATE, sample_rate)
    result = VoiceConverter(matched(base, target).model).convert(source, sample_rate)
    assert len(result) == len(source)
    expected = pitch_of(converted(base, target), SAMPLE_RATE)
    assert pitch_of(result, sample_rate) == pytest.approx(expected, rel=0.03)


def test_the_base_is_the_candidate_nearest_to_the_target() -> None:
    candidates = [candidate(base) for base in (WOMAN, MAN)]
    for target in (WOMAN, MAN):
        samples, sample_rate = spoken(f"preset:{target}", REFERENCE)
        assert fit([samples], sample_rate, candidates).base_local_id == target


def test_a_model_is_small_and_survives_being_kept() -> None:
    base, target = PAIRS[0]
    long = np.tile(spoken(target, REFERENCE)[0], 4)
    data = fit([long], SAMPLE_RATE, [candidate(base)]).model.to_bytes()
    assert len(data) < 2 << 20
    model = matched(base, target).model
    read = MatchingModel.from_bytes(model.to_bytes())
    result = VoiceConverter(read).convert(preset(base, UNSEEN), SAMPLE_RATE)
    expected = converted(base, target)
    assert np.corrcoef(levels(result), levels(expected))[0, 1] > 0.99
    assert timbre_distance(result, expected, SAMPLE_RATE) < 1.0


def test_a_damaged_or_older_model_is_refused() -> None:
    data = matched(*PAIRS[0]).model.to_bytes()
    older = data[:1] + bytes([0]) + data[2:]
    for broken in (b"", b"\x00" * 40, data[:-40], older):
        with pytest.raises(InvalidInputError):
            MatchingModel.from_bytes(broken)


def test_samples_without_a_voice_are_refused() -> None:
    noise = np.random.default_rng(2).normal(0, 3000, 8 * SAMPLE_RATE).astype(np.int16)
    for samples in (noise, np.zeros(8 * SAMPLE_RATE, np.int16)):
        with pytest.raises(InvalidInputError):
            fit([samples], SAMPLE_RATE, [candidate(WOMAN)])
