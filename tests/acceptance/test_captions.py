"""Captions through a real server: they fit the sound, in every form and for every API."""

import json
import re
import time
import uuid
from itertools import pairwise

import httpx
import jsonschema_rs
import numpy as np
import pytest

from helpers.decoding import decode
from helpers.onsets import onsets
from helpers.server import create, finished, job_request, spoken
from helpers.subtitles import read_srt, read_vtt

RATE = 24_000
#: With pauses at every sign, numbers, abbreviations, money and an address.
TEXT = (
    "Dr. Smith lives at 12 Main St. today. He paid $1,250 for it; nobody knows why. On 5 January "
    "2024, at 10:30 p.m., his sister rang.\n\nSee https://example.com/news for more. It rained, "
    "mostly. However, 50% of them, i.e. the younger half, never noticed anything.\n\nUnder the "
    "old oak, everyone laughed; the dog barked, and ran off. Nobody followed it. The rain went on."
)
#: How far, in milliseconds, a word may be lit from when it is heard.
NEAR = 150


def captions(client: httpx.Client, job_id: str, form: str = "json", **params) -> httpx.Response:
    return client.get(f"/v1/voice/jobs/{job_id}/captions.{form}", params=params)


def words_of(body: dict) -> list[dict]:
    return [word for line in body["lines"] for word in line["words"]]


def assert_they_fit(body: dict, samples: np.ndarray, sample_rate: int, rate: float = 1.0) -> None:
    """Sound after a pause is the beginning of a word, and the words are as long as the sound."""
    words = words_of(body)
    heard = onsets(samples, sample_rate, shortest_ms=180 / rate)
    assert len(heard) >= 8
    off = [min(abs(word["start"] * 1000 - onset) for word in words) for onset in heard]
    assert max(off) <= NEAR, off
    times = [at for word in words for at in (word["start"], word["end"])]
    assert times == sorted(times)
    last = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())[-1] / sample_rate
    assert abs(times[-1] - last) * 1000 <= NEAR


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_words_begin_when_they_are_heard_at_every_speed(client, rate):
    job, pcm = spoken(client, text=TEXT, rate=rate)
    body = captions(client, job["job_id"]).json()
    samples = np.frombuffer(pcm, "<i2").astype(float)
    assert_they_fit(body, samples, RATE, rate)
    assert body["source"] == "engine"
    assert body["is_complete"] is True
    assert body["duration_ms"] == job["duration_ms"]


def generated(client: httpx.Client, script: str, form: str = "mp3") -> str:
    """Ask for a generation; returns its path."""
    wanted = {"voiceId": "voice_en_us_001", "script": script, "format": form}
    response = client.post("/v1/generations", json=wanted)
    assert response.status_code == 202, response.text
    return f"/v1/generations/{response.json()['id']}"


def ready(client: httpx.Client, path: str) -> dict:
    deadline = time.monotonic() + 60
    while (body := client.get(path).json())["status"] != "ready":
        assert time.monotonic() < deadline, body
        time.sleep(0.02)
    return body


@pytest.mark.parametrize("form", ["mp3", "wav", "opus"])
def test_words_of_generations_begin_when_they_are_heard_in_their_own_format(client, form):
    path = generated(client, TEXT, form)
    sound = decode(client.get(ready(client, path)["downloadUrl"]).content)
    body = client.get(f"{path}/captions.json").json()
    assert_they_fit(body, sound.samples[0], sound.sample_rate)
    assert read_vtt(client.get(f"{path}/captions.vtt").content)
    assert read_srt(client.get(f"{path}/captions.srt").content)


def test_words_are_those_of_the_text_and_none_is_missing(client):
    job, _ = spoken(client, text=TEXT)
    body = captions(client, job["job_id"]).json()
    words = words_of(body)
    assert all(TEXT[word["from"] : word["to"]] == word["text"] for word in words)
    written = re.findall(r"[\w$%][\w$%:/.,]*", TEXT)
    assert len(words) == len(written)
    assert [word["text"].rstrip(".") for word in words] == [word.rstrip(".,") for word in written]
    assert " ".join(line["text"] for line in body["lines"]) == " ".join(TEXT.split())
    assert body["language"].startswith("en")
    assert body["next"] == len(body["lines"])


@pytest.mark.parametrize("form", ["vtt", "srt"])
def test_cues_say_the_whole_text_and_keep_to_its_sound(client, form):
    job, _ = spoken(client, text=TEXT)
    response = captions(client, job["job_id"], form)
    assert response.headers["content-type"].startswith(
        {"vtt": "text/vtt", "srt": "application/x-subrip"}[form]
    )
    cues = {"vtt": read_vtt, "srt": read_srt}[form](response.content)
    assert " ".join(cue.text for cue in cues).split() == TEXT.split()
    assert all(one.to_ms <= other.from_ms for one, other in pairwise(cues))
    begins = {
        round(word["start"] * 1000) for word in words_of(captions(client, job["job_id"]).json())
    }
    assert {cue.from_ms for cue in cues} <= begins


def test_lines_already_known_need_not_be_sent_again(client):
    job, _ = spoken(client, text=TEXT)
    whole = captions(client, job["job_id"]).json()
    rest = captions(client, job["job_id"], after=1).json()
    assert rest["lines"] == whole["lines"][1:]
    assert rest["next"] == whole["next"]
    assert captions(client, job["job_id"], after=whole["next"]).json()["lines"] == []
    assert captions(client, job["job_id"], after=-1).status_code == 400


def test_what_was_spoken_by_now_can_be_had_while_the_rest_is_rendered(client):
    path = generated(client, "This is a sentence that takes a good while to say. " * 1900)
    partial, deadline = [], time.monotonic() + 60
    while not (body := client.get(f"{path}/captions.json").json())["is_complete"]:
        assert time.monotonic() < deadline
        partial.append(body)
    whole = body["lines"]
    assert any(0 < body["next"] < len(whole) for body in partial)
    for body in partial:
        assert body["lines"] == whole[: body["next"]]
    assert client.get(f"{path}/captions.vtt").status_code == 200


@pytest.mark.parametrize("form", ["json", "vtt", "srt"])
def test_head_and_if_none_match_save_the_body(client, form):
    job, _ = spoken(client, text="Hello, world.")
    url = f"/v2/voice/jobs/{job['job_id']}/captions.{form}"
    whole, head = client.get(url), client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == whole.headers["etag"]
    assert head.headers["content-type"] == whole.headers["content-type"]
    again = client.get(url, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(url, headers={"If-None-Match": '"else"'}).content == whole.content


def test_forms_have_tags_of_their_own(client):
    job, _ = spoken(client, text="Hello, world.")
    tags = [captions(client, job["job_id"], form).headers["etag"] for form in ("json", "vtt")]
    tags.append(captions(client, job["job_id"], "vtt", words=True).headers["etag"])
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize("form", ["json", "vtt", "srt"])
def test_only_the_workspace_has_its_captions(client, form):
    job, _ = spoken(client, text="Hello, world.")
    assert captions(client, str(uuid.uuid4()), form).status_code == 404
    assert captions(client, "nonsense", form).status_code == 404
    url = f"/v1/voice/jobs/{job['job_id']}/captions.{form}"
    assert httpx.get(f"{client.base_url}{url}").status_code == 401
    # A job of one API is not to be found by another.
    assert client.get(url.replace("voice/jobs", "generations")).status_code == 404


def test_answers_are_as_the_document_says(client):
    document = client.get("/openapi.json").json()
    schema = {"$ref": "#/components/schemas/Captions", "components": document["components"]}
    job, _ = spoken(client, text=TEXT)
    body = captions(client, job["job_id"]).json()
    jsonschema_rs.Draft202012Validator(schema).validate(body)
    operations = document["paths"]["/v1/voice/jobs/{job_id}/captions.vtt"]
    assert set(operations) == {"get", "head"}
    assert json.dumps(document).count("/captions.srt") >= 3


def test_a_text_without_a_word_to_say_has_empty_captions(client):
    response = create(client, body=job_request(text="... !!! ..."))
    if response.status_code != 201:
        pytest.fail(response.text)
    job = finished(client, response.json()["job_id"])
    body = captions(client, job["job_id"]).json()
    assert (body["lines"], body["next"], body["is_complete"]) == ([], 0, True)
    assert captions(client, job["job_id"], "vtt").text == "WEBVTT\n\n"
    assert captions(client, job["job_id"], "srt").text == ""
