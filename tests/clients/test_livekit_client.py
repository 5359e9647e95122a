"""The OpenAI TTS plugin of livekit-agents, told where the server is and nothing else.

It asks for MP3, in server-sent events unless the model is one of OpenAI's older ones, and waits
five seconds at most for the next bytes.
"""

import pytest

from helpers.hearing import TEXT, hear, same_speech

CLIENT = "livekit"
pytestmark = [pytest.mark.requires("client", CLIENT), pytest.mark.timeout(600)]

LONG = " ".join(f"This is sentence number {number} of a long text." for number in range(1, 41))


@pytest.mark.parametrize(
    ("model", "comes_in_events", "text"),
    [
        ("gpt-4o-mini-tts", True, TEXT),
        ("gpt-4o-mini-tts", True, LONG),
        ("espeak/default", True, TEXT),
        ("tts-1", False, TEXT),
        ("tts-1", False, LONG),
    ],
    ids=lambda value: "long" if value == LONG else "short" if value == TEXT else None,
)
def test_the_frames_are_the_speech(client, access, expected, model, comes_in_events, text):
    options = {**access, "model": model, "voice": "alloy"}
    told, audio = client.do(options=options, text=text)
    assert (told["rates"], told["channels"]) == ([24_000], [1])
    assert same_speech(hear(audio, "pcm"), expected(text))
    ((characters, _),) = told["tokens"]
    assert characters == (len(text) if comes_in_events else 0)


@pytest.mark.parametrize("form", ["opus", "aac", "flac", "wav", "pcm"])
@pytest.mark.parametrize("model", ["gpt-4o-mini-tts", "tts-1"])
def test_the_other_formats_are_the_speech_as_well(client, access, expected, model, form):
    options = {**access, "model": model, "voice": "alloy", "response_format": form}
    told, audio = client.do(options=options, text=TEXT)
    assert (told["rates"], told["channels"]) == ([24_000], [1])
    assert same_speech(hear(audio, "pcm"), expected())


def test_speed_and_instructions_are_taken(client, access, expected):
    options = {**access, "voice": "ash", "speed": 1.5, "instructions": "Be cheerful."}
    _, audio = client.do(options=options, text=TEXT)
    assert same_speech(hear(audio, "pcm"), expected(voice="ash", speed=1.5))


def test_a_wrong_key_is_its_own_error_and_not_silence(client, access):
    told, _ = client.do(options={**access, "api_key": "sk-wrong"}, text=TEXT)
    assert told["error"] == "APIStatusError"
    assert "401" in told["message"]
