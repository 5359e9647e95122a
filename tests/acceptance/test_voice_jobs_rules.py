"""Rules of the voice jobs dialect that need a server in a certain state: one server a test."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager

import pytest

from helpers.decoding import decode
from helpers.processes import children
from helpers.server import create, finished, free_port, job_request, spoken

LONG = "One of many sentences, so that rendering them all takes a while. " * 30
TINY_PLAN = (
    "[tiny]\ncharacters_per_month = 20\nposts_per_month = 1\nrequests_per_minute = 0\n"
    "max_input_characters = 40\nretention_hours = 1\nfeatures = []\n"
)


def assert_refused(response, status, code):
    assert response.status_code == status, response.text
    assert response.json()["error"]["code"] == code


def events_of(client, job_id):
    with client.stream("GET", f"/v1/voice/jobs/{job_id}/events") as response:
        lines = [line for line in response.iter_lines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def tables(server, *names):
    with sqlite3.connect(f"file:{server.data_dir}/intone.db?mode=ro", uri=True) as db:
        return {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def sql(server, statement):
    with sqlite3.connect(server.data_dir / "intone.db") as db:
        db.execute(statement)


@contextmanager
def frozen_engines(server):
    """The engine's processes stand still; yields a function that lets them move for a moment."""
    pids = children(server.process.pid)
    assert pids

    def all_of_them(number):
        for pid in pids:
            os.kill(pid, number)

    def move(seconds):
        all_of_them(signal.SIGCONT)
        time.sleep(seconds)
        all_of_them(signal.SIGSTOP)

    all_of_them(signal.SIGSTOP)
    try:
        yield move
    finally:
        all_of_them(signal.SIGCONT)


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


# --- the order of checks ----------------------------------------------------------------------


def test_form_is_checked_before_the_plan_the_plan_before_policy_and_policy_before_quota(
    make_server, tmp_path
):
    (tmp_path / "plans.toml").write_text(TINY_PLAN)
    (tmp_path / "blocked.txt").write_text("xyzzy\n")
    server = make_server(
        "--plans-file", str(tmp_path / "plans.toml"),
        INTONE_POLICY_BLOCKLIST=str(tmp_path / "blocked.txt"),
    ).start()  # fmt: skip
    with server.client() as client:
        assert_refused(create(client, text="xyzzy " * 10, rate=9), 400, "invalid_input")
        assert_refused(create(client, text="xyzzy " * 10), 400, "invalid_input")
        assert_refused(create(client, text="xyzzy, much more than is left"), 403, "policy_blocked")
        assert_refused(create(client, text="Only more than what is left"), 402, "quota_exceeded")
        assert client.get("/v1/quota").json()["remaining"] == 20
    nothing = tables(server, "jobs", "holds", "queue_entries", "idempotency_keys")
    assert set(nothing.values()) == {0}


def test_a_moderation_service_that_is_away_is_a_503_that_stores_and_charges_nothing(make_server):
    away = f"http://127.0.0.1:{free_port()}/moderations"
    server = make_server(INTONE_POLICY_MODERATION_URL=away).start()
    with server.client() as client:
        response = create(client, text="Is anybody there?")
        assert_refused(response, 503, "service_unavailable")
        assert response.json()["error"]["retryable"] is True
        assert int(response.headers["retry-after"]) >= 1
        assert client.get("/v1/quota").json()["used"] == 0
    assert set(tables(server, "jobs", "holds", "queue_entries").values()) == {0}


def test_a_key_can_be_used_anew_after_24_hours(make_server):
    server = make_server("--no-worker").start()
    key = str(uuid.uuid4())
    with server.client() as client:
        first = create(client, text="Yesterday.", key=key)
        assert_refused(create(client, text="Today.", key=key), 409, "idempotency_conflict")
        with sqlite3.connect(f"file:{server.data_dir}/intone.db?mode=ro", uri=True) as db:
            forgotten = db.execute("SELECT expires_at FROM idempotency_keys").fetchone()[0] / 1000
        assert (forgotten - time.time()) / 3600 == pytest.approx(24, abs=0.1)
        sql(server, "UPDATE idempotency_keys SET expires_at = expires_at - 24 * 3600000")
        second = create(client, text="Today.", key=key)
    assert second.status_code == 201
    assert "idempotent-replayed" not in second.headers
    assert second.json() != first.json()


# --- bodies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("character", ["\x00", "\x1f", "\x7f", "\x9f"])
def test_control_characters_are_refused_in_the_request_tag_too(client, character):
    response = create(client, tag=f"a{character}b")
    assert_refused(response, 400, "invalid_input")
    assert "client.request_tag" in response.json()["error"]["message"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_what_is_left_out_is_the_default(client, version):
    body = job_request("By default.", tag=None)
    explicit, brief = {**body}, {"input": body["input"], "voice": {**body["voice"]}}
    del explicit["client"], brief["voice"]["style"], brief["voice"]["rate"]
    brief["output"] = body["output"]
    if version == "v2":
        brief["output"] = {"audio": {**body["output"]}}
        explicit["output"] = {"audio": {**body["output"], "channels": 1}}
    jobs = []
    for body in (explicit, brief):
        job = finished(client, create(client, body, version=version).json()["job_id"], version)
        audio = client.get(f"/{version}/voice/jobs/{job['job_id']}/audio")
        assert audio.headers["x-channels"] == "1"
        jobs.append(job)
    for name in ("voice", "output", "request_tag"):
        assert jobs[0][name] == jobs[1][name]
    assert jobs[0]["output"] == explicit["output"]
    # eSpeak NG's own sounds vary by some milliseconds from one time to the next.
    assert jobs[0]["duration_ms"] == pytest.approx(jobs[1]["duration_ms"], abs=40)


@pytest.mark.parametrize("rate", [0.5, 2.0, 1, 2])
def test_the_ends_of_the_range_of_rates_belong_to_it(client, rate):
    assert create(client, rate=rate).status_code == 201


def test_a_text_with_nothing_to_say_is_a_whole_recording_of_silence(client):
    job, pcm = spoken(client, text="😀")
    path = f"/v1/voice/jobs/{job['job_id']}/audio"
    assert len(pcm) / 48 == pytest.approx(job["duration_ms"], abs=1)
    for audio_format in ("wav", "mp3"):
        content = client.get(path, params={"format": audio_format}).content
        assert content
        if pcm:
            assert decode(content).duration == pytest.approx(job["duration_ms"] / 1000, abs=0.1)
    ranged = client.get(path, headers={"Range": "bytes=0-"})
    assert (ranged.status_code, ranged.content) == (206 if pcm else 200, pcm)


# --- a job's life -----------------------------------------------------------------------------


def test_a_failed_job_says_why_is_charged_nothing_and_has_no_audio(make_server):
    server = make_server("--no-worker").start()
    with server.client() as client:
        job_id = create(client, text="In a voice that is no more.").json()["job_id"]
        assert client.get("/v1/quota").json()["used"] == len("In a voice that is no more.")
    server.stop()
    sql(server, "UPDATE jobs SET spec = replace(spec, 'voice_en_us_001', 'voice_gone_001')")
    server.args = ()
    server.start()
    with server.client() as client:
        job = finished(client, job_id)
        assert (job["status"], job["duration_ms"]) == ("failed", None)
        assert set(job["error"]) == {"code", "message", "retryable"}
        assert job["error"]["message"]
        assert job["created_at"] <= job["started_at"] <= job["completed_at"] < job["expires_at"]
        assert client.get("/v1/quota").json()["used"] == 0
        for params in ({}, {"live": "true"}, {"format": "mp3"}):
            audio = client.get(f"/v1/voice/jobs/{job_id}/audio", params=params)
            assert_refused(audio, 404, "not_found")
        last = events_of(client, job_id)[-1]
        assert (last["status"], last["error"]) == ("failed", job["error"])
        assert client.delete(f"/v1/voice/jobs/{job_id}").json() == job


def test_cancelling_a_running_job_ends_it_and_gives_its_quota_back(make_server):
    server = make_server().start()
    with server.client() as client:
        with frozen_engines(server):
            job_id = create(client, text=LONG).json()["job_id"]
            path = f"/v1/voice/jobs/{job_id}"
            until(lambda: client.get(path).json()["status"] == "processing")
            assert client.get("/v1/quota").json()["used"] == len(LONG)
            cancelled = client.delete(path).json()
            assert (cancelled["status"], cancelled["error"]) == ("cancelled", None)
            assert client.get("/v1/quota").json()["used"] == 0
            assert events_of(client, job_id)[-1]["status"] == "cancelled"
        job, _ = spoken(client, text="The next one.")
        assert client.get(path).json() == cancelled
        assert_refused(client.get(f"{path}/audio"), 404, "not_found")
        assert client.get("/v1/quota").json()["used"] == len("The next one.")
    until(lambda: not list((server.data_dir / "spool").glob("*")))
    blobs = [path for path in (server.data_dir / "blobs").rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in blobs) == [".pcm", ".words"]
    assert all(job["job_id"] in str(path) for path in blobs)


def test_live_sound_comes_before_the_rendering_ends_and_goes_on_to_its_end(make_server):
    server = make_server().start()
    with server.client() as client:
        with frozen_engines(server) as move:
            job_id = create(client, text=LONG, rate=0.5, sample_rate=44100).json()["job_id"]
            path = f"/v1/voice/jobs/{job_id}"
            until(lambda: client.get(path).json()["status"] == "processing")
            spool = server.data_dir / "spool" / f"{job_id}.1.pcm"
            while not spool.stat().st_size:
                move(0.002)
            with client.stream("GET", f"{path}/audio", params={"live": "true"}) as live:
                assert live.status_code == 200
                pieces = live.iter_raw()
                heard = next(pieces)
                assert client.get(path).json()["status"] == "processing"
                assert_refused(client.get(f"{path}/audio"), 404, "not_found")
                for pid in children(server.process.pid):
                    os.kill(pid, signal.SIGCONT)
                heard += b"".join(pieces)
        job = finished(client, job_id)
        assert len(heard) / 88.2 == pytest.approx(job["duration_ms"], abs=1)


def test_a_job_that_another_process_renders_can_be_followed_and_heard(make_server, tmp_path):
    """The spool of a worker elsewhere is out of sight; the database and the blobs are shared."""
    home = tmp_path / "data"
    server = make_server("--no-worker", "--database-url", f"sqlite:///{home}/intone.db").start()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "blobs").symlink_to(home / "blobs")
    with server.client() as client:
        job_id = create(client, text="From far away.").json()["job_id"]
        worker = subprocess.Popen(
            [sys.executable, "-m", "intone", "worker", "--database-url",
             f"sqlite:///{home}/intone.db", "--data-dir", str(elsewhere)],
            env=server.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            live = client.get(f"/v1/voice/jobs/{job_id}/audio", params={"live": "true"})
            assert live.status_code == 200, live.text
            job = finished(client, job_id)
            assert len(live.content) / 48 == pytest.approx(job["duration_ms"], abs=1)
            again = create(client, text=LONG).json()["job_id"]
            told = events_of(client, again)
        finally:
            worker.terminate()
            assert worker.wait(30) == 0
    assert told[-1]["status"] == "completed"
    assert [event["progress_percent"] for event in told] == sorted(
        event["progress_percent"] for event in told
    )
