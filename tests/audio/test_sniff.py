"""What first bytes say of a body's format."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.signals import sine
from helpers.speech import speak
from intone.audio.encode import create_encoder
from intone.audio.formats import FORMATS
from intone.audio.sniff import looks_like

HEADED = [name for name in FORMATS if name != "pcm"]
TEXTS = [
    json.dumps({"error": {"message": "The model does not exist.", "type": "not_found"}}).encode(),
    b"<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>\r\n",
    b"Internal Server Error",
    "上游服务暂时不可用，请稍后再试".encode(),
]


def encoded(name: str, seconds: float = 0.5) -> bytes:
    encoder = create_encoder(name, sample_rate=24000)
    return encoder.feed(sine(440, seconds, 24000)) + encoder.finish()


@pytest.mark.parametrize("form", HEADED)
@pytest.mark.parametrize("name", HEADED)
def test_a_format_is_told_from_the_others(name: str, form: str) -> None:
    assert looks_like(form, encoded(name)) is (name == form)


@pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize("name", ["mp3", "aac"])
def test_frames_are_known_at_every_rate(name: str, sample_rate: int) -> None:
    encoder = create_encoder(name, sample_rate=sample_rate)
    data = encoder.feed(sine(440, 0.5, sample_rate)) + encoder.finish()
    assert looks_like(name, data) is True


def test_mp3_may_begin_with_a_tag() -> None:
    assert looks_like("mp3", b"ID3\x04\x00\x00\x00\x00\x00\x00") is True


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("form", FORMATS)
def test_text_is_no_audio(form: str, text: bytes) -> None:
    assert looks_like(form, text) is False


@pytest.mark.parametrize("name", HEADED)
def test_too_few_bytes_say_nothing_and_more_never_contradict(name: str) -> None:
    """As bytes come, the answer goes from None to True once, and stays."""
    data = encoded(name)
    answers = [looks_like(name, data[:size]) for size in range(64)]
    assert answers[0] is None
    assert False not in answers
    assert answers[answers.index(True) :] == [True] * (64 - answers.index(True))


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_yet_says_nothing(form: str) -> None:
    assert looks_like(form, b"") is None


@pytest.mark.parametrize(
    "pcm",
    [bytes(4), bytes(4096), sine(440, 0.1, 24000), speak()[1], random.Random(1).randbytes(4096)],
    ids=["short silence", "silence", "sine", "speech", "noise"],
)
def test_pcm_can_be_anything(pcm: bytes) -> None:
    assert looks_like("pcm", pcm) is True


@pytest.mark.parametrize("name", ["wav", "opus", "flac"])
def test_a_file_with_a_header_is_no_pcm(name: str) -> None:
    """A vendor that ignores the format asked for would be heard as a click."""
    assert looks_like("pcm", encoded(name)) is False


def test_a_little_text_may_still_become_pcm() -> None:
    assert looks_like("pcm", b'{"err') is None
    assert looks_like("pcm", b'{"err\x00\x12\x80') is True


def test_a_letter_cut_in_two_is_still_text() -> None:
    text = "Ошибка сервера поставщика".encode()
    assert looks_like("pcm", text[:25]) is False


@given(form=st.sampled_from(sorted(FORMATS)), head=st.binary(max_size=300))
def test_any_bytes_get_an_answer(form: str, head: bytes) -> None:
    """And what is refused early is not taken back later."""
    answer = looks_like(form, head)
    assert answer in {True, False, None}
    if answer is False and form != "pcm":
        assert looks_like(form, head + b"more") is False
