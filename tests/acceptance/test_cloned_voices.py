"""Cloning on a real server: samples in, a voice out that speaks in every dialect of its owner."""

import itertools
import json
import time
import uuid

import numpy as np
import pytest

from helpers.cloning import spoken_sample, wav
from helpers.cloning_server import PATIENCE_S, made, slug, speech, upload
from helpers.server import IntoneServer, spoken
from helpers.speech import ARTICLE, speak

RATE = 24_000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = IntoneServer(tmp_path_factory.mktemp("cloning") / "data").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def voice_id(client):
    """A voice that is ready."""
    shown = made(client, upload(client, spoken_sample()))
    assert shown["status"] == "ready", shown
    return shown["id"]


def heard(pcm):
    """Seconds that are not silent."""
    samples = np.frombuffer(pcm, "<i2")
    return float((np.abs(samples) > 200).sum() / RATE)


def test_a_ready_voice_shows_what_was_found_in_its_samples(client, voice_id):
    shown = client.get(f"/v1/voices/{voice_id}").json()
    assert shown["kind"] == "cloned"
    assert shown["language"].startswith("en")
    assert shown["consent"] == {"givenBy": "Ada Lovelace", "givenAt": "2026-01-19T09:30:00.000Z"}
    assert shown["analysis"]["speech_seconds"] > 5
    assert shown["error"] is None


def test_speech_is_spoken_with_it_under_every_name_of_a_local_model(client, voice_id):
    preset = speech(client, model="tts-1", voice="alloy").content
    for model in ("matching/default", "tts-1", "espeak/default"):
        answer = speech(client, model=model, voice=voice_id)
        assert answer.status_code == 200, answer.text
        assert answer.headers["X-VoxRouter-Provider"] == "matching"
        assert heard(answer.content) > 0.5
        assert answer.content != preset


def test_voice_jobs_are_spoken_with_it(client, voice_id):
    profiles = client.get("/v1/voice/profiles").json()["profiles"]
    profile = next(p for p in profiles if p["profile_id"] == slug(voice_id))
    assert client.get(f"/v1/voice/profiles/{profile['profile_id']}").json() == profile
    for name in (profile["profile_id"], voice_id):
        job, pcm = spoken(client, voice=name)
        assert job["voice"]["profile_id"] == profile["profile_id"]
        assert heard(pcm) > 0.3


def test_the_speed_scales_its_length(client, voice_id):
    def length(speed):
        body = {"voiceId": voice_id, "script": ARTICLE, "settings": {"speed": speed}}
        answer = client.post("/v1/generations", json=body)
        return finished(client, answer.json()["id"])["durationMs"]

    usual = length(1.0)
    for speed in (0.5, 2.0):
        assert length(speed) * speed == pytest.approx(usual, rel=0.05)


@pytest.mark.parametrize(("form", "word"), [("script", "ready"), ("text", "completed")])
def test_generations_are_spoken_with_it_and_show_its_name_in_their_form(
    client, voice_id, form, word
):
    name = voice_id if form == "script" else slug(voice_id)
    for asked in (voice_id, slug(voice_id)):
        answer = client.post(
            "/v1/generations", json={"voiceId": asked, form: "Hello.", "format": "wav"}
        )
        assert answer.status_code == 202, answer.text
        shown = finished(client, answer.json()["id"])
        assert shown["status"] == word
        assert answer.json()["voiceId"] == shown["voiceId"] == name
        assert client.get(shown["downloadUrl"]).content.startswith(b"RIFF")


def test_for_everybody_else_it_does_not_exist(server, client, voice_id):
    server.prepare("workspaces", "create", "other", "--plan", "scale")
    key = json.loads(server.prepare("keys", "create", "-w", "other", "--json"))["key"]
    with server.client(key) as other:
        nothing = str(uuid.uuid4())
        for method in ("GET", "DELETE"):
            seen, unseen = (
                other.request(method, f"/v1/voices/{one}") for one in (voice_id, nothing)
            )
            assert (seen.status_code, seen.json()) == (404, unseen.json())
        for lists in ("/v1/voices", "/v1/voice/profiles", "/v1/audio/voices"):
            text = other.get(lists).text
            assert voice_id not in text
            assert slug(voice_id) not in text
        for model in ("matching/default", "tts-1"):
            seen, unseen = (speech(other, model=model, voice=one) for one in (voice_id, nothing))
            assert seen.status_code == unseen.status_code == 400
            assert seen.text.replace(voice_id, "X") == unseen.text.replace(nothing, "X")
        seen, unseen = (
            other.post("/v1/generations", json={"voiceId": one, "script": "Hello."})
            for one in (voice_id, nothing)
        )
        assert (seen.status_code, seen.json()) == (404, unseen.json())
    assert client.get(f"/v1/voices/{voice_id}").status_code == 200


def music():
    """Ten seconds of a melody."""
    time_s = np.arange(int(0.4 * RATE)) / RATE
    decay = np.exp(-3 * time_s)
    notes = [
        decay * sum(np.sin(2 * np.pi * hertz * n * time_s) / n for n in range(1, 6))
        for hertz in itertools.islice(itertools.cycle([262, 330, 392, 523, 392, 330]), 25)
    ]
    return (np.concatenate(notes) * 8000).astype("<i2").tobytes()


def clipped():
    rate, pcm = speak(ARTICLE, "en-us")
    samples = np.frombuffer(pcm, "<i2").astype(float) * 30
    return wav(np.clip(samples, -32768, 32767).astype("<i2").tobytes(), rate)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: wav(bytes(10 * RATE * 2), RATE), "sample_silent"),
        (lambda: wav(music(), RATE), "sample_not_speech"),
        (clipped, "sample_clipped"),
        (lambda: spoken_sample("Hello there."), "sample_too_short"),
    ],
    ids=["silence", "music", "clipped", "short"],
)
def test_samples_that_will_not_do_say_why(client, make, code):
    shown = made(client, upload(client, make()))
    assert (shown["status"], shown["error"]["code"]) == ("failed", code)
    assert shown["error"]["message"]
    assert speech(client, model="tts-1", voice=shown["id"]).json()["error"] == "voice_not_ready"


def test_three_milliseconds_are_refused_as_they_come(client):
    answer = client.post("/v1/uploads", files={"file": ("a.wav", wav(bytes(144), RATE))})
    assert (answer.status_code, answer.json()["error"]) == (400, "media_too_short")


def finished(client, generation_id):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        shown = client.get(f"/v1/generations/{generation_id}").json()
        if shown["status"] in {"ready", "completed", "failed"}:
            return shown
        time.sleep(0.05)
    raise AssertionError(f"the generation did not end: {shown}")
