"""What holds of every language and every text: clean, stable in form, linear."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.thorough import examples
from intone.text.normalize import speak

LANGUAGES = [
    "en",
    "en-GB",
    "es",
    "fr",
    "de",
    "pt-BR",
    "it",
    "nl",
    "pl",
    "ru",
    "tr",
    "ja",
    "ar",
    "xx",
]

# What rules look for, in every wrong order.
PARTS = st.sampled_from(
    [
        "1", "0", "12", "999", "2026", "1,000", "1.000", ",", ".", ":", "/", "-", "–", "%", "$", "€", "£",
        "R$", " ", "  ", "km", "m", "°C", "pm", "a.m.", "st", "th", "'", '"', "@", "#", "http://", "www.",
        ".com", "a", "Dr.", "St.", "No.", "etc.", "Nov.", "May", "II", "XIV", "Henry", "U.S.", "x", "×",
        "=", "+", "½", "²", "s", "'90s", "million", "de mayo", "1er", "º", "Uhr", "[[", "🙂", "\u200d", "\x00",
    ]
)  # fmt: skip
TEXTS = st.lists(PARTS | st.characters(), max_size=25).map("".join)


@settings(max_examples=examples(600), deadline=None)
@given(TEXTS, st.sampled_from(LANGUAGES))
def test_any_text_comes_out_clean(text, language):
    spoken = speak(text, language)
    assert spoken == unicodedata.normalize("NFC", spoken)
    assert spoken == " ".join(spoken.split())
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in spoken)
    assert not set(spoken) & set("\u200b\u200e\u200f\u202a\u202e\u2066\ufeff\u00ad")
    assert "[[" not in spoken


@settings(max_examples=examples(300), deadline=None)
@given(TEXTS)
def test_no_digit_of_english_is_left_to_the_engine(text):
    assert not any(c in "0123456789" for c in speak(text, "en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_emoji_invisible_characters_and_controls_are_dropped(language):
    assert speak("a🙂b 👩‍👩‍👧 \u202ec\u200bd\x07 🇫🇷 e\ufe0f 👍🏽!", language) == "a b cd e!"


@pytest.mark.parametrize("text", ["", " ", "🙂", "...", "—", "👩‍👩‍👧 !?", "\u200b", "*****", "[ ]"])
def test_nothing_to_speak_is_the_empty_string(text):
    assert speak(text, "en") == ""


def test_joiners_that_spell_a_word_are_kept():
    assert speak("می\u200cخواهم", "fa") == "می\u200cخواهم"
    assert speak("ab\u200ccd", "en") == "abcd"


@pytest.mark.parametrize("language", ["en", "es", "de", "ja"])
@pytest.mark.parametrize(
    "unit",
    [
        "1,",
        "1.",
        "a@",
        "http://",
        "1-",
        "$1",
        "A.",
        "1/",
        "1:",
        "*_",
        "( ",
        ". ",
        "'1",
        "½",
        "a.b",
        "\\",
        "-",
    ],
)
def test_repetition_neither_hangs_nor_fails(unit, language):
    spoken = speak("start " + unit * (20_000 // len(unit)) + " end", language)
    assert spoken.startswith("start")
    assert spoken.endswith("end")


def test_a_number_of_any_length_is_read():
    assert speak("9" * 50_000, "en").split() == ["nine"] * 50_000
    assert speak("9" * 50_000, "de").split() == ["neun"] * 50_000
    assert speak("1" + ",000" * 2000, "en").startswith("one ")
