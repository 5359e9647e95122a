"""Google Cloud Text-to-Speech's adapter against a server with its wire format."""

import asyncio
import base64
import json

import pytest

from helpers.vendors import KEY, connected, failure_of, pcm_of, speech, streamed, tone
from intone.errors import (
    InvalidInputError,
    ProviderAuthError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderRejectedError,
)
from intone.providers.base import ListedVoice
from loopback.google import GoogleServer
from loopback.identity import make_key
from loopback.vendor import Answer

VOICE = GoogleServer.voice
MP3 = {"audioEncoding": "MP3"}


@pytest.fixture
async def server():
    async with GoogleServer() as running:
        yield running


@pytest.fixture
async def provider(server):
    async with connected("google", server) as opened:
        yield opened


@pytest.fixture
def account(server, tmp_path):
    """The path of a service account's file."""
    path = tmp_path / "account.json"
    path.write_text(server.account())
    return str(path)


async def spoken(provider, request=None):
    return await streamed(provider, request or speech(VOICE), "mp3")


def body_of(provider, form="mp3", **request):
    return json.loads(provider.speech_call(speech(VOICE, "Hi.", **request), form).body)


async def test_the_request_on_the_wire_is_the_documented_one(server, provider):
    await spoken(provider, speech(VOICE, "Grüße & <b>."))
    (request,) = server.requests
    assert (request.method, request.path_qs) == ("POST", "/v1/text:synthesize")
    assert request.headers["X-Goog-Api-Key"] == KEY
    assert request.headers["Content-Type"] == "application/json"
    assert "Authorization" not in request.headers
    assert request.json() == {
        "input": {"text": "Grüße & <b>."},
        "voice": {"languageCode": "en-US", "name": VOICE},
        "audioConfig": MP3,
    }


def test_formats_and_speed_go_into_the_audio_config(provider):
    assert body_of(provider, "opus")["audioConfig"] == {"audioEncoding": "OGG_OPUS"}
    assert body_of(provider, "pcm")["audioConfig"] == {"audioEncoding": "LINEAR16"}
    assert body_of(provider, rate=1.5)["audioConfig"] == {**MP3, "speakingRate": 1.5}


def test_options_pass_into_the_objects_they_belong_to(provider):
    options = {
        "pitch": -2,
        "volumeGainDb": 3.5,
        "effectsProfileId": ["handset-class-device"],
        "audioConfig": {"sampleRateHertz": 48_000, "audioEncoding": "MULAW"},
        "voice": {"ssmlGender": "FEMALE", "name": "other"},
        "advancedVoiceOptions": {"lowLatencyJourneySynthesis": True},
        "input": {"ssml": "<speak/>"},
    }
    assert body_of(provider, options=options) == {
        "input": {"text": "Hi."},
        "voice": {"languageCode": "en-US", "ssmlGender": "FEMALE", "name": VOICE},
        "audioConfig": {
            **MP3,
            "pitch": -2,
            "volumeGainDb": 3.5,
            "effectsProfileId": ["handset-class-device"],
            "sampleRateHertz": 48_000,
        },
        "advancedVoiceOptions": {"lowLatencyJourneySynthesis": True},
    }


async def test_the_operators_options_stand_below_the_callers(server):
    said = {"audioConfig": {"pitch": -4, "volumeGainDb": 1}, "voice": {"languageCode": "en-GB"}}
    async with connected("google", server, options=said) as own:
        body = body_of(own, options={"pitch": 2})
    assert body["audioConfig"] == {**MP3, "pitch": 2, "volumeGainDb": 1}
    assert body["voice"]["languageCode"] == "en-GB"


async def test_what_makes_another_price_only_the_operator_sets(server, provider):
    dear = {"voice": {"modelName": "gemini-2.5-pro-tts", "voiceClone": {}, "customVoice": {}}}
    assert body_of(provider, options=dear)["voice"] == {"languageCode": "en-US", "name": VOICE}
    async with connected("google", server, options=dear) as own:
        assert body_of(own)["voice"]["modelName"] == "gemini-2.5-pro-tts"


@pytest.mark.parametrize("name", ["voice", "audioConfig"])
async def test_an_option_of_the_wrong_shape_is_refused(provider, name):
    odd = speech(VOICE, options={name: "loud"})
    assert type(await failure_of(spoken(provider, odd))) is ProviderRejectedError


@pytest.mark.parametrize(
    ("voice", "language", "code"),
    [
        ("cmn-CN-Wavenet-A", "zh", "cmn-CN"),
        ("es-419-Neural2-A", "", "es-419"),
        ("Kore", "de-DE", "de-DE"),
        ("Kore", "", "en-US"),
    ],
)
def test_the_language_is_exactly_the_voices_where_its_name_says_it(provider, voice, language, code):
    call = provider.speech_call(speech(voice, language=language), "mp3")
    assert json.loads(call.body)["voice"]["languageCode"] == code


async def test_a_voice_is_not_spoken_at_the_price_of_another_model(server, provider):
    studio = speech("en-US-Studio-O", model="standard")
    error = await failure_of(spoken(provider, studio))
    assert type(error) is ProviderRejectedError
    assert "studio" in error.message
    assert not server.requests
    for model in ("", "chirp3-hd", "my-price"):
        await spoken(provider, speech(VOICE, model=model))


async def test_the_longest_text_fits_whatever_its_script(server, provider):
    longest = provider.capabilities.max_characters
    await spoken(provider, speech(VOICE, "🎉" * longest))
    assert len(server.requests[-1].json()["input"]["text"].encode()) <= 5000


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 64, 100_000])
async def test_audio_comes_out_of_its_json_however_that_is_cut(server, provider, step):
    audio = b"".join(tone("mp3", 24_000))
    answer = b'{"timepoints" : [], "audioContent"  :\n"' + base64.b64encode(audio) + b'", "x": "y"}'
    pieces = [answer[at : at + step] for at in range(0, len(answer), step)]
    server.on(
        "POST", server.speech_path, Answer(pieces, headers={"Content-Type": "application/json"})
    )
    assert await spoken(provider) == audio


@pytest.mark.parametrize(
    "answer",
    [
        b"{}",
        b'{"audioContent": "' + base64.b64encode(b"".join(tone("mp3", 24_000))),
        b'{"audioContent": "%%%%"}',
        b'{"audioContent": "//NExAA"}',
        b'{"audioContent": null}',
        b" " * 1_000_000 + b'{"audioContent": "' + base64.b64encode(tone("mp3", 24_000)[0]) + b'"}',
        b'{"audioContent": "' + base64.b64encode(b"RIFF" * 99) + b'"}',
    ],
    ids=["empty", "cut", "not-base64", "odd-base64", "null", "late", "other-audio"],
)
async def test_json_without_whole_audio_is_an_invalid_answer(server, provider, answer):
    server.on(
        "POST", server.speech_path, Answer(answer, headers={"Content-Type": "application/json"})
    )
    assert type(await failure_of(spoken(provider))) is ProviderInvalidResponseError


async def test_a_wrong_key_is_told_from_a_wrong_request(server, provider):
    server.on("POST", server.speech_path, server.refusal(400, "API_KEY_INVALID"))
    assert type(await failure_of(spoken(provider))) is ProviderAuthError
    server.on("POST", server.speech_path, server.refusal(400, "VOICE_UNKNOWN"))
    assert type(await failure_of(spoken(provider))) is ProviderRejectedError


async def test_voices_are_listed_with_the_model_their_name_tells(server, provider):
    server.voices = [
        {
            "languageCodes": ["en-US"],
            "name": VOICE,
            "ssmlGender": "FEMALE",
            "naturalSampleRateHertz": 24_000,
        },
        {"languageCodes": ["de-DE"], "name": "de-DE-Neural2-B", "ssmlGender": "MALE"},
        {"languageCodes": ["en-US", "de-DE"], "name": "Kore", "ssmlGender": "NEUTRAL"},
        {"name": "fr-FR-Polyglot-1", "ssmlGender": "SSML_VOICE_GENDER_UNSPECIFIED"},
    ]
    assert await provider.list_voices() == [
        ListedVoice(VOICE, VOICE, ("en-US",), "female", models=("chirp3-hd",)),
        ListedVoice("de-DE-Neural2-B", "de-DE-Neural2-B", ("de-DE",), "male", models=("neural2",)),
        ListedVoice("Kore", "Kore", ("en-US", "de-DE"), "neutral"),
        ListedVoice("fr-FR-Polyglot-1", "fr-FR-Polyglot-1"),
    ]
    (request,) = server.requests
    assert (request.method, request.path_qs) == ("GET", "/v1/voices")


async def test_a_service_account_speaks_with_one_token_for_its_life(server, account):
    async with connected("google", server, credentials_file=account) as provider:
        heard = await asyncio.gather(*(spoken(provider) for _ in range(5)))
        await provider.list_voices()
        assert (await pcm_of(provider, speech(VOICE)))[1] == 24_000
    assert heard == [b"".join(tone("mp3", 24_000))] * 5
    (claims,) = server.assertions
    assert claims["iss"] == "speaker@intone-test.iam.gserviceaccount.com"
    assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert claims["aud"] == f"{server.base_url}/token"
    for request in server.requests:
        assert "X-Goog-Api-Key" not in request.headers
        if request.path != "/token":
            assert request.headers["Authorization"] == "Bearer ya29.token-1"


async def test_a_token_is_renewed_before_its_end(server, account):
    server.lifetime_s = 100
    async with connected("google", server, credentials_file=account) as provider:
        await spoken(provider)
        await spoken(provider)
    assert len(server.assertions) == 2


async def test_a_withdrawn_token_fails_one_request_only(server, account):
    async with connected("google", server, credentials_file=account) as provider:
        await spoken(provider)
        server.tokens.clear()
        assert type(await failure_of(spoken(provider))) is ProviderAuthError
        await spoken(provider)
    assert len(server.assertions) == 2


async def test_a_caller_who_gives_up_leaves_the_token_to_the_others(server, account):
    is_open = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def slow(request):
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(is_open.wait(), loop))
        return server._exchange(request)

    server.on("POST", "/token", slow)
    async with connected("google", server, credentials_file=account) as provider:
        first, second = (asyncio.create_task(spoken(provider)) for _ in range(2))
        await asyncio.to_thread(server.wait_until, lambda: server.running == 1)
        first.cancel()
        is_open.set()
        assert await second == b"".join(tone("mp3", 24_000))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer.json({"error": "invalid_grant"}, 400), ProviderAuthError),
        (Answer.json({"error": "invalid_client"}, 401), ProviderAuthError),
        (Answer(status=500), ProviderError),
        (Answer.json({"token": "no"}), ProviderInvalidResponseError),
    ],
)
async def test_an_account_that_gets_no_token_says_why(server, account, answer, kind):
    server.on("POST", "/token", answer)
    async with connected("google", server, credentials_file=account) as provider:
        assert type(await failure_of(spoken(provider))) is kind
    assert [request.path for request in server.requests] == ["/token"]


async def test_an_account_with_another_key_is_not_let_in(server, tmp_path):
    path = tmp_path / "other.json"
    stranger = make_key("RSA", "stranger").as_pem(private=True).decode()
    path.write_text(server.account(private_key=stranger))
    async with connected("google", server, credentials_file=str(path)) as provider:
        assert type(await failure_of(spoken(provider))) is ProviderAuthError


def key_file(kind: str, *, private: bool = True) -> str:
    pem = make_key(kind, "other").as_pem(private=private).decode()
    return json.dumps({"client_email": "a@b.example", "private_key": pem})


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "[]",
        '{"client_email": "a"}',
        '{"client_email": "a", "private_key": "SECRET"}',
        key_file("EC"),
        key_file("RSA", private=False),
    ],
    ids=["missing", "empty", "list", "no-key", "no-pem", "other-key", "public-key"],
)
async def test_a_file_that_is_no_account_stops_the_start_without_being_quoted(
    server, tmp_path, content
):
    path = tmp_path / "broken.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(
        InvalidInputError, match="credentials_file of the provider 'google'"
    ) as told:
        async with connected("google", server, credentials_file=str(path)):
            pass
    assert "SECRET" not in str(told.value)
    assert "PRIVATE KEY" not in str(told.value)
