"""Azure Speech, Google Cloud and Amazon Polly: what holds for all three of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest

from helpers.decoding import dominant_frequency
from helpers.vendors import (
    KEY,
    PRIVATE,
    TONE_HZ,
    Gate,
    connected,
    failure_of,
    pcm_of,
    speech,
    streamed,
    tone,
    whole,
)
from intone.errors import (
    ProviderAuthError,
    ProviderBusyError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderRejectedError,
    ProviderTimeoutError,
)
from intone.providers.http import HttpProvider
from intone.providers.registry import create_providers
from intone.providers.settings import ProviderSettings
from loopback.azure import AzureServer
from loopback.google import GoogleServer
from loopback.polly import PollyServer
from loopback.vendor import Answer

Server = AzureServer | GoogleServer | PollyServer
SERVERS = [AzureServer, GoogleServer, PollyServer]
ODD = '</voice></speak><voice name="x"> & "quoted" \\ %s {0} ]]> ../../etc \u202e 🎉\r\n\tend'


@pytest.fixture(params=SERVERS, ids=lambda server: server.kind)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with request.param() as running:
        yield running


@pytest.fixture
async def provider(server: Server) -> AsyncIterator[HttpProvider]:
    async with connected(server.kind, server, **server.settings) as opened:
        yield opened


async def test_every_format_arrives_byte_for_byte(server, provider):
    assert provider.capabilities.formats[0] == "mp3"
    for form in provider.capabilities.formats:
        rate = 48_000 if (server.kind, form) == ("polly", "opus") else 24_000
        heard = await streamed(provider, speech(server.voice), form)
        assert heard == b"".join(tone(form, rate))


async def test_synthesis_is_the_vendors_samples_at_the_rate_it_has_them(server, provider):
    pcm, sample_rate = await pcm_of(provider, speech(server.voice))
    assert sample_rate == server.wire_rate
    assert pcm == b"".join(tone("pcm", server.wire_rate))
    samples = np.frombuffer(pcm, "<i2") / 32768
    assert dominant_frequency(samples, sample_rate) == pytest.approx(TONE_HZ, abs=3)


async def test_the_first_sound_is_passed_on_while_the_vendor_still_speaks(server, provider):
    audio = tone("mp3", 24_000)
    gate = Gate(*server.good(audio))
    server.on("POST", server.speech_path, gate)
    async with aclosing(provider.stream(speech(server.voice), "mp3")) as chunks:
        first = await anext(chunks)
        assert first
        assert not gate.is_open.is_set()
        gate.is_open.set()
        assert first + await whole(chunks) == b"".join(audio)


async def test_closing_early_hangs_up_on_the_vendor(server, provider):
    server.on("POST", server.speech_path, Gate(*server.good(tone("mp3", 24_000))))
    chunks = provider.stream(speech(server.voice), "mp3")
    await anext(chunks)
    assert (server.running, server.abandoned) == (1, 0)
    await chunks.aclose()
    await asyncio.to_thread(server.wait_until, lambda: server.abandoned == 1)


async def test_an_answer_that_breaks_off_ends_in_an_error_not_in_silence(server, provider):
    gate = Gate(*server.good(tone("mp3", 24_000)), breaks_off=True)
    server.on("POST", server.speech_path, gate)
    chunks = provider.stream(speech(server.voice), "mp3")
    assert await anext(chunks)
    gate.is_open.set()
    error = await failure_of(whole(chunks))
    assert type(error) is ProviderError
    assert error.retryable


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, ProviderInvalidResponseError),
        (400, ProviderRejectedError),
        (401, ProviderAuthError),
        (403, ProviderAuthError),
        (404, ProviderRejectedError),
        (408, ProviderTimeoutError),
        (429, ProviderBusyError),
        (500, ProviderError),
        (502, ProviderError),
        (503, ProviderError),
        (504, ProviderTimeoutError),
    ],
)
async def test_every_status_has_its_category_and_no_words_of_the_vendor(
    server, provider, status, kind
):
    server.on("POST", server.speech_path, server.refusal(status))
    for asked in (
        streamed(provider, speech(server.voice), "mp3"),
        pcm_of(provider, speech(server.voice)),
    ):
        error = await failure_of(asked)
        assert type(error) is kind
        assert error.retry_after is None


async def test_the_vendor_says_how_long_to_wait(server, provider):
    answer = server.refusal(429)
    patient = Answer(answer.body, 429, {**answer.headers, "Retry-After": "7"})
    server.on("POST", server.speech_path, patient)
    error = await failure_of(streamed(provider, speech(server.voice), "mp3"))
    assert (type(error), error.retry_after) == (ProviderBusyError, 7.0)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"", headers={"Content-Type": "audio/mpeg"}),
        Answer([b"", b""], headers={"Content-Type": "audio/mpeg"}),
        Answer.json({"message": PRIVATE}),
        Answer.json({"audioContent": ""}),
        Answer(f"<html>{PRIVATE}</html>".encode() * 9, headers={"Content-Type": "text/html"}),
        Answer(f"<html>{PRIVATE}</html>".encode() * 9, headers={"Content-Type": "audio/mpeg"}),
        Answer(b"x" * 200_000, headers={"Content-Type": "audio/mpeg"}),
    ],
    ids=["silence", "empty-chunks", "json", "no-audio", "page", "page-as-audio", "garbage"],
)
async def test_what_is_no_audio_is_never_passed_on(server, provider, answer):
    server.on("POST", server.speech_path, answer)
    for asked in (
        streamed(provider, speech(server.voice), "mp3"),
        pcm_of(provider, speech(server.voice)),
    ):
        assert type(await failure_of(asked)) is ProviderInvalidResponseError


async def test_a_wrong_key_is_an_error_of_the_operator(server):
    async with connected(server.kind, server, api_key="AKIDWRONG", **server.settings) as stranger:
        with pytest.raises(ProviderAuthError):
            await whole(stranger.stream(speech(server.voice), "mp3"))
        with pytest.raises(ProviderAuthError):
            await stranger.list_voices()


@pytest.mark.parametrize("rate", [1.0, 1.5])
async def test_a_text_is_spoken_as_it_is_whatever_is_in_it(server, provider, rate):
    await streamed(provider, speech(server.voice, ODD, rate=rate), "mp3")
    voice, text = server.heard(server.requests[-1])
    # XML reads a line end of two characters as one.
    assert (voice, text.replace("\r\n", "\n")) == (server.voice, ODD.replace("\r\n", "\n"))


@pytest.mark.parametrize("voice", ["", "..", "Nobody", ODD.replace("\r\n\t", " "), "x" * 5000])
async def test_an_unknown_voice_is_refused_and_reaches_the_vendor_as_it_is(server, provider, voice):
    error = await failure_of(streamed(provider, speech(voice), "mp3"))
    assert type(error) is ProviderRejectedError
    assert not error.retryable
    assert server.heard(server.requests[-1])[0] == voice
    assert server.requests[-1].path == server.speech_path


async def test_the_list_of_voices_fails_as_speech_does(server, provider):
    path = "/cognitiveservices/voices/list" if server.kind == "azure" else "/v1/voices"
    for answer, kind in [
        (server.refusal(500), ProviderError),
        (server.refusal(429), ProviderBusyError),
        (Answer.json({"what": PRIVATE, "Voices": 7, "voices": 7}), ProviderInvalidResponseError),
        (Answer(PRIVATE.encode()), ProviderInvalidResponseError),
    ]:
        server.on("GET", path, answer)
        assert type(await failure_of(provider.list_voices())) is kind


@pytest.mark.parametrize("kind", [server.kind for server in SERVERS])
def test_without_credentials_it_cannot_be_asked_and_says_so(kind):
    for incomplete in (
        ProviderSettings(type=kind),
        ProviderSettings(type=kind, region="eu-west-1"),
    ):
        assert create_providers({"v": incomplete})["v"].unavailable == "missing_api_key"
    full = ProviderSettings(type=kind, api_key=KEY, api_secret="s", region="eu-west-1")
    assert create_providers({"v": full})["v"].unavailable is None


def test_the_vendors_own_addresses_come_from_the_region():
    said = {"api_key": KEY, "api_secret": "s", "region": "eu-west-1"}
    made = create_providers({s.kind: ProviderSettings(type=s.kind, **said) for s in SERVERS})
    assert made["azure"].base_url == "https://eu-west-1.tts.speech.microsoft.com"
    assert made["google"].base_url == "https://texttospeech.googleapis.com"
    assert made["polly"].base_url == "https://polly.eu-west-1.amazonaws.com"
