"""Deepgram: requests as its reference has them, a voice that is a model, its own errors."""

from collections.abc import AsyncIterator

import pytest

from helpers.vendors import KEY, connected, failure_of, query_of, speech, streamed
from intone.errors import (
    ProviderAuthError,
    ProviderBusyError,
    ProviderError,
    ProviderRejectedError,
    ProviderTimeoutError,
)
from intone.providers.base import ListedVoice
from intone.providers.http import HttpProvider
from loopback.deepgram import DeepgramServer, modern_refusal, refusal
from loopback.vendor import Answer, Request

VOICE = DeepgramServer.voice


@pytest.fixture
async def server() -> AsyncIterator[DeepgramServer]:
    async with DeepgramServer() as server:
        yield server


@pytest.fixture
async def provider(server: DeepgramServer) -> AsyncIterator[HttpProvider]:
    async with connected("deepgram", server) as provider:
        yield provider


async def asked(
    server: DeepgramServer,
    provider: HttpProvider,
    form: str = "mp3",
    voice: str = VOICE,
    **more: object,
) -> Request:
    """The request that comes of this one."""
    assert await streamed(provider, speech(voice, **more), form)
    return server.requests[-1]


async def test_the_request_is_the_documented_one(
    server: DeepgramServer, provider: HttpProvider
) -> None:
    request = await asked(server, provider, "pcm", rate=0.9)
    assert (request.method, request.path) == ("POST", "/v1/speak")
    assert query_of(request) == {
        "model": "aura-2-thalia-en",
        "encoding": "linear16",
        "container": "none",
        "sample_rate": "24000",
        "speed": "0.9",
    }
    assert request.headers["Authorization"] == f"Token {KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.json() == {"text": "Good morning."}


@pytest.mark.parametrize(
    ("form", "query"),
    [
        ("mp3", {"encoding": "mp3"}),
        ("opus", {"encoding": "opus", "container": "ogg"}),
        ("flac", {"encoding": "flac"}),
    ],
)
async def test_each_format_has_its_encoding(
    server: DeepgramServer, provider: HttpProvider, form: str, query: dict[str, str]
) -> None:
    request = await asked(server, provider, form)
    assert query_of(request) == {"model": "aura-2-thalia-en", **query}


@pytest.mark.parametrize(
    ("model", "voice", "language", "name"),
    [
        ("", "aura-2-thalia-en", "", "aura-2-thalia-en"),
        ("aura-2", "aura-2-thalia-en", "de", "aura-2-thalia-en"),
        ("aura-2", "thalia", "", "aura-2-thalia-en"),
        ("aura-2", "thalia", "en-GB", "aura-2-thalia-en"),
        ("aura-2", "celeste", "es-MX", "aura-2-celeste-es"),
        ("aura-2", "celeste-es", "en", "aura-2-celeste-es"),
        ("aura", "asteria", "en", "aura-asteria-en"),
        ("aura", "aura-asteria-en", "", "aura-asteria-en"),
    ],
)
async def test_model_voice_and_language_make_one_name(
    server: DeepgramServer,
    provider: HttpProvider,
    model: str,
    voice: str,
    language: str,
    name: str,
) -> None:
    request = await asked(server, provider, voice=voice, model=model, language=language)
    assert query_of(request)["model"] == name


@pytest.mark.parametrize(
    ("model", "voice"), [("aura", "aura-2-thalia-en"), ("aura-2", "aura-asteria-en")]
)
async def test_a_voice_is_not_had_at_another_models_price(
    server: DeepgramServer, provider: HttpProvider, model: str, voice: str
) -> None:
    error = await failure_of(streamed(provider, speech(voice, model=model), "mp3"))
    assert type(error) is ProviderRejectedError
    assert server.requests == []


@pytest.mark.parametrize("voice", ["../x", "thalia-en&callback=http://127.0.0.1:1/", "a?b", "a#b"])
async def test_a_voice_changes_nothing_but_itself(
    server: DeepgramServer, provider: HttpProvider, voice: str
) -> None:
    error = await failure_of(streamed(provider, speech(voice, language="en"), "mp3"))
    assert type(error) is ProviderRejectedError
    (request,) = server.requests
    assert request.path == "/v1/speak"
    assert set(query_of(request)) == {"model", "encoding"}
    assert query_of(request)["model"].startswith(f"aura-2-{voice}")


async def test_the_request_stands_above_options_and_callers_above_the_operator(
    server: DeepgramServer,
) -> None:
    ours = {"mip_opt_out": True, "tag": "ours"}
    theirs = {"tag": "theirs", "bit_rate": 32000, "model": "another", "encoding": "mulaw"}
    async with connected("deepgram", server, options=ours) as provider:
        slow = await asked(server, provider, options={**theirs, "speed": 0.8})
        request = await asked(server, provider, options={**theirs, "speed": 0.8}, rate=1.5)
    assert query_of(slow)["speed"] == "0.8"
    assert query_of(request) == {
        "mip_opt_out": "true",
        "tag": "theirs",
        "bit_rate": "32000",
        "speed": "1.5",
        "model": "aura-2-thalia-en",
        "encoding": "mp3",
    }


async def test_audio_is_not_sent_elsewhere(server: DeepgramServer, provider: HttpProvider) -> None:
    request = speech(VOICE, options={"callback": "http://127.0.0.1:1/"})
    error = await failure_of(streamed(provider, request, "mp3"))
    assert type(error) is ProviderRejectedError
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal(400, "INVALID_QUERY_PARAMETER"), ProviderRejectedError),
        (modern_refusal(400, "INVALID_JSON"), ProviderRejectedError),
        (refusal(401, "INVALID_AUTH"), ProviderAuthError),
        (modern_refusal(401, "INVALID_AUTH"), ProviderAuthError),
        (modern_refusal(402, "ASR_PAYMENT_REQUIRED"), ProviderBusyError),
        (modern_refusal(403, "INSUFFICIENT_PERMISSIONS"), ProviderAuthError),
        (refusal(413, "Payload Too Large"), ProviderRejectedError),
        (refusal(429, "TOO_MANY_REQUESTS"), ProviderBusyError),
        (refusal(500, "INTERNAL_SERVER_ERROR"), ProviderError),
        (refusal(504, "Gateway Timeout"), ProviderTimeoutError),
    ],
)
async def test_its_errors_are_told_apart(
    server: DeepgramServer, provider: HttpProvider, answer: Answer, expected: type[ProviderError]
) -> None:
    server.on("POST", server.speech_path, answer)
    assert type(await failure_of(streamed(provider, speech(VOICE), "mp3"))) is expected


async def test_its_limit_of_characters_is_the_one_we_keep(provider: HttpProvider) -> None:
    limit = provider.capabilities.max_characters
    assert await streamed(provider, speech(VOICE, "a" * limit), "mp3")
    error = await failure_of(streamed(provider, speech(VOICE, "a" * (limit + 1)), "mp3"))
    assert type(error) is ProviderRejectedError


async def test_its_voices_are_listed_with_their_model(
    server: DeepgramServer, provider: HttpProvider
) -> None:
    server.models = {
        "stt": [{"name": "nova-3", "canonical_name": "nova-3", "architecture": "nova-3"}],
        "tts": [
            {
                "name": "zeus",
                "canonical_name": "aura-2-zeus-en",
                "architecture": "aura-2",
                "languages": ["en", "en-US"],
                "version": "2025-04-07.0",
                "uuid": "2baf189d-91ac-481d-b6d1-750888667b31",
                "metadata": {
                    "accent": "American",
                    "age": "Adult",
                    "color": "#C58DFF",
                    "tags": ["masculine", "deep", "smooth"],
                    "use_cases": ["IVR"],
                },
            },
            {
                "name": "asteria",
                "canonical_name": "aura-asteria-en",
                "languages": ["en"],
                "metadata": {"display_name": "Asteria", "tags": ["feminine"]},
            },
            {"canonical_name": "aura-2-draco-en", "metadata": None},
            {"name": "june", "canonical_name": "flux-june-en", "architecture": "flux"},
            {"name": "nameless"},
        ],
    }
    assert await provider.list_voices() == [
        ListedVoice(
            "aura-2-zeus-en",
            "Zeus",
            ("en", "en-US"),
            "male",
            {"accent": "American", "age": "Adult", "tags": "deep, smooth", "use_cases": "IVR"},
            ("aura-2",),
        ),
        ListedVoice("aura-asteria-en", "Asteria", ("en",), "female", models=("aura",)),
        ListedVoice("aura-2-draco-en", "Draco", models=("aura-2",)),
    ]
    (request,) = server.requests
    assert (request.method, request.path_qs) == ("GET", "/v1/models")


async def test_a_listed_voice_can_be_asked_for_as_it_is_listed(
    server: DeepgramServer, provider: HttpProvider
) -> None:
    server.models["tts"] = [{"name": "thalia", "canonical_name": "aura-2-thalia-en"}]
    (voice,) = await provider.list_voices()
    request = await asked(server, provider, voice=voice.id, model=voice.models[0])
    assert query_of(request)["model"] == voice.id
