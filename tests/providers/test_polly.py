"""Amazon Polly's adapter against a server with its wire format, which checks every signature."""

import json

import pytest

from helpers.vendors import KEY, connected, failure_of, pcm_of, query_of, speech, streamed
from intone.errors import (
    ProviderAuthError,
    ProviderBusyError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderRejectedError,
)
from intone.providers.base import ListedVoice
from loopback.polly import REGION, PollyServer, refusal

VOICE = PollyServer.voice


@pytest.fixture
async def server():
    async with PollyServer() as running:
        yield running


@pytest.fixture
async def provider(server):
    async with connected("polly", server, **server.settings) as opened:
        yield opened


async def spoken(provider, request=None):
    return await streamed(provider, request or speech(VOICE), "mp3")


def body_of(provider, form="mp3", text="Hi.", **request):
    return json.loads(provider.speech_call(speech(VOICE, text, **request), form).body)


async def test_the_request_on_the_wire_is_the_documented_one(server, provider):
    await spoken(provider, speech(VOICE, "Grüße & <b>."))
    (request,) = server.requests
    assert (request.method, request.path_qs) == ("POST", "/v1/speech")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={KEY}/")
    assert (
        f"/{REGION}/polly/aws4_request, SignedHeaders=content-type;host;x-amz-date, "
        in (request.headers["Authorization"])
    )
    assert request.json() == {
        "Engine": "neural",
        "OutputFormat": "mp3",
        "Text": "Grüße & <b>.",
        "TextType": "text",
        "VoiceId": "Joanna",
    }


def test_formats_come_at_the_rates_polly_has_them_in(provider):
    opus, pcm = body_of(provider, "opus"), body_of(provider, "pcm")
    assert (opus["OutputFormat"], opus["SampleRate"]) == ("ogg_opus", "48000")
    assert (pcm["OutputFormat"], pcm["SampleRate"]) == ("pcm", "16000")


def test_another_speed_needs_ssml(provider):
    body = body_of(provider, rate=1.25, text="</prosody> & \x00ok")
    assert body["TextType"] == "ssml"
    assert body["Text"] == (
        '<speak><prosody rate="125%">&lt;/prosody&gt; &amp; ok</prosody></speak>'
    )


@pytest.mark.parametrize("engine", ["standard", "neural", "long-form", "generative"])
async def test_a_model_is_an_engine(server, provider, engine):
    assert engine in {model.id for model in provider.models}
    await spoken(provider, speech(VOICE, model=engine))
    assert server.requests[-1].json()["Engine"] == engine


def test_options_pass_but_for_what_the_request_itself_says(provider):
    options = {
        "LexiconNames": ["names"],
        "LanguageCode": "hi-IN",
        "SampleRate": "8000",
        "Engine": "long-form",
        "TextType": "ssml",
        "Text": "other",
        "VoiceId": "Other",
        "OutputFormat": "json",
    }
    assert body_of(provider, options=options) == {
        "Engine": "neural",
        "LanguageCode": "hi-IN",
        "LexiconNames": ["names"],
        "OutputFormat": "mp3",
        "SampleRate": "8000",
        "Text": "Hi.",
        "TextType": "text",
        "VoiceId": "Joanna",
    }
    assert body_of(provider, "pcm", options=options)["SampleRate"] == "16000"


async def test_temporary_credentials_carry_their_session_token(server):
    server.session_token = "FwoGZXIvYXdzEXAMPLE//token=="
    settings = {**server.settings, "session_token": server.session_token}
    async with connected("polly", server, **settings) as provider:
        await spoken(provider)
        await provider.list_voices()
    async with connected("polly", server, **server.settings) as provider:
        assert type(await failure_of(spoken(provider))) is ProviderAuthError


async def test_a_wrong_secret_is_an_error_of_the_operator(server):
    async with connected("polly", server, region=REGION, api_secret="wrong") as provider:
        assert type(await failure_of(spoken(provider))) is ProviderAuthError


@pytest.mark.parametrize("in_body", [False, True], ids=["header", "body"])
@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (400, "ThrottlingException", ProviderBusyError),
        (429, "TooManyRequestsException", ProviderBusyError),
        (400, "AccessDeniedException", ProviderAuthError),
        (400, "IncompleteSignature", ProviderAuthError),
        (403, "InvalidSignatureException", ProviderAuthError),
        (403, "ExpiredTokenException", ProviderAuthError),
        (400, "RequestExpired", ProviderAuthError),
        (400, "TextLengthExceededException", ProviderRejectedError),
        (400, "InvalidSsmlException", ProviderRejectedError),
        (400, "EngineNotSupportedException", ProviderRejectedError),
        (500, "ServiceFailureException", ProviderError),
        (503, "ServiceUnavailable", ProviderError),
    ],
)
async def test_errors_go_by_their_name(server, provider, status, name, kind, in_body):
    server.on("POST", server.speech_path, refusal(status, name, in_body=in_body))
    assert type(await failure_of(spoken(provider))) is kind
    assert type(await failure_of(pcm_of(provider, speech(VOICE)))) is kind


async def test_throttling_may_say_for_how_long(server, provider):
    patient = refusal(400, "ThrottlingException", **{"Retry-After": "3"})
    server.on("POST", server.speech_path, patient)
    error = await failure_of(spoken(provider))
    assert (type(error), error.retry_after) == (ProviderBusyError, 3.0)


async def test_voices_are_listed_page_by_page(server, provider):
    server.pages = [
        [
            {
                "Gender": "Female",
                "Id": "Aditi",
                "LanguageCode": "en-IN",
                "LanguageName": "Indian English",
                "Name": "Aditi",
                "AdditionalLanguageCodes": ["hi-IN"],
                "SupportedEngines": ["standard"],
            }
        ],
        [],
        [{"Gender": "Male", "Id": "Lea", "LanguageCode": "fr-FR", "Name": "Léa"}],
    ]
    assert await provider.list_voices() == [
        ListedVoice("Aditi", "Aditi", ("en-IN", "hi-IN"), "female", models=("standard",)),
        ListedVoice("Lea", "Léa", ("fr-FR",), "male"),
    ]
    assert [request.path for request in server.requests] == ["/v1/voices"] * 3
    tokens = [query_of(request).get("NextToken") for request in server.requests]
    assert tokens == [None, "page +/=&ü-1", "page +/=&ü-2"]


async def test_a_list_without_end_is_given_up(server, provider):
    server.pages = [[]] * 1000
    assert type(await failure_of(provider.list_voices())) is ProviderInvalidResponseError
    assert len(server.requests) <= 20
