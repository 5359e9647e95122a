"""Matched voices as a provider: the built-in engine speaks, its processes convert."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from helpers.onsets import onsets
from helpers.voices import REFERENCE, SAMPLE_RATE, UNSEEN, pitch_of, preset
from intone.errors import ProviderRejectedError
from intone.providers.base import Provider, SpeechRequest
from intone.providers.cloning import ResolvedClone
from intone.providers.engines.matching_provider import MatchingProvider
from intone.providers.matching.candidates import base_candidates, render_candidates
from intone.providers.matching.fit import Candidate, fit
from intone.providers.registry import create_providers

BASE, TARGET = "en-us.henry", "en-us.grace"


@pytest.fixture(scope="module")
def model() -> bytes:
    base = Candidate(BASE, preset(BASE, REFERENCE), SAMPLE_RATE)
    return fit([preset(TARGET, REFERENCE)], SAMPLE_RATE, [base]).model.to_bytes()


@pytest.fixture
async def matching(model: bytes, tmp_path: Path) -> AsyncIterator[Provider]:
    paths = {"mine": tmp_path / "mine.model", "broken": tmp_path / "broken.model"}
    paths["mine"].write_bytes(model)
    paths["broken"].write_bytes(model[:100])
    paths["gone"] = tmp_path / "gone.model"
    clones = {name: ResolvedClone(BASE, path) for name, path in paths.items()}
    provider = MatchingProvider(clones.__getitem__, processes=1)
    await provider.start()
    yield provider
    await provider.close()


async def say(provider: Provider, text: str = UNSEEN, voice: str = "mine", **changes) -> np.ndarray:
    request = SpeechRequest(
        **{"text": text, "voice": voice, "language": "en-US", "sample_rate": SAMPLE_RATE, **changes}
    )
    pcm = b"".join([chunk.pcm async for chunk in provider.synthesize(request)])
    return np.frombuffer(pcm, "<i2")


async def test_a_cloned_voice_speaks_with_the_targets_pitch_in_the_bases_time(
    matching: Provider,
) -> None:
    result = await say(matching)
    target = pitch_of(preset(TARGET, UNSEEN), SAMPLE_RATE)
    assert pitch_of(result, SAMPLE_RATE) == pytest.approx(target, rel=0.03)
    assert len(result) == pytest.approx(len(preset(BASE, UNSEEN)), rel=0.02)


@pytest.mark.parametrize("sample_rate", [8_000, 24_000, 48_000])
async def test_the_sample_rate_asked_for_is_given(matching: Provider, sample_rate: int) -> None:
    result = await say(matching, sample_rate=sample_rate)
    expected = len(preset(BASE, UNSEEN)) / SAMPLE_RATE
    assert len(result) / sample_rate == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("rate", [0.5, 2.0])
async def test_the_rate_changes_the_duration_and_not_the_pitch(
    matching: Provider, rate: float
) -> None:
    normal, changed = await say(matching), await say(matching, rate=rate)
    assert len(changed) * rate == pytest.approx(len(normal), rel=0.12)
    assert pitch_of(changed, SAMPLE_RATE) == pytest.approx(pitch_of(normal, SAMPLE_RATE), rel=0.05)


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
async def test_words_begin_where_their_sound_does(matching: Provider, rate: float) -> None:
    text = "Apple.\n\nOrange.\n\nMother.\n\nLemon and window.\n\nYellow river.\n\nOther."
    request = SpeechRequest(text, "mine", "en-US", rate=rate, sample_rate=SAMPLE_RATE)
    chunks = [chunk async for chunk in matching.synthesize(request)]
    samples = np.frombuffer(b"".join(chunk.pcm for chunk in chunks), "<i2").astype(float)
    words = [word for chunk in chunks for word in chunk.words]
    assert matching.capabilities.marks_words
    assert [text[word.start : word.end] for word in words] == text.replace(".", "").split()
    heard = onsets(samples, SAMPLE_RATE, shortest_ms=150 / rate)
    assert len(heard) == 6
    off = [min(abs(word.at_ms - onset) for word in words) for onset in heard]
    assert max(off) <= 60, off


async def test_styles_change_the_matched_voice(matching: Provider) -> None:
    neutral, cheerful = await say(matching), await say(matching, style="cheerful")
    assert pitch_of(cheerful, SAMPLE_RATE) > 1.05 * pitch_of(neutral, SAMPLE_RATE)
    assert len(await say(matching, style="whisper")) > SAMPLE_RATE


async def test_a_first_clause_is_heard_before_the_rest_is_converted(matching: Provider) -> None:
    request = SpeechRequest(UNSEEN * 20, "mine", "en-US", sample_rate=SAMPLE_RATE)
    sound = matching.synthesize(request)
    first = await anext(sound)
    await sound.aclose()
    assert 0 < len(first.pcm) < 2 * 3 * SAMPLE_RATE
    assert len(await say(matching, "And on.")) > 0, "closing freed the process"


@pytest.mark.parametrize("text", ["", " \n", "...", "🙂"])
async def test_text_with_nothing_to_read_is_no_error(matching: Provider, text: str) -> None:
    assert len(await say(matching, text)) < 2 * SAMPLE_RATE


@pytest.mark.parametrize(
    "changes",
    [
        {"voice": "nobody"},
        {"voice": "broken"},
        {"voice": "gone"},
        {"style": "shouting"},
        {"rate": 2.1},
        {"sample_rate": 4_000},
        {"text": "a" * 5_001},
    ],
)
async def test_what_can_never_work_is_rejected(matching: Provider, changes: dict) -> None:
    with pytest.raises(ProviderRejectedError) as rejection:
        await say(matching, **changes)
    assert "/" not in rejection.value.message, "no path is told"


async def test_many_voices_take_turns_on_one_process(model: bytes, tmp_path: Path) -> None:
    """More voices than a process keeps open."""
    paths = [tmp_path / f"{number}.model" for number in range(10)]
    for path in paths:
        path.write_bytes(model)
    provider = MatchingProvider(lambda name: ResolvedClone(BASE, paths[int(name)]), processes=1)
    await provider.start()
    names = [str(number) for number in range(10)] * 2
    spoken = await asyncio.gather(*(say(provider, "Good morning.", name) for name in names))
    await provider.close()
    # The library's own flutter makes no two renderings quite the same.
    assert all(len(one) == pytest.approx(len(spoken[0]), rel=0.05) for one in spoken)


async def test_candidates_speak_the_language_and_men_and_women_are_among_them() -> None:
    engine = create_providers(processes=1)["espeak"]
    voices: Callable = lambda language: base_candidates(engine, language)  # noqa: E731
    for language in ("en", "en-GB", "de-DE", "pt", "ru-RU", "ja"):
        found = voices(language)
        assert 2 <= len(found) <= 8
        assert {voice.languages[0].split("-")[0] for voice in found} == {language.split("-")[0]}
        assert {"female", "male"} <= {voice.gender for voice in found}
    assert voices("en-GB")[0].languages[0] == "en-GB"
    assert voices("xx") == []
    await engine.start()
    rendered = await render_candidates(engine, "de-DE")
    await engine.close()
    assert [one.local_id for one in rendered] == [voice.local_id for voice in voices("de-DE")]
    assert all(10 < len(one.pcm) / one.sample_rate < 40 for one in rendered)
