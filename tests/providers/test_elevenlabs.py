"""ElevenLabs: requests as its reference has them, its own ways of saying no, its voices."""

from collections.abc import AsyncIterator
from urllib.parse import unquote

import pytest

from helpers.vendors import KEY, PRIVATE, connected, failure_of, query_of, speech, streamed
from intone.errors import (
    ProviderAuthError,
    ProviderBusyError,
    ProviderError,
    ProviderRejectedError,
)
from intone.providers.base import ListedVoice
from intone.providers.http import HttpProvider
from loopback.elevenlabs import ElevenLabsServer, refusal
from loopback.vendor import Answer, Request

VOICE = ElevenLabsServer.voice


@pytest.fixture
async def server() -> AsyncIterator[ElevenLabsServer]:
    async with ElevenLabsServer() as server:
        yield server


@pytest.fixture
async def provider(server: ElevenLabsServer) -> AsyncIterator[HttpProvider]:
    async with connected("elevenlabs", server) as provider:
        yield provider


async def asked(
    server: ElevenLabsServer, provider: HttpProvider, form: str = "mp3", **more: object
) -> Request:
    """The request that comes of this one."""
    assert await streamed(provider, speech(VOICE, **more), form)
    return server.requests[-1]


async def test_the_request_is_the_documented_one(
    server: ElevenLabsServer, provider: HttpProvider
) -> None:
    request = await asked(server, provider, model="eleven_v3", language="de-AT", rate=1.1)
    assert request.method == "POST"
    assert request.path_qs == f"/v1/text-to-speech/{VOICE}/stream?output_format=mp3_44100_128"
    assert request.headers["xi-api-key"] == KEY
    assert request.headers["Content-Type"] == "application/json"
    assert "Authorization" not in request.headers
    assert request.json() == {
        "text": "Good morning.",
        "model_id": "eleven_v3",
        "language_code": "de",
        "voice_settings": {"speed": 1.1},
    }


async def test_what_nobody_has_said_is_left_to_the_vendor(
    server: ElevenLabsServer, provider: HttpProvider
) -> None:
    request = await asked(server, provider)
    assert request.json() == {"text": "Good morning.", "model_id": "eleven_flash_v2_5"}


@pytest.mark.parametrize(
    ("form", "name"), [("mp3", "mp3_44100_128"), ("pcm", "pcm_24000"), ("opus", "opus_48000_64")]
)
async def test_each_format_has_its_name(
    server: ElevenLabsServer, provider: HttpProvider, form: str, name: str
) -> None:
    assert query_of(await asked(server, provider, form)) == {"output_format": name}


@pytest.mark.parametrize(
    ("model", "language", "code"),
    [
        ("eleven_flash_v2_5", "en-GB", "en"),
        ("eleven_turbo_v2_5", "nb-NO", "no"),
        ("eleven_v3", "fil", "fil"),
        ("eleven_multilingual_v2", "de", None),
        ("eleven_flash_v2", "en", None),
    ],
)
async def test_only_models_that_take_a_language_are_told_one(
    server: ElevenLabsServer,
    provider: HttpProvider,
    model: str,
    language: str,
    code: str | None,
) -> None:
    body = (await asked(server, provider, model=model, language=language)).json()
    assert body.get("language_code") == code


async def test_options_go_where_they_belong(
    server: ElevenLabsServer, provider: HttpProvider
) -> None:
    options = {
        "stability": 0.3,
        "similarity_boost": 0.8,
        "style": 0.1,
        "use_speaker_boost": False,
        "speed": 0.9,
        "seed": 42,
        "previous_text": "Once upon a time.",
        "enable_logging": False,
        "optimize_streaming_latency": 3,
    }
    request = await asked(server, provider, options=options)
    assert query_of(request) == {
        "enable_logging": "false",
        "optimize_streaming_latency": "3",
        "output_format": "mp3_44100_128",
    }
    assert request.json() == {
        "text": "Good morning.",
        "model_id": "eleven_flash_v2_5",
        "seed": 42,
        "previous_text": "Once upon a time.",
        "voice_settings": {
            "stability": 0.3,
            "similarity_boost": 0.8,
            "style": 0.1,
            "use_speaker_boost": False,
            "speed": 0.9,
        },
    }


async def test_the_request_stands_above_options_and_callers_above_the_operator(
    server: ElevenLabsServer,
) -> None:
    ours = {"stability": 0.1, "style": 0.2, "seed": 1}
    theirs = {
        "voice_settings": {"stability": 0.9, "speed": 0.8},
        "text": "Something else.",
        "model_id": "other",
        "output_format": "ulaw_8000",
    }
    async with connected("elevenlabs", server, options=ours) as provider:
        request = await asked(server, provider, options=theirs, rate=1.2)
    body = request.json()
    assert body["voice_settings"] == {"stability": 0.9, "style": 0.2, "speed": 1.2}
    assert (body["text"], body["model_id"], body["seed"]) == (
        "Good morning.",
        "eleven_flash_v2_5",
        1,
    )
    assert query_of(request)["output_format"] == "mp3_44100_128"


async def test_settings_that_are_no_object_are_refused_here(
    server: ElevenLabsServer, provider: HttpProvider
) -> None:
    request = speech(VOICE, options={"voice_settings": [1]})
    error = await failure_of(streamed(provider, request, "mp3"))
    assert type(error) is ProviderRejectedError
    assert server.requests == []


@pytest.mark.parametrize(
    ("voice", "part"),
    [
        ("../x", "..%2Fx"),
        ("a?b=c", "a%3Fb=c"),
        ("a#b", "a%23b"),
        ("a%2Fb", "a%252Fb"),
        ("Zoë 1", "Zo%C3%AB%201"),
        ("a&b;c", "a&b;c"),
    ],
)
async def test_a_voice_is_one_part_of_the_path_whatever_it_is_called(
    server: ElevenLabsServer, provider: HttpProvider, voice: str, part: str
) -> None:
    server.on("POST", server.path_of(part), server.speak)
    assert await streamed(provider, speech(voice), "mp3")
    (request,) = server.requests
    assert request.path_qs == f"{server.path_of(part)}?output_format=mp3_44100_128"
    assert unquote(part) == voice


@pytest.mark.parametrize("voice", ["", ".", ".."])
async def test_a_voice_that_would_name_another_path_is_not_asked_for(
    server: ElevenLabsServer, provider: HttpProvider, voice: str
) -> None:
    error = await failure_of(streamed(provider, speech(voice), "mp3"))
    assert type(error) is ProviderRejectedError
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal(401, "authentication_error", "invalid_api_key"), ProviderAuthError),
        (refusal(401, "authentication_error", "detected_unusual_activity"), ProviderAuthError),
        (refusal(401, "rate_limit_error", "quota_exceeded"), ProviderBusyError),
        (
            Answer.json({"detail": {"status": "quota_exceeded", "message": PRIVATE}}, 401),
            ProviderBusyError,
        ),
        (refusal(402, "payment_required", "insufficient_credits"), ProviderBusyError),
        (refusal(400, "invalid_request_error", "text_too_long"), ProviderRejectedError),
        (refusal(404, "not_found", "voice_not_found"), ProviderRejectedError),
        (
            Answer.json({"detail": [{"loc": ["body"], "msg": PRIVATE, "type": "missing"}]}, 422),
            ProviderRejectedError,
        ),
        (refusal(429, "rate_limit_error", "concurrent_limit_exceeded"), ProviderBusyError),
        (refusal(429, "rate_limit_error", "system_busy"), ProviderBusyError),
        (refusal(500, "internal_error", "internal_error"), ProviderError),
    ],
)
async def test_its_errors_are_told_apart(
    server: ElevenLabsServer,
    provider: HttpProvider,
    answer: Answer,
    expected: type[ProviderError],
) -> None:
    server.on("POST", server.speech_path, answer)
    assert type(await failure_of(streamed(provider, speech(VOICE), "mp3"))) is expected


async def test_text_that_is_missing_is_the_vendors_to_refuse(provider: HttpProvider) -> None:
    error = await failure_of(streamed(provider, speech(VOICE, ""), "mp3"))
    assert type(error) is ProviderRejectedError


async def test_voices_of_all_pages_are_listed(
    server: ElevenLabsServer, provider: HttpProvider
) -> None:
    server.pages = [
        [
            {
                "voice_id": "v1",
                "name": "George",
                "category": "premade",
                "labels": {
                    "gender": "male",
                    "language": "en",
                    "accent": "british",
                    "age": "middle-aged",
                    "descriptive": None,
                },
                "verified_languages": [
                    {"language": "en", "locale": "en-GB", "model_id": "eleven_turbo_v2"},
                    {"language": "en", "locale": "en-GB", "model_id": "eleven_v2_flash"},
                    {"language": "fr", "locale": None, "model_id": "eleven_multilingual_v2"},
                ],
                "high_quality_base_model_ids": ["eleven_v2_flash"],
                "settings": None,
            },
            {"voice_id": "v2", "name": None, "labels": None, "verified_languages": None},
        ],
        [{"voice_id": "v3", "name": "River", "labels": {"gender": "Neutral", "language": "en"}}],
        [{"voice_id": "v4", "name": "Mine", "labels": {"gender": "robot"}, "category": "cloned"}],
    ]
    assert await provider.list_voices() == [
        ListedVoice(
            "v1",
            "George",
            ("en-GB", "fr"),
            "male",
            {"accent": "british", "age": "middle-aged", "category": "premade"},
        ),
        ListedVoice("v2", "v2"),
        ListedVoice("v3", "River", ("en",), "neutral"),
        ListedVoice("v4", "Mine", labels={"category": "cloned"}),
    ]
    assert [query_of(request).get("next_page_token") for request in server.requests] == [
        None,
        "page-1",
        "page-2",
    ]


async def test_a_list_without_end_ends(server: ElevenLabsServer, provider: HttpProvider) -> None:
    page = {"voices": [{"voice_id": "v1"}], "has_more": True, "next_page_token": "again"}
    server.on("GET", "/v2/voices", Answer.json(page))
    assert len(await provider.list_voices()) == len(server.requests) == 100
