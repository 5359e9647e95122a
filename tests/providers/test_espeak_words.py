"""eSpeak NG's word events: which word begins when, in the audio that was asked for."""

import re
from collections.abc import AsyncIterator

import numpy as np
import pytest

from helpers.onsets import onsets
from intone.providers.base import Provider, SpeechRequest, WordMark
from intone.providers.registry import create_providers

#: None begins with a stop, whose closed lips are silent and belong to the word.
APART = "Apple Orange Mother Lemon Window Seven Yellow Never River Other Fish House".replace(
    " ", "\n\n"
)


@pytest.fixture
async def espeak() -> AsyncIterator[Provider]:
    provider = create_providers(processes=1)["espeak"]
    await provider.start()
    yield provider
    await provider.close()


async def words_of(
    provider: Provider, text: str, voice: str = "en-us.caleb", **changes
) -> tuple[list[WordMark], np.ndarray]:
    request = SpeechRequest(
        **{"text": text, "voice": voice, "language": "en-US", "sample_rate": 24_000, **changes}
    )
    chunks = [chunk async for chunk in provider.synthesize(request)]
    pcm = b"".join(chunk.pcm for chunk in chunks)
    return [word for chunk in chunks for word in chunk.words], np.frombuffer(pcm, "<i2")


def starts_of(text: str) -> list[int]:
    return [found.start() for found in re.finditer(r"\S+", text)]


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("voice", ["en-us.caleb", "en-us.emma", "en-gb.arthur"])
async def test_a_word_after_a_pause_begins_where_its_sound_does(espeak, voice, rate):
    words, samples = await words_of(espeak, APART, voice, rate=rate)
    heard = onsets(samples.astype(float), 24_000, shortest_ms=15)
    assert [word.start for word in words] == starts_of(APART)
    off = [min(abs(word.at_ms - onset) for onset in heard) for word in words]
    assert max(off) <= 30, off


@pytest.mark.parametrize("sample_rate", [None, 8_000, 44_100])
async def test_resampling_moves_no_word(espeak, sample_rate):
    plain, _ = await words_of(espeak, APART, sample_rate=24_000)
    other, _ = await words_of(espeak, APART, sample_rate=sample_rate)
    assert other == plain


@pytest.mark.parametrize(
    ("voice", "text"),
    [
        ("fr-fr.camille", "Là-bas, un café naïve sœur élève déjà l'été."),
        ("ru-ru.dmitri", "Вчера вечером мы говорили, потом пошли домой."),
        ("ar.*", "مرحبا بالعالم، هذا اختبار."),
        ("hi.*", "नमस्ते दुनिया, यह एक परीक्षण है।"),
        ("en-us.caleb", "Cafe\u0301 nai\u0308ve, some\u0001thing \U0001f600 else\u0085here."),
    ],
)
async def test_offsets_count_code_points_whatever_they_are_encoded_in(espeak, voice, text):
    ids = [preset.local_id for preset in espeak.voices()]
    voice = voice if voice in ids else next(i for i in ids if i.startswith(voice.rstrip(".*")))
    words, _ = await words_of(espeak, text, voice)
    said = {text[word.start : word.end] for word in words}
    written = {word.strip(",.،।") for word in text.split()}
    long = {word for word in written if len(word) > 3 and word.isprintable() and "-" not in word}
    assert len(long) >= 3
    assert long <= said | {"l'été"}


async def test_a_long_text_of_many_clauses_keeps_its_offsets_and_times(espeak):
    text = " ".join(f"word{'s' * (n % 7)}{',.; '[n % 4].strip()}" for n in range(300))
    words, samples = await words_of(espeak, text)
    # Some clauses begin at the space before them.
    begun = {word.start + (text[word.start] == " ") for word in words}
    assert begun == set(starts_of(text))
    times = [word.at_ms for word in words]
    assert times == sorted(times)
    last = onsets(samples.astype(float), 24_000)[-1]
    assert abs(times[-1] - last) <= 500  # the last clause has two words at most
    assert times[-1] < len(samples) / 24


async def test_a_text_without_words_has_none(espeak):
    words, _ = await words_of(espeak, "")
    assert words == []


async def test_providers_that_mark_words_say_so(espeak):
    assert espeak.capabilities.marks_words
