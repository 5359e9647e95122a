"""Request bodies: strict JSON, clear refusals, canonical fingerprints."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.small_dialect import Order
from intone.api import bodies
from intone.api.bodies import decode_json
from intone.errors import InvalidInputError

GOOD = b'{"text": "a", "output": {"format": "pcm"}}'


def _with(**changes):
    return json.dumps({"text": "a", "output": {"format": "pcm"}, **changes}).encode()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The body is empty"),
        (b"\xff\xfe{}", "not valid UTF-8 (byte 0)"),
        (b'{"text": "\xed\xa0\x80"}', "not valid UTF-8"),
        (b"{", "not valid JSON"),
        (b"{'a': 1}", "line 1, column 2"),
        (b"{} {}", "not valid JSON"),
        (b'{"a": "\x01"}', "not valid JSON"),
        (b"[]", "expected an object, got a list"),
        (b"null", "expected an object, got null"),
        (b"7", "expected an object, got a whole number"),
        (b'{"text": "a", "text": "b"}', "names 'text' more than once"),
        (b'{"output": {"x": 1, "x": 1}}', "names 'x' more than once"),
        (b'{"copies": NaN}', "NaN is not a JSON value"),
        (b'{"copies": -Infinity}', "-Infinity is not a JSON value"),
        (b'{"copies": 1e400}', "1e400 is too large"),
        (_with(copies=2**63), "copies: expected a whole number, got a number."),
        (b'{"copies": ' + b"9" * 50_000 + b"}", "is too large"),
        (b"[" * 10_000 + b"]" * 10_000, "nested too deeply"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested too deeply"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "nested too deeply"),
        (b'{"text": "\\ud800"}', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (_with(text=7), "text: expected text, got a whole number."),
        (_with(text=None), "text: expected text, got null."),
        (_with(text=""), "text: expected text with a length of at least 1."),
        (_with(text="a" * 21), "text: expected text with a length of at most 20."),
        (_with(copies="1"), "copies: expected a whole number, got text."),
        (_with(copies=1.5), "copies: expected a whole number, got a number."),
        (_with(copies=True), "copies: expected a whole number, got true or false."),
        (_with(output=[]), "output: expected an object, got a list."),
        (_with(output={}), "output.format: this field is required."),
        (
            _with(output={"format": "mp3"}),
            "output.format: expected one of 'pcm', 'wav', got 'mp3'.",
        ),
        (
            _with(output={"format": "pcm", "hertz": 1}),
            "output.hertz: expected one of 8000, 16000, got 1.",
        ),
        (
            _with(output={"format": "pcm", "rate": 3}),
            "output.rate: expected a number of at most 2.0.",
        ),
        (_with(tags=[{"format": "x"}]), "expected one of 'pcm', 'wav', got 'x'."),
        (b'{"output": {"format": "pcm"}}', "text: this field is required."),
    ],
)
def test_a_bad_body_is_refused_with_a_sentence_that_names_the_trouble(body, sentence):
    with pytest.raises(InvalidInputError) as caught:
        decode_json(body, Order)
    assert sentence in caught.value.message
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("long", ["x" * 90_000, "\u00e9" * 90_000])
def test_a_refusal_does_not_repeat_a_long_value(long):
    with pytest.raises(InvalidInputError) as caught:
        decode_json(_with(output={"format": long}), Order)
    assert len(caught.value.message) < 400


def test_numbers_are_taken_as_json_means_them():
    order = decode_json(b'{"text":"a","output":{"format":"pcm","rate":1},"copies":2.0}', Order)
    assert (order.value.output.rate, order.value.copies) == (1.0, 2)


def test_a_number_beyond_64_bits_does_no_harm_where_it_is_ignored():
    huge = _with(ignored=[2**63, -(10**40)])
    assert decode_json(huge, Order).unknown_fields == ("ignored",)
    assert decode_json(huge, Order).fingerprint != decode_json(GOOD, Order).fingerprint


@pytest.mark.parametrize(
    "same",
    [
        b'{"output":{"format":"pcm"},"text":"a"}',
        b'{ "text" : "\\u0061",\n "output": {"format": "p\\u0063m"} }',
    ],
)
def test_the_fingerprint_is_of_the_parsed_body(same):
    assert decode_json(same, Order).fingerprint == decode_json(GOOD, Order).fingerprint


def test_the_fingerprint_does_not_depend_on_how_a_number_is_written():
    whole, point, power = (
        decode_json(GOOD[:-1] + b', "copies": ' + number + b"}", Order).fingerprint
        for number in (b"100", b"100.0", b"1e2")
    )
    assert whole == point == power


@pytest.mark.parametrize(
    "other",
    [
        _with(text="b"),
        _with(copies=2),
        _with(unknown=1),
        _with(copies=1),  # a default, written out, is another body
        b'{"text": "a", "output": {"format": "pcm", "rate": 1.25}}',
        b'{"text": "a", "output": {"format": "pcm", "zz": "1"}}',
        b'{"text": "a", "output": {"format": "pcm", "zz": 1}}',
    ],
)
def test_another_body_has_another_fingerprint(other):
    assert decode_json(other, Order).fingerprint != decode_json(GOOD, Order).fingerprint


def test_unknown_fields_are_ignored_and_named_at_every_level():
    body = _with(zeta=1, output={"format": "pcm", "colour": {}}, tags=[{"format": "wav", "x": 1}])
    assert decode_json(body, Order).unknown_fields == ("output.colour", "tags[].x", "zeta")
    assert decode_json(GOOD, Order).unknown_fields == ()


#: Members of an object, good, odd and wrong.
MEMBERS = [
    *(b'"a":1', b'"a":1.0', b'"b":1e2', b'"b":-0', b'"c":-0.0', b'"c":0.10', b'"d":1e400'),
    *(b'"d":9223372036854775808', b'"e":123456789012345678', b'"e":9007199254740993.0'),
    *(b'"f":":"', b'"f":"\\u003a"', b'"f":"\\u003A"', b'"\\u0061":2', b'"g:":[{"a":":"}]'),
    *(b'"h":{"i":1,"i":2}', b'"h":{"i":":","j":{"i":null}}', b'"k":[1,[2,true]]', b'"k":[]'),
    *(b'"l":"\\ud83d\\ude00"', b'"l":"\\ud83d"', b'"m":"\xc3\xa9"', b'"m":"\xe9"', b'"n":"\\"\\/"'),
    *(b'"o":NaN', b'"o":01', b'"o":"\x7f"', b'"o":"\x00"', b' "p" : 1 ', b'"p"', b""),
]


@given(st.lists(st.sampled_from(MEMBERS), max_size=6))
def test_the_fast_way_through_a_body_answers_what_the_strict_one_does(members):
    body = b"{" + b",".join(members) + b"}"
    if (fast := bodies._parse_fast(body)) is not None:
        document, canonical = bodies._parse(body)
        assert (repr(fast[0]), fast[1]) == (repr(document), canonical)


def test_an_ordinary_body_goes_the_fast_way():
    assert bodies._parse_fast(GOOD) == bodies._parse(GOOD)
