"""Generations over real HTTP: both request forms, statuses, downloads, credits, gates."""

import json
import re
import time
import uuid

import httpx
import pytest

from helpers.decoding import decode, level_dbfs
from helpers.server import create as create_job

EMMA, TEXT = "voice_en_us_001", "Hello there. This is a generation, and it is spoken well."
FORMATS = {"mp3": "mp3", "wav": "wav", "opus": "ogg", "flac": "flac", "aac": "aac"}


def create(client, status=202, headers=None, **fields):
    body = {"voiceId": EMMA, "script": TEXT, **fields}
    body = {name: value for name, value in body.items() if value is not None}
    answer = client.post("/v1/generations", json=body, headers=headers or {})
    assert answer.status_code == status, answer.text
    return answer.json()


def ended(client, name):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = client.get(f"/v1/generations/{name}").json()
        if found["status"] in {"ready", "failed", "completed"}:
            return found
        time.sleep(0.02)
    raise AssertionError(found)


def path_of(url):
    return httpx.URL(url).raw_path.decode()


def test_the_form_of_seed_002(client):
    made = create(client)
    assert uuid.UUID(made["id"]).version == 4
    assert (made["status"], made["estimatedCredits"], made["credits"]) == ("queued", 1, 1)
    found = ended(client, made["id"])
    assert found["status"] == "ready"
    assert found["durationSec"] == -(-found["durationMs"] // 1000)
    assert found["format"] == "mp3"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["completedAt"])
    audio = httpx.get(found["downloadUrl"])
    assert audio.headers["content-type"] == "audio/mpeg"
    assert decode(audio.content).duration == pytest.approx(found["durationMs"] / 1000, abs=0.15)
    assert level_dbfs(decode(audio.content).samples) > -35


def test_the_form_of_seed_001(client):
    made = create(client, script=None, text=TEXT, format="wav")
    assert re.fullmatch(r"gen_[0-9a-f]{32}", made["id"])
    assert (made["status"], made["credits"], made["voiceId"]) == ("processing", 1, EMMA)
    found = ended(client, made["id"])
    assert (found["status"], found["voiceId"]) == ("completed", EMMA)
    assert found["audioUrl"] == found["downloadUrl"]
    by_uuid = ended(client, str(uuid.UUID(made["id"].removeprefix("gen_"))))
    assert by_uuid["durationMs"] == found["durationMs"]


@pytest.mark.parametrize(("form", "container"), FORMATS.items())
def test_every_format_is_what_it_says_and_as_long(client, form, container):
    found = ended(client, create(client, format=form)["id"])
    audio = httpx.get(found["downloadUrl"])
    heard = decode(audio.content, container)
    assert heard.duration == pytest.approx(found["durationMs"] / 1000, abs=0.15)
    assert level_dbfs(heard.samples) > -35


def test_pcm_is_24_khz_mono(client):
    found = ended(client, create(client, format="pcm")["id"])
    audio = httpx.get(found["downloadUrl"])
    assert len(audio.content) == pytest.approx(48 * found["durationMs"], abs=96)


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_speed_scales_the_length(client, speed):
    plain = ended(client, create(client)["id"])["durationMs"]
    fast = ended(client, create(client, settings={"speed": speed})["id"])["durationMs"]
    assert fast == pytest.approx(plain / speed, rel=0.08)  # the engine's own pauses included


@pytest.mark.parametrize("semitones", [-12, 12])
def test_pitch_leaves_the_length(client, semitones):
    plain = ended(client, create(client)["id"])["durationMs"]
    moved = create(client, settings={"pitchSemitones": semitones})
    assert ended(client, moved["id"])["durationMs"] == pytest.approx(plain, rel=0.03)


def test_every_status_is_told_in_the_event_stream(client):
    made = create(client, script=f"{TEXT} " * 40)
    with client.stream("GET", f"/v1/generations/{made['id']}/events") as stream:
        told = [
            json.loads(line.removeprefix("data: "))["status"]
            for line in stream.iter_lines()
            if line.startswith("data: ")
        ]
    once = [status for i, status in enumerate(told) if i == 0 or told[i - 1] != status]
    assert once == ["queued", "running", "enhancing", "ready"][-len(once) :]
    assert once[-2:] == ["enhancing", "ready"]


def test_an_address_works_for_reading_alone_and_as_it_was_given(client, server):
    found = ended(client, create(client)["id"])
    path = path_of(found["downloadUrl"])
    with server.client(key="") as nobody:
        nobody.headers.clear()
        whole = nobody.get(path)
        assert whole.status_code == 200
        head = nobody.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.content))
        part = nobody.get(path, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, whole.content[10:20])
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert nobody.request(method, path).status_code == 405
        token = path.rsplit("/", 1)[1]
        for at in range(len(token)):
            for bit in range(7):
                flipped = chr(ord(token[at]) ^ 1 << bit)
                if flipped in "/?#%\\" or not flipped.isprintable() or flipped == " ":
                    continue
                changed = f"{path[: -len(token)]}{token[:at]}{flipped}{token[at + 1 :]}"
                assert nobody.get(changed).status_code == 403, changed


def test_each_answer_has_an_address_of_its_own_time(client):
    found = ended(client, create(client)["id"])
    expires = int(found["downloadUrl"].split(".")[-2])
    assert 590 <= expires - time.time() <= 601


def test_generations_are_listed_in_pages_newest_first_and_filtered(make_server):
    server = make_server().start()
    with server.client() as client:
        made = [create(client, script=f"Number {n}.")["id"] for n in range(5)]
        for name in made:
            ended(client, name)
        other = create(client, voiceId="voice_en_us_002")["id"]
        ended(client, other)
        first = client.get("/v1/generations", params={"limit": 2}).json()
        assert [item["id"] for item in first["items"]] == [other, made[4]]
        rest, cursor = [], first["nextCursor"]
        while cursor:
            page = client.get("/v1/generations", params={"limit": 2, "cursor": cursor}).json()
            rest += [item["id"] for item in page["items"]]
            cursor = page["nextCursor"]
        assert rest == made[3::-1]
        in_voice = client.get("/v1/generations", params={"voiceId": "voice_en_us_002"}).json()
        assert [item["id"] for item in in_voice["items"]] == [other]
        assert client.get("/v1/generations", params={"status": "failed"}).json()["items"] == []
        assert len(client.get("/v1/generations", params={"status": "ready"}).json()["items"]) == 6
        for bad in ({"limit": 0}, {"limit": 101}, {"cursor": "x"}, {"status": "done"}):
            assert client.get("/v1/generations", params=bad).status_code == 400


def test_a_deleted_generation_is_gone_with_its_audio(client):
    found = ended(client, create(client)["id"])
    assert client.delete(f"/v1/generations/{found['id']}").status_code == 204
    assert client.get(f"/v1/generations/{found['id']}").json()["error"] == "not_found"
    assert client.delete(f"/v1/generations/{found['id']}").status_code == 404
    audio = httpx.get(found["downloadUrl"])
    assert (audio.status_code, audio.json()["message"]) == (404, "The audio has expired.")


def test_what_is_no_generation_is_refused_in_one_way(client):
    """A job of another dialect, an id of nothing and what is no id at all."""
    job = create_job(client).json()["job_id"]
    said = [
        client.get(f"/v1/generations/{name}").json()
        for name in (job, str(uuid.uuid4()), f"gen_{uuid.uuid4().hex}", "nothing")
    ]
    assert {answer["error"] for answer in said} == {"not_found"}
    assert len({answer["message"] for answer in said}) == 1


def test_the_same_request_twice_is_one_generation(client):
    headers = {"Idempotency-Key": f"order-{uuid.uuid4()}"}
    first, second = create(client, headers=headers), create(client, headers=headers)
    assert first == second
    refused = create(client, status=409, headers=headers, script="Something else.")
    assert refused["error"] == "idempotency_conflict"


def test_what_was_spoken_before_is_not_spoken_again_and_the_answer_says_so(client):
    text = f"Nobody has said {uuid.uuid4().hex} before. This sentence stays as it is."
    first = ended(client, create(client, script=text)["id"])
    again = ended(client, create(client, script=text)["id"])
    edited = ended(client, create(client, script=text.replace("stays", "changes"))["id"])
    other = ended(client, create(client, script=text, voiceId="voice_en_us_002")["id"])
    assert first["reused"] == {"segments": 0, "of": 2}
    assert again["reused"] == {"segments": 2, "of": 2}
    assert edited["reused"] == {"segments": 1, "of": 2}
    assert other["reused"] == {"segments": 0, "of": 2}
    assert abs(again["durationMs"] - first["durationMs"]) <= 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"script": None}, 400),
        ({"text": "Another text."}, 400),
        ({"text": TEXT}, 202),
        ({"script": ""}, 400),
        ({"script": "a" * 100_001}, 400),
        ({"script": "\x00"}, 400),
        ({"format": "m4a"}, 400),
        ({"settings": {"speed": 2.1}}, 400),
        ({"settings": {"pitchSemitones": -13}}, 400),
        ({"voiceId": "voice_of_nobody"}, 404),
        ({"voiceId": str(uuid.uuid4())}, 404),
        ({"voiceId": 7}, 400),
        ({"unknown": 1}, 202),
    ],
)
def test_what_does_not_fit_is_refused_in_the_envelope(client, fields, status):
    answer = create(client, status=status, **fields)
    if status >= 400:
        assert set(answer) == {"error", "message"}
        assert answer["error"] == {400: "invalid_request", 404: "not_found"}[status]


def test_credits_are_held_and_charged_by_the_thousand(make_server):
    server = make_server().start()
    server.prepare("workspaces", "create", "scaled", "--plan", "scale")
    made = server.prepare("keys", "create", "--workspace", "scaled", "--name", "k", "--json")
    with server.client(key=json.loads(made)["key"]) as client:
        assert create(client, script="a " * 500)["credits"] == 1
        assert create(client, script="a " * 501)["credits"] == 2
        quota = client.get("/v1/quota").json()
        assert quota["used"] + quota["limit"] - quota["used"] == 1_000_000
        assert quota["remaining"] == 1_000_000 - 3000


def test_the_plan_and_the_rate_are_the_seed_s(make_server):
    server = make_server().start()
    keys = {}
    for plan in ("starter", "scale"):
        server.prepare("workspaces", "create", plan, "--plan", plan)
        made = server.prepare("keys", "create", "--workspace", plan, "--name", "k", "--json")
        keys[plan] = json.loads(made)["key"]
    with server.client(key=keys["starter"]) as client:
        refused = create(client, status=403)
        assert refused["error"] == "public_api_requires_scale"
    with server.client(key=keys["scale"]) as client:
        answers = [client.get("/v1/generations") for _ in range(61)]
        assert [answer.status_code for answer in answers] == [200] * 60 + [429]
        assert answers[-1].json()["error"] == "rate_limit_exceeded"
        assert answers[-1].json()["retryAfter"] == 60
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    with server.client(key="in_live_nonsense") as client:
        assert client.get("/v1/generations").json()["error"] == "unauthorized"


def test_another_workspace_s_generation_is_none(server, client):
    made = create(client)
    name = f"w{uuid.uuid4().hex[:8]}"
    server.prepare("workspaces", "create", name, "--plan", "unlimited")
    made_key = server.prepare("keys", "create", "--workspace", name, "--name", "k", "--json")
    key = json.loads(made_key)["key"]
    with server.client(key=key) as other:
        for path in (made["id"], f"{made['id']}/events"):
            theirs = other.get(f"/v1/generations/{path}")
            nothing = other.get(f"/v1/generations/{path.replace(made['id'], str(uuid.uuid4()))}")
            assert (theirs.status_code, theirs.json()) == (404, nothing.json())
        assert other.delete(f"/v1/generations/{made['id']}").status_code == 404
    assert ended(client, made["id"])["status"] == "ready"
