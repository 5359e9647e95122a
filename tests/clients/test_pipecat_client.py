"""Pipecat's OpenAI TTS service in a real pipeline, told where the server is and nothing else.

It asks for PCM and plays it as 24 kHz mono, whatever the answer says.
"""

import pytest

from helpers.hearing import TEXT, hear, same_speech

CLIENT = "pipecat"
pytestmark = [pytest.mark.requires("client", CLIENT), pytest.mark.timeout(600)]


@pytest.mark.parametrize("model", ["gpt-4o-mini-tts", "tts-1", "espeak/default"])
@pytest.mark.parametrize("voice", ["alloy", "verse"])
def test_the_frames_are_the_speech(client, access, expected, model, voice):
    options = {**access, "settings": {"model": model, "voice": voice}}
    told, audio = client.do(options=options, text=TEXT)
    assert told["errors"] == []
    assert (told["rates"], told["channels"]) == ([24_000], [1])
    assert told["frames"] > 1
    assert same_speech(hear(audio, "pcm"), expected(voice=voice))


def test_speed_and_instructions_are_taken(client, access, expected):
    settings = {"model": "tts-1", "voice": "alloy", "speed": 1.5, "instructions": "Be cheerful."}
    told, audio = client.do(options={**access, "settings": settings}, text=TEXT)
    assert told["errors"] == []
    assert same_speech(hear(audio, "pcm"), expected(speed=1.5))


def test_an_unknown_model_is_an_error_frame_that_says_what_exists(client, access, server):
    where = {**access, "base_url": f"{server.url}/openai/v1"}
    options = {**where, "settings": {"model": "tts-of-nobody", "voice": "alloy"}}
    told, audio = client.do(options=options, text=TEXT)
    assert "espeak/default" in told["errors"][0]
    assert audio.read_bytes() == b""
