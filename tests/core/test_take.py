"""Takes: encoded while they are spoken where they can be, and always at the right level."""

import asyncio
import math

import msgspec
import numpy as np
import pytest

from helpers.signals import sine
from helpers.speech import speak
from helpers.work import order
from intone.audio.loudness import LoudnessMeter, apply_gain
from intone.audio.pieces import piece_of
from intone.audio.sounding import Outline
from intone.core.spool import SpooledLine, SpoolFile
from intone.core.synthesis import Heard, Passage
from intone.core.take import OffLevelError, Take
from intone.core.timing import Hearing, Timing, time_words
from intone.providers.base import WordMark
from intone.text.segments import Segment

RATE, PCM = speak()
SECONDS = len(PCM) / 2 / RATE
TARGET_LUFS = -19.0
SAYS_NOTHING = Timing("engine", ())
TWO = "One. Two."


def passage(gain_db=0.0):
    """Some ten seconds of speech."""
    return heard(Segment(0, "", "", 0, 0, 300), apply_gain(PCM, gain_db))


def heard(segment, pcm, timing=SAYS_NOTHING):
    return Passage(segment, lambda: Heard(piece_of(pcm, RATE)[0], timing))


def loudness(pcm):
    meter = LoudnessMeter(RATE)
    meter.feed(pcm)
    return meter.integrated()


async def joined(pieces):
    return b"".join([piece async for piece in pieces])


@pytest.fixture
def make_take(tmp_path):
    def make(audio_format="pcm", **changes):
        return Take(tmp_path / "spool", order(format=audio_format, sample_rate=RATE, **changes))

    return make


async def test_a_long_take_is_encoded_while_it_is_still_spoken(make_take):
    async with make_take() as take:
        for _ in range(math.ceil(60 / SECONDS)):
            await take.add(passage(-8))
        async with asyncio.timeout(10):
            early = await anext(pieces := take.encoded())
        for _ in range(3):
            await take.add(passage(-8))
        await take.finish()
        whole = early + await joined(pieces)
        recording = take.recording("blob")
    assert loudness(whole) == pytest.approx(TARGET_LUFS, abs=0.5)
    assert recording.loudness == pytest.approx(loudness(whole), abs=0.05)
    assert recording.bytes == len(whole)
    assert recording.duration_ms == pytest.approx(len(whole) / 2 / RATE * 1000, abs=1)


async def test_a_take_whose_level_changes_is_encoded_again_at_its_own(make_take):
    async with make_take() as take:
        encoding = asyncio.create_task(joined(take.encoded()))
        for gain_db in [-14.0] * math.ceil(40 / SECONDS) + [-2.0] * 8:
            await take.add(passage(gain_db))
        await take.finish()
        with pytest.raises(OffLevelError):
            await encoding
        whole = await joined(take.encoded())
        recording = take.recording("blob")
    assert loudness(whole) == pytest.approx(TARGET_LUFS, abs=0.1)
    assert recording.bytes == len(whole)


async def test_a_short_take_waits_for_its_end_and_is_levelled_to_the_point(make_take):
    async with make_take() as take:
        encoding = asyncio.create_task(joined(take.encoded()))
        await take.add(passage(-10))
        await asyncio.sleep(0.05)
        assert not encoding.done()
        await take.finish()
        whole = await encoding
    assert loudness(whole) == pytest.approx(TARGET_LUFS, abs=0.1)


async def test_a_long_wav_names_its_length(make_take):
    async with make_take("wav") as take:
        encoding = asyncio.create_task(joined(take.encoded()))
        for _ in range(math.ceil(45 / SECONDS)):
            await take.add(passage())
        await take.finish()
        whole = await encoding
    samples = whole.index(b"data") + 8
    assert int.from_bytes(whole[samples - 4 : samples], "little") == len(whole) - samples


async def test_the_level_is_one_from_the_first_sample_to_the_last(make_take):
    tone = sine(1000, 15, RATE, dbfs=-20)
    async with make_take() as take:
        encoding = asyncio.create_task(joined(take.encoded()))
        for _ in range(6):
            await take.add(heard(Segment(0, "", "", 0, 0, 0), tone))
        await take.finish()
        samples = np.frombuffer(await encoding, "<i2")
    peaks = np.abs(samples.astype(int)).reshape(-1, RATE // 2).max(axis=1)
    assert peaks.max() - peaks.min() <= 2


@pytest.mark.parametrize("audio_format", ["pcm", "wav", "mp3"])
async def test_a_take_without_sound_is_a_whole_recording_all_the_same(make_take, audio_format):
    async with make_take(audio_format) as take:
        await take.finish()
        whole = await joined(take.encoded())
        recording = take.recording("blob")
    assert (recording.bytes, recording.loudness) == (len(whole), None)
    assert bool(whole) == (audio_format != "pcm")


@pytest.mark.parametrize("at_once", [True, False])
async def test_lines_say_where_each_segment_and_word_lies_in_the_recording(make_take, at_once):
    """To the sample, whatever silence the provider left around what it spoke."""
    loud = sine(440, 1.0, RATE)
    async with make_take(text=TWO) as take:
        for start, before_ms in ((0, 200), (5, 500)):
            before = bytes(2 * (before_ms * RATE // 1000))
            segment = Segment(0, "x", "x", start, start + 4, 300)
            marks = (WordMark(0, 1, before_ms),)
            piece, cut = piece_of(before + loud + before, RATE)
            hearing = Hearing("x", "", marks, Outline.of(piece.pcm, RATE), cut * 1000 / RATE)
            timing = time_words(hearing, TWO, start, start + 4) if at_once else hearing
            what = Heard(piece, timing)
            await take.add(Passage(segment, lambda what=what: what))
        await take.finish()
        samples = np.frombuffer(await joined(take.encoded()), "<i2")
        told = [
            msgspec.json.decode(line, type=SpooledLine).line(TWO)
            for line in (await joined(take.lines())).splitlines()
        ]
    assert [(line.start, line.end, line.source) for line in told] == [
        (0, 4, "engine"),
        (5, 9, "engine"),
    ]
    for line in told:
        start = line.from_ms * RATE // 1000
        assert np.abs(samples[start : start + RATE // 10]).max() > 1000
        # Ten milliseconds of silence are kept before what is said.
        assert line.words[0].from_ms - line.from_ms == pytest.approx(10, abs=2)
    assert told[1].from_ms - told[0].to_ms == pytest.approx(300, abs=1)


async def test_lines_of_an_mp3_are_as_late_as_its_decoder(make_take):
    tone = sine(440, 1.0, RATE)
    begun = []
    for audio_format in ("pcm", "mp3"):
        async with make_take(audio_format) as take:
            await take.add(heard(Segment(0, "x", "x", 0, 5, 0), tone))
            await take.finish()
            line = msgspec.json.decode(await joined(take.lines()), type=SpooledLine)
        begun.append(line.from_ms)
    assert begun == [0, round(1105 / RATE * 1000)]


async def test_what_is_added_too_late_is_written_nowhere(make_take, tmp_path):
    """The thread of a caller that was cancelled goes on, perhaps when all is closed."""
    async with make_take() as take:
        pass
    with pytest.raises(ValueError, match="closed"):
        await take.add(passage())
    spool = SpoolFile(tmp_path / "late")
    spool.write(b"a", b"bc")
    assert (tmp_path / "late").read_bytes() == b"abc"
    spool.close()
    with pytest.raises(ValueError, match="closed"):
        spool.write(b"d")
    assert list(tmp_path.iterdir()) == []
