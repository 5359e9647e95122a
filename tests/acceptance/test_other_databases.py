"""The same server on PostgreSQL: nothing changes for a client."""

import uuid

import pytest

from helpers.server import create, finished, spoken


@pytest.mark.requires("postgres")
def test_a_job_on_postgresql_from_creation_to_audio_through_a_kill(
    make_server, postgres_database_url
):
    server = make_server("--database-url", postgres_database_url).start()
    with server.client() as client:
        key = str(uuid.uuid4())
        first = create(client, text="On another database.", key=key)
        assert create(client, text="On another database.", key=key).content == first.content
        assert create(client, text="Else.", key=key).status_code == 409
        job, pcm = spoken(client, text="It sounds the same.")
        assert len(pcm) / 48 == pytest.approx(job["duration_ms"], abs=1)
        jobs = [create(client, text="Pull the plug. " * 50).json()["job_id"] for _ in range(5)]
    server.kill()
    server.start()
    with server.client() as client:
        for job_id in jobs:
            assert finished(client, job_id)["status"] == "completed"
        used = client.get("/v1/quota").json()["used"]
        assert used == len("On another database.") + len("It sounds the same.") + 5 * 15 * 50


@pytest.mark.requires("postgres")
def test_a_worker_of_its_own_renders_what_a_server_accepted(
    make_server, postgres_database_url, tmp_path
):
    import subprocess
    import sys

    server = make_server("--database-url", postgres_database_url, "--no-worker").start()
    worker = subprocess.Popen(
        [sys.executable, "-m", "intone", "worker", "--database-url", postgres_database_url,
         "--data-dir", str(server.data_dir)],
        env=server.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with server.client() as client:
            assert spoken(client, text="By somebody else.")[0]["status"] == "completed"
    finally:
        worker.terminate()
        assert worker.wait(30) == 0


@pytest.mark.requires("postgres")
def test_a_nul_names_no_post_and_no_site_though_postgresql_takes_no_such_text(
    make_server, postgres_database_url
):
    server = make_server(INTONE_DATABASE_URL=postgres_database_url).start()
    assert server.cli("sites", "create", "--domain", "blog.example").returncode == 0
    asked = [
        ("GET", "/v1/audio/%00/status"),
        ("DELETE", "/v1/audio/a%00b"),
        ("GET", "/v1/audio?post_id=%00"),
        ("GET", "/v1/audio?site=%00"),
        ("GET", "/v1/public/audio?domain=blog.example&post_id=%00"),
        ("GET", "/v1/analytics/posts/%00"),
        ("POST", "/v1/sites/%00/rotate-key"),
    ]
    with server.client() as client:
        answers = {path: client.request(method, path).status_code for method, path in asked}
    assert answers == {path: 404 for _, path in asked}
