"""The eSpeak NG provider: what is asked for is what is heard."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import numpy as np
import pytest

from helpers.sound import SAMPLE_RATE, Sound, listen
from helpers.thorough import some
from intone.errors import ProviderRejectedError
from intone.providers.base import Provider, SpeechRequest
from intone.providers.engines.espeak_voices import ENGINE_VERSION
from intone.providers.registry import create_providers

TEXT = (
    "Reading aloud takes time. When the road is long, and the evening is dark, "
    "a good story makes the hours pass; nobody looks at the clock any more."
)
EVENING = {
    "ru-ru.dmitri": "Вчера вечером мы долго говорили о книгах и музыке, а потом пошли домой.",
    "ja-jp.yuki": "きのうのよるは、みんなでながいあいだほんのはなしをしていました。",
    "zh-cn.wei": "昨天晚上我们一起谈了很久的书，然后慢慢走回家。",
}
#: A voice without flutter: it says the same thing in the same time, always.
STEADY = "en-us.caleb"


@pytest.fixture
async def espeak() -> AsyncIterator[Provider]:
    provider = create_providers(processes=1)["espeak"]
    await provider.start()
    yield provider
    await provider.close()


async def say(provider: Provider, text: str = TEXT, voice: str = "en-us.emma", **changes) -> bytes:
    request = SpeechRequest(
        **{"text": text, "voice": voice, "language": "en-US", "sample_rate": SAMPLE_RATE, **changes}
    )
    chunks = [chunk async for chunk in provider.synthesize(request)]
    assert {chunk.sample_rate for chunk in chunks} <= {request.sample_rate or 22_050}
    return b"".join(chunk.pcm for chunk in chunks)


async def hear(provider: Provider, *args, **changes) -> Sound:
    return listen(await say(provider, *args, **changes))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "sample_rate",
    some([8_000, 22_050, 48_000], of=[8_000, 16_000, 22_050, 24_000, 44_100, 48_000]),
)
async def test_every_sample_rate_carries_the_same_speech(
    espeak: Provider, sample_rate: int
) -> None:
    plain, asked = await asyncio.gather(
        say(espeak, voice=STEADY, sample_rate=None),
        say(espeak, voice=STEADY, sample_rate=sample_rate),
    )
    assert len(asked) / sample_rate == pytest.approx(len(plain) / 22_050, abs=0.01)
    levels = [np.frombuffer(pcm, np.int16).astype(float).std() for pcm in (plain, asked)]
    assert levels[1] == pytest.approx(levels[0], rel=0.1)
    assert levels[1] > 0.05 * 32768


@pytest.mark.thorough
@pytest.mark.parametrize("rate", some([0.5, 1.25, 2.0], of=[0.5, 0.75, 1.25, 1.5, 2.0]))
@pytest.mark.parametrize("voice", ["en-us.emma", "en-us.henry", "en-gb.oliver"])
async def test_the_rate_changes_the_duration_in_proportion(
    espeak: Provider, rate: float, voice: str
) -> None:
    normal, changed = await asyncio.gather(
        say(espeak, voice=voice), say(espeak, voice=voice, rate=rate)
    )
    assert len(changed) * rate == pytest.approx(len(normal), rel=0.12)


@pytest.mark.parametrize("rate", [0.5, 2.0])
@pytest.mark.parametrize("voice", ["ru-ru.dmitri", "ja-jp.yuki", "zh-cn.wei"])
async def test_the_rate_is_set_for_each_language(espeak: Provider, rate: float, voice: str) -> None:
    normal, changed = await asyncio.gather(
        say(espeak, EVENING[voice], voice), say(espeak, EVENING[voice], voice, rate=rate)
    )
    assert len(changed) * rate == pytest.approx(len(normal), rel=0.12)


async def test_the_rate_does_not_change_the_pitch(espeak: Provider) -> None:
    normal, fast = await asyncio.gather(hear(espeak), hear(espeak, rate=2.0))
    assert fast.pitch == pytest.approx(normal.pitch, abs=2.5)


async def test_the_rate_holds_on_top_of_a_slow_or_fast_style(espeak: Provider) -> None:
    for style, rate in (("calm", 0.5), ("cheerful", 2.0)):
        normal = await say(espeak, style=style)
        changed = await say(espeak, style=style, rate=rate)
        assert len(changed) * rate == pytest.approx(len(normal), rel=0.2)


@pytest.mark.parametrize("text", ["", " \n", "...", "—", "🙂", "\u200b", "\x00\x01", "\ud800"])
async def test_text_with_nothing_to_read_is_no_error_and_no_long_noise(
    espeak: Provider, text: str
) -> None:
    assert len(await say(espeak, text)) < 2 * 2 * SAMPLE_RATE


async def test_markup_is_read_like_any_text(espeak: Provider) -> None:
    bare = len(await say(espeak, "hello"))
    assert len(await say(espeak, "<speak>hello</speak>")) > 1.5 * bare
    assert len(await say(espeak, '<break time="9s"/>')) > 1.5 * bare
    assert _longest_silence(await say(espeak, 'one <break time="9s"/> two')) < 1.0
    whispered = await hear(espeak, '<prosody pitch="+90%">hello</prosody> my friend')
    assert whispered.pitch == pytest.approx((await hear(espeak, "hello my friend")).pitch, abs=2)


def _longest_silence(pcm: bytes) -> float:
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, np.int16)) > 100)
    return float(np.diff(loud).max()) / SAMPLE_RATE


async def test_phonemes_in_brackets_are_read_like_any_text(espeak: Provider) -> None:
    assert len(await say(espeak, "[[h@l'oU]]")) > 1.5 * len(await say(espeak, "hello"))
    assert len(await say(espeak, "[[")) < SAMPLE_RATE


async def test_control_characters_are_no_commands(espeak: Provider) -> None:
    """U+0001 and a letter would set the pitch, and NUL would end the text."""
    plain = await hear(espeak, "99 P. Good morning to you all.", voice=STEADY)
    tricky = await hear(espeak, "\x0199P. Good\x00morning\x01to you all.", voice=STEADY)
    assert plain.distance(tricky) < 1


async def test_nothing_of_one_request_is_left_in_the_next(espeak: Provider) -> None:
    first = await hear(espeak, voice=STEADY)
    for style in ("whisper", "cheerful"):
        await say(espeak, "Something else.", voice="de-de.anna", style=style, rate=2.0)
    assert first.distance(await hear(espeak, voice=STEADY)) < 1


@pytest.mark.parametrize(
    "changes",
    [
        {"voice": "nobody"},
        {"style": "shouting"},
        {"rate": 0.4},
        {"rate": 2.1},
        {"rate": float("nan")},
        {"sample_rate": 4_000},
        {"text": "a" * 5_001},
    ],
)
async def test_what_can_never_work_is_rejected(espeak: Provider, changes: dict) -> None:
    with pytest.raises(ProviderRejectedError) as rejection:
        await say(espeak, **{"text": TEXT, "voice": "en-us.emma", **changes})
    assert not rejection.value.retryable


async def test_the_longest_text_is_spoken_to_its_end(espeak: Provider) -> None:
    text = ("Walking on. " * 500)[:5_000]
    once = len(await say(espeak, "Walking on. " * 10))
    assert len(await say(espeak, text)) == pytest.approx(once * 5_000 / 120, rel=0.05)


def test_the_voices_versions_stand_for_the_installed_library() -> None:
    """When this fails, the library's sound may have changed: move `ENGINE_VERSION` along."""
    code = "from intone.providers.engines.espeak import Espeak; print(Espeak().version)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ENGINE_VERSION
