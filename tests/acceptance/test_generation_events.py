"""What a generation's end tells the webhooks of its workspace: each form its own envelope."""

import json
import time

import httpx
import pytest
from standardwebhooks import Webhook

from helpers.decoding import decode
from loopback.vendor import Answer, VendorServer

OPEN = {"INTONE_EGRESS_ALLOW": "127.0.0.0/8", "INTONE_WEBHOOKS_ALLOW_HTTP": "true"}
EVENTS = ["generation.ready", "generation.failed", "generation.completed"]


@pytest.fixture
def receiver():
    with VendorServer() as server:
        server.on("POST", "/hook", Answer(b""))
        yield server


def told(receiver, secret, count):
    deadline = time.monotonic() + 60
    while len(receiver.requests) < count:
        assert time.monotonic() < deadline, receiver.requests
        time.sleep(0.05)
    events = [
        Webhook(secret).verify(request.body, dict(request.headers)) for request in receiver.requests
    ]
    return {event["event"]: event for event in events}


@pytest.mark.parametrize("form", ["script", "text"])
def test_a_ready_generation_is_told_in_both_envelopes(make_server, receiver, form):
    server = make_server(**OPEN).start()
    with server.client() as client:
        hook = client.post(
            "/v1/webhooks", json={"url": f"{receiver.base_url}/hook", "events": EVENTS}
        ).json()
        body = {"voiceId": "voice_en_us_001", form: "Hello there, webhooks.", "format": "wav"}
        made = client.post("/v1/generations", json=body).json()
        events = told(receiver, hook["secret"], 2)
        found = client.get(f"/v1/generations/{made['id']}").json()
    assert set(events) == {"generation.ready", "generation.completed"}
    ready, completed = events["generation.ready"], events["generation.completed"]
    assert set(ready) == {"event", "timestamp", "data"}
    assert (ready["data"]["id"], ready["data"]["status"]) == (found["id"], found["status"])
    assert set(completed) == {"event", "data"}
    data = completed["data"]
    assert list(data) == [
        "id", "status", "voiceId", "format", "durationMs", "audioUrl", "completedAt"
    ]  # fmt: skip
    assert (data["id"], data["status"], data["format"]) == (found["id"], "completed", "wav")
    heard = decode(httpx.get(data["audioUrl"]).content)
    assert heard.duration == pytest.approx(data["durationMs"] / 1000, abs=0.01)


def test_a_failed_generation_is_told(make_server, receiver):
    """Its voice is deleted while it waits: nobody can speak it any more."""
    server = make_server("--no-worker", **OPEN).start()
    with server.client() as client:
        hook = client.post(
            "/v1/webhooks", json={"url": f"{receiver.base_url}/hook", "events": EVENTS}
        ).json()
        body = {"voiceId": "voice_en_us_001", "script": "Hello there."}
        made = client.post("/v1/generations", json=body).json()
    server.stop()
    # As a newer server might leave it behind: the job names a voice that this one does not have.
    import sqlite3

    with sqlite3.connect(server.data_dir / "intone.db") as db:
        spec = json.loads(db.execute("SELECT spec FROM jobs").fetchone()[0])
        db.execute("UPDATE jobs SET spec = ?", (json.dumps({**spec, "voice": "voice_gone"}),))
    again = make_server(**OPEN).start()
    with again.client(key=server.key) as client:
        events = told(receiver, hook["secret"], 1)
        assert client.get(f"/v1/generations/{made['id']}").json()["status"] == "failed"
        assert client.get("/v1/quota").json()["used"] == 0
    assert events["generation.failed"]["data"]["id"] == made["id"]
    assert events["generation.failed"]["data"]["error"]["code"]
