"""What takes a voice of one's own to learn on a real server: added up, deleted, interrupted."""

import time

import pytest

from helpers.cloning import spoken_sample
from helpers.cloning_server import clone, ended, made, slug, speech, upload
from helpers.server import IntoneServer, create, spoken
from helpers.speech import ARTICLE


@pytest.fixture
def server(tmp_path):
    server = IntoneServer(tmp_path / "cloning" / "data").start()
    yield server
    server.stop()


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


def test_short_samples_add_up(client):
    halves = [spoken_sample(half) for half in (ARTICLE[:75], ARTICLE[75:])]
    shown = made(client, *(upload(client, half) for half in halves))
    assert shown["status"] == "ready", shown


def test_a_deleted_voice_takes_its_recordings_along(client):
    voice_id = made(client, upload(client, spoken_sample()))["id"]
    job, _ = spoken(client, voice=slug(voice_id))
    assert client.delete(f"/v1/voices/{voice_id}").status_code == 204
    assert client.get(f"/v1/voices/{voice_id}").status_code == 404
    assert client.get(f"/v1/voice/jobs/{job['job_id']}").status_code == 404
    assert client.get(f"/v1/voice/jobs/{job['job_id']}/audio").status_code == 404
    assert create(client, voice=slug(voice_id)).status_code == 400
    assert speech(client, model="matching/default", voice=voice_id).status_code == 400


def test_a_voice_ends_once_though_its_server_is_killed(server):
    with server.client() as client:
        voice_id = clone(client, upload(client, spoken_sample()))
        while client.get(f"/v1/voices/{voice_id}").json()["status"] == "queued":
            time.sleep(0.01)
        server.kill()
    server.start()
    with server.client() as client:
        shown = ended(client, voice_id)
        assert shown["status"] == "ready", shown
        assert speech(client, model="matching/default", voice=voice_id).status_code == 200
        items = client.get("/v1/voices").json()["items"]
        assert [one["id"] for one in items if one["kind"] == "cloned"] == [voice_id]
    models = [path for path in (server.data_dir / "blobs" / "voices").rglob("*") if path.is_file()]
    assert len(models) == 1
