"""Who a credential turns out to be: asked rarely, forgotten soon, whatever callers present."""

import asyncio

import pytest

from helpers.work import STARTER, make_workspace
from intone.core import access as room
from intone.core import keys, workspaces
from intone.core.access import Access
from intone.core.plans import load_plans
from intone.core.tokens import TokenIdentity
from intone.errors import UnauthenticatedError, UnavailableError
from intone.storage.open import open_database


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(room, "time", clock)
    return clock


@pytest.fixture
def access(database):
    return Access(database, load_plans(), None)


@pytest.fixture
async def ws(database):
    return await database.write(make_workspace)


@pytest.fixture
async def key(database, ws):
    return await database.write(keys.create, ws, "app", ("speak", "manage"))


async def noted(access):
    await asyncio.gather(*access._notes)


async def test_a_key_opens_its_workspace_with_its_plan_and_scopes(access, ws, key):
    principal = await access.authenticate(key.secret)
    assert (principal.workspace_id, principal.plan) == (ws, STARTER)
    assert principal.scopes == {"speak", "manage"}
    assert principal.key_id == key.key.id
    await noted(access)


async def test_a_key_revoked_by_another_process_ends_within_a_second_of_use(
    database_url, access, key, clock
):
    other = open_database(database_url)
    await other.start()
    await access.authenticate(key.secret)
    await noted(access)
    await other.write(keys.revoke, key.key.id)
    await other.close()
    opened_until = clock.now
    for _ in range(20):  # a caller that never pauses must not keep it open
        try:
            await access.authenticate(key.secret)
            opened_until = clock.now
        except UnauthenticatedError:
            pass
        clock.now += 0.1
    assert opened_until - 1000.0 < 1.0


async def test_noting_a_key_s_use_does_not_prolong_its_trust(
    database, access, key, clock, monkeypatch
):
    await access.authenticate(key.secret)
    await noted(access)
    await database.write(keys.revoke, key.key.id)
    clock.now += 0.4
    monkeypatch.setattr(room, "_USE_NOTED_EVERY_MS", -1)  # its next use is to be noted
    await access.authenticate(key.secret)
    await noted(access)
    clock.now += 0.2
    with pytest.raises(UnauthenticatedError):
        await access.authenticate(key.secret)


async def test_a_use_is_noted_once_a_while(database, access, key, clock):
    for _ in range(5):
        await access.authenticate(key.secret)
        clock.now += 1
    await noted(access)
    first = (await database.read(keys.find, key.key.id)).last_used_at
    assert first is not None
    await access.authenticate(key.secret)
    await noted(access)
    assert (await database.read(keys.find, key.key.id)).last_used_at == first


async def test_guessed_keys_do_not_pile_up(access, key, monkeypatch):
    monkeypatch.setattr(room, "_REMEMBERED", 20)
    for _ in range(60):
        with pytest.raises(UnauthenticatedError):
            await access.authenticate(keys.generate())
    assert len(access._known) <= 20
    assert (await access.authenticate(key.secret)).key_id == key.key.id
    await noted(access)


async def test_a_plan_that_the_operator_took_away_is_not_the_caller_s_mistake(database, key):
    access = Access(database, {"other": STARTER}, None)
    with pytest.raises(UnavailableError):
        await access.authenticate(key.secret)
    await noted(access)


async def test_another_plan_counts_at_once(database, access, ws, key, clock):
    await access.authenticate(key.secret)
    await noted(access)
    growth = load_plans()["growth"]
    workspace = await database.read(workspaces.find, ws)
    await database.write(workspaces.change_plan, workspace, growth)
    clock.now += 1
    assert (await access.authenticate(key.secret)).plan == growth


class Tokens:
    """An identity provider that knows one caller."""

    def __init__(self, identity):
        self.identity = identity

    async def verify(self, _):
        return self.identity


async def test_an_access_token_says_what_it_is_and_when_it_ends(database, ws):
    identity = TokenIdentity("somebody", "w", frozenset({"speak"}), 4_102_444_800_000)
    access = Access(database, load_plans(), Tokens(identity))
    principal = await access.authenticate("a.b.c")
    assert (principal.kind, principal.subject) == ("access_token", "somebody")
    assert (principal.workspace_id, principal.key_id) == (ws, None)
    assert principal.expires_at == identity.expires_at
    assert principal.limits == keys.NO_LIMITS
