"""Where speech has sound and where it pauses."""

import numpy as np
import pytest

from intone.audio.sounding import Outline, Pause, Sounding

RATE = 24_000


def audio(*parts: tuple[str, float]) -> bytes:
    """Tones and silences of so many milliseconds."""
    pieces = []
    for kind, ms in parts:
        at = np.arange(round(ms * RATE / 1000)) / RATE
        pieces.append((8000 if kind == "tone" else 5) * np.sin(2 * np.pi * 300 * at))
    return np.concatenate(pieces).astype("<i2").tobytes()


SPEECH = audio(
    *(("quiet", 100), ("tone", 200), ("quiet", 300), ("tone", 100), ("quiet", 40), ("tone", 60)),
    ("quiet", 200),
)


def test_pauses_are_found_where_they_are():
    sounding = Sounding(Outline.of(SPEECH, RATE))
    assert sounding.length_ms == pytest.approx(1000)
    assert sounding.sound_ms == pytest.approx(360, abs=10)
    assert sounding.pauses(90) == [Pause(pytest.approx(300, abs=5), pytest.approx(600, abs=5))]
    assert len(sounding.pauses(20)) == 2


def test_the_end_of_sound_between_two_moments():
    sounding = Sounding(Outline.of(SPEECH, RATE))
    assert sounding.end_of_sound(100, 600) == pytest.approx(300, abs=5)
    assert sounding.end_of_sound(100, 250) == 250
    assert sounding.end_of_sound(320, 580) == 320
    assert sounding.end_of_sound(0, 1000) == pytest.approx(800, abs=5)


@pytest.mark.parametrize("moment", [100.0, 150.0, 290.0, 610.0, 745.0, 790.0])
def test_counting_sound_and_finding_its_moment_are_inverse(moment):
    sounding = Sounding(Outline.of(SPEECH, RATE))
    assert sounding.moment_after(sounding.sound_before(moment)) == pytest.approx(moment, abs=6)


def test_when_a_pause_is_next_the_moment_is_the_one_after_it():
    sounding = Sounding(Outline.of(SPEECH, RATE))
    assert sounding.moment_after(0) == pytest.approx(100, abs=5)
    assert sounding.moment_after(sounding.sound_before(450)) == pytest.approx(600, abs=5)
    assert sounding.moment_after(10_000) == pytest.approx(800, abs=5)


@pytest.mark.parametrize("pcm", [b"", b"\0\0", bytes(20_000)])
def test_silence_has_no_sound(pcm):
    sounding = Sounding(Outline.of(pcm, RATE))
    assert sounding.sound_ms == 0
    assert sounding.pauses(10) == []
    assert sounding.end_of_sound(0, sounding.length_ms) == 0


def test_the_loudest_sample_there_is_counts_as_sound():
    assert Sounding(Outline.of(b"\x00\x80" * 240, RATE)).sound_ms == pytest.approx(10)
