"""The long form of the bad days: a server killed again and again under work (`make chaos`)."""

import os
import random
import sqlite3
import threading
import time
import uuid

import httpx

from helpers.server import IntoneServer, create, finished

KILLS = int(os.environ.get("INTONE_CHAOS_KILLS", "60"))
TEXTS = [
    "A short one.",
    "A longer one, with several sentences. " * 8,
    "The longest of them all. " * 70,
]


def test_two_hundred_jobs_and_many_kills_end_each_job_once_and_charge_it_once(tmp_path):
    """Clients insist with their keys while the server is killed at random moments."""
    server = IntoneServer(tmp_path / "data").start()
    dice = random.Random(2026)
    orders = {str(uuid.uuid4()): dice.choice(TEXTS) for _ in range(200)}
    accepted: dict[str, set[str]] = {key: set() for key in orders}
    waiting = list(orders)
    stop = threading.Event()

    def insist():
        while not stop.is_set():
            try:
                key = waiting.pop()
            except IndexError:
                return
            while not stop.is_set():
                try:
                    with server.client() as client:
                        response = create(client, text=orders[key], key=key)
                    assert response.status_code in {201, 503}, response.text
                    if response.status_code == 201:
                        accepted[key].add(response.json()["job_id"])
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.02)
            time.sleep(dice.uniform(0, 0.6))

    threads = [threading.Thread(target=insist) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.05, 0.8))
            server.kill()
            server.start()
        for thread in threads:
            thread.join(120)
    finally:
        stop.set()
    try:
        assert all(len(ids) == 1 for ids in accepted.values())
        with server.client() as client:
            for key, ids in accepted.items():
                job = finished(client, next(iter(ids)))
                assert job["status"] == "completed", job
                audio = client.get(f"/v1/voice/jobs/{job['job_id']}/audio")
                assert abs(len(audio.content) / 48 - job["duration_ms"]) <= 1, key
    finally:
        server.stop()
    with sqlite3.connect(server.data_dir / "intone.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        total = sum(len(text) for text in orders.values())
        assert db.execute("SELECT count(*) FROM jobs WHERE state = 'ready'").fetchone() == (200,)
        assert db.execute("SELECT count(*) FROM holds WHERE state = 'settled'").fetchone() == (200,)
        assert db.execute(
            "SELECT spent, held FROM balances WHERE meter = 'characters'"
        ).fetchone() == (total, 0)
        assert db.execute("SELECT count(*) FROM queue_entries").fetchone() == (0,)
