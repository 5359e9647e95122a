"""Written words find the spoken ones that stand for them."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intone.text.alignment import align, words
from intone.text.normalize import speak
from intone.text.segments import split


def aligned(text: str, language: str = "en-US") -> dict[str, str]:
    """By each written word, what is spoken for it; only those that differ."""
    found = {}
    for segment in split(text, language):
        written = [text[a:b] for a, b in words(text, segment.start, segment.end)]
        spoken = [segment.spoken[a:b] for a, b in words(segment.spoken)]
        for word, part in zip(written, align(written, spoken, language), strict=True):
            said = " ".join(spoken[i] for i in part)
            if said != word:
                found[word] = said
    return found


def test_words_that_are_spoken_as_written_stand_for_themselves():
    assert aligned("The well-known author’s café isn't “far”, I know: it's here (really).") == {
        "author’s": "author's"
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "He paid $1,250.50 for it.",
            {"$1,250.50": "one thousand two hundred fifty dollars and fifty cents"},
        ),
        (
            "Dr. Smith of St. John's met Mr. Jones.",
            {"Dr": "Doctor", "St": "Saint", "Mr": "Mister"},
        ),
        (
            "On 5 Jan 2024 it was over.",
            {"5": "the fifth of", "Jan": "January", "2024": "twenty twenty-four"},
        ),
        ("Raise $5m, please.", {"$5m": "five million dollars"}),
        ("It costs £5 million, they say.", {"£5": "five", "million": "million pounds"}),
        (
            "See https://example.com/a?b=c or mail a.b@example.org today.",
            {
                "https://example.com/a?b=c": "example dot com slash a",
                "a.b@example.org": "a dot b at example dot org",
            },
        ),
        ("A 50% share & more at 5°C.", {
            "50%": "fifty percent", "&": "and", "5°C": "five degrees Celsius"
        }),
        ("So 105 and more and more.", {"105": "one hundred five"}),
        ("1999 12 105 are numbers.", {
            "1999": "nineteen ninety-nine", "12": "twelve", "105": "one hundred five"
        }),
        ("A soft\u00adhyphen and a smile 😀 here.", {"soft\u00adhyphen": "softhyphen"}),
    ],
)  # fmt: skip
def test_what_becomes_several_words_gets_all_of_them(text, expected):
    assert aligned(text) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Am 5.3.2024 war es vorbei.", "de", {
            "5.3.2024": "fünften März zweitausendvierundzwanzig"
        }),
        ("Er hat 50 % davon, z.B. in Öl.", "de", {
            "50": "fünfzig", "%": "Prozent", "z.B": "zum Beispiel"
        }),
        ("नमस्ते दुनिया, यह १२ है।", "hi", {"१२": "12"}),
    ],
)  # fmt: skip
def test_other_languages(text, language, expected):
    assert aligned(text, language) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我在2024年，看书。", ["我", "在", "2024", "年", "看", "书"]),
        ("今日は東京タワーへ。", ["今", "日", "は", "東", "京", "タワー", "へ"]),
        ("สวัสดี yes", ["ส", "วั", "ส", "ดี", "yes"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("“Don’t” (e-mail) one—two… three.", ["Don’t", "e-mail", "one", "two", "three"]),
        ("one,two 1,250,000.5 x²", ["one", "two", "1,250,000.5", "x²"]),
        ("-- *** ... !?", []),
        ("", []),
    ],
)
def test_what_a_word_is(text, expected):
    assert [text[word.start : word.end] for word in words(text)] == expected


@settings(deadline=None, max_examples=60)
@given(
    text=st.text(
        alphabet=st.sampled_from("ab cd 12 5 $%&.,-'/:@ é我カไ\u0301\u200b"), max_size=120
    ),
    language=st.sampled_from(["en-US", "de", "zh", ""]),
)
def test_every_spoken_word_belongs_to_at_most_one_written_word_in_order(text, language):
    spoken = speak(text, language)
    found = align(
        [text[a:b] for a, b in words(text)], [spoken[a:b] for a, b in words(spoken)], language
    )
    assert len(found) == len(words(text))
    assert all(part.start <= part.stop for part in found)
    assert all(one.stop <= other.start for one, other in pairwise(found))
    assert all(part.start >= 0 and part.stop <= len(words(spoken)) for part in found)


def test_hostile_texts_are_read_to_the_end():
    assert len(words("a" + "." * 100_000)) == 1
    assert len(words("1," * 50_000)) == 1
    written = ["a", "1"] * 100
    assert len(align(written, ["a", "one"] * 1000)) == len(written)
