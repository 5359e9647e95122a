"""What clients that are whole applications send, as their public sources say, replayed.

Open WebUI, SillyTavern, Home Assistant's `openai_tts` and LibreChat cannot be run inside a test.
Their requests are written down here as they leave them: headers, spelling and all.
"""

import http.client
import json
from urllib.parse import urlsplit

import pytest

from helpers.hearing import TEXT, hear, same_speech

#: aiohttp's, with the headers about its user that Open WebUI adds where its operator wants them.
OPEN_WEBUI = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "Python/3.11 aiohttp/3.12.15",
    "X-OpenWebUI-User-Name": "Ana%20M%C3%BCller",
    "X-OpenWebUI-User-Id": "0b6d2c1e-6d5b-4a0e-9d0c-2f4f0c9a7a11",
    "X-OpenWebUI-User-Email": "ana@example.org",
    "X-OpenWebUI-User-Role": "user",
}
#: node-fetch's.
SILLY_TAVERN = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate, br",
    "Connection": "close",
    "User-Agent": "node-fetch",
}
#: urllib's.
HOME_ASSISTANT = {
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "HomeAssistant-OpenAI-TTS",
}
#: axios's.
LIBRE_CHAT = {
    "Accept": "application/json, text/plain, */*",
    "Accept-Encoding": "gzip, compress, deflate, br",
    "User-Agent": "axios/1.12.1",
}


def ask(server, method, path, headers, body=None, *, key=None):
    """Send a request with these headers and no others; returns the response and its body."""
    said = {**headers, **({"Authorization": f"Bearer {key}"} if key else {})}
    if body is not None:
        said["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    connection.putrequest(method, path, skip_accept_encoding=True)
    data = None if body is None else body.encode()
    for name, value in said.items():
        connection.putheader(name, value)
    if data is not None:
        connection.putheader("Content-Length", str(len(data)))
    connection.endheaders(data)
    answer = connection.getresponse()
    received = answer.read()
    connection.close()
    return answer, received


@pytest.mark.parametrize("base", ["/v1", "/openai/v1"])
def test_open_webui_finds_the_voices_without_a_key_and_speaks_with_one(server, expected, base):
    # Both fields of every voice are read; where one is missing, it shows six names of its own.
    answer, body = ask(server, "GET", f"{base}/audio/voices", OPEN_WEBUI)
    assert answer.status == 200
    voices = {voice["id"]: voice["name"] for voice in json.loads(body)["voices"]}
    assert all(isinstance(name, str) and name for name in voices.values())
    assert "en-us.emma" in voices

    body = json.dumps({"input": TEXT, "voice": "en-us.emma", "model": "tts-1"})
    answer, audio = ask(server, "POST", f"{base}/audio/speech", OPEN_WEBUI, body, key=server.key)
    # It is kept as an .mp3, whatever the answer says.
    assert (answer.status, answer.headers["Content-Type"]) == (200, "audio/mpeg")
    assert same_speech(hear(audio, "mp3"), expected(voice="en-us.emma"))


def test_open_webui_shows_what_was_wrong(server):
    body = json.dumps({"input": TEXT, "voice": "alloy", "model": "tts-of-nobody"})
    answer, said = ask(server, "POST", "/openai/v1/audio/speech", OPEN_WEBUI, body, key=server.key)
    assert answer.status == 400
    assert "espeak/default" in json.loads(said)["error"]["message"]


def test_silly_tavern_posts_to_the_whole_url_that_was_typed_in(server, expected):
    body = (
        f'{{"input":{json.dumps(TEXT)},"response_format":"mp3","voice":"shimmer","speed":1,'
        '"model":"tts-1"}'
    )
    for path in ("/v1/audio/speech", "/audio/speech", "/openai/v1/audio/speech"):
        answer, audio = ask(server, "POST", path, SILLY_TAVERN, body, key=server.key)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "audio/mpeg")
        assert same_speech(hear(audio, "mp3"), expected(voice="shimmer"))


@pytest.mark.parametrize("form", ["mp3", "opus"])
def test_home_assistant_may_send_fields_of_other_servers(server, expected, form):
    body = json.dumps(
        {
            "model": "gpt-4o-mini-tts",
            "input": TEXT,
            "voice": "nova",
            "response_format": form,
            "speed": 1.0,
            "instructions": "Speak calmly.",
            "chunk_size": 200,
            "normalization_options": {"normalize": False},
            "lang_code": "a",
            "stream": True,
        }
    )
    path = "/v1/audio/speech"
    answer, audio = ask(server, "POST", path, HOME_ASSISTANT, body, key=server.key)
    assert answer.status == 200
    assert same_speech(hear(audio, form), expected(voice="nova"))


@pytest.mark.parametrize("path", ["/v1/audio/voices", "/audio/voices"])
def test_home_assistant_finds_the_voices_beside_the_speech(server, path):
    answer, body = ask(server, "GET", path, HOME_ASSISTANT, key=server.key)
    assert answer.status == 200
    voices = json.loads(body)["voices"]
    assert all(voice["id"] and voice["name"] for voice in voices)


def test_libre_chat_joins_the_answers_end_to_end_and_they_still_play(server, expected):
    parts = [f"This is part number {number}, and there is more to come." for number in range(1, 6)]
    joined, seconds = b"", 0.0
    for part in parts:
        body = f'{{"input":{json.dumps(part)},"model":"tts-1","voice":"onyx","backend":"piper"}}'
        answer, audio = ask(server, "POST", "/v1/audio/speech", LIBRE_CHAT, body, key=server.key)
        # It names no format, and hands on as MP3 what it gets.
        assert (answer.status, answer.headers["Content-Type"]) == (200, "audio/mpeg")
        assert answer.headers["Content-Encoding"] is None
        joined += audio
        seconds += expected(part, voice="onyx").duration
    assert hear(joined, "mp3").duration == pytest.approx(seconds, abs=0.1 * len(parts))
