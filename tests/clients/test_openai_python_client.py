"""`openai` for Python, told where the server is and nothing else."""

import pytest

from helpers.hearing import FORMATS, MEDIA_TYPES, TEXT, hear, same_speech
from helpers.vendors import Gate, tone
from intone.providers.openai import OPENAI_VOICES

CLIENT = "openai"
pytestmark = [pytest.mark.requires("client", CLIENT), pytest.mark.timeout(600)]

SPOKEN = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": TEXT}
VENDORS = {"model": "studio/one", "voice": "alloy", "input": TEXT}
MP3 = tone("mp3", 24_000)
MPEG = {"Content-Type": "audio/mpeg"}


@pytest.mark.parametrize("way", ["plain", "streamed"])
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_the_speech_that_was_asked_for(client, access, expected, way, form):
    told, audio = client.do(way=way, **access, request={**SPOKEN, "response_format": form})
    assert told["kind"] == MEDIA_TYPES[form]
    assert same_speech(hear(audio, form), expected())


@pytest.mark.parametrize("form", FORMATS)
def test_the_deltas_of_events_are_the_audio_and_the_last_event_says_what_it_took(
    client, access, expected, form
):
    told, audio = client.do(way="events", **access, request={**SPOKEN, "response_format": form})
    assert told["kind"].startswith("text/event-stream")
    *deltas, done = told["events"]
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    assert done["type"] == "speech.audio.done"
    usage = done["usage"]
    assert usage["input_tokens"] == len(TEXT)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert same_speech(hear(audio, form), expected())


@pytest.mark.parametrize("model", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "espeak/default"])
def test_without_a_format_it_is_mp3_whatever_the_models_name(client, access, expected, model):
    told, audio = client.do(way="plain", **access, request={**SPOKEN, "model": model})
    assert told["kind"] == "audio/mpeg"
    assert same_speech(hear(audio, "mp3"), expected())


@pytest.mark.parametrize("voice", [*OPENAI_VOICES, {"id": "cedar"}])
def test_every_voice_that_openai_documents_speaks(client, access, expected, voice):
    told, audio = client.do(way="plain", **access, request={**SPOKEN, "voice": voice})
    name = voice if isinstance(voice, str) else voice["id"]
    assert same_speech(hear(audio, "mp3"), expected(voice=name)), told


def test_speed_changes_how_long_it_takes(client, access, expected):
    _, audio = client.do(way="plain", **access, request={**SPOKEN, "speed": 2.0})
    assert hear(audio, "mp3").duration == pytest.approx(expected().duration / 2, rel=0.15)


def test_instructions_are_taken_also_by_a_voice_that_cannot_follow_them(client, access, expected):
    request = {**SPOKEN, "instructions": "Whisper, as if it were a secret."}
    _, audio = client.do(way="plain", **access, request=request)
    assert same_speech(hear(audio, "mp3"), expected())


@pytest.mark.parametrize("way", ["streamed", "events"])
def test_the_first_audio_is_there_while_the_rest_is_not_made_yet(client, access, vendor, way):
    gate = Gate(MP3, MPEG)
    vendor.on("POST", "/v1/audio/speech", gate)
    audio = client.start(way=way, **access, request=VENDORS)
    assert client.read()["event"] == "first"
    gate.is_open.set()
    assert client.read()["event"] == "end"
    assert audio.read_bytes() == b"".join(MP3)


@pytest.mark.parametrize("way", ["plain", "streamed", "events"])
def test_speech_that_breaks_off_is_an_error_and_never_a_short_file(client, access, vendor, way):
    gate = Gate(MP3, MPEG, breaks_off=True)
    gate.is_open.set()
    vendor.on("POST", "/v1/audio/speech", gate)
    told, _ = client.do(way=way, **access, request=VENDORS)
    assert told.get("error"), told


def test_models_are_listed_and_found_by_their_ids(client, access):
    told, _ = client.do(way="models", **access, model="espeak/default")
    assert {"espeak/default", "studio/one", "tts-1", "gpt-4o-mini-tts"} <= set(told["models"])
    assert told["one"] == "espeak/default"


@pytest.mark.parametrize("prefix", ["", "/openai"])
def test_a_wrong_key_is_an_authentication_error(client, server, prefix):
    where = {"base_url": f"{server.url}{prefix}/v1", "api_key": "sk-wrong"}
    told, _ = client.do(way="plain", **where, request=SPOKEN)
    assert (told["error"], told["status"]) == ("AuthenticationError", 401)
    assert told["request"]


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        ({"model": "tts-of-nobody"}, "invalid_model", "espeak/default"),
        ({"voice": "nobody"}, "invalid_body", "/v1/voices"),
        ({"speed": 9.0}, "invalid_body", "speed"),
        ({"response_format": "midi"}, "invalid_body", "response_format"),
        ({"input": ""}, "invalid_body", "input"),
    ],
)
def test_below_openai_the_exception_says_what_is_wrong_and_what_to_do(
    client, access, server, change, code, word
):
    where = {**access, "base_url": f"{server.url}/openai/v1"}
    told, _ = client.do(way="plain", **where, request={**SPOKEN, **change})
    assert (told["error"], told["status"]) == ("BadRequestError", 400)
    assert (told["code"], told["kind"]) == (code, "invalid_request_error")
    assert word in told["message"]


def test_elsewhere_the_exception_has_its_class_and_the_code_in_its_body(client, access):
    told, _ = client.do(way="plain", **access, request={**SPOKEN, "model": "tts-of-nobody"})
    assert (told["error"], told["status"], told["body"]) == (
        "BadRequestError",
        400,
        "invalid_model",
    )


@pytest.mark.parametrize("prefix", ["", "/openai"])
def test_too_many_requests_are_a_rate_limit_error_that_says_when(
    client, server, trickle_key, prefix
):
    where = {"base_url": f"{server.url}{prefix}/v1", "api_key": trickle_key}
    told, _ = client.do(way="plain", **where, request=SPOKEN)
    assert (told["error"], told["status"]) == ("RateLimitError", 429)
    assert 0 < int(told["retry_after"]) <= 60
