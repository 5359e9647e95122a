"""Splitting: nothing is lost, the first piece is short, and no input makes it slow or wrong."""

import itertools
import tracemalloc
import unicodedata

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.thorough import examples
from intone.text.segments import Segment, pause_at, split

LANGUAGES = ["en", "en-GB", "es", "fr", "de", "ja", "ar", "xx"]

# Random characters seldom look like text; pieces that do are mixed in.
PIECES = st.sampled_from(
    [
        "Hello world. ", "Dr. Smith said: ", "1,250.75 ", "3:05 pm ", "\n", "\n\n", "\r\n\r\n", " ",
        "...", "?!", "🙂", "👩‍👩‍👧", "é", "e\u0301", "你好。", "مرحبا، ", "שלום. ", "\u202e", "\u200b",
        "- item\n", "“Quoted. Text.” ", "(a, b; c) ", "a" * 130, "x, " * 40, "$5/month ", "https://a.com/b ",
        "e.g. ", "²", "½", "४२ ", "Ⅷ ", "\t", "—", "[[", "U.S.A. ",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=20), max_size=40).map("".join)


def speakable(text: str) -> str:
    return "".join(regex.findall(r"[\p{L}\p{N}]", text))


@settings(max_examples=examples(300), deadline=None)
@given(TEXTS, st.sampled_from(LANGUAGES))
def test_every_letter_and_digit_lies_in_exactly_one_segment_in_order(text, language):
    segments = list(split(text, language))
    assert all(a.end <= b.start for a, b in itertools.pairwise(segments))
    assert all(0 <= s.start < s.end <= len(text) for s in segments)
    assert speakable("".join(text[s.start : s.end] for s in segments)) == speakable(text)


@settings(max_examples=examples(200), deadline=None)
@given(TEXTS, st.sampled_from(LANGUAGES))
def test_a_segment_is_what_is_written_there_and_clean_where_it_is_spoken(text, language):
    for number, segment in enumerate(split(text, language)):
        written = text[segment.start : segment.end]
        assert segment.index == number
        assert segment.text == " ".join(written.split())
        assert speakable(segment.text)
        assert speakable(segment.spoken)
        assert segment.spoken == unicodedata.normalize("NFC", segment.spoken)
        assert segment.spoken == " ".join(segment.spoken.split())


@settings(max_examples=examples(100), deadline=None)
@given(TEXTS, st.integers(20, 120), st.integers(120, 500), st.integers(200, 2000))
def test_limits_hold_whatever_the_text(text, first, limit, most):
    for segment in split(text, "en", first_limit=first, limit=limit, max_characters=most):
        assert segment.end - segment.start <= limit
        assert len(segment.spoken) <= most


def test_the_first_segment_is_short_and_later_ones_grow():
    text = "This is a sentence of some length, as they are. " * 200
    lengths = [len(s.text) for s in split(text, "en")]
    assert lengths[0] <= 90
    assert lengths[0] < lengths[1] < lengths[3] <= 400
    assert min(lengths[3:-1]) > 300


def test_a_long_first_sentence_begins_with_its_first_clause():
    text = (
        "When the first snow had fallen, " + "the people of the valley went on with their work " * 4
    )
    first, second, *_ = split(text, "en")
    assert first.text == "When the first snow had fallen,"
    assert first.pause_ms < second.pause_ms or second.pause_ms == 0


def test_two_blank_lines_part_sections_which_pause_longer_than_paragraphs():
    texts = [
        "One.\n\nTwo.\n\n\nThree.",
        "One.\r\n\r\nTwo.\r\n\r\n\r\nThree.",
        "One.\n \nTwo.\n\t\n \nThree.",
    ]
    for text in texts:
        paragraph, section, last = (segment.pause_ms for segment in split(text, "en"))
        assert section > paragraph > 300
        assert last == 0


def test_a_ruler_between_paragraphs_keeps_the_longer_of_the_pauses_around_it():
    before = [next(split(f"One.{gap}Two.", "en")).pause_ms for gap in ("\n\n", "\n\n\n")]
    for gap in ("\n\n\n***\n\n", "\n\n***\n\n\n"):
        assert next(split(f"One.{gap}Two.", "en")).pause_ms == before[1]
    assert next(split("One.\n\n***\n\nTwo.", "en")).pause_ms == before[0]


def test_segments_never_cross_paragraphs_and_pause_longest_after_them():
    segments = list(split("One. Two.\n\nThree.\r\n\r\nFour.", "en"))
    assert [s.text for s in segments] == ["One. Two.", "Three.", "Four."]
    assert segments[0].pause_ms == segments[1].pause_ms > 300
    assert segments[-1].pause_ms == 0


def test_list_items_and_headings_are_sentences_without_a_full_stop():
    (segment,) = split("Shopping list\n- milk\n- bread", "en")
    assert segment.spoken == "Shopping list. milk. bread"


def test_wrapped_lines_flow_on():
    text = "This paragraph was wrapped by an editor at a width of about\nsixty characters, as London likes it."
    assert " ".join(s.spoken for s in split(text, "en")) == text.replace("\n", " ")


@pytest.mark.parametrize(
    "text", ["", " \n\t", "...", "🙂🙂", "—!?—", "\u200b", "*" * 5000, "👩‍👩‍👧 !"]
)
def test_a_text_with_nothing_to_speak_has_no_segment(text):
    assert list(split(text, "en")) == []


def test_abbreviations_do_not_end_a_sentence():
    text = "Dr. Smith met Mr. Jones in Washington at 5 p.m. yesterday and they talked for a while. Then he left."
    assert [s.spoken for s in split(text, "en")] == [
        "Doctor Smith met Mister Jones in Washington at five PM yesterday and they talked for a while.",
        "Then he left.",
    ]


def test_offsets_survive_normalising():
    text = "Cafe\u0301\u200b costs $5.\n\nNe\u0301e."
    first, second = split(text, "en")
    assert first.spoken == "Café costs five dollars."
    assert text[second.start : second.end] == "Ne\u0301e."
    assert second.spoken == "Née."


def test_a_word_of_ten_thousand_letters_is_cut_between_characters():
    segments = list(split("👍🏽x" * 50 + "e\u0301" * 10_000, "en"))
    assert len(segments) > 20
    assert not any(s.text[0] in "\u0301\U0001f3fd\u200d" for s in segments)


def test_what_grows_past_the_engines_limit_is_split_again():
    segments = list(split("1234567 " * 45, "en", max_characters=500))
    assert all(len(s.spoken) <= 500 for s in segments)
    assert " ".join(s.spoken for s in segments).count("million") == 45


def test_every_script_has_its_sentences():
    for language, text, count in [
        ("ja", "今日は良い天気です。明日は雨です。" * 30, 2),
        ("hi", "यह एक वाक्य है। यह दूसरा है। " * 30, 2),
        ("ar", "هذه جملة طويلة. وهذه أخرى؟ " * 30, 2),
    ]:
        segments = list(split(text, language))
        assert len(segments) > count
        assert all(len(s.text) <= 400 for s in segments)


@pytest.mark.parametrize(
    "text",
    [
        "." * 100_000, "\n" * 100_000, "a" * 200_000, "9" * 50_000, "." * 100_000 + "end",
        "a\n\n" * 20_000, "\u202eאב abc " * 20_000, "(" * 100_000 + "x", "1," * 30_000, "👍" * 50_000 + "a",
        "\u0301" * 50_000 + "a", "A. " * 20_000, "\ud800a" * 10_000, '"' * 50_001 + "a", "\x00a" * 1000,
    ],
    ids=lambda text: f"{text[:3]!r}x{len(text)}",
)  # fmt: skip
def test_pathological_texts_keep_every_letter(text):
    covered = "".join(text[s.start : s.end] for s in split(text, "en"))
    assert speakable(covered) == speakable(text)


def test_splitting_is_lazy_and_holds_little_memory():
    text = "The quick brown fox jumps over the lazy dog, again and again. " * 4_000
    next(split(text, "en"))  # imports and caches are not counted
    tracemalloc.start()
    try:
        first = next(split(text, "en"))
        count = sum(1 for _ in split(text, "en"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(first, Segment)
    assert count > 500
    # The one paragraph is read line by line, and this text is one line: twice its size is enough.
    assert peak < 2 * len(text)


@pytest.mark.parametrize(
    ("text", "pause_ms"),
    [
        ("It ended. |Another began.", 300),
        ("»So it is.«| Another began.", 300),
        ("First, |then", 120),
        ("They call it |Gemütlichkeit", 0),
        ("The end of it\n\n|Another paragraph", 700),
        ("The end of it|\n\nAnother paragraph", 700),
        ("ab|Cd", 0),
        ("|All of it.", 0),
        ("All of it. | ", 0),
    ],
)
def test_where_a_text_is_divided_it_pauses_as_it_is_written(text: str, pause_ms: int) -> None:
    assert pause_at(text.replace("|", ""), text.index("|")) == pause_ms
