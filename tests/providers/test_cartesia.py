"""Cartesia: requests as its reference has them, its own errors, its voices."""

from collections.abc import AsyncIterator

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
from loopback.cartesia import CartesiaServer, refusal
from loopback.vendor import Answer, Request

VOICE = CartesiaServer.voice


@pytest.fixture
async def server() -> AsyncIterator[CartesiaServer]:
    async with CartesiaServer() as server:
        yield server


@pytest.fixture
async def provider(server: CartesiaServer) -> AsyncIterator[HttpProvider]:
    async with connected("cartesia", server) as provider:
        yield provider


async def asked(
    server: CartesiaServer, provider: HttpProvider, form: str = "mp3", **more: object
) -> Request:
    """The request that comes of this one."""
    assert await streamed(provider, speech(VOICE, **more), form)
    return server.requests[-1]


async def test_the_request_is_the_documented_one(
    server: CartesiaServer, provider: HttpProvider
) -> None:
    request = await asked(server, provider, "pcm", model="sonic-3", language="pt-BR", rate=1.25)
    assert (request.method, request.path_qs) == ("POST", "/tts/bytes")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Cartesia-Version"] == "2026-03-01"
    assert request.headers["Content-Type"] == "application/json"
    assert request.json() == {
        "model_id": "sonic-3",
        "transcript": "Good morning.",
        "voice": {"mode": "id", "id": VOICE},
        "language": "pt",
        "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24000},
        "generation_config": {"speed": 1.25},
    }


async def test_what_nobody_has_said_is_left_to_the_vendor(
    server: CartesiaServer, provider: HttpProvider
) -> None:
    assert (await asked(server, provider)).json() == {
        "model_id": "sonic-3.5",
        "transcript": "Good morning.",
        "voice": {"mode": "id", "id": VOICE},
        "output_format": {"container": "mp3", "sample_rate": 44100, "bit_rate": 128000},
    }


@pytest.mark.parametrize(
    ("language", "code"), [("nb-NO", "no"), ("fil", "tl"), ("zh-Hant-TW", "zh"), ("EN", "en")]
)
async def test_languages_have_its_codes(
    server: CartesiaServer, provider: HttpProvider, language: str, code: str
) -> None:
    assert (await asked(server, provider, language=language)).json()["language"] == code


async def test_the_request_stands_above_options_and_callers_above_the_operator(
    server: CartesiaServer,
) -> None:
    ours = {"pronunciation_dict_id": "ours", "save": False}
    theirs = {
        "pronunciation_dict_id": "theirs",
        "generation_config": {"emotion": "happy", "speed": 0.7},
        "transcript": "Something else.",
        "voice": {"id": "another"},
        "output_format": {"container": "wav"},
    }
    async with connected("cartesia", server, options=ours) as provider:
        unhurried = (await asked(server, provider, options=theirs)).json()
        body = (await asked(server, provider, options=theirs, rate=1.2)).json()
    assert unhurried["generation_config"] == {"emotion": "happy", "speed": 0.7}
    assert body["generation_config"] == {"emotion": "happy", "speed": 1.2}
    assert (body["pronunciation_dict_id"], body["save"]) == ("theirs", False)
    assert (body["transcript"], body["voice"]["id"]) == ("Good morning.", VOICE)
    assert body["output_format"]["container"] == "mp3"


async def test_a_configuration_that_is_no_object_is_refused_here(
    server: CartesiaServer, provider: HttpProvider
) -> None:
    request = speech(VOICE, rate=1.2, options={"generation_config": "fast"})
    error = await failure_of(streamed(provider, request, "mp3"))
    assert type(error) is ProviderRejectedError
    assert server.requests == []


@pytest.mark.parametrize("voice", ["../x", "a?b=c", "", '"}'])
async def test_a_voice_changes_nothing_but_itself(
    server: CartesiaServer, provider: HttpProvider, voice: str
) -> None:
    assert await streamed(provider, speech(voice), "mp3")
    (request,) = server.requests
    assert request.path_qs == "/tts/bytes"
    assert request.json()["voice"] == {"mode": "id", "id": voice}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal(401, "unauthorized"), ProviderAuthError),
        (refusal(402, "quota_exceeded"), ProviderBusyError),
        (refusal(404, "voice_not_found"), ProviderRejectedError),
        (refusal(422, None), ProviderRejectedError),
        (refusal(429, "concurrency_limited"), ProviderBusyError),
        (refusal(500, None), ProviderError),
        # As errors of older versions, and of what stands before the API, are written.
        (Answer(f"Invalid Model: {PRIVATE}".encode(), 400), ProviderRejectedError),
    ],
)
async def test_its_errors_are_told_apart(
    server: CartesiaServer, provider: HttpProvider, answer: Answer, expected: type[ProviderError]
) -> None:
    server.on("POST", server.speech_path, answer)
    assert type(await failure_of(streamed(provider, speech(VOICE), "mp3"))) is expected


async def test_voices_of_all_pages_are_listed(
    server: CartesiaServer, provider: HttpProvider
) -> None:
    server.voices = [
        {
            "id": "v1",
            "name": "Katie",
            "description": "Friendly.",
            "language": "en",
            "gender": "feminine",
            "country": "US",
            "is_owner": False,
            "is_public": True,
            "created_at": "2025-01-01T00:00:00Z",
        },
        {
            "id": "v2",
            "name": "Anika",
            "description": "",
            "language": "hi",
            "locales": [
                {"locale": "hi-IN", "is_native": True},
                {"locale": "en-IN", "is_native": False},
            ],
            "gender": "masculine",
            "accent": "indian-english",
        },
        {"id": "v3", "name": "Robin", "language": "en", "gender": "gender_neutral"},
        {"id": "v4", "name": "Nobody", "description": None, "gender": None},
        {"id": "v5", "name": "Other", "language": "fr", "gender": "unheard of"},
    ]
    assert await provider.list_voices() == [
        ListedVoice(
            "v1", "Katie", ("en",), "female", {"country": "US", "description": "Friendly."}
        ),
        ListedVoice("v2", "Anika", ("hi-IN", "en-IN"), "male", {"accent": "indian-english"}),
        ListedVoice("v3", "Robin", ("en",), "neutral"),
        ListedVoice("v4", "Nobody"),
        ListedVoice("v5", "Other", ("fr",)),
    ]
    assert [query_of(request).get("starting_after") for request in server.requests] == [
        None,
        "v2",
        "v4",
    ]
    assert all(r.headers["Cartesia-Version"] == "2026-03-01" for r in server.requests)


async def test_a_list_without_end_ends(server: CartesiaServer, provider: HttpProvider) -> None:
    server.on("GET", "/voices", Answer.json({"data": [{"id": "v1"}], "has_more": True}))
    assert len(await provider.list_voices()) == len(server.requests) == 100
