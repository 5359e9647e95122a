"""When each written word is heard: from the engine's own events, or from the sound alone."""

import statistics
from itertools import pairwise

import numpy as np
import pytest

from helpers.onsets import onsets
from helpers.signals import sine
from intone.audio.sounding import Outline
from intone.core.timing import Hearing, TimedWord, Timing, time_words
from intone.providers.base import SpeechRequest, WordMark
from intone.providers.engines.espeak_provider import EspeakProvider
from intone.text.segments import Segment, split

RATE = 24_000
ARTICLE = (
    "When the sun rose over the harbour, the fishermen were mending their nets; nobody spoke. A "
    "gull cried once, twice, and was gone. By noon, the market had filled with people, most of "
    "whom had come to look. Dr. Smith paid $1,250 on 5 January 2024, of which 50% was lost."
)
TEXTS = {
    "en-us.caleb": ARTICLE,
    "en-gb.amelia": ARTICLE,
    "de-de.lukas": "Als die Sonne über dem Hafen aufging, flickten die Fischer schon ihre Netze; "
    "niemand sprach. Eine Möwe schrie einmal, zweimal, dann war sie fort.",
    "fr-fr.camille": "Quand le soleil se leva, les pêcheurs réparaient déjà leurs filets ; "
    "personne ne parlait. Une mouette cria une fois, deux fois, puis disparut.",
    "ru-ru.dmitri": "Когда солнце взошло над гаванью, рыбаки уже чинили сети; никто не говорил.",
    "zh-cn.wei": "太阳从港口升起的时候，渔民们已经在补网了，没有人说话。到了中午，市场上挤满了人。",
}


@pytest.fixture
async def engine():
    provider = EspeakProvider(processes=1)
    await provider.start()
    yield provider
    await provider.close()


async def spoken(engine, voice, text, language="en-US"):
    """Segments with their audio and the engine's marks."""
    found = []
    for segment in split(text, language):
        request = SpeechRequest(segment.spoken, voice, language, sample_rate=RATE)
        chunks = [chunk async for chunk in engine.synthesize(request)]
        pcm = b"".join(chunk.pcm for chunk in chunks)
        found.append((segment, pcm, [word for chunk in chunks for word in chunk.words]))
    return found


def voice_of(engine, voice):
    """That voice, or another of its language."""
    ids = [preset.local_id for preset in engine.voices()]
    return voice if voice in ids else next(i for i in ids if i.startswith(voice.split(".")[0]))


def timed(segment, text, marks, pcm, language=""):
    """When the words of a segment are heard, by what the provider said and what it sounds like."""
    hearing = Hearing(segment.spoken, language, tuple(marks), Outline.of(pcm, RATE))
    return time_words(hearing, text, segment.start, segment.end)


def segment_of(text: str, spoken: str | None = None, start: int = 0) -> Segment:
    return Segment(0, text, text if spoken is None else spoken, start, start + len(text), 0)


@pytest.mark.parametrize("voice", TEXTS)
async def test_sound_after_a_pause_is_the_beginning_of_a_word(engine, voice):
    text, language = TEXTS[voice], voice[:2]
    for segment, pcm, marks in await spoken(engine, voice_of(engine, voice), text, language):
        timing = timed(segment, text, marks, pcm, language)
        heard = onsets(np.frombuffer(pcm, "<i2").astype(float), RATE, shortest_ms=100)
        assert timing.source == "engine"
        assert heard
        off = [min(abs(word.from_ms - onset) for word in timing.words) for onset in heard]
        assert statistics.median(off) <= 50
        assert max(off) <= 100  # the closed lips before a "p" are silent, and part of the word


@pytest.mark.parametrize("has_marks", [True, False])
@pytest.mark.parametrize("voice", TEXTS)
async def test_words_are_in_order_within_the_audio_and_as_written(engine, voice, has_marks):
    text, language = TEXTS[voice], voice[:2]
    for segment, pcm, marks in await spoken(engine, voice_of(engine, voice), text, language):
        timing = timed(segment, text, marks if has_marks else [], pcm)
        assert timing.source == ("engine" if has_marks else "aligned")
        assert all(one.to_ms <= other.from_ms + 0.01 for one, other in pairwise(timing.words))
        assert all(one.end <= other.start for one, other in pairwise(timing.words))
        assert all(word.from_ms < word.to_ms for word in timing.words)
        assert timing.words[-1].to_ms <= len(pcm) / 2 / RATE * 1000
        assert all(segment.start <= word.start < word.end <= segment.end for word in timing.words)


async def test_a_written_number_lasts_from_its_first_spoken_word_to_its_last(engine):
    text = "He had 1,250,000 apples; nobody ate them."
    ((segment, pcm, marks),) = await spoken(engine, "en-us.caleb", text)
    timing = timed(segment, text, marks, pcm, "en-US")
    by_word = {text[word.start : word.end]: word for word in timing.words}
    assert list(by_word) == ["He", "had", "1,250,000", "apples", "nobody", "ate", "them"]
    begins = {segment.spoken[mark.start : mark.end]: mark.at_ms for mark in marks}
    number = by_word["1,250,000"]
    assert number.from_ms == pytest.approx(begins["one"], abs=1)
    assert number.to_ms == pytest.approx(begins["apples"], abs=60)
    assert by_word["apples"].to_ms < by_word["nobody"].from_ms - 50  # the pause is nobody's


async def test_words_laid_over_the_sound_are_near_those_that_the_engine_names(engine):
    off = []
    for voice, text in TEXTS.items():
        for segment, pcm, marks in await spoken(engine, voice_of(engine, voice), text, voice[:2]):
            told = timed(segment, text, marks, pcm, voice[:2])
            heard = timed(segment, text, [], pcm, voice[:2])
            off += [
                abs(one.from_ms - other.from_ms)
                for one, other in zip(told.words, heard.words, strict=True)
            ]
    assert len(off) > 150
    assert statistics.mean(off) <= 90
    assert np.percentile(off, 95) <= 250


def test_offsets_are_those_of_the_whole_text():
    text = "Before. One two."
    segment = segment_of("One two.", start=8)
    tone = (8000 * np.sin(np.arange(RATE) / 5)).astype("<i2").tobytes()
    timing = timed(segment, text, [WordMark(0, 3, 0.0), WordMark(4, 7, 400.0)], tone)
    assert timing.words == (
        TimedWord(8, 11, pytest.approx(0, abs=6), 400.0),
        TimedWord(12, 15, 400.0, pytest.approx(1000, abs=6)),
    )


@pytest.mark.parametrize("marks", [
    [WordMark(0, 3, 900.0), WordMark(4, 7, 100.0)],
    [WordMark(4, 7, 100.0), WordMark(0, 3, 900.0)],
    [WordMark(-5, -1, 10.0), WordMark(10**9, 10**9 + 1, 20.0)],
    [WordMark(0, 3, -50.0), WordMark(4, 7, 10**9)],
    [WordMark(0, 3, 0.0)] * 50,
])  # fmt: skip
def test_marks_that_make_no_sense_break_nothing(marks):
    tone = (8000 * np.sin(np.arange(RATE) / 5)).astype("<i2").tobytes()
    timing = timed(segment_of("One two."), "One two.", marks, tone)
    assert [word.start for word in timing.words] == [0, 4]
    assert all(0 <= word.from_ms <= word.to_ms <= 1000 for word in timing.words)
    assert timing.words[0].to_ms <= timing.words[1].from_ms


@pytest.mark.parametrize(
    ("written", "said", "pcm"),
    [("One.", "One.", b""), ("One.", "One.", bytes(9600)), ("One.", "", b"\1\2" * 999),
     ("...", "One.", b"\x11\x22" * 999)],
)  # fmt: skip
def test_where_nothing_is_heard_or_written_there_are_no_words(written, said, pcm):
    timing = timed(segment_of(written, said), written, [], pcm)
    assert timing == Timing("aligned", ())


def test_what_was_cut_off_before_the_audio_does_not_count():
    tone = sine(440, 1.0, RATE)
    marks = (WordMark(0, 3, 150.0), WordMark(4, 7, 600.0))
    hearing = Hearing("One two", "", marks, Outline.of(tone, RATE), cut_ms=200.0)
    timing = time_words(hearing, "One two", 0, 7)
    assert [word.from_ms for word in timing.words] == [0.0, 400.0]
    assert timing.words[-1].to_ms <= 1000.0
