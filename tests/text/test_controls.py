"""Which characters a text must not hold, and how language tags are matched."""

import pytest

from intone.text.controls import find_forbidden
from intone.text.language import best_match, primary, region


@pytest.mark.parametrize(
    "bad",
    [
        "\x00",
        "\x07",
        "\x0b",
        "\x0c",
        "\x1b",
        "\x7f",
        "\x80",
        "\x85",
        "\x9f",
        chr(0xD800),
        chr(0xDFFF),
    ],
)
def test_the_first_forbidden_character_is_found(bad):
    assert find_forbidden(f"ab{bad}c{bad}") == 2


@pytest.mark.parametrize(
    "text", ["", "a\tb\nc\r\n", "🙂 é 你好 \u200d \u202e \u00a0", "\ue000", "\U0010ffff"]
)
def test_all_other_text_is_accepted(text):
    assert find_forbidden(text) is None


def test_parts_of_a_tag():
    assert [primary(tag) for tag in ("en-GB", "EN", "zh_Hant_TW", "")] == ["en", "en", "zh", ""]
    assert [region(tag) for tag in ("en-GB", "en", "zh-Hant-tw", "es-419", "en-x-us")] == [
        "GB",
        None,
        "TW",
        "419",
        None,
    ]


@pytest.mark.parametrize(
    ("wanted", "offered", "best"),
    [
        ("en-GB", ["en-US", "en-GB", "en"], "en-GB"),
        ("en_gb", ["en-US", "en-GB"], "en-GB"),
        ("en-AU", ["en-US", "en"], "en"),
        ("en", ["fr", "en-US"], "en-US"),
        ("pt-BR", ["pt-PT"], "pt-PT"),
        ("de", ["en", "fr"], None),
        ("eng", ["en"], None),
    ],
)
def test_the_nearest_tag_is_chosen(wanted, offered, best):
    assert best_match(wanted, offered) == best
