"""Sessions: kept as a hash, opening a workspace for ninety days or until a logout."""

import re

import pytest

from helpers.work import count, make_workspace
from intone.core import access as room
from intone.core import keys, sessions
from intone.core.access import Access
from intone.core.plans import load_plans
from intone.errors import UnauthenticatedError
from intone.storage.open import open_database

DAY_MS = 86_400_000


@pytest.fixture
def access(database):
    return Access(database, load_plans(), None)


@pytest.fixture
async def session(database, workspace_id):
    return await database.write(sessions.create, workspace_id)


async def test_a_token_has_the_documented_shape_and_is_not_stored(database, session):
    assert re.fullmatch(r"vr_session_[0-9A-Za-z]{36}", session.token)
    assert sessions.looks_valid(session.token)
    assert not sessions.looks_valid(session.token[:-1] + ("A" if session.token[-1] != "A" else "B"))
    assert not keys.looks_valid(session.token)
    stored = repr(await database.read(lambda tx: tx.all("SELECT * FROM sessions")))
    assert session.token[11:30] not in stored


async def test_a_session_lasts_ninety_days(session):
    assert session.session.expires_at - session.session.created_at == 90 * DAY_MS


async def test_a_session_may_do_everything_in_its_workspace(access, workspace_id, session):
    principal = await access.authenticate(session.token)
    assert (principal.workspace_id, principal.kind) == (workspace_id, "session")
    assert principal.scopes == {"speak", "manage"}
    assert (principal.key_id, principal.subject) == (None, session.session.id)
    assert principal.expires_at == session.session.expires_at
    assert principal.limits == keys.KeyLimits()
    assert access._notes == set(), "its use is not noted as a key's"


async def test_a_session_ended_by_another_process_is_refused_within_a_second(
    database, database_url, access, session, monkeypatch
):
    clock = [1000.0]
    monkeypatch.setattr(room.time, "monotonic", lambda: clock[0])
    await access.authenticate(session.token)
    other = open_database(database_url)
    await other.start()
    assert await other.write(sessions.end, session.token)
    await other.close()
    refused_at = None
    for _ in range(20):
        clock[0] += 0.1
        try:
            await access.authenticate(session.token)
        except UnauthenticatedError:
            refused_at = refused_at or clock[0]
    assert refused_at is not None
    assert refused_at - 1000.0 < 1.0


async def test_an_expired_session_opens_nothing_and_says_so(database, access, session):
    await access.authenticate(session.token)
    await database.write(lambda tx: tx.execute("UPDATE sessions SET expires_at = 1"))
    fresh = Access(database, load_plans(), None)
    with pytest.raises(UnauthenticatedError, match="log in again"):
        await fresh.authenticate(session.token)
    assert await database.read(sessions.find, session.token) is None


async def test_a_session_is_ended_once(database, session):
    assert await database.read(sessions.find, session.token) == session.session
    assert await database.write(sessions.end, session.token)
    assert not await database.write(sessions.end, session.token)


async def test_a_workspace_s_sessions_are_ended_together_and_no_other_s(
    database, workspace_id, session
):
    other = await database.write(make_workspace, "other")
    kept = await database.write(sessions.create, other)
    await database.write(sessions.create, workspace_id)
    assert await database.write(sessions.end_all, workspace_id) == 2
    assert await database.read(sessions.find, session.token) is None
    assert await database.read(sessions.find, kept.token) == kept.session


async def test_only_expired_sessions_are_swept(database, workspace_id, session):
    gone = await database.write(sessions.create, workspace_id)
    await database.write(
        lambda tx: tx.execute(
            "UPDATE sessions SET expires_at = 1 WHERE id = :id", id=gone.session.id
        )
    )
    assert await database.write(sessions.sweep, 10) == 1
    assert await count(database, "sessions") == 1
    assert await database.read(sessions.find, session.token) == session.session
