"""The eSpeak NG catalogue: every preset is real, audible and one of its own."""

import asyncio
import itertools
import re
import statistics
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from helpers.samples import sentence
from helpers.sound import SAMPLE_RATE, Sound, listen
from helpers.thorough import some
from intone.providers.base import PresetVoice, Provider, SpeechRequest
from intone.providers.engines.espeak_voices import load_voices
from intone.providers.registry import create_providers

#: What one voice says twice differs by less than half of this.
DIFFERENT = 1.5

VOICES = [voice.preset for voice in load_voices().values()]


@pytest.fixture
async def espeak() -> AsyncIterator[Provider]:
    provider = create_providers(processes=2)["espeak"]
    await provider.start()
    yield provider
    await provider.close()


@pytest.fixture(scope="module")
def sounds() -> dict[str, Sound]:
    """Every voice, by its id."""

    async def hear_all() -> list[Sound]:
        provider = create_providers(processes=2)["espeak"]
        await provider.start()
        try:
            return await asyncio.gather(*(hear(provider, voice) for voice in VOICES))
        finally:
            await provider.close()

    heard = asyncio.run(hear_all())
    return {voice.local_id: sound for voice, sound in zip(VOICES, heard, strict=True)}


async def hear(espeak: Provider, voice: PresetVoice, style: str = "neutral") -> Sound:
    tag = voice.languages[0]
    request = SpeechRequest(sentence(tag), voice.local_id, tag, style, 1.0, SAMPLE_RATE)
    return listen(b"".join([chunk.pcm async for chunk in espeak.synthesize(request)]))


def primary_language(voice: PresetVoice) -> str:
    return voice.languages[0].partition("-")[0]


def test_there_are_more_than_300_with_names_of_their_own() -> None:
    assert len(VOICES) > 300
    for names in (
        [voice.number for voice in VOICES],
        [voice.slug for voice in VOICES],
        [voice.local_id for voice in VOICES],
        [voice.uuid for voice in VOICES],
        [(primary_language(voice), voice.name) for voice in VOICES],
    ):
        assert len(set(names)) == len(VOICES)


def test_every_preset_is_described_in_the_same_way() -> None:
    for voice in VOICES:
        assert re.fullmatch(r"voice_[a-z]{2,3}(_[a-z0-9]{2,3})?_\d{3}", voice.slug)
        assert re.fullmatch(r"[a-z0-9-]+\.[a-z-]+", voice.local_id)
        assert re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*", voice.languages[0])
        assert voice.provider == "espeak"
        assert voice.gender in {"female", "male"}
        assert voice.description.isprintable()
        assert len(voice.description) > 10
        assert voice.styles[0] == "neutral"
        assert len(voice.styles) >= 4


def test_every_accent_has_a_female_and_a_male_voice() -> None:
    genders = defaultdict(set)
    for voice in VOICES:
        genders[voice.languages[0]].add(voice.gender)
    assert len(genders) > 130
    assert all(heard == {"female", "male"} for heard in genders.values())


def test_ids_that_clients_keep_have_not_moved() -> None:
    known = {voice.slug: (voice.number, voice.local_id, voice.languages[0]) for voice in VOICES}
    assert known["voice_en_us_001"] == (1001, "en-us.emma", "en-US")
    assert known["voice_en_gb_001"] == (1015, "en-gb.charlotte", "en-GB")
    assert known["voice_uz_uz_002"] == (1388, "uz-uz.jasur", "uz-UZ")


def test_a_version_changes_with_the_sound() -> None:
    versions = {voice.preset.version for voice in load_voices().values()}
    sounds = {voice.neutral for voice in load_voices().values()}
    assert len(versions) == len(sounds) == len(VOICES)


def test_every_preset_is_audible_and_no_copy_of_another(sounds: dict[str, Sound]) -> None:
    assert [local_id for local_id, sound in sounds.items() if sound.level < 0.05] == []
    assert [local_id for local_id, sound in sounds.items() if sound.seconds < 0.8] == []
    neighbours = defaultdict(list)
    for voice in VOICES:
        neighbours[primary_language(voice)].append((voice.local_id, sounds[voice.local_id]))
    copies = [
        (one, other)
        for group in neighbours.values()
        for (one, first), (other, second) in itertools.combinations(group, 2)
        if first.distance(second) < DIFFERENT
    ]
    assert copies == []


async def test_what_one_voice_says_twice_is_closer_than_any_two_voices(
    espeak: Provider, sounds: dict[str, Sound]
) -> None:
    """Or else the test above would mean nothing."""
    again = await asyncio.gather(*(hear(espeak, voice) for voice in VOICES[::4]))
    distances = [
        sounds[voice.local_id].distance(second)
        for voice, second in zip(VOICES[::4], again, strict=True)
    ]
    assert statistics.median(distances) < DIFFERENT / 2


def test_female_voices_are_higher_than_male_ones(sounds: dict[str, Sound]) -> None:
    pitch = {
        gender: statistics.median(
            sounds[voice.local_id].pitch for voice in VOICES if voice.gender == gender
        )
        for gender in ("female", "male")
    }
    assert pitch["female"] > pitch["male"] + 6


@pytest.mark.thorough
async def test_the_styles_of_a_voice_differ_from_each_other(espeak: Provider) -> None:
    one_a_language = list({primary_language(voice): voice for voice in VOICES[::3]}.values())
    alike = []
    for voice in some(one_a_language[::5], of=one_a_language):
        sounds = await asyncio.gather(*(hear(espeak, voice, style) for style in voice.styles))
        for (one, first), (other, second) in itertools.combinations(
            zip(voice.styles, sounds, strict=True), 2
        ):
            if first.distance(second) < DIFFERENT:
                alike.append((voice.local_id, one, other))
    assert alike == []


async def test_styles_sound_like_their_names(espeak: Provider) -> None:
    voice = VOICES[0]
    sounds = dict(
        zip(
            voice.styles,
            await asyncio.gather(*(hear(espeak, voice, style) for style in voice.styles)),
            strict=True,
        )
    )
    neutral = sounds["neutral"]
    assert sounds["cheerful"].pitch > neutral.pitch + 1
    assert sounds["cheerful"].pitch_spread > neutral.pitch_spread
    assert sounds["cheerful"].seconds < neutral.seconds
    assert sounds["calm"].seconds > 1.1 * neutral.seconds
    assert sounds["calm"].pitch_spread < neutral.pitch_spread
    assert sounds["serious"].pitch < neutral.pitch - 1
    assert sounds["whisper"].voiced < 0.5 * neutral.voiced
