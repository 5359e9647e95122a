"""Device codes: approved by a person, exchanged once, forgotten in time."""

import asyncio
import re

import pytest

from helpers.work import count, make_workspace
from intone.core import logins, sessions
from intone.errors import (
    AuthorizationPendingError,
    DeviceCodeExpiredError,
    InvalidDeviceCodeError,
    NotFoundError,
    UnavailableError,
)
from intone.storage.database import now_ms


@pytest.fixture
async def login(database):
    return await database.write(logins.start)


async def expire(database, by_ms=1):
    await database.write(
        lambda tx: tx.execute("UPDATE device_codes SET expires_at = :at", at=now_ms() - by_ms)
    )


async def test_a_login_has_a_long_code_and_one_that_people_can_type(database, login):
    assert len(login.device_code) == 43
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", login.user_code)
    assert 0 < login.expires_at - now_ms() <= 600_000
    stored = repr(await database.read(lambda tx: tx.all("SELECT * FROM device_codes")))
    assert login.device_code not in stored


async def test_a_login_waits_until_it_is_approved(database, login, workspace_id):
    with pytest.raises(AuthorizationPendingError):
        await database.read(logins.check, login.device_code)
    with pytest.raises(AuthorizationPendingError):
        await database.write(logins.redeem, login.device_code)
    await database.write(logins.approve, login.user_code, workspace_id)
    await database.read(logins.check, login.device_code)
    new = await database.write(logins.redeem, login.device_code)
    assert new.session.workspace_id == workspace_id
    assert await database.read(sessions.find, new.token) == new.session


async def test_an_approved_code_is_exchanged_exactly_once(database, login, workspace_id):
    await database.write(logins.approve, login.user_code, workspace_id)
    results = await asyncio.gather(
        *(database.write(logins.redeem, login.device_code) for _ in range(64)),
        return_exceptions=True,
    )
    won = [result for result in results if isinstance(result, sessions.NewSession)]
    lost = [result for result in results if isinstance(result, InvalidDeviceCodeError)]
    assert (len(won), len(lost)) == (1, 63)
    assert await count(database, "sessions") == 1
    assert await count(database, "device_codes") == 0


@pytest.mark.parametrize("typed", ["{}", " {} ", "{lower}", "{spaced}", "{bare}"])
async def test_people_may_type_the_code_as_they_like(database, login, workspace_id, typed):
    code = login.user_code
    forms = {"lower": code.lower(), "spaced": code.replace("-", " "), "bare": code.replace("-", "")}
    await database.write(logins.approve, typed.format(code, **forms), workspace_id)
    await database.read(logins.check, login.device_code)


@pytest.mark.parametrize(
    "typed", ["", "-", "BCDF-GHJ", "1234-5678", "ABCD-EFGH", "%", "ÄÖÜ", "\x00", "B" * 10_000]
)
async def test_a_code_that_no_device_shows_approves_nothing(database, login, workspace_id, typed):
    with pytest.raises(NotFoundError):
        await database.write(logins.approve, typed, workspace_id)
    with pytest.raises(AuthorizationPendingError):
        await database.read(logins.check, login.device_code)


async def test_an_approval_cannot_be_taken_over(database, login, workspace_id):
    other = await database.write(make_workspace, "other")
    await database.write(logins.approve, login.user_code, workspace_id)
    with pytest.raises(NotFoundError):
        await database.write(logins.approve, login.user_code, other)
    new = await database.write(logins.redeem, login.device_code)
    assert new.session.workspace_id == workspace_id


async def test_approvals_at_once_let_the_device_into_one_workspace(database, login, workspace_id):
    other = await database.write(make_workspace, "other")
    results = await asyncio.gather(
        *(database.write(logins.approve, login.user_code, ws) for ws in (workspace_id, other)),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "NotFoundError"]


async def test_an_expired_code_is_neither_approved_nor_exchanged(database, login, workspace_id):
    approved = await database.write(logins.start)
    await database.write(logins.approve, approved.user_code, workspace_id)
    await expire(database)
    with pytest.raises(NotFoundError):
        await database.write(logins.approve, login.user_code, workspace_id)
    for begun in (login, approved):
        with pytest.raises(DeviceCodeExpiredError):
            await database.write(logins.redeem, begun.device_code)
    assert await count(database, "sessions") == 0


@pytest.mark.parametrize("guess", ["", "nope", "\x00", "ü" * 200, "\ud800"])
async def test_a_guessed_code_gets_nothing(database, login, guess):
    with pytest.raises(InvalidDeviceCodeError):
        await database.read(logins.check, guess)


async def test_so_many_logins_are_under_way_at_most(database, workspace_id, monkeypatch):
    monkeypatch.setattr(logins, "_MOST", 3)
    for _ in range(3):
        await database.write(logins.start)
    with pytest.raises(UnavailableError):
        await database.write(logins.start)
    assert await count(database, "device_codes") == 3
    await expire(database)
    await database.write(logins.start)


async def test_a_user_code_that_is_taken_is_drawn_again(database, monkeypatch):
    letters = iter("BBBBBBBB" + "BBBBBBBB" + "CCCCCCCC")
    monkeypatch.setattr(logins.secrets, "choice", lambda _: next(letters))
    first, second = [await database.write(logins.start) for _ in range(2)]
    assert (first.user_code, second.user_code) == ("BBBB-BBBB", "CCCC-CCCC")
    assert first.device_code != second.device_code


async def test_codes_are_forgotten_some_time_after_they_expired(database, login):
    await expire(database, by_ms=1000)
    assert await database.write(logins.sweep, 10) == 0
    with pytest.raises(DeviceCodeExpiredError):
        await database.read(logins.check, login.device_code)
    await expire(database, by_ms=700_000)
    assert await database.write(logins.sweep, 10) == 1
    with pytest.raises(InvalidDeviceCodeError):
        await database.read(logins.check, login.device_code)
