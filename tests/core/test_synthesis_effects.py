"""Speed and pitch of what jobs speak, with the real engine: they do what they say."""

import dataclasses

import msgspec
import pytest

from helpers.pitch import median_pitch, semitones_between
from helpers.thorough import some
from intone.core.jobs import Order
from intone.core.routing import Router
from intone.core.synthesis import Script, Synthesizer
from intone.core.take import Take
from intone.providers.engines.espeak_provider import EspeakProvider

TEXT = (
    "The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs! "
    "She sells sea shells by the sea shore, I hope."
)
RATE = 24_000
#: Men and women, low and high; one whose own speeds are far from what they are called.
VOICES = some(
    ["en-us.henry", "en-us.emma", "en-gb-scotland.isla"],
    of=["en-us.henry", "en-us.james", "en-us.emma", "en-gb.florence", "en-gb-scotland.isla"],
)


class Heard(EspeakProvider):
    """The real engine, which notes at what speeds it was asked to speak."""

    def __init__(self, **capabilities: object) -> None:
        super().__init__(processes=1)
        self.capabilities = dataclasses.replace(self.capabilities, **capabilities)
        self.rates: list[float] = []

    def synthesize(self, request):
        self.rates.append(request.rate)
        return super().synthesize(request)


@pytest.fixture
async def engine():
    provider = Heard()
    await provider.start()
    yield provider
    await provider.close()


def voice_of(provider, local_id):
    return next(voice for voice in provider.voices() if voice.local_id == local_id)


async def recorded(provider, tmp_path, local_id, **settings) -> bytes:
    """A recording's PCM before its level is set, as a job makes it."""
    voice = voice_of(provider, local_id)
    order = Order(text=TEXT, voice=voice.slug, language="en", retention_hours=1, **settings)
    synthesizer = Synthesizer({provider.name: provider}, Router())
    path = tmp_path / "take"
    async with Take(path, order) as take:
        async for passage in synthesizer.speak(Script.of(order, voice)):
            await take.add(passage)
        return path.read_bytes()


@pytest.mark.thorough
@pytest.mark.parametrize("local_id", VOICES)
async def test_the_pitch_moves_and_the_length_stays(engine, tmp_path, local_id) -> None:
    plain = await recorded(engine, tmp_path, local_id)
    for semitones in some((-12.0, 3.0, 12.0), of=(-12.0, -5.0, 3.0, 7.0, 12.0)):
        changed = await recorded(engine, tmp_path, local_id, pitch=semitones)
        assert len(changed) == pytest.approx(len(plain), rel=0.02)
        moved = semitones_between(plain, changed, RATE, semitones)
        assert moved == pytest.approx(semitones, abs=0.3)


@pytest.mark.thorough
@pytest.mark.parametrize("local_id", VOICES)
async def test_the_speed_scales_the_length_and_the_pitch_stays(engine, tmp_path, local_id) -> None:
    plain = await recorded(engine, tmp_path, local_id)
    usual = median_pitch(plain, RATE)
    for speed in some((0.5, 1.5, 2.0), of=(0.5, 0.8, 1.5, 2.0)):
        changed = await recorded(engine, tmp_path, local_id, rate=speed)
        assert len(changed) * speed == pytest.approx(len(plain), rel=0.02)
        assert median_pitch(changed, RATE, usual / 2, usual * 2) == pytest.approx(usual, rel=0.03)


async def test_both_at_once(engine, tmp_path) -> None:
    plain = await recorded(engine, tmp_path, "en-us.emma")
    changed = await recorded(engine, tmp_path, "en-us.emma", rate=1.5, pitch=-5.0)
    assert len(changed) * 1.5 == pytest.approx(len(plain), rel=0.02)
    ratio = median_pitch(changed, RATE, 60, 300) / median_pitch(plain, RATE)
    assert ratio == pytest.approx(2 ** (-5 / 12), rel=0.02)


async def test_what_keeps_time_speaks_faster_itself_as_far_as_it_can(tmp_path) -> None:
    provider = Heard(rates=(0.8, 1.25), keeps_time=True)
    await provider.start()
    try:
        plain = await recorded(provider, tmp_path, "en-us.emma")
        for speed, native in ((1.2, 1.2), (2.0, 1.25), (0.5, 0.8)):
            provider.rates.clear()
            changed = await recorded(provider, tmp_path, "en-us.emma", rate=speed)
            assert set(provider.rates) == {native}
            assert len(changed) * speed == pytest.approx(len(plain), rel=0.05)
    finally:
        await provider.close()


async def test_an_order_from_before_there_was_a_pitch_keeps_the_voices_own() -> None:
    old = b'{"text":"Hello.","voice":"voice_en_us_001","language":"en","retention_hours":1}'
    assert msgspec.json.decode(old, type=Order).pitch == 0.0
