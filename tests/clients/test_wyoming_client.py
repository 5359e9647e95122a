"""`wyoming_openai`, which gives Home Assistant's voice pipelines the voices of a speech API.

Told where the server is and a model, it finds out what the server is like, lists the model's
voices and speaks with them; it asks for them without its key, so this server shows them to
anybody. It is run as it is deployed: a process of its own, and a satellite that speaks the
Wyoming protocol to it.
"""

import contextlib
import socket
import subprocess
import time

import pytest

from helpers.clients import clean_environment, python_of
from helpers.hearing import TEXT, hear, same_speech
from helpers.server import free_port

CLIENT = "wyoming"
pytestmark = [pytest.mark.requires("client", CLIENT), pytest.mark.timeout(600)]


@contextlib.contextmanager
def bridge(log, access, *arguments):
    """A `wyoming_openai` that listens on a port of loopback; yields the port."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [python_of(CLIENT), "-m", "wyoming_openai", "--uri", f"tcp://127.0.0.1:{port}",
             "--tts-openai-url", access["base_url"], "--tts-openai-key", access["api_key"],
             "--log-level", "DEBUG", *arguments],
            env=clean_environment(), stdout=output, stderr=output,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not _listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("prefix", ["", "/openai"])
def test_it_knows_the_server_and_finds_the_voices_of_a_model(
    client, access, server, prefix, tmp_path
):
    where = {**access, "base_url": f"{server.url}{prefix}/v1"}
    log = tmp_path / "log"
    with bridge(log, where, "--tts-models", "espeak/default") as port:
        told, _ = client.do(way="describe", port=port)
    (voices,) = told["programs"].values()
    assert "en-us.emma" in voices
    assert len(voices) == len(set(voices)) > 100
    assert "SPEACHES" in log.read_text()


def test_it_speaks_with_a_voice_that_it_has_found(client, access, expected, tmp_path):
    with bridge(tmp_path / "log", access, "--tts-models", "espeak/default") as port:
        told, audio = client.do(way="speak", port=port, voice="en-us.emma", text=TEXT)
    assert (told["rate"], told["width"], told["channels"]) == (24_000, 2, 1)
    assert told["chunks"] > 1
    assert same_speech(hear(audio, "pcm"), expected(voice="en-us.emma"))


@pytest.mark.parametrize("models", ["--tts-models", "--tts-streaming-models"])
def test_it_speaks_with_the_voices_that_it_is_given(client, access, expected, tmp_path, models):
    given = (models, "gpt-4o-mini-tts", "--tts-voices", "alloy", "nova")
    with bridge(tmp_path / "log", access, *given) as port:
        told, _ = client.do(way="describe", port=port)
        assert list(told["programs"].values()) == [["alloy", "nova"]]
        told, audio = client.do(way="speak", port=port, voice="nova", text=TEXT)
    assert told["rate"] == 24_000
    assert same_speech(hear(audio, "pcm"), expected(voice="nova"))


def test_a_failure_is_an_error_event_and_not_silence(client, access, tmp_path):
    given = ("--tts-models", "espeak/default", "--tts-voices", "nobody")
    with bridge(tmp_path / "log", access, *given) as port:
        told, _ = client.do(way="speak", port=port, voice="nobody", text=TEXT)
    assert told["error"]
