"""Cloning over HTTP: what a client of a real server does to have a voice."""

from __future__ import annotations

import time

CONSENT = {"givenBy": "Ada Lovelace", "givenAt": "2026-01-19T09:30:00Z"}
#: Seconds within which a voice is ready or has failed.
PATIENCE_S = 120


def upload(client, data, name="sample.wav"):
    answer = client.post("/v1/uploads", files={"file": (name, data)})
    assert answer.status_code == 201, answer.text
    return answer.json()["path"]


def clone(client, *paths, **changes):
    body = {"samplePaths": list(paths), "name": "Ada", "consent": CONSENT} | changes
    answer = client.post("/v1/voices/clone", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "queued"
    return answer.json()["id"]


def ended(client, voice_id):
    """The voice, once it is ready or has failed."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        shown = client.get(f"/v1/voices/{voice_id}").json()
        if shown["status"] in {"ready", "failed"}:
            return shown
        assert shown["status"] in {"queued", "running"}
        time.sleep(0.1)
    raise AssertionError(f"the voice did not end: {shown}")


def made(client, *paths, **changes):
    return ended(client, clone(client, *paths, **changes))


def speech(client, **fields):
    body = {"input": "Good morning to you all.", "response_format": "pcm"} | fields
    return client.post("/v1/audio/speech", json=body)


def slug(voice_id):
    return "voice_" + voice_id.replace("-", "")[:12]
