"""Processes that die or freeze and disks that fill: every accepted job ends once, charged once."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import httpx
import numpy as np
import pytest

from helpers.processes import children
from helpers.server import create, finished, job_request

TEXT = "This sentence is part of a job that somebody pulls the plug on. " * 20


def books(server):
    """What the database says of jobs, holds, the balance and the queue."""
    with sqlite3.connect(f"file:{server.data_dir}/intone.db?mode=ro", uri=True) as db:
        return {
            "jobs": dict(db.execute("SELECT state, count(*) FROM jobs GROUP BY state")),
            "holds": dict(db.execute("SELECT state, count(*) FROM holds GROUP BY state")),
            "charged": db.execute("SELECT coalesce(sum(settled), 0) FROM holds").fetchone()[0],
            "balance": db.execute(
                "SELECT spent, held FROM balances WHERE meter = 'characters'"
            ).fetchone(),
            "recordings": db.execute("SELECT count(*) FROM recordings").fetchone()[0],
            "queue": db.execute("SELECT count(*) FROM queue_entries").fetchone()[0],
        }


def assert_in_order(server, client, jobs: dict[str, int]):
    """Every job is completed with whole audio, and was charged once."""
    for job_id in jobs:
        job = finished(client, job_id)
        assert job["status"] == "completed", job
        audio = client.get(f"/v1/voice/jobs/{job_id}/audio")
        assert abs(len(audio.content) / 48 - job["duration_ms"]) <= 1
        samples = np.frombuffer(audio.content, "<i2")
        # A piece that was lost on the way to the disk would be a hole of zeros.
        assert np.diff(np.flatnonzero(samples)).max() < samples.size / 4
        assert np.abs(samples[-samples.size // 4 :]).max() > 1000
    seen = books(server)
    assert seen["jobs"] == {"ready": len(jobs)}
    assert seen["holds"] == {"settled": len(jobs)}
    assert seen["charged"] == sum(jobs.values())
    assert seen["balance"] == (sum(jobs.values()), 0)
    assert seen["recordings"] == len(jobs)
    assert seen["queue"] == 0


def durations(client, jobs):
    return {client.get(f"/v1/voice/jobs/{job_id}").json()["duration_ms"] for job_id in jobs}


def test_a_killed_server_ends_every_accepted_job_once_when_it_is_back(make_server):
    server = make_server().start()
    jobs = {}
    for round_ in range(2):
        with server.client() as client:
            for _ in range(4):
                jobs[create(client, text=TEXT).json()["job_id"]] = len(TEXT)
        time.sleep(random.Random(round_).uniform(0.0, 0.3))
        server.kill()
        server.start()
    with server.client() as client:
        assert_in_order(server, client, jobs)
        lengths = durations(client, jobs)
        assert max(lengths) - min(lengths) < 500, "a recording is cut short"


def test_requests_repeated_over_a_kill_make_one_job_each(make_server):
    server = make_server().start()
    keys = [str(uuid.uuid4()) for _ in range(20)]
    answers: dict[str, set] = {key: set() for key in keys}
    stop = threading.Event()

    def insist(key):
        while not stop.is_set():
            try:
                with server.client() as client:
                    response = create(client, text="Insist on it.", key=key)
                assert response.status_code == 201, response.text
                answers[key].add(response.content)
                if len(answers[key]) and stop.wait(0.05):
                    return
            except httpx.TransportError:
                time.sleep(0.05)

    threads = [threading.Thread(target=insist, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for _ in range(2):
        time.sleep(0.7)
        server.kill()
        server.start()
    deadline = time.monotonic() + 60
    while not all(answers.values()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert [len(found) for found in answers.values()] == [1] * len(keys)
    with server.client() as client:
        ids = {
            httpx.Response(200, content=next(iter(a))).json()["job_id"] for a in answers.values()
        }
        assert len(ids) == len(keys)
        assert_in_order(server, client, dict.fromkeys(ids, len("Insist on it.")))


def test_engine_processes_that_are_killed_cost_no_job(make_server):
    server = make_server().start()
    with server.client() as client:
        jobs = {create(client, text=TEXT).json()["job_id"]: len(TEXT) for _ in range(6)}
        for _ in range(6):
            time.sleep(0.1)
            for pid in children(server.process.pid)[:1]:
                os.kill(pid, signal.SIGKILL)
        assert_in_order(server, client, jobs)
        lengths = durations(client, jobs)
        assert max(lengths) - min(lengths) < 500, "a recording is cut short"


def start_worker(server):
    return subprocess.Popen(
        [sys.executable, "-m", "intone", "worker", "--data-dir", str(server.data_dir)],
        env=server.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def until(condition, timeout=60):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.timeout(180)
def test_a_worker_frozen_beyond_its_lease_changes_nothing_when_it_wakes(make_server):
    server = make_server("--no-worker").start()
    frozen = start_worker(server)
    try:
        until(lambda: len(children(frozen.pid)) >= 1)
        time.sleep(1)
        engines = children(frozen.pid)
        for pid in engines:
            os.kill(pid, signal.SIGSTOP)
        with server.client() as client:
            job_id = create(client, text=TEXT).json()["job_id"]
            job = f"/v1/voice/jobs/{job_id}"
            until(lambda: client.get(job).json()["status"] == "processing")
            os.kill(frozen.pid, signal.SIGSTOP)
            other = start_worker(server)
            try:
                assert finished(client, job_id)["status"] == "completed"
                before, audio = client.get(job).json(), client.get(f"{job}/audio").content
                for pid in [*engines, frozen.pid]:
                    os.kill(pid, signal.SIGCONT)
                time.sleep(3)
                assert client.get(job).json() == before
                assert client.get(f"{job}/audio").content == audio
                assert_in_order(server, client, {job_id: len(TEXT)})
                blobs = [p.name for p in (server.data_dir / "blobs").rglob("*") if p.is_file()]
                recording = min(blobs)
                assert sorted(blobs) == [recording, f"{recording}.words"]
            finally:
                other.terminate()
                other.wait(30)
    finally:
        frozen.send_signal(signal.SIGCONT)
        frozen.kill()
        frozen.wait(30)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.requires("mount")
def test_a_full_disk_refuses_writes_serves_reads_and_recovers_by_itself(make_server, small_disk):
    server = make_server(name="disk/data")
    server.log = small_disk.parent / "server.log"
    server.start()
    with server.client() as client:
        before = create(client, text="Before.").json()["job_id"]
        finished(client, before)
        used = client.get("/v1/quota").json()["used"]
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 20, 4096, 512):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass
        refused = None
        for _ in range(200):
            response = create(client, text="While it is full. " * 100)
            if response.status_code != 201:
                refused = response
                break
        assert refused is not None, "the disk never filled"
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "service_unavailable"
        assert refused.json()["error"]["retryable"] is True
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/v1/quota").status_code == 200
        assert client.get(f"/v1/voice/jobs/{before}/audio").status_code == 200
        assert used == len("Before.")
        filler.unlink()
        until(lambda: create(client, text="After.").status_code == 201)
        job = create(client, text="And again.").json()["job_id"]
        assert finished(client, job)["status"] == "completed"


def test_an_interrupted_server_stops_cleanly_and_gives_its_work_back(make_server):
    server = make_server().start()
    with server.client() as client:
        jobs = {create(client, text=TEXT).json()["job_id"]: len(TEXT) for _ in range(6)}
    assert server.stop() == 0
    assert not list((server.data_dir / "spool").glob("*"))
    server.start()
    with server.client() as client:
        assert_in_order(server, client, jobs)


def test_nothing_of_a_refused_request_is_kept(make_server):
    server = make_server().start()
    with server.client() as client:
        for body in (job_request(""), job_request("x" * 3000), job_request("a\x00b"), {}, []):
            assert create(client, body).status_code == 400
    seen = books(server)
    assert (seen["jobs"], seen["holds"], seen["balance"]) == ({}, {}, (0, 0))
    assert not list((Path(server.data_dir) / "blobs").rglob("*.*"))
