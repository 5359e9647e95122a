"""OpenAI's speech API and its relatives: what is sent, what is listed, what comes back."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest

from helpers.decoding import dominant_frequency
from helpers.vendors import KEY, TONE_HZ, pcm_of, speech, streamed, tone
from intone.errors import (
    InvalidInputError,
    ProviderAuthError,
    ProviderInvalidResponseError,
    ProviderRejectedError,
)
from intone.providers.base import ListedVoice, Model
from intone.providers.openai import OPENAI_VOICES
from intone.providers.registry import create_providers
from intone.providers.settings import ProviderSettings
from loopback.vendor import Answer, VendorServer

SPEECH = "/v1/audio/speech"
MP3 = tone("mp3", 24_000)
MPEG = {"Content-Type": "audio/mpeg"}


@pytest.fixture
def vendor():
    with VendorServer() as vendor:
        vendor.on("POST", SPEECH, Answer(MP3, headers=MPEG))
        yield vendor


def made(name="kokoro", **settings):
    return create_providers({name: ProviderSettings(type="openai", **settings)})[name]


@asynccontextmanager
async def connected(vendor, **settings):
    provider = made(**{"base_url": vendor.base_url, "models": ["tts-1"], **settings})
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


async def spoken(vendor, request=None, **settings):
    """What the vendor is sent for a request."""
    async with connected(vendor, **settings) as provider:
        assert await streamed(provider, request or speech("alloy"), "mp3") == b"".join(MP3)
    return vendor.requests[-1]


async def test_a_request_is_the_one_that_openai_documents(vendor):
    request = await spoken(vendor, api_key=KEY)
    assert (request.method, request.path_qs) == ("POST", SPEECH)
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.json() == {
        "model": "tts-1",
        "input": "Good morning.",
        "voice": "alloy",
        "response_format": "mp3",
    }


async def test_speed_instructions_and_model_are_sent_where_they_are_said(vendor):
    request = speech("alloy", model="tts-1-hd", rate=1.5, instructions="Whisper.")
    body = (await spoken(vendor, request)).json()
    assert (body["model"], body["speed"], body["instructions"]) == ("tts-1-hd", 1.5, "Whisper.")


async def test_without_a_key_none_is_sent(vendor):
    assert "Authorization" not in (await spoken(vendor)).headers


async def test_options_are_passed_through_below_what_the_request_says(vendor):
    options = {"lang_code": "b", "volume": 2, "input": "Other words.", "stream_format": "sse"}
    request = speech("alloy", options={"volume": 3, "response_format": "wav"})
    body = (await spoken(vendor, request, options=options)).json()
    assert (body["lang_code"], body["volume"]) == ("b", 3)
    assert (body["input"], body["response_format"]) == ("Good morning.", "mp3")
    assert "stream_format" not in body, "it would answer with something other than audio"


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
async def test_an_address_is_understood_with_and_without_its_end(vendor, end):
    assert (await spoken(vendor, base_url=vendor.base_url + end)).path == SPEECH


async def test_an_address_with_another_path_is_left_as_it_is(vendor):
    path = "/openai/v1/audio/speech"
    vendor.on("POST", path, Answer(MP3, headers=MPEG))
    assert (await spoken(vendor, base_url=f"{vendor.base_url}/openai/v1")).path == path


@pytest.mark.parametrize(
    "base_url",
    [
        "127.0.0.1:8880/v1",
        "ftp://127.0.0.1/v1",
        "http://",
        f"http://user:{KEY}@127.0.0.1/v1",
        f"http://127.0.0.1/v1?key={KEY}",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_and_not_quoted(base_url):
    with pytest.raises(ValueError, match="base_url") as caught:
        ProviderSettings(type="openai", base_url=base_url)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("formats", [[], ["mp4"], ["mp3", "ogg"]])
def test_formats_that_it_cannot_deliver_are_refused(formats):
    with pytest.raises(InvalidInputError, match="flac"):
        made(formats=formats)


async def test_a_server_that_has_only_wav_is_asked_for_wav(vendor):
    vendor.on("POST", SPEECH, Answer(tone("wav", 22_050), headers={"Content-Type": "audio/wav"}))
    async with connected(vendor, formats=["mp3", "wav"]) as provider:
        pcm, sample_rate = await pcm_of(provider, speech("alloy"))
        assert vendor.requests[-1].json()["response_format"] == "wav"
        assert b"".join([p async for p in provider.stream(speech("alloy"), "wav")]).startswith(
            b"RIFF"
        )
    assert sample_rate == 22_050
    samples = np.frombuffer(pcm, "<i2")
    assert dominant_frequency(samples, sample_rate) == pytest.approx(TONE_HZ, abs=3)


async def test_pcm_comes_in_whole_samples_however_it_is_cut(vendor):
    pieces = tone("pcm", 24_000)
    assert any(len(piece) % 2 for piece in pieces)
    vendor.on("POST", SPEECH, Answer([pieces[0][:1], pieces[0][1:], *pieces[1:]], pause_s=0.01))
    async with connected(vendor) as provider:
        pcm, sample_rate = await pcm_of(provider, speech("alloy"))
    assert (pcm, sample_rate) == (b"".join(pieces), 24_000)


async def test_the_beginning_is_judged_even_where_it_comes_byte_by_byte(vendor):
    async def trickle(body):
        vendor.on("POST", SPEECH, Answer([bytes([byte]) for byte in body], pause_s=0.002))
        async with connected(vendor) as provider:
            return await streamed(provider, speech("alloy"), "mp3")

    assert await trickle(MP3[0][:40]) == MP3[0][:40]
    with pytest.raises(ProviderInvalidResponseError):
        await trickle(b"sorry, I cannot speak")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, ProviderRejectedError), (404, ProviderRejectedError), (403, ProviderAuthError)],
)
async def test_a_refusal_means_what_its_status_says(vendor, status, kind):
    vendor.on("POST", SPEECH, Answer.json({"error": {"message": "no"}}, status))
    async with connected(vendor) as provider:
        with pytest.raises(kind):
            await streamed(provider, speech("alloy"), "mp3")


async def test_many_calls_at_once_do_not_get_into_each_others_way(vendor):
    async with connected(vendor) as provider:
        calls = [streamed(provider, speech("alloy"), "mp3") for _ in range(64)]
        assert set(await asyncio.gather(*calls)) == {b"".join(MP3)}


@pytest.mark.parametrize(
    "answer",
    [
        {"voices": [{"id": "af_heart", "name": "Heart"}]},
        {"voices": [{"voice_id": "af_heart", "name": "Heart", "language": None, "gender": None}]},
        {"voices": [{"id": "af_heart", "name": "Heart"}, {"odd": 1}, 7, None, ""]},
        [{"id": "af_heart", "name": "Heart", "labels": {"accent": "us"}}],
    ],
)
async def test_voices_are_listed_whatever_else_their_list_holds(vendor, answer):
    vendor.on("GET", "/v1/audio/voices", Answer.json(answer))
    async with connected(vendor) as provider:
        assert await provider.list_voices() == [ListedVoice("af_heart", "Heart")]


async def test_voices_come_with_their_language_and_gender(vendor):
    listed = [
        {"id": "af", "name": "Heart", "language": "en_US", "gender": "Female"},
        {"name": "thorsten", "language": "German", "gender": "unknown"},
    ]
    vendor.on("GET", "/v1/audio/voices", Answer.json({"voices": listed, "object": "list"}))
    async with connected(vendor, api_key=KEY) as provider:
        assert await provider.list_voices() == [
            ListedVoice("af", "Heart", ("en-US",), "female"),
            ListedVoice("thorsten", "thorsten"),
        ]
    assert vendor.requests[-1].headers["Authorization"] == f"Bearer {KEY}"


async def test_bare_names_are_voices(vendor):
    vendor.on("GET", "/v1/audio/voices", Answer.json({"voices": ["alloy", "Ava.mp3"]}))
    async with connected(vendor) as provider:
        assert [voice.id for voice in await provider.list_voices()] == ["alloy", "Ava.mp3"]


async def test_a_server_with_no_list_has_none(vendor):
    async with connected(vendor, models=None) as provider:
        assert await provider.list_voices() == []
        assert await provider.list_models() == []


async def test_a_list_that_cannot_be_had_is_an_error(vendor):
    vendor.on("GET", "/v1/audio/voices", Answer(b"<html>", headers={"Content-Type": "text/html"}))
    async with connected(vendor) as provider:
        with pytest.raises(ProviderInvalidResponseError):
            await provider.list_voices()
        vendor.on("GET", "/v1/audio/voices", Answer(status=401))
        with pytest.raises(ProviderAuthError):
            await provider.list_voices()


async def test_models_are_asked_for_where_the_operator_names_none(vendor):
    listed = [{"id": "kokoro", "object": "model"}, {"id": "espeak/default"}, {"name": "?"}]
    vendor.on("GET", "/v1/models", Answer.json({"object": "list", "data": listed}))
    async with connected(vendor, models=None, prices={"kokoro": 2.5}) as provider:
        assert await provider.list_models() == [
            Model("kokoro", "kokoro", 2500),
            Model("espeak/default", "espeak/default", 0),
        ]
        assert provider.models == (), "no model of OpenAI's, and none of its prices"
        with pytest.raises(ProviderRejectedError):
            await streamed(provider, speech("alloy"), "mp3")


async def test_models_that_the_operator_names_are_all_there_are(vendor):
    async with connected(vendor, models=["kokoro"], prices={"*": 1}) as provider:
        assert await provider.list_models() == (Model("kokoro", "kokoro", 1000),)
        assert provider.find_model("other") is None
    assert vendor.requests == []


def test_unlisted_models_are_passed_on_at_the_operators_price():
    provider = made(base_url="http://127.0.0.1:8880", prices={"*": 3})
    assert provider.find_model("new") == Model("new", "new", 3000)


def test_openai_is_called_by_its_name_and_others_by_theirs():
    assert made("openai").title == "OpenAI"
    assert made("eu", base_url="https://eu.api.openai.com/v1").title == "OpenAI"
    other = made("kokoro", base_url="http://127.0.0.1:8880/v1")
    assert (other.title, other.website) == ("kokoro", "")


async def test_openai_itself_wants_a_key_and_has_known_voices_and_models():
    openai = made("openai")
    assert openai.unavailable == "missing_api_key"
    assert made("openai", api_key=KEY).unavailable is None
    assert [voice.id for voice in await openai.list_voices()] == list(OPENAI_VOICES)
    assert (await openai.list_models())[0].id == "gpt-4o-mini-tts"
    custom = openai.speech_call(speech("voice_1234"), "mp3")
    assert b'"voice":{"id":"voice_1234"}' in custom.body


async def test_a_proxy_of_the_environment_is_used_and_passed_by_where_it_says(vendor, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", vendor.base_url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    vendor.on("POST", f"http://speech.test{SPEECH}", Answer(MP3, headers=MPEG))
    through = await spoken(vendor, base_url="http://speech.test", api_key=KEY)
    assert through.path == f"http://speech.test{SPEECH}"
    assert (await spoken(vendor)).path == SPEECH
