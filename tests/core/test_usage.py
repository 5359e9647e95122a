"""The history of a wallet explains every micro-dollar; sums of calls are those of the rows."""

from __future__ import annotations

import itertools
import random

import pytest

from helpers.work import make_workspace
from intone.core import ledger
from intone.core.calls import CallRecord, end_call
from intone.core.usage import PastCall, ProviderUse, activity, usage
from intone.storage.database import now_ms

DAY_MS = 86_400_000


def record(workspace_id, call_id, **changes):
    return CallRecord(
        **{
            "id": call_id,
            "workspace_id": workspace_id,
            "key_id": None,
            "provider": "openai",
            "model": "tts-1",
            "status": "ok",
            "error_code": None,
            "characters": 13,
            "cost": 195,
            "first_byte_ms": 12,
            "total_ms": 90,
        }
        | changes
    )


async def called(database, workspace_id, held, **changes):
    """A call that holds so much and then ends; returns its id."""
    hold_id, _ = await database.write(ledger.hold, workspace_id, "wallet", held)
    await database.write(end_call, record(workspace_id, hold_id, **changes), held=True)
    return hold_id


async def test_each_kind_of_change_is_told_newest_first(database, workspace_id):
    await database.write(ledger.grant, workspace_id, "wallet", 1000, "cli")
    paid = await called(database, workspace_id, 300, cost=195)
    failed = await called(
        database, workspace_id, 200, status="failed", error_code="provider_timeout", cost=0
    )
    held, _ = await database.write(ledger.hold, workspace_id, "wallet", 50)
    rows = await database.read(activity, workspace_id, 100)
    assert [
        (row.kind, row.micros_delta, row.micros_balance_after, row.reservation_id) for row in rows
    ] == [
        ("reservation", -50, 755, held),
        ("refund", 200, 805, failed),
        ("reservation", -200, 605, failed),
        ("commit", 105, 805, paid),
        ("reservation", -300, 700, paid),
        ("topup", 1000, 1000, None),
    ]
    assert [row.source for row in rows] == [*["speech"] * 5, "cli"]
    assert rows[0].metadata == rows[-1].metadata == {}
    call = {"provider": "openai", "model": "tts-1", "characters": 13}
    assert rows[3].metadata == rows[4].metadata == {**call, "costMicros": 195, "status": "ok"}
    assert rows[1].metadata == {**call, "costMicros": 0, "status": "failed"}
    assert len({row.id for row in rows}) == 6
    assert all(0 <= now_ms() - row.created_at < DAY_MS for row in rows)


async def test_the_changes_add_up_to_what_can_be_spent(database, workspace_id):
    rng, open_holds = random.Random(4), []
    await database.write(ledger.grant, workspace_id, "wallet", 100_000, "cli")
    for _ in range(60):
        match rng.randrange(4):
            case 0:
                await database.write(
                    ledger.grant, workspace_id, "wallet", rng.randrange(1, 99), "cli"
                )
            case 1 | 2:
                amount = rng.randrange(0, 500)
                hold_id, _ = await database.write(ledger.hold, workspace_id, "wallet", amount)
                open_holds.append((hold_id, amount))
            case 3 if open_holds:
                hold_id, amount = open_holds.pop(rng.randrange(len(open_holds)))
                cost = rng.randrange(0, amount + 1)
                call = record(workspace_id, hold_id, cost=cost)
                await database.write(end_call, call, held=True)
    rows = await database.read(activity, workspace_id, 1000)
    left = (await database.read(ledger.balance, workspace_id, "wallet")).remaining
    assert len(rows) > 60
    assert sum(row.micros_delta for row in rows) == left == rows[0].micros_balance_after
    for newer, older in itertools.pairwise(rows):
        assert newer.micros_balance_after == older.micros_balance_after + newer.micros_delta


async def test_a_limit_leaves_the_newest(database, workspace_id):
    await database.write(ledger.grant, workspace_id, "wallet", 1000, "cli")
    await called(database, workspace_id, 300)
    everything = await database.read(activity, workspace_id, 100)
    assert await database.read(activity, workspace_id, 2) == everything[:2]


async def test_only_this_workspaces_wallet_is_told(database, workspace_id):
    other = await database.write(make_workspace, "other")
    await database.write(ledger.grant, other, "wallet", 1000, "cli")
    await called(database, other, 300)
    hold_id, _ = await database.write(ledger.hold, workspace_id, "characters", 10)
    await database.write(ledger.settle, hold_id)
    await database.write(ledger.grant, workspace_id, "posts", 10, "cli")
    assert await database.read(activity, workspace_id, 100) == []
    assert (await database.read(usage, workspace_id, 30, 100)).requests == 0


async def test_a_change_whose_call_is_forgotten_stays(database, workspace_id):
    await database.write(ledger.grant, workspace_id, "wallet", 1000, "cli")
    await called(database, workspace_id, 300)
    await database.write(lambda tx: tx.execute("DELETE FROM calls"))
    rows = await database.read(activity, workspace_id, 100)
    assert [row.kind for row in rows] == ["commit", "reservation", "topup"]
    assert rows[0].metadata == {}


@pytest.fixture
async def used(database, workspace_id):
    """Seven calls, the last of them forty days ago; returns their ids, newest first."""

    def fill(tx):
        calls = [
            {"provider": "openai", "cost": 195},
            {"provider": "openai", "cost": 5},
            {"provider": "openai", "cost": 0, "status": "failed", "error_code": "provider_timeout"},
            {"provider": "espeak", "cost": 0, "status": "failed", "error_code": "engine_crashed"},
            {"provider": "openai", "cost": 0, "status": "failed", "error_code": "provider_timeout"},
            {"provider": "espeak", "cost": 1, "status": "cancelled"},
            {"provider": "espeak", "cost": 7000},
        ]
        for number, call in enumerate(calls):
            end_call(tx, record(workspace_id, f"call-{number}", **call), held=False)
        for number in range(6):
            tx.execute(
                "UPDATE calls SET created_at = created_at - :age WHERE id = :id",
                age=number * 1000,
                id=f"call-{number}",
            )
        tx.execute(
            "UPDATE calls SET created_at = created_at - :age WHERE id = 'call-6'", age=40 * DAY_MS
        )

    await database.write(fill)
    return [f"call-{number}" for number in range(7)]


async def test_sums_are_of_all_calls_of_the_days(database, workspace_id, used):
    found = await database.read(usage, workspace_id, 30, 2)
    assert (found.requests, found.cost_micros, found.error_count) == (6, 201, 3)
    assert found.by_provider == (ProviderUse("openai", 4, 200), ProviderUse("espeak", 2, 1))
    assert found.by_error_code == (("provider_timeout", 2), ("engine_crashed", 1))
    assert [call.id for call in found.recent] == used[:2]
    longer = await database.read(usage, workspace_id, 41, 100)
    assert (longer.requests, longer.cost_micros) == (7, 7201)
    assert [call.id for call in longer.recent] == used


async def test_a_recent_call_says_what_became_of_it(database, workspace_id, used):
    recent = {call.id: call for call in (await database.read(usage, workspace_id, 30, 9)).recent}
    ok, failed, left = (recent[used[number]] for number in (0, 2, 5))
    assert ok == PastCall(ok.id, ok.created_at, "ok", 195, "openai", None)
    assert (failed.status, failed.error_code) == ("failed", "provider_timeout")
    assert (left.status, left.error_code, left.cost_micros) == ("cancelled", None, 1)


async def test_no_calls_are_nothing(database, workspace_id):
    found = await database.read(usage, workspace_id, 365, 1000)
    assert (found.requests, found.cost_micros, found.error_count) == (0, 0, 0)
    assert (found.by_provider, found.by_error_code, found.recent) == ((), (), ())
