"""Seams between segments: nothing to hear but the pause that was asked for."""

import numpy as np
import pytest
from hypothesis import given

from helpers.signals import cuts, pieces, sine
from helpers.speech import speak
from intone.audio.joins import Joiner, trim

RATE = 24_000


def samples_of(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2").astype(int)


def silence(milliseconds: float, rate: int = RATE) -> bytes:
    return bytes(2 * round(milliseconds * rate / 1000))


def longest_run_of_zeros(samples: np.ndarray) -> int:
    edges = np.flatnonzero(np.concatenate(([True], samples != 0, [True])))
    return int(np.diff(edges).max()) - 1


def segment(joiner: Joiner, pcm: bytes, pause_ms: int = 0) -> bytes:
    return joiner.feed(pcm) + joiner.end_segment(pause_ms)


def joined(segments: list[bytes], pause_ms: int, rate: int = RATE) -> bytes:
    joiner = Joiner(rate)
    return b"".join(segment(joiner, pcm, pause_ms) for pcm in segments) + joiner.finish()


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 24000, 44100])
@pytest.mark.parametrize("pause_ms", [1, 137, 600])
def test_pause_has_exactly_the_wanted_length(rate: int, pause_ms: int) -> None:
    """Two tones without silence of their own: all silence between them is the pause."""
    tone = sine(1000.7, 0.5, rate)
    result = samples_of(joined([tone, tone], pause_ms, rate))
    pause = round(pause_ms * rate / 1000)
    assert len(result) == len(tone) + pause
    first, rest = np.split(result, [len(tone) // 2])
    assert not rest[:pause].any()
    assert (np.abs(first[-20:]) + np.abs(rest[pause : pause + 20])).sum() > 0


def test_silence_of_the_segments_does_not_lengthen_the_pause() -> None:
    """However long an engine's own silence is, little of it stays."""
    tone = sine(440, 0.3, RATE, dbfs=-12)
    for before_ms, after_ms in ((0, 0), (5, 5), (200, 400), (1000, 3000)):
        padded = silence(before_ms) + tone + silence(after_ms)
        result = samples_of(joined([padded, padded], 250))
        run = longest_run_of_zeros(result) / RATE * 1000
        assert 250 <= run <= 250 + 10 + 25 + 1


def test_voice_is_whole_and_untouched_between_the_fades() -> None:
    sample_rate, pcm = speak()
    padded = silence(300, sample_rate) + pcm + silence(700, sample_rate)
    result, original = samples_of(joined([padded], 0, sample_rate)), samples_of(pcm)
    loud = np.flatnonzero(np.abs(original) > 64)
    start, end = loud[0], loud[-1] + 1
    begin = int(np.flatnonzero(np.abs(result) > 64)[0])
    fade = round(0.004 * sample_rate)
    voice = result[begin : begin + end - start]
    assert (voice[fade:-fade] == original[start:end][fade:-fade]).all()
    assert begin <= 0.011 * sample_rate
    assert len(result) - (begin + end - start) <= 0.026 * sample_rate


@pytest.mark.parametrize("pause_ms", [0, 200])
def test_no_seam_jumps(pause_ms: int) -> None:
    """Segments cut off at full swing meet without a click, even with no pause between them."""
    cut = samples_of(sine(300, 0.25 + 1 / 1200, RATE, dbfs=-1))
    assert abs(cut[-1]) > 25_000
    cut = cut.astype("<i2")
    result = samples_of(joined([cut.tobytes(), cut[::-1].tobytes(), cut.tobytes()], pause_ms))
    steepest = np.abs(np.diff(cut.astype(int))).max()
    assert np.abs(np.diff(result)).max() <= steepest + 500
    assert abs(result[0]) < 200
    assert abs(result[-1]) < 200


def test_speech_joined_from_sentences_has_no_jump_at_the_seams() -> None:
    """In the last and the first millisecond beside a pause the waveform hardly moves."""
    joiner = Joiner(22050)
    result, seams = b"", []
    for text in ("First comes this.", "Then that.", "At last the end."):
        result += segment(joiner, speak(text)[1], 100)
        seams.append(len(result) // 2)
    result += joiner.finish()
    samples = samples_of(result)
    for seam in seams[:-1]:
        assert np.abs(np.diff(samples[seam - 22 : seam + 2205 + 22])).max() < 600


def test_first_audio_comes_before_the_segment_ends() -> None:
    """Leading silence is passed over; the voice behind it is heard at once, less one fade."""
    joiner = Joiner(RATE)
    assert joiner.feed(silence(500)) == b""
    tone = sine(440, 0.05, RATE)
    early = joiner.feed(tone)
    assert len(early) >= len(tone) - 2 * round(0.004 * RATE)


def test_silence_inside_a_segment_stays() -> None:
    """A pause the engine makes amid a sentence is only held back until the voice goes on."""
    tone = sine(440, 0.2, RATE)
    joiner = Joiner(RATE)
    started = joiner.feed(tone)
    assert joiner.feed(silence(400))[len(tone) - len(started) :] == b""
    assert longest_run_of_zeros(samples_of(segment(joiner, tone))) >= 0.4 * RATE


def test_recording_begins_and_ends_without_a_pause() -> None:
    tone = sine(440, 0.2, RATE)
    joiner = Joiner(RATE)
    assert segment(joiner, silence(300), 5000) == b""
    first = segment(joiner, tone, 5000)
    assert len(first) == len(tone)
    assert joiner.finish() == b""


def test_segment_without_sound_joins_its_pauses_into_the_longer() -> None:
    tone = sine(440, 0.2, RATE)
    for first, second in ((100, 400), (400, 100)):
        joiner = Joiner(RATE)
        result = segment(joiner, tone, first) + segment(joiner, silence(900), second)
        result += segment(joiner, b"", 50) + segment(joiner, tone)
        assert len(result) == 2 * len(tone) + len(silence(400))


def test_segment_not_ended_is_ended_by_finish() -> None:
    tone = sine(440, 0.2, RATE)
    joiner = Joiner(RATE)
    assert len(joiner.feed(tone) + joiner.finish()) == len(tone)


@pytest.mark.parametrize("count", [1, 2, 50, 96, 97, 200])
def test_shortest_sounds_survive(count: int) -> None:
    click = np.full(count, 9000, "<i2").tobytes()
    assert len(joined([click, click], 10)) == 2 * len(click) + len(silence(10))


def test_no_segments_are_no_audio() -> None:
    assert Joiner(RATE).finish() == b""


@given(sizes=cuts)
def test_result_does_not_depend_on_the_chunks(sizes: list[int]) -> None:
    segments = [silence(130) + speak(text)[1] + silence(270) for text in ("Yes.", "Of course.")]
    joiner = Joiner(22050)
    parts = b""
    for pcm in segments:
        parts += b"".join(joiner.feed(piece) for piece in pieces(pcm, sizes))
        parts += joiner.end_segment(80)
    assert parts + joiner.finish() == joined(segments, 80, 22050)


def test_a_segment_alone_is_trimmed_as_among_others() -> None:
    sample_rate, pcm = speak()
    padded = silence(300, sample_rate) + pcm + silence(700, sample_rate)
    joiner = Joiner(sample_rate)
    alone, cut = trim(padded, sample_rate)
    assert alone == joiner.feed(padded) + joiner.finish()
    assert pcm.find(alone[len(alone) // 4 : -len(alone) // 4]) >= 0
    assert cut > 280 * sample_rate // 1000
    assert trim(silence(500), RATE) == (b"", 0)


@pytest.mark.parametrize("count", [1, 2, 50, 96, 97, 200])
def test_the_shortest_piece_is_trimmed_as_among_others(count: int) -> None:
    click = np.full(count, 9000, "<i2").tobytes()
    joiner = Joiner(RATE)
    assert trim(silence(50) + click, RATE)[0] == joiner.feed(silence(50) + click) + joiner.finish()
