"""From an utterance to bytes in the format asked for: real engine, real vendors on loopback."""

import asyncio
import itertools
import os
from contextlib import aclosing, asynccontextmanager

import numpy as np
import pytest
from aiohttp import web

from helpers.decoding import decode, dominant_frequency
from helpers.processes import pss_bytes
from helpers.scripted import Scripted
from helpers.signals import sine
from helpers.vendors import KEY, TONE_HZ, tone, whole
from intone.core import routing
from intone.core.delivery import Delivery, Switch, Utterance
from intone.core.models import Wish
from intone.core.routing import Candidate, Router
from intone.errors import ProviderError, UnavailableError
from intone.providers.base import AudioChunk, Timeouts
from intone.providers.engines.espeak_provider import EspeakProvider
from intone.providers.openai import OpenAIProvider
from intone.providers.settings import ProviderSettings
from loopback.faults import FAULTS
from loopback.faulty import FaultyServer
from loopback.vendor import Answer, VendorServer

FORMS = ("mp3", "pcm", "opus", "aac", "flac", "wav")
TEXT = "Good morning to you all. It is a fine day, and the birds are singing in the old trees."
#: Each too long to share a part with another, and without a clause to cut at.
SENTENCES = (
    "The first sentence of this text goes on for so long that it makes a part of its own here. ",
    "The second one is spoken by somebody who breaks off in the very middle of all it had to say. ",
    "The third one belongs to whoever goes on after that and is about as long as the others were.",
)
STORY = "".join(SENTENCES)


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch):
    monkeypatch.setattr(routing, "_BACKOFF_S", 0.001)


@pytest.fixture
async def engine():
    provider = EspeakProvider(processes=1)
    await provider.start()
    yield provider
    await provider.close()


@pytest.fixture
def server():
    with VendorServer() as server:
        yield server


@asynccontextmanager
async def vendor(server, name="vendor", **settings):
    base_url = server.base_url.removesuffix("/v1") + "/v1"
    said = ProviderSettings(type="openai", base_url=base_url, api_key=KEY, **settings)
    provider = OpenAIProvider(name, said, ())
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


def candidate(provider):
    voice = "en-us.emma" if provider.name == "espeak" else "alloy"
    model = provider.find_model("default") or provider.models[0]
    return Candidate(provider, model, voice, "en-US")


def delivery(text, *providers, router=None, **utterance):
    wishes = tuple(Wish(f"{one.name}/default", "v") for one in providers)
    return Delivery(
        router or Router(),
        [candidate(one) for one in providers],
        Utterance(text, wishes, **utterance),
    )


async def delivered(text, *providers, **utterance):
    """The delivery, over, and what it brought."""
    made = delivery(text, *providers, **utterance)
    await made.begin()
    return made, await whole(made.chunks())


def seconds(form, audio):
    return len(audio) / 48_000 if form == "pcm" else decode(audio).duration


def answers(server, *answering):
    """Give these answers one after the other, the last one again and again."""
    rest = itertools.chain(answering, itertools.repeat(answering[-1]))
    server.on("POST", "/v1/audio/speech", lambda _: next(rest))


def asked_for(request):
    """Half a second of a tone in the format that was asked for."""
    return Answer(tone(request.json()["response_format"], 24_000))


def spoken_to(server):
    return [request.json()["input"] for request in server.requests]


# --- A vendor's own bytes


@pytest.mark.parametrize("form", FORMS)
async def test_what_a_vendor_has_ready_made_passes_through_unchanged(server, form):
    pieces = tone(form, 24_000)
    answers(server, Answer(pieces, pause_s=0.01))
    async with vendor(server) as provider:
        made, audio = await delivered(TEXT, provider, form=form, rate=1.5, instructions="Softly.")
    assert audio == b"".join(pieces)
    (request,) = server.requests
    assert request.json() == {
        "model": "default",
        "input": TEXT,
        "voice": "alloy",
        "response_format": form,
        "speed": 1.5,
        "instructions": "Softly.",
    }
    assert made.spoken == {made.candidate: len(TEXT)}


async def test_bytes_leave_as_they_come(server):
    pieces = tone("mp3", 24_000)
    answers(server, Answer(pieces, pause_s=0.1))
    async with vendor(server) as provider:
        made = delivery(TEXT, provider)
        await made.begin()
        assert [chunk async for chunk in made.chunks()] == list(pieces)


async def test_how_far_a_vendor_has_read_is_known_by_what_has_come(server):
    """Two seconds of audio are some thirty characters, whatever is asked for."""
    loud = sine(TONE_HZ, 2.0, 24_000)
    answers(server, Answer([loud, loud], pause_s=0.05))
    async with vendor(server) as provider:
        made = delivery("word " * 100, provider, form="pcm")
        await made.begin()
        async with aclosing(made.chunks()) as chunks:
            size = 0
            while size < len(loud):
                size += len(await anext(chunks))
        (characters,) = made.spoken.values()
        assert 20 <= characters <= 100


@pytest.mark.parametrize("form", ["pcm", "wav", "mp3", "flac"])
@pytest.mark.parametrize("rate", [1.0, 0.5])
async def test_how_far_is_known_as_well_of_what_is_encoded_here(form, rate):
    """Who hears two seconds of a long text and leaves has not heard the rest."""
    one = Scripted(formats=(), rates=(0.5, 1.0), usual=(pcm(2.0), asyncio.Event()))
    made = delivery("word " * 100, one, form=form, rate=rate)
    await made.begin()
    reading = asyncio.create_task(whole(made.chunks()))
    while not made.spoken:
        await asyncio.sleep(0.001)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert 20 * rate <= made.spoken[made.candidate] <= 50 * rate


async def test_closing_a_stream_cuts_the_vendors_connection():
    with FaultyServer(FAULTS["stalling"]) as server:
        async with vendor(server) as provider:
            made = delivery(TEXT, provider)
            await made.begin()
            async with aclosing(made.chunks()) as chunks:
                await anext(chunks)
            await asyncio.to_thread(server.wait_until_left)


async def test_closing_what_nobody_has_listened_to_cuts_it_as_well():
    with FaultyServer(FAULTS["stalling"]) as server:
        async with vendor(server) as provider:
            made = delivery(TEXT, provider)
            await made.begin()
            await made.close()
            await asyncio.to_thread(server.wait_until_left)


# --- Encoded here


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 22_050, 44_100, 48_000])
async def test_pcm_is_24_khz_mono_whatever_the_vendor_gives(server, sample_rate):
    answers(server, Answer(tone("wav", sample_rate)))
    async with vendor(server, formats=["wav"]) as provider:
        _, audio = await delivered(TEXT, provider, form="pcm")
    assert len(audio) / 48_000 == pytest.approx(0.5, abs=0.02)
    samples = np.frombuffer(audio, "<i2")
    assert dominant_frequency(samples, 24_000) == pytest.approx(TONE_HZ, abs=5)


@pytest.mark.parametrize("form", FORMS)
async def test_a_vendor_that_has_only_mp3_is_heard_in_every_format(server, form):
    answers(server, Answer(tone("mp3", 44_100)))
    async with vendor(server, formats=["mp3"]) as provider:
        _, audio = await delivered(TEXT, provider, form=form)
    assert seconds(form, audio) == pytest.approx(0.5, abs=0.15)


async def test_all_formats_of_the_engine_inside_play_and_last_as_long(engine):
    _, pcm = await delivered(TEXT, engine, form="pcm")
    assert 4 < len(pcm) / 48_000 < 9
    for form in FORMS:
        made, audio = await delivered(TEXT, engine, form=form)
        assert seconds(form, audio) == pytest.approx(len(pcm) / 48_000, abs=0.2)
        assert made.spoken == {made.candidate: len(TEXT)}


async def test_mp3_answers_joined_end_to_end_still_play(engine):
    files = [(await delivered(text, engine))[1] for text in SENTENCES]
    assert decode(b"".join(files)).duration == pytest.approx(
        sum(decode(one).duration for one in files), abs=0.2
    )


async def test_the_engine_inside_honours_every_speed(engine):
    _, normal = await delivered(STORY, engine, form="pcm")
    for rate in (0.25, 0.5, 0.8, 1.7, 2.0, 3.0, 4.0):
        _, audio = await delivered(STORY, engine, form="pcm", rate=rate)
        # Its own speeds are words a minute, which sounds and pauses do not follow exactly.
        assert len(audio) * rate == pytest.approx(len(normal), rel=0.08), rate


@pytest.mark.parametrize("rate", [0.25, 0.6, 1.4, 4.0])
async def test_a_provider_that_knows_no_speed_is_sped_up_or_slowed_down_here(rate):
    pcm = sine(TONE_HZ, 1.0, 24_000)
    one = Scripted(usual=tuple(AudioChunk(pcm, 24_000) for _ in range(4)))
    _, audio = await delivered(TEXT, one, form="wav", rate=rate)
    assert one.requests[0].rate == 1.0
    heard = decode(audio)
    assert heard.duration * rate == pytest.approx(4.0, rel=0.05)
    assert dominant_frequency(heard.samples[0], 24_000) == pytest.approx(TONE_HZ, abs=8)


async def test_a_text_that_is_too_long_for_a_vendor_is_cut_at_sentences(server):
    server.on("POST", "/v1/audio/speech", asked_for)
    async with vendor(server, max_characters=110) as provider:
        made, audio = await delivered(STORY, provider, form="wav")
    assert [text.strip() for text in spoken_to(server)] == [text.strip() for text in SENTENCES]
    assert decode(audio).duration == pytest.approx(3 * 0.5 + 2 * 0.3, abs=0.3)
    assert made.spoken == {made.candidate: len(STORY)}


async def test_every_word_of_a_long_text_is_asked_for_once(server):
    server.on("POST", "/v1/audio/speech", asked_for)
    text = " ".join(f"Sentence number {n} is here." for n in range(40))
    async with vendor(server, max_characters=100) as provider:
        await delivered(text, provider, form="pcm")
    asked = spoken_to(server)
    assert all(len(part) <= 100 for part in asked)
    assert " ".join(asked).split() == text.split()


@pytest.mark.parametrize("form", FORMS)
async def test_where_there_is_nothing_to_say_nothing_is_spoken(engine, form):
    made, audio = await delivered("?! — … 🙂", engine, form=form)
    assert made.spoken == {}
    assert len(audio) < 5000
    if form == "wav":
        assert audio.startswith(b"RIFF")
    elif audio and form != "pcm":
        assert decode(audio).duration < 0.2


async def test_a_very_long_text_takes_no_more_memory_than_a_short_one():
    """Parts are spoken when those before them have been heard."""

    class Quick(Scripted):
        async def synthesize(self, request):
            self.requests.append(request)
            for _ in range(len(request.text) // 15):
                yield sound

    sound = pcm(1.0)
    text = "This is one of a great many sentences that follow upon each other. " * 1500
    assert len(text) > 100_000
    one = Quick(formats=(), local=True)
    made = delivery(text, one, form="pcm")
    await made.begin()
    size, early = 0, None
    async with aclosing(made.chunks()) as chunks:
        async for chunk in chunks:
            size += len(chunk)
            if early is None and size > 10_000_000:
                early = pss_bytes(os.getpid())
                assert len(one.requests) < 60
    assert size > 200_000_000
    assert pss_bytes(os.getpid()) - early < 20_000_000
    assert made.spoken == {made.candidate: pytest.approx(len(text), abs=2)}


async def test_a_slow_listener_does_not_keep_the_engine_from_others(engine):
    slow = delivery(STORY, engine, form="pcm")
    await slow.begin()
    async with aclosing(slow.chunks()) as chunks:
        await anext(chunks)
        async with asyncio.timeout(30):
            await delivered(TEXT, engine, form="pcm")


# --- Going on with another voice


def pcm(seconds_=0.2):
    return AudioChunk(sine(TONE_HZ, seconds_, 24_000), 24_000)


async def test_another_voice_goes_on_at_the_next_sentence_where_the_caller_wants_it(engine, server):
    async def speaks_once(_, wire):
        response = web.StreamResponse()
        await response.prepare(wire)
        for piece in tone("pcm", 24_000):
            await response.write(piece)
        if len(server.requests) > 1:
            await asyncio.sleep(0.1)
            wire.transport.close()
        return response

    server.on("POST", "/v1/audio/speech", speaks_once)
    async with vendor(server) as provider:
        made, audio = await delivered(STORY, provider, engine, form="wav", resumes=True)
    assert [text.strip() for text in spoken_to(server)] == [one.strip() for one in SENTENCES[:2]]
    at = len(SENTENCES[0] + SENTENCES[1])
    assert made.switches == [Switch("espeak", "default", at)]
    assert made.candidate.provider is engine
    assert len(STORY) - len(SENTENCES[1]) < sum(made.spoken.values()) < len(STORY)
    _, third = await delivered(SENTENCES[2], engine, form="wav")
    heard = decode(audio)
    assert heard.duration == pytest.approx(2 * 0.5 + 0.3 + decode(third).duration, abs=0.5)
    half = heard.samples[0, 6_000:10_000]
    assert dominant_frequency(half, 24_000) == pytest.approx(TONE_HZ, abs=10)


async def test_who_goes_on_reads_from_the_next_sentence_and_nothing_twice():
    one, two = Scripted("one", formats=()), Scripted("two", formats=(), usual=(pcm(),))
    one.then((pcm(),), (pcm(), ProviderError))
    made, audio = await delivered(STORY, one, two, form="pcm", resumes=True)
    assert [request.text.strip() for request in one.requests] == [s.strip() for s in SENTENCES[:2]]
    assert [request.text.strip() for request in two.requests] == [SENTENCES[2].strip()]
    assert [switch.provider for switch in made.switches] == ["two"]
    assert len(audio) / 48_000 == pytest.approx(0.6, abs=0.5)


async def test_a_sentence_of_which_nothing_was_heard_is_read_by_the_next():
    one = Scripted("one", formats=(), timeouts=Timeouts(first_byte_s=0.05))
    one.then((pcm(),), (asyncio.Event(),))
    two = Scripted("two", formats=(), usual=(pcm(),))
    made, _ = await delivered(STORY, one, two, form="pcm", resumes=True)
    assert [request.text.strip() for request in two.requests] == [s.strip() for s in SENTENCES[1:]]
    assert made.switches == [Switch("two", "m", pytest.approx(len(SENTENCES[0]), abs=2))]


async def test_who_is_left_alone_amid_a_text_is_followed_by_the_next():
    """Others' failures may open the breaker between two sentences of this text."""
    router = Router()
    one, two = Scripted("one", formats=()), Scripted("two", formats=(), usual=(pcm(),))
    one.then((pcm(),))
    made = delivery(STORY, one, two, router=router, form="pcm", resumes=True)
    await made.begin()
    one.usual = (ProviderError,)
    for _ in range(2):
        with pytest.raises((ProviderError, UnavailableError)):
            await delivery(TEXT, one, router=router, form="pcm").begin()
    assert router.state("one") == "open"
    await whole(made.chunks())
    assert [switch.provider for switch in made.switches] == ["two"]


async def test_a_break_in_the_last_sentence_is_never_silently_short():
    """Nobody can go on where nothing follows, and what was heard is not whole."""
    one, two = Scripted("one", formats=()), Scripted("two", formats=(), usual=(pcm(),))
    one.then((pcm(),), (pcm(),), (pcm(), ProviderError))
    made = delivery(STORY, one, two, form="pcm", resumes=True)
    await made.begin()
    with pytest.raises(ProviderError):
        await whole(made.chunks())
    assert (made.switches, two.requests) == ([], [])


async def test_several_may_follow_each_other_and_then_it_breaks():
    three = [Scripted(name, formats=(), usual=(pcm(), ProviderError)) for name in "abc"]
    text = STORY + " " + STORY
    made = delivery(text, *three, form="pcm", resumes=True)
    await made.begin()
    with pytest.raises(ProviderError):
        await whole(made.chunks())
    assert [switch.provider for switch in made.switches] == ["b", "c"]
    assert sum(made.spoken.values()) < len(text)


async def test_without_being_asked_to_nobody_goes_on(server):
    with FaultyServer(FAULTS["truncated_chunk"]) as faulty:
        two = Scripted("two")
        async with vendor(faulty) as provider:
            made = delivery(STORY, provider, two)
            await made.begin()
            with pytest.raises(ProviderError):
                await whole(made.chunks())
    assert (made.switches, two.requests) == ([], [])


async def test_no_provider_is_still_at_work_once_it_is_over():
    one = Scripted("one", formats=(), usual=(pcm(), asyncio.Event()))
    made = delivery(STORY, one, form="mp3", resumes=True)
    await made.begin()
    reading = asyncio.create_task(whole(made.chunks()))
    await asyncio.sleep(0.02)
    assert one.running == 1
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert one.running == 0
