"""Workspaces, submissions and claims for tests of the core's rooms."""

import hashlib
import uuid

from intone.core import ledger, workspaces
from intone.core.idempotency import IdempotencyKey, StoredReply
from intone.core.jobs import RENDER, Order
from intone.core.plans import load_plans
from intone.core.submission import Submission, submit

STARTER = load_plans()["starter"]
VOICE = "voice_en_us_001"
LEASE_MS = 60_000


def make_workspace(tx, name="w"):
    """A workspace on the starter plan (100,000 characters); returns its id."""
    return workspaces.create(tx, name, STARTER).id


def order(text="Hello, world.", **changes):
    return Order(
        **{"text": text, "voice": VOICE, "language": "en-US", "retention_hours": 24} | changes
    )


def reply(job_id, balance):
    return StoredReply(201, {"X-Quota-Remaining": str(balance.remaining)}, job_id.encode())


def idempotency_key(key=None, body="a body", scope="voice_jobs/v1"):
    return IdempotencyKey(scope, key or str(uuid.uuid4()), hashlib.sha256(body.encode()).digest())


def submission(workspace_id, text="Hello, world.", *, key=None, characters=None, **changes):
    return Submission(
        workspace_id=workspace_id,
        dialect="voice_jobs",
        order=order(text, **changes),
        characters=len(text) if characters is None else characters,
        reply=reply,
        idempotency=key,
    )


async def submitted(database, queue, workspace_id, text="Hello, world.", **changes):
    """Submit a job; returns its id."""
    accepted = await database.write(submit, queue, submission(workspace_id, text, **changes))
    return accepted.body.decode()


async def claimed(queue, limit=1, lease_ms=LEASE_MS):
    """Claim work to render; returns the claims."""
    return await queue.claim([RENDER], limit=limit, lease_ms=lease_ms)


async def recorded(blobs, job):
    """The bytes of a job's recording."""
    recording = job.recording
    return b"".join([p async for p in blobs.read_range(recording.blob, 0, recording.bytes)])


async def balance(database, workspace_id):
    return await database.read(ledger.balance, workspace_id, "characters")


async def holds(database):
    """How many holds there are in each state."""
    rows = await database.read(
        lambda tx: tx.all("SELECT state, count(*) AS n FROM holds GROUP BY state")
    )
    return {row["state"]: row["n"] for row in rows}


async def count(database, table):
    row = await database.read(lambda tx: tx.one(f"SELECT count(*) AS n FROM {table}"))
    return row["n"]


async def expire(database, table="jobs"):
    """Make everything that is kept for a while older than its time."""
    await database.write(
        lambda tx: tx.execute(f"UPDATE {table} SET expires_at = 1 WHERE expires_at IS NOT NULL")
    )
