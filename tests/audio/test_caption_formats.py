"""Captions as players read them: WebVTT and SubRip, cut where a reader would."""

import re
import unicodedata
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.subtitles import read_srt, read_vtt
from intone.audio.captions import Line, Word, as_srt, as_vtt

TEXT = (
    "When the sun rose over the harbour, the fishermen were already mending their nets; nobody "
    "spoke. A gull cried once, twice, and was gone. By noon the market had filled with people."
)


def lines_of(text: str, *, ms_a_sign: int = 60, source: str = "engine") -> list[Line]:
    """A text as if each paragraph were a segment and every sign took as long."""
    lines = []
    for paragraph in re.finditer(r"[^\n]+", text):
        begin, end = paragraph.span()
        words = tuple(
            Word(found.start(), found.end(), found.start() * ms_a_sign, found.end() * ms_a_sign)
            for found in re.finditer(r"\w[\w'’]*", text)
            if begin <= found.start() < end
        )
        times = begin * ms_a_sign, end * ms_a_sign
        lines.append(Line(" ".join(paragraph[0].split()), begin, end, *times, source, words))
    return lines


async def streamed(lines: Iterable[Line]) -> AsyncIterator[Line]:
    for line in lines:
        yield line


async def vtt(text: str, lines: list[Line] | None = None, **how) -> bytes:
    some = lines_of(text) if lines is None else lines
    return b"".join([piece async for piece in as_vtt(streamed(some), text, **how)])


async def srt(text: str, lines: list[Line] | None = None) -> bytes:
    some = lines_of(text) if lines is None else lines
    return b"".join([piece async for piece in as_srt(streamed(some), text)])


def width(line: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in line)


async def test_every_word_is_shown_once_and_in_order():
    for shown in (read_vtt(await vtt(TEXT)), read_srt(await srt(TEXT))):
        assert " ".join(cue.text for cue in shown).split() == TEXT.split()


async def test_cues_are_two_lines_of_42_signs_and_seven_seconds_at_most():
    shown = read_vtt(await vtt(TEXT * 5))
    assert len(shown) > 10
    for cue in shown:
        assert len(cue.text.split("\n")) <= 2
        assert all(width(line) <= 42 for line in cue.text.split("\n"))
        assert 0 < cue.to_ms - cue.from_ms <= 7000


async def test_cues_never_overlap_and_begin_with_their_first_word():
    lines = lines_of(TEXT)
    begins = {word.from_ms for line in lines for word in line.words}
    shown = read_srt(await srt(TEXT, lines))
    assert all(one.to_ms <= other.from_ms for one, other in pairwise(shown))
    assert {cue.from_ms for cue in shown} <= begins


async def test_cues_end_at_sentences_and_clauses_where_they_can():
    shown = read_vtt(await vtt(TEXT))
    assert [cue.text[-1] for cue in shown] == [";", ".", "."]


async def test_slow_speech_is_cut_by_time():
    shown = read_vtt(await vtt(TEXT, lines_of(TEXT, ms_a_sign=400)))
    assert max(cue.to_ms - cue.from_ms for cue in shown) <= 7000
    assert len(shown) > 10


async def test_a_short_cue_stays_a_second_where_nothing_follows_so_soon():
    text = "Yes.\nNo."
    words = (Word(0, 3, 0, 300),), (Word(5, 7, 700, 900),)
    lines = [Line("Yes.", 0, 4, 0, 300, "engine", words[0]),
             Line("No.", 5, 8, 700, 900, "engine", words[1])]  # fmt: skip
    assert [cue[:2] for cue in read_vtt(await vtt(text, lines))] == [(0, 700), (700, 1700)]


async def test_markup_and_arrows_in_a_text_are_text():
    text = "if a<b && c>d --> <script>alert(1)</script> &amp; done. --> NOTE WEBVTT"
    assert " ".join(cue.text for cue in read_vtt(await vtt(text))).split() == text.split()
    assert b"--> <" not in await vtt(text)
    said = read_srt(await srt(text))
    assert " ".join(cue.text for cue in said).split() == text.replace("-->", "→").split()


async def test_words_light_up_only_where_that_was_asked_for():
    plain, stamped = await vtt("One two three."), await vtt("One two three.", words=True)
    assert b"<" not in plain
    stamps = [stamp.decode() for stamp in re.findall(rb"<([\d:.]+)>", stamped)]
    assert stamps == ["00:00:00.240", "00:00:00.480"]
    assert re.sub(rb"<[\d:.]+>", b"", stamped) == plain


async def test_a_comment_says_where_the_times_are_from():
    text = "One.\nTwo."
    lines = lines_of("One.\n") + lines_of(text, source="aligned")[1:]
    assert (await vtt(text, lines)).endswith(b"NOTE Times: engine and aligned\n")
    assert (await vtt("One.")).endswith(b"NOTE Times: engine\n")


async def test_times_go_on_past_a_hundred_hours():
    word = Word(0, 3, 363_723_004, 363_724_005)
    lines = [Line("One.", 0, 4, word.from_ms, word.to_ms, "engine", (word,))]
    assert b"101:02:03.004 --> 101:02:04.005" in await vtt("One.", lines)
    assert b"101:02:03,004 --> 101:02:04,005" in await srt("One.", lines)


async def test_a_recording_without_a_word_has_a_file_without_a_cue():
    assert await vtt("", []) == b"WEBVTT\n\n"
    assert await srt("", []) == b""


async def test_a_segment_without_words_is_shown_as_it_is():
    lines = [Line("1 2 3", 0, 5, 100, 900, "aligned", ())]
    assert [cue.text for cue in read_srt(await srt("1 2 3", lines))] == ["1 2 3"]


@pytest.mark.parametrize("text", ["汉" * 300, "字。" * 200])
async def test_wide_signs_count_twice(text):
    words = tuple(Word(at, at + 1, at * 200, at * 200 + 190) for at in range(len(text)))
    lines = [Line(text, 0, len(text), 0, len(text) * 200, "engine", words)]
    shown = read_vtt(await vtt(text, lines))
    assert "".join(cue.text for cue in shown).replace("\n", "") == text
    assert all(width(line) <= 42 for cue in shown for line in cue.text.split("\n"))


@settings(deadline=None, max_examples=80)
@given(
    text=st.text(alphabet=st.sampled_from("ab c,.;<>&-\n\t é我\u200b\"'1"), max_size=300),
    moments=st.lists(st.integers(0, 5000), min_size=2, max_size=40),
)
async def test_whatever_the_text_and_the_times_the_files_are_valid(text, moments):
    words = [found.span() for found in re.finditer(r"\w+", text)]
    timed = [
        Word(*span, moments[i % len(moments)], moments[(i + 1) % len(moments)])
        for i, span in enumerate(words)
    ]
    line = Line(" ".join(text.split()), 0, len(text), 0, 5000, "engine", tuple(timed))
    shown = read_vtt(await vtt(text, [line], words=True))
    assert all(one.to_ms <= other.from_ms for one, other in pairwise(shown))
    assert all(cue.from_ms < cue.to_ms for cue in shown)
    assert len(read_srt(await srt(text, [line]))) == len(shown)
