"""A job whose server dies goes on where it stopped: what was spoken and kept is not spoken again."""

import asyncio
import sqlite3
import time
from contextlib import closing

import pytest

from helpers.server import finished
from helpers.work import submission
from intone.core import workspaces
from intone.core.submission import submit
from intone.queue.open import open_queue
from intone.storage.open import open_database

SENTENCES = 500
#: About half an hour of speech; no sentence comes twice.
TEXT = " ".join(
    f"Sentence number {n} tells of the lamp, the boat and the weather of day {n * 7}."
    for n in range(SENTENCES)
)


async def submit_beside(server):
    """Submit a job that asks for reuse, as another process on the same data folder would."""
    database = open_database(f"sqlite:///{server.data_dir}/intone.db")
    await database.start()
    queue = open_queue(database)
    await queue.start()
    try:
        workspace = await database.read(workspaces.find, "default")
        wanted = submission(workspace.id, TEXT, sample_rate=8000, reuse=True)
        return (await database.write(submit, queue, wanted)).body.decode()
    finally:
        await queue.close()
        await database.close()


def packs(server):
    """How many segments each pack has, by its path, as the database says."""
    with closing(sqlite3.connect(f"file:{server.data_dir}/intone.db?mode=ro", uri=True)) as db:
        return dict(db.execute("SELECT blob, count(*) FROM segments GROUP BY blob"))


@pytest.mark.timeout(180)
def test_a_job_resumes_where_kill_9_stopped_it(make_server):
    server = make_server(INTONE_ENGINE_PROCESSES=1).start()
    job_id = asyncio.run(submit_beside(server))
    deadline = time.monotonic() + 60
    while len(packs(server)) < 2:
        assert time.monotonic() < deadline, "nothing is kept while it is spoken"
        time.sleep(0.005)
    server.kill()
    before = packs(server)
    assert 0 < sum(before.values()) < SENTENCES
    server.start()
    with server.client() as client:
        job = finished(client, job_id)
        assert job["status"] == "completed", job
        audio = client.get(f"/v1/voice/jobs/{job_id}/audio")
        assert abs(len(audio.content) / 16 - job["duration_ms"]) <= 1
    after = packs(server)
    # Had a segment been spoken again, it would have taken the place of the first in its pack.
    assert {blob: after.get(blob) for blob in before} == before
    spoken_later = {blob: number for blob, number in after.items() if blob not in before}
    assert all(blob.startswith(f"segments/{job_id}/2.") for blob in spoken_later)
    assert sum(spoken_later.values()) == SENTENCES - sum(before.values())
    with closing(sqlite3.connect(f"file:{server.data_dir}/intone.db?mode=ro", uri=True)) as db:
        told = db.execute("SELECT attempts, segments, segments_reused FROM jobs").fetchone()
        settled = db.execute("SELECT state, settled FROM holds").fetchall()
    assert told == (2, SENTENCES, 0), "what it has spoken itself is not reused"
    assert settled == [("settled", len(TEXT))]
