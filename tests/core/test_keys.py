"""API keys: shape, hashing, rotation and revocation."""

import asyncio
import contextlib
import re
import threading

import pytest

from intone.core import keys, workspaces
from intone.core.access import Access
from intone.core.plans import load_plans
from intone.errors import InvalidInputError, NotFoundError, UnauthenticatedError


def workspace(tx):
    return workspaces.create(tx, "w", load_plans()["starter"]).id


@pytest.fixture
async def ws(database):
    return await database.write(workspace)


@pytest.fixture
def access(database):
    return Access(database, load_plans(), None)


def everything(tx):
    return tx.all("SELECT * FROM keys")


async def test_a_key_has_the_documented_shape_and_its_secret_is_not_stored(database, ws):
    new = await database.write(keys.create, ws, "app")
    assert re.fullmatch(r"in_live_[0-9A-Za-z]{36}", new.secret)
    assert keys.looks_valid(new.secret)
    stored = repr(await database.read(everything))
    assert new.secret not in stored
    assert new.secret[12:-4] not in stored


async def test_a_mistyped_key_is_known_by_its_checksum(database, ws):
    secret = (await database.write(keys.create, ws, "app")).secret
    for position in range(len("in_live_"), len(secret)):
        wrong = "A" if secret[position] != "A" else "B"
        assert not keys.looks_valid(secret[:position] + wrong + secret[position + 1 :])


async def test_a_key_opens_its_workspace(database, ws, access):
    secret = (await database.write(keys.create, ws, "app", ("speak", "manage"))).secret
    principal = await access.authenticate(secret)
    assert principal.workspace_id == ws
    assert principal.scopes == {"speak", "manage"}


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "x",
        "in_live_",
        "in_live_" + "a" * 36,
        "a.b.c",
        "vg_live_" + "x" * 30,
        "é" * 50,
        "\ud800" * 40,
    ],
)
async def test_what_is_no_key_opens_nothing(access, ws, credential):
    with pytest.raises(UnauthenticatedError):
        await access.authenticate(credential)


async def test_a_revoked_key_ends_within_a_second(database, ws, access, monkeypatch):
    new = await database.write(keys.create, ws, "app")
    await access.authenticate(new.secret)
    await database.write(keys.revoke, new.key.id)
    import time

    later = time.monotonic() + 1.0
    monkeypatch.setattr("intone.core.access.time.monotonic", lambda: later)
    with pytest.raises(UnauthenticatedError):
        await access.authenticate(new.secret)


async def test_a_rotated_key_works_until_its_overlap_ends(database, ws, access, monkeypatch):
    old = await database.write(keys.create, ws, "app", ("manage",))
    new = await database.write(keys.rotate, old.key.id, 2)
    assert new.key.scopes == {"manage"}
    for secret in (old.secret, new.secret):
        assert (await access.authenticate(secret)).workspace_id == ws
    from intone.storage.database import now_ms

    later = now_ms() + 2 * 3_600_000 + 1
    monkeypatch.setattr("intone.core.access.now_ms", lambda: later)
    with pytest.raises(UnauthenticatedError):
        await access.authenticate(old.secret)
    assert (await access.authenticate(new.secret)).key_id == new.key.id


async def test_a_rotation_without_overlap_ends_the_old_key_at_once(database, ws):
    old = await database.write(keys.create, ws, "app")
    new = await database.write(keys.rotate, old.key.id, 0)
    access = Access(database, load_plans(), None)
    with pytest.raises(UnauthenticatedError):
        await access.authenticate(old.secret)
    assert (await access.authenticate(new.secret)).key_id == new.key.id


async def test_a_key_is_rotated_once(database, ws):
    old = await database.write(keys.create, ws, "app")
    await database.write(keys.rotate, old.key.id, 24)
    with pytest.raises(InvalidInputError):
        await database.write(keys.rotate, old.key.id, 24)


@pytest.mark.parametrize("hours", [-1, 24.01, float("nan")])
async def test_an_overlap_is_at_most_a_day(database, ws, hours):
    old = await database.write(keys.create, ws, "app")
    with pytest.raises(InvalidInputError):
        await database.write(keys.rotate, old.key.id, hours)


@pytest.mark.parametrize(
    "secret", ["vg_live_abcdefgh12345678", "vk_live_" + "q" * 40, "pk_live_abcdefghij"]
)
async def test_another_service_s_key_can_be_imported(database, ws, access, secret):
    await database.write(keys.import_key, ws, "old app", ("speak",), secret)
    assert (await access.authenticate(secret)).workspace_id == ws
    with pytest.raises(InvalidInputError, match="known already"):
        await database.write(keys.import_key, ws, "again", ("speak",), secret)


@pytest.mark.parametrize(
    "secret", ["vg_live_x", "sk-abcdefghijklmnopqrst", "vg_live_" + "x" * 300, ""]
)
async def test_a_weak_or_foreign_key_is_not_imported(database, ws, secret):
    with pytest.raises(InvalidInputError):
        await database.write(keys.import_key, ws, "old app", ("speak",), secret)


async def test_unknown_scopes_are_refused(database, ws):
    for scopes in ((), ("root",), ("speak", "everything")):
        with pytest.raises(InvalidInputError):
            await database.write(keys.create, ws, "app", scopes)


async def test_an_unknown_key_cannot_be_revoked(database):
    with pytest.raises(NotFoundError):
        await database.write(keys.revoke, "nope")


async def test_rotations_at_once_make_one_successor(database, ws, monkeypatch):
    new = await database.write(keys.create, ws, "app")
    meeting, insert = threading.Barrier(2), keys._insert

    def insert_together(*args, **kwargs):
        with contextlib.suppress(threading.BrokenBarrierError):  # SQLite lets one in at a time
            meeting.wait(1)
        return insert(*args, **kwargs)

    monkeypatch.setattr(keys, "_insert", insert_together)
    results = await asyncio.gather(
        *(database.write(keys.rotate, new.key.id, 1) for _ in range(2)), return_exceptions=True
    )
    assert {type(result) for result in results} == {keys.NewKey, InvalidInputError}
    assert len(await database.read(keys.list_keys, ws)) == 2


async def test_an_imported_key_is_rotated_into_one_of_ours(database, ws, access):
    old = await database.write(keys.import_key, ws, "moved", ("speak",), "vg_live_" + "x" * 24)
    new = await database.write(keys.rotate, old.key.id, 24)
    assert new.secret.startswith("in_live_")
    for secret in (old.secret, new.secret):
        assert (await access.authenticate(secret)).scopes == {"speak"}
    await asyncio.gather(*access._notes)


LIMITS = keys.KeyLimits(
    requests_per_minute=60, max_concurrency=4, daily_micros=5_000_000, monthly_micros=10**15
)


async def test_a_key_has_no_limits_unless_it_is_given_some(database, ws, access):
    plain = await database.write(keys.create, ws, "plain")
    limited = await database.write(keys.create, ws, "limited", limits=LIMITS)
    assert plain.key.limits == keys.NO_LIMITS == keys.KeyLimits()
    assert [key.limits for key in await database.read(keys.list_keys, ws)] == [
        keys.KeyLimits(),
        LIMITS,
    ]
    assert (await access.authenticate(plain.secret)).limits == keys.KeyLimits()
    principal = await access.authenticate(limited.secret)
    assert (principal.limits, principal.kind) == (LIMITS, "api_key")
    await asyncio.gather(*access._notes)


async def test_limits_outlive_a_rotation(database, ws):
    old = await database.write(keys.create, ws, "app", limits=LIMITS)
    new = await database.write(keys.rotate, old.key.id, 1)
    assert (await database.read(keys.find, new.key.id)).limits == LIMITS
    tighter = keys.KeyLimits(max_concurrency=1)
    newest = await database.write(keys.rotate, new.key.id, 1, tighter)
    assert newest.key.limits == tighter


async def test_limits_are_replaced_for_a_key_of_one_s_own_that_works(database, ws):
    key = (await database.write(keys.create, ws, "app", limits=LIMITS)).key
    changed = await database.write(
        keys.set_limits, ws, key.id, keys.KeyLimits(requests_per_minute=1)
    )
    assert changed.limits == keys.KeyLimits(requests_per_minute=1)
    with pytest.raises(NotFoundError):
        await database.write(keys.set_limits, "another workspace", key.id, LIMITS)
    await database.write(keys.revoke, key.id)
    with pytest.raises(NotFoundError):
        await database.write(keys.set_limits, ws, key.id, LIMITS)
    assert (await database.read(keys.find, key.id)).limits == changed.limits


@pytest.mark.parametrize(
    "limits",
    [
        {"requests_per_minute": 0},
        {"max_concurrency": -1},
        {"max_concurrency": 2**31},
        {"daily_micros": 0},
        {"monthly_micros": 2**63},
    ],
)
def test_a_limit_that_no_key_can_be_held_to_is_refused(limits):
    with pytest.raises(InvalidInputError):
        keys.KeyLimits(**limits)


async def test_a_workspace_deletes_its_own_keys_once(database, ws, access):
    key = await database.write(keys.create, ws, "app")
    with pytest.raises(NotFoundError):
        await database.write(keys.delete, "another workspace", key.key.id)
    await database.write(keys.delete, ws, key.key.id)
    with pytest.raises(NotFoundError):
        await database.write(keys.delete, ws, key.key.id)
    with pytest.raises(UnauthenticatedError):
        await access.authenticate(key.secret)


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "two\nlines", "nul\x00"])
async def test_a_key_s_name_is_something_to_read(database, ws, name):
    with pytest.raises(InvalidInputError, match="name"):
        await database.write(keys.create, ws, name)
