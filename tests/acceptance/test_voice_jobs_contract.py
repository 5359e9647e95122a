"""The voice jobs seed, rule by rule, against a running server."""

import json
import re
import time
import uuid

import httpx
import numpy as np
import pytest

from helpers.decoding import decode
from helpers.server import create, finished, job_request, spoken

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def error_of(response, status, code):
    """Asserts the envelope, exactly, and returns its message."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json")
    assert UUID4.fullmatch(response.headers["x-request-id"])
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "retryable"}
    assert body["error"]["code"] == code
    assert body["error"]["retryable"] is (code in {"rate_limited", "service_unavailable"})
    assert body["error"]["message"]
    return body["error"]["message"]


# --- creating ---------------------------------------------------------------------------------


def test_a_created_job_answers_201_with_its_id_and_the_quota(client):
    response = create(client, text="Hello, world.")
    assert response.status_code == 201
    assert set(response.json()) == {"job_id"}
    assert UUID4.fullmatch(response.json()["job_id"])
    limit = int(response.headers["x-quota-limit"])
    remaining = int(response.headers["x-quota-remaining"])
    assert limit == 10**12
    assert 0 < remaining <= limit - 13
    assert UUID4.fullmatch(response.headers["x-request-id"])


def test_every_request_has_an_id_of_its_own(client):
    ids = {client.get("/v1/quota").headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


def test_the_seed_s_minimal_body_is_enough(client):
    body = {
        "input": {"content": "Hi.", "content_type": "text/plain"},
        "voice": {"profile_id": "voice_en_us_001"},
        "output": {"format": "pcm_s16le", "sample_rate_hz": 8000},
    }
    job = finished(client, create(client, body).json()["job_id"])
    assert job["voice"] == {"profile_id": "voice_en_us_001", "style": "neutral", "rate": 1.0}
    assert job["request_tag"] is None


def without(path):
    body = job_request()
    *parents, name = path.split(".")
    target = body
    for parent in parents:
        target = target[parent]
    del target[name]
    return body


def changed(path, value):
    body = job_request()
    *parents, name = path.split(".")
    target = body
    for parent in parents:
        target = target[parent]
    target[name] = value
    return body


@pytest.mark.parametrize(
    "path",
    ["input", "input.content", "input.content_type", "voice", "voice.profile_id", "output",
     "output.format", "output.sample_rate_hz"],
)  # fmt: skip
def test_each_required_field_is_required_and_named(client, path):
    message = error_of(create(client, without(path)), 400, "invalid_input")
    assert path.split(".")[-1] in message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("input.content", ""),
        ("input.content", "x" * 2001),
        ("input.content", "😀" * 2001),
        ("input.content", 5),
        ("input.content", None),
        ("input.content", ["a"]),
        ("input.content_type", "text/html"),
        ("input.content_type", "application/ssml+xml"),
        ("voice.profile_id", "voice_nobody"),
        ("voice.profile_id", ""),
        ("voice.profile_id", 1),
        ("voice.profile_id", "../../etc/passwd"),
        ("voice.style", "furious-unicorn"),
        ("voice.style", None),
        ("voice.rate", 0.49),
        ("voice.rate", 2.01),
        ("voice.rate", 0),
        ("voice.rate", -1),
        ("voice.rate", "1.0"),
        ("voice.rate", True),
        ("output.format", "mp3"),
        ("output.format", "PCM_S16LE"),
        ("output.sample_rate_hz", 48000),
        ("output.sample_rate_hz", 11025),
        ("output.sample_rate_hz", "24000"),
        ("output.sample_rate_hz", 24000.5),
        ("client.request_tag", "x" * 129),
        ("client.request_tag", 7),
        ("client", "me"),
        ("input", []),
        ("output", "pcm"),
    ],
)
def test_each_limit_of_the_schema_is_kept(client, path, value):
    error_of(create(client, changed(path, value)), 400, "invalid_input")


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x08", "\x0b", "\x1b", "\x7f", "\x85"])
def test_control_characters_are_refused(client, character):
    message = error_of(create(client, text=f"Hello{character} you."), 400, "invalid_input")
    assert f"U+{ord(character):04X}" in message


@pytest.mark.parametrize(
    "text",
    [
        "Tab\tand\nnewline\r\nare fine.",
        "Emoji 😀 👩‍👩‍👧 are accepted.",
        "x",
        "é",
        "…",
        "😀",
        "你好。",
        "مرحبا",
    ],
)
def test_standard_whitespace_and_all_of_unicode_are_accepted(client, text):
    response = create(client, text=text)
    assert response.status_code == 201, response.text
    assert finished(client, response.json()["job_id"])["status"] == "completed"


def test_lengths_are_counted_in_characters_not_bytes(client):
    assert create(client, text="é" * 2000).status_code == 201
    assert create(client, tag="é" * 128).status_code == 201


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{'input': 1}",
        b'{"input": NaN}',
        b'{"input": 1e999}',
        b'{"input": {"content": "\\ud800", "content_type": "text/plain"}}',
        b'{"input": {"content": "\xff\xfe", "content_type": "text/plain"}}',
        b'\xef\xbb\xbf{"input": 1}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"input": 1, "input": 2}',
    ],
    ids=lambda raw: raw[:24].decode("latin-1") or "empty",
)
def test_what_is_not_a_json_object_in_utf_8_is_refused(client, raw):
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
    error_of(client.post("/v1/voice/jobs", content=raw, headers=headers), 400, "invalid_input")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/xml",
        "json",
    ],
)
def test_another_content_type_is_a_400(client, content_type):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    if content_type:
        headers["Content-Type"] = content_type
    response = client.post(
        "/v1/voice/jobs", content=json.dumps(job_request()).encode(), headers=headers
    )
    message = error_of(response, 400, "invalid_input")
    assert "Content-Type" in message


def test_a_huge_body_is_refused_while_it_is_read(client):
    body = changed("input.content", "x" * 3_000_000)
    error_of(create(client, body), 413, "invalid_input")


def test_unknown_fields_are_ignored_and_listed(client):
    body = job_request()
    body["extra"] = 1
    body["voice"]["pitch"] = 3
    response = create(client, body)
    assert response.status_code == 201
    assert response.headers["x-intone-ignored-fields"] == "extra, voice.pitch"


# --- idempotency ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [None, "", "1", "8b3f1c8e-3f2b-1ad2-9ef0-2a8c9b2a4f19", "8b3f1c8e-3f2b-4ad2-7ef0-2a8c9b2a4f19",
     "8b3f1c8e3f2b4ad29ef02a8c9b2a4f19", "{8b3f1c8e-3f2b-4ad2-9ef0-2a8c9b2a4f19}", "00000000-0000-0000-0000-000000000000"],
)  # fmt: skip
def test_a_key_that_is_no_uuid_v4_is_refused(client, key):
    headers = {} if key is None else {"Idempotency-Key": key}
    response = client.post("/v1/voice/jobs", json=job_request(), headers=headers)
    assert "Idempotency-Key" in error_of(response, 400, "invalid_input")


def test_the_same_request_again_is_the_same_answer_and_charged_once(client):
    key = str(uuid.uuid4())
    first = create(client, key=key, text="Once and only once.")
    between = int(client.get("/v1/quota").json()["remaining"])
    for same in (key, key.upper()):
        again = create(client, key=same, text="Once and only once.")
        assert (again.status_code, again.content) == (first.status_code, first.content)
        for header in ("x-quota-limit", "x-quota-remaining", "content-type"):
            assert again.headers[header] == first.headers[header]
        assert again.headers["idempotent-replayed"] == "true"
    assert int(client.get("/v1/quota").json()["remaining"]) == between


def test_bodies_are_compared_as_parsed_json(client):
    key, body = str(uuid.uuid4()), job_request()
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    first = client.post("/v1/voice/jobs", content=json.dumps(body), headers=headers)
    reordered = json.dumps(dict(reversed(body.items())), indent=4).replace("24000", "2.4e4")
    again = client.post("/v1/voice/jobs", content=reordered, headers=headers)
    assert again.status_code == 201
    assert again.json() == first.json()


def test_another_body_under_the_same_key_is_a_conflict(client):
    key = str(uuid.uuid4())
    assert create(client, key=key, text="One.").status_code == 201
    before = client.get("/v1/quota").json()["remaining"]
    error_of(create(client, key=key, text="Two."), 409, "idempotency_conflict")
    assert client.get("/v1/quota").json()["remaining"] == before


def test_versions_have_keys_of_their_own(client):
    key = str(uuid.uuid4())
    first = create(client, key=key)
    body = job_request()
    body["output"] = {"audio": body["output"]}
    second = create(client, body, key=key, version="v2")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() != second.json()


def test_a_refused_request_leaves_its_key_free(client):
    key = str(uuid.uuid4())
    error_of(create(client, key=key, text=""), 400, "invalid_input")
    assert create(client, key=key, text="Now it is right.").status_code == 201


# --- authentication ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Bearer nonsense"},
     {"Authorization": "Basic dTpw"}, {"X-API-Key": "in_live_" + "a" * 36},
     {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}],
)  # fmt: skip
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/voice/jobs"), ("GET", "/v1/voice/jobs/x"), ("GET", "/v1/voice/jobs/x/audio"),
     ("GET", "/v1/voice/jobs/x/events"), ("DELETE", "/v2/voice/jobs/x"), ("GET", "/v1/voice/profiles"),
     ("GET", "/v1/voice/profiles/voice_en_us_001"), ("GET", "/v1/quota")],
)  # fmt: skip
def test_no_route_opens_without_a_credential(server, headers, method, path):
    response = httpx.request(method, server.url + path, headers=headers)
    error_of(response, 401, "unauthenticated")
    assert "www-authenticate" in response.headers


def test_the_same_key_works_in_both_headers(server):
    for headers in ({"Authorization": f"bearer {server.key}"}, {"X-API-Key": server.key}):
        assert httpx.get(f"{server.url}/v1/quota", headers=headers).status_code == 200


# --- the job ----------------------------------------------------------------------------------


def test_a_finished_job_says_everything(client):
    job, pcm = spoken(
        client, text="The whole story.", tag="tag-1", style="calm", rate=1.25, sample_rate=16000
    )
    assert job["status"] == "completed"
    assert job["progress_percent"] == 100
    assert job["request_tag"] == "tag-1"
    assert job["voice"] == {"profile_id": "voice_en_us_001", "style": "calm", "rate": 1.25}
    assert job["output"] == {"format": "pcm_s16le", "sample_rate_hz": 16000}
    assert job["error"] is None
    assert job["created_at"] <= job["started_at"] <= job["completed_at"] < job["expires_at"]
    assert abs(job["duration_ms"] - len(pcm) / 2 / 16) <= 1


@pytest.mark.parametrize(
    "job_id", ["x", "0", "6a4c2f0e-9b1d-4c3a-8e5f-0a1b2c3d4e5f", "..", "%00", "a" * 5000]
)
@pytest.mark.parametrize("tail", ["", "/audio", "/events"])
def test_an_unknown_job_is_a_404(client, job_id, tail):
    error_of(client.get(f"/v1/voice/jobs/{job_id}{tail}"), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/voice", 404), ("GET", "/v1/voice/nothing/here", 404), ("PUT", "/v1/voice/jobs", 405),
     ("GET", "/v1/voice/jobs", 405), ("POST", "/v1/quota", 405), ("PATCH", "/v1/voice/profiles", 405),
     ("GET", "/v2/voice/nothing", 404)],
)  # fmt: skip
def test_a_path_or_method_that_does_not_fit_wears_the_same_envelope(client, method, path, status):
    response = client.request(method, path)
    error_of(response, status, "not_found" if status == 404 else "invalid_input")
    if status == 405:
        assert response.headers["allow"]


def test_profiles_list_over_three_hundred_voices_with_their_styles(client):
    profiles = client.get("/v1/voice/profiles").json()["profiles"]
    assert len(profiles) > 300
    assert len({p["profile_id"] for p in profiles}) == len(profiles)
    for profile in profiles:
        assert profile["default_style"] == "neutral"
        assert profile["styles"][0] == "neutral"
        assert len(profile["styles"]) >= 4
    one = client.get(f"/v1/voice/profiles/{profiles[0]['profile_id']}")
    assert one.json() == profiles[0]
    error_of(client.get("/v1/voice/profiles/nobody"), 404, "not_found")


def test_the_quota_adds_up(client):
    before = client.get("/v1/quota").json()
    spoken(client, text="Exactly forty-two characters are in here!!")
    after = client.get("/v1/quota").json()
    assert set(after) == {"limit", "remaining", "used", "unit", "period_start", "period_end"}
    assert after["used"] - before["used"] >= 42
    assert after["limit"] == after["remaining"] + after["used"]
    assert after["unit"] == "characters"


# --- the audio --------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 44100])
def test_each_sample_rate_gives_the_same_speech_at_that_rate(client, rate):
    text = "The quick brown fox jumps over the lazy dog."
    _job, pcm = spoken(client, text=text, sample_rate=rate)
    seconds = len(pcm) / 2 / rate
    assert 1.8 < seconds < 5
    samples = np.frombuffer(pcm, "<i2").astype(float)
    assert 500 < np.sqrt(np.mean(samples**2)) < 20_000
    assert np.abs(samples).max() < 32_767
    _reference, reference_pcm = spoken(client, text=text, sample_rate=24000)
    assert abs(seconds - len(reference_pcm) / 2 / 24000) < 0.1


def test_the_rate_really_changes_the_duration(client):
    text = "Speed changes how long it takes to say this sentence, and nothing else."
    duration = {
        rate: spoken(client, text=text, rate=rate)[0]["duration_ms"] for rate in (0.5, 1.0, 2.0)
    }
    assert duration[0.5] / duration[1.0] == pytest.approx(2.0, rel=0.2)
    assert duration[2.0] / duration[1.0] == pytest.approx(0.5, rel=0.2)


def test_styles_really_sound_different(client):
    text = "This is one sentence, said in several ways, so that we can compare."
    styles = client.get("/v1/voice/profiles/voice_en_us_001").json()["styles"]
    assert len(styles) >= 4
    spectra = {}
    for style in styles:
        _, pcm = spoken(client, text=text, style=style)
        samples = np.frombuffer(pcm, "<i2").astype(float)
        frames = samples[: len(samples) // 1024 * 1024].reshape(-1, 1024)
        spectrum = np.log(np.abs(np.fft.rfft(frames * np.hanning(1024))).mean(axis=0) + 1)
        spectra[style] = (len(samples), spectrum - spectrum.mean())
    for one in styles:
        for other in styles:
            if one < other:
                length = abs(spectra[one][0] - spectra[other][0]) / spectra[one][0]
                distance = np.sqrt(np.mean((spectra[one][1] - spectra[other][1]) ** 2))
                assert length > 0.03 or distance > 0.15, (one, other, length, distance)


def test_version_2_makes_stereo(client):
    body = job_request("Both ears hear the same.")
    body["output"] = {"audio": {**body["output"], "channels": 2}}
    job = finished(client, create(client, body, version="v2").json()["job_id"], "v2")
    assert job["output"]["audio"] == {"format": "pcm_s16le", "sample_rate_hz": 24000, "channels": 2}
    response = client.get(f"/v2/voice/jobs/{job['job_id']}/audio")
    assert response.headers["x-channels"] == "2"
    samples = np.frombuffer(response.content, "<i2").reshape(-1, 2)
    assert (samples[:, 0] == samples[:, 1]).all()
    assert abs(len(samples) / 24 - job["duration_ms"]) <= 1
    for channels in (0, 3, "1", None):
        body["output"]["audio"]["channels"] = channels
        error_of(create(client, body, version="v2"), 400, "invalid_input")


def test_version_1_knows_nothing_of_version_2_s_output(client):
    body = job_request()
    body["output"] = {"audio": body["output"]}
    error_of(create(client, body, version="v1"), 400, "invalid_input")
    error_of(create(client, job_request(), version="v2"), 400, "invalid_input")


def test_the_audio_comes_as_pcm_wav_and_mp3(client):
    job, pcm = spoken(client, text="The same words in three formats, all of them playable.")
    path = f"/v1/voice/jobs/{job['job_id']}/audio"
    raw = client.get(path)
    assert raw.headers["content-type"] == "application/octet-stream"
    assert raw.headers["x-sample-rate-hz"] == "24000"
    wav = client.get(path, params={"format": "wav"})
    assert wav.headers["content-type"] == "audio/wav"
    assert wav.content.partition(b"data")[2][4:] == pcm
    mp3 = client.get(path, params={"format": "mp3"})
    assert mp3.headers["content-type"] == "audio/mpeg"
    seconds = len(pcm) / 48_000
    for content in (wav.content, mp3.content):
        audio = decode(content)
        assert audio.sample_rate == 24_000
        assert audio.duration == pytest.approx(seconds, abs=0.15)
        assert np.sqrt(np.mean(audio.samples.astype(float) ** 2)) > 0
    assert client.get(path, params={"format": "mp3"}).content == mp3.content
    error_of(client.get(path, params={"format": "aiff"}), 400, "invalid_input")


@pytest.mark.parametrize("audio_format", ["pcm_s16le", "wav", "mp3"])
def test_ranges_heads_and_validators(client, audio_format):
    job, _ = spoken(client, text="Seek wherever you like.")
    path, params = f"/v1/voice/jobs/{job['job_id']}/audio", {"format": audio_format}
    whole = client.get(path, params=params)
    size, etag = len(whole.content), whole.headers["etag"]
    head = client.head(path, params=params)
    assert head.content == b""
    assert int(head.headers["content-length"]) == size
    assert head.headers["etag"] == etag
    assert head.headers["accept-ranges"] == "bytes"
    for header, part in [
        ("bytes=0-9", whole.content[:10]),
        ("bytes=30-60", whole.content[30:61]),
        (f"bytes={size - 5}-", whole.content[-5:]),
        ("bytes=-7", whole.content[-7:]),
        ("bytes=10-999999999", whole.content[10:]),
    ]:
        response = client.get(path, params=params, headers={"Range": header})
        assert response.status_code == 206
        assert response.content == part
        start = size - len(part) if header.startswith("bytes=-") else int(header[6:].split("-")[0])
        assert response.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{size}"
    beyond = client.get(path, params=params, headers={"Range": f"bytes={size}-"})
    error_of(beyond, 416, "invalid_input")
    assert beyond.headers["content-range"] == f"bytes */{size}"
    unchanged = client.get(path, params=params, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    stale = client.get(path, params=params, headers={"Range": "bytes=0-9", "If-Range": '"old"'})
    assert (stale.status_code, len(stale.content)) == (200, size)


def test_the_live_stream_of_a_finished_job_is_its_audio(client):
    job, pcm = spoken(client, text="Already done.")
    assert (
        client.get(f"/v1/voice/jobs/{job['job_id']}/audio", params={"live": "true"}).content == pcm
    )


def test_a_running_job_can_be_heard_live_from_its_first_segment_to_its_last(client):
    text = " ".join(f"This is sentence number {n} of a longer story." for n in range(40))[:2000]
    for audio_format in ("pcm_s16le", "wav", "mp3"):
        job_id = create(client, text=text).json()["job_id"]
        live = client.get(
            f"/v1/voice/jobs/{job_id}/audio", params={"live": "true", "format": audio_format}
        )
        assert live.status_code == 200
        job = finished(client, job_id)
        if audio_format == "pcm_s16le":
            seconds = len(live.content) / 48_000
        else:
            seconds = decode(live.content).duration
        assert seconds == pytest.approx(job["duration_ms"] / 1000, abs=0.15)


# --- events and cancelling --------------------------------------------------------------------


def events_of(client, job_id):
    found = []
    with client.stream("GET", f"/v1/voice/jobs/{job_id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        name = None
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                found.append((name, json.loads(line.removeprefix("data: "))))
    return found


def test_events_tell_the_job_s_life_and_then_end(client):
    job_id = create(client, text="Tell me all about it. " * 20).json()["job_id"]
    events = events_of(client, job_id)
    statuses = [data["status"] for name, data in events if name == "status"]
    assert statuses[-1] == "completed"
    order = ["pending", "processing", "completed"]
    assert statuses == sorted(statuses, key=order.index)
    assert events[-1][1]["progress_percent"] == 100
    assert events[-1][1]["duration_ms"] > 0
    assert all(data["job_id"] == job_id for _, data in events)
    assert events_of(client, job_id)[-1] == events[-1]


def test_deleting_an_ended_job_changes_nothing(client):
    job, pcm = spoken(client, text="Too late to cancel.")
    response = client.delete(f"/v1/voice/jobs/{job['job_id']}")
    assert (response.status_code, response.json()) == (200, job)
    assert client.get(f"/v1/voice/jobs/{job['job_id']}/audio").content == pcm


def test_cancelling_a_waiting_job_gives_its_quota_back(make_server):
    server = make_server("--no-worker").start()
    with server.client() as client:
        job_id = create(client, text="Never mind.").json()["job_id"]
        assert client.get("/v1/quota").json()["used"] == 11
        error_of(client.get(f"/v1/voice/jobs/{job_id}/audio"), 404, "not_found")
        cancelled = client.delete(f"/v1/voice/jobs/{job_id}").json()
        assert cancelled["status"] == "cancelled"
        assert client.get("/v1/quota").json()["used"] == 0
        assert client.delete(f"/v1/voice/jobs/{job_id}").json() == cancelled
        assert client.get("/v1/quota").json()["used"] == 0
        assert [d["status"] for _, d in events_of(client, job_id)] == ["cancelled"]
        error_of(client.get(f"/v1/voice/jobs/{job_id}/audio?live=true"), 404, "not_found")


# --- refusals ---------------------------------------------------------------------------------


def test_a_workspace_sees_nothing_of_another(server, client):
    job, _ = spoken(client, text="Mine alone.")
    name = f"other-{uuid.uuid4().hex[:8]}"
    server.prepare("workspaces", "create", name, "--plan", "starter")
    made = json.loads(server.prepare("keys", "create", "-w", name, "-n", "k", "--json"))
    with server.client(made["key"]) as other:
        for tail in ("", "/audio", "/events"):
            theirs = other.get(f"/v1/voice/jobs/{job['job_id']}{tail}")
            missing = other.get(f"/v1/voice/jobs/{uuid.uuid4()}{tail}")
            assert theirs.json() == missing.json()
            error_of(theirs, 404, "not_found")
        error_of(other.delete(f"/v1/voice/jobs/{job['job_id']}"), 404, "not_found")
    assert client.get(f"/v1/voice/jobs/{job['job_id']}").status_code == 200


def test_quota_rate_and_scope_are_told_in_the_seed_s_words(make_server, tmp_path):
    plans = tmp_path / "plans.toml"
    plans.write_text(
        "[tiny]\ncharacters_per_month = 30\nposts_per_month = 1\nrequests_per_minute = 6\n"
        "max_input_characters = 25\nretention_hours = 1\nfeatures = []\n"
    )
    server = make_server("--plans-file", str(plans)).start()
    with server.client() as client:
        error_of(create(client, text="x" * 26), 400, "invalid_input")
        first = create(client, text="x" * 20)
        assert first.headers["x-quota-limit"] == "30"
        assert first.headers["x-quota-remaining"] == "10"
        error_of(create(client, text="y" * 20), 402, "quota_exceeded")
        assert client.get("/v1/quota").json()["remaining"] == 10
        assert create(client, text="z" * 10).headers["x-quota-remaining"] == "0"
        assert client.get("/v1/quota").status_code == 200
        limited = client.get("/v1/quota")
        error_of(limited, 429, "rate_limited")
        assert 1 <= int(limited.headers["retry-after"]) <= 60
    manage = json.loads(server.prepare("keys", "create", "--scopes", "manage", "--json"))
    with server.client(manage["key"]) as managing:
        error_of(managing.get("/v1/quota"), 403, "forbidden")


def test_blocked_text_is_refused_before_it_costs_and_is_stored_nowhere(make_server, tmp_path):
    blocklist = tmp_path / "blocked.txt"
    blocklist.write_text("# what we never say\nxyzzy plugh\n")
    server = make_server(INTONE_POLICY_BLOCKLIST=str(blocklist)).start()
    with server.client() as client:
        key = str(uuid.uuid4())
        error_of(create(client, text="Say XYZZY  Plugh now.", key=key), 403, "policy_blocked")
        assert client.get("/v1/quota").json()["used"] == 0
        assert create(client, text="Say something else.", key=key).status_code == 201
    server.stop()
    for path in [server.log, *server.data_dir.rglob("*")]:
        if path.is_file():
            assert b"XYZZY" not in path.read_bytes(), path


def test_a_job_expires_after_its_retention_and_its_audio_with_it(make_server):
    server = make_server(INTONE_RETENTION_HOURS="0.0004", INTONE_RETENTION_SWEEP_S="0.2").start()
    with server.client() as client:
        job_id = create(client, text="Short is life.").json()["job_id"]
        deadline = time.monotonic() + 30
        while client.get(f"/v1/voice/jobs/{job_id}").status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        error_of(client.get(f"/v1/voice/jobs/{job_id}"), 404, "not_found")
        error_of(client.get(f"/v1/voice/jobs/{job_id}/audio"), 404, "not_found")
        while [p for p in (server.data_dir / "blobs").rglob("*") if p.is_file()]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
