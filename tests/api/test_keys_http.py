"""A workspace's own keys over HTTP."""

import asyncio
import re

import pytest

from helpers.credentials import served
from helpers.work import make_workspace
from intone.core import keys, sessions

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
async def site(database):
    async with served(database) as site:
        yield site


async def create(site, **body):
    return await site.ask("POST", "/v1/keys", site.manager.secret, json={"name": "app", **body})


async def test_a_key_is_made_shown_once_and_works(site):
    status, headers, made = await create(site)
    assert (status, headers["cache-control"]) == (201, "no-store")
    assert set(made) == {
        "id", "name", "keySuffix", "scopes", "maxConcurrency", "requestsPerMinute",
        "dailySpendMicros", "monthlySpendMicros", "createdAt", "keyValue",
    }  # fmt: skip
    assert (made["name"], made["scopes"], made["maxConcurrency"]) == ("app", ["speak"], None)
    assert re.fullmatch(MOMENT, made["createdAt"])
    assert made["keyValue"].endswith(made["keySuffix"])
    _, _, caller = await site.ask("GET", "/v1/auth/whoami", made["keyValue"])
    assert caller["user_id"] == site.workspace_id
    _, _, listed = await site.ask("GET", "/v1/keys", site.manager.secret)
    assert made["keyValue"] not in str(listed)
    assert {key: made[key] for key in made if key != "keyValue"}.items() <= listed["keys"][
        -1
    ].items()


async def test_a_key_gets_the_limits_and_scopes_that_are_asked_for(site):
    limits = {
        "maxConcurrency": 2,
        "requestsPerMinute": 30,
        "dailySpendMicros": 1_000_000,
        "monthlySpendMicros": 20_000_000,
    }
    _, _, made = await create(site, scopes=["speak", "manage"], **limits)
    assert limits.items() <= made.items()
    assert made["scopes"] == ["manage", "speak"]
    principal = await site.core.access.authenticate(made["keyValue"])
    assert principal.limits == keys.KeyLimits(30, 2, 1_000_000, 20_000_000)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "  "},
        {"name": "a\nb"},
        {"name": "x" * 101},
        {"name": 5},
        {"name": "a", "scopes": []},
        {"name": "a", "scopes": ["root"]},
        {"name": "a", "maxConcurrency": 0},
        {"name": "a", "maxConcurrency": 1.5},
        {"name": "a", "requestsPerMinute": -1},
        {"name": "a", "dailySpendMicros": 2**63},
        {"name": "a", "monthlySpendMicros": "5"},
        ["name"],
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(site, body):
    status, _, answer = await site.ask("POST", "/v1/keys", site.manager.secret, json=body)
    assert (status, answer["error"], answer["code"]) == (400, "invalid_body", "invalid_body")
    assert answer["details"]
    assert len(await site.core.database.read(keys.list_keys)) == 2


async def test_only_keys_of_one_s_own_that_work_are_listed(site, database):
    other = await database.write(make_workspace, "other")
    await database.write(keys.create, other, "foreign")
    await database.write(keys.revoke, site.speaker.key.id)
    old = await database.write(keys.create, site.workspace_id, "old")
    await database.write(keys.rotate, old.key.id, 1)
    _, _, listed = await site.ask("GET", "/v1/keys", site.manager.secret)
    assert [key["name"] for key in listed["keys"]] == ["manager", "old", "old"]
    assert ["expiresAt" in key for key in listed["keys"]] == [False, True, False]


async def test_the_last_use_of_a_key_is_shown(site):
    await site.ask("GET", "/v1/keys", site.manager.secret)
    await asyncio.gather(*site.core.access._notes)
    _, _, listed = await site.ask("GET", "/v1/keys", site.manager.secret)
    assert re.fullmatch(MOMENT, listed["keys"][0]["lastUsedAt"])
    assert "lastUsedAt" not in listed["keys"][1]


async def test_a_deleted_key_is_gone(site):
    path = f"/v1/keys/{site.speaker.key.id}"
    status, _, answer = await site.ask("DELETE", path, site.manager.secret)
    assert (status, answer) == (200, {"deleted": True})
    status, _, answer = await site.ask("DELETE", path, site.manager.secret)
    assert (status, answer["code"]) == (404, "not_found")
    assert (await site.ask("GET", "/v1/auth/whoami", site.speaker.secret))[0] == 401


async def test_a_key_may_delete_itself(site):
    path = f"/v1/keys/{site.manager.key.id}"
    assert (await site.ask("DELETE", path, site.manager.secret))[0] == 200
    keys_left = await site.core.database.read(keys.list_keys, site.workspace_id)
    assert [key.name for key in keys_left if key.revoked_at is None] == ["speaker"]


@pytest.mark.parametrize("key_id", ["nope", "%00", "0" * 3000, "..%2f", "{foreign}"])
async def test_a_key_that_is_not_one_s_own_cannot_be_deleted(site, database, key_id):
    other = await database.write(make_workspace, "other")
    foreign = await database.write(keys.create, other, "foreign")
    path = "/v1/keys/" + key_id.format(foreign=foreign.key.id)
    status, _, answer = await site.ask("DELETE", path, site.manager.secret)
    assert (status, answer["code"]) == (404, "not_found")
    assert (await database.read(keys.find, foreign.key.id)).revoked_at is None


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/keys"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/x")]
)
async def test_who_may_only_speak_manages_no_keys(site, method, path):
    status, _, answer = await site.ask(method, path, site.speaker.secret)
    assert (status, answer["error"], answer["code"]) == (403, "scope_required", "scope_required")
    status, headers, answer = await site.ask(method, path)
    assert (status, answer["code"]) == (401, "unauthorized")
    assert headers["www-authenticate"] == "Bearer"


async def test_a_session_manages_keys(site, database):
    new = await database.write(sessions.create, site.workspace_id)
    status, _, listed = await site.ask("GET", "/v1/keys", new.token)
    assert status == 200
    assert len(listed["keys"]) == 2
