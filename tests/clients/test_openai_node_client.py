"""`openai` for Node, told where the server is and nothing else."""

import pytest

from helpers.hearing import FORMATS, MEDIA_TYPES, TEXT, hear, same_speech
from helpers.vendors import Gate, tone

CLIENT = "node"
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


def test_the_deltas_of_events_are_the_audio(client, access, expected):
    told, audio = client.do(way="events", **access, request={**SPOKEN, "response_format": "pcm"})
    *deltas, done = told["events"]
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    assert done["type"] == "speech.audio.done"
    assert done["usage"]["input_tokens"] == len(TEXT)
    assert told["rest"] == ""
    assert same_speech(hear(audio, "pcm"), expected())


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


def test_errors_are_the_classes_that_the_library_has_for_them(client, access, server, trickle_key):
    where = {**access, "base_url": f"{server.url}/openai/v1"}
    told, _ = client.do(way="plain", **{**where, "api_key": "sk-wrong"}, request=SPOKEN)
    assert (told["error"], told["code"]) == ("AuthenticationError", "unauthorized")
    assert told["request"]

    told, _ = client.do(way="plain", **where, request={**SPOKEN, "model": "tts-of-nobody"})
    assert (told["error"], told["code"]) == ("BadRequestError", "invalid_model")
    assert "espeak/default" in told["message"]

    told, _ = client.do(way="plain", **{**where, "api_key": trickle_key}, request=SPOKEN)
    assert (told["error"], told["code"]) == ("RateLimitError", "rate_limit_exceeded")
    assert 0 < int(told["retry_after"]) <= 60
