"""The wallet, its history and its use over HTTP, in the units and names of the wire."""

from __future__ import annotations

import re

import pytest

from helpers.reading import providers_with, reading_site
from helpers.work import make_workspace
from intone.core import ledger
from intone.core.calls import CallRecord, end_call

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
async def site(database):
    async with reading_site(database, providers_with(None)) as site:
        yield site


async def call(site, held, **changes):
    """A call that holds so many micro-dollars and then ends; returns its id."""
    write = site.core.database.write
    hold_id, _ = await write(ledger.hold, site.workspace_id, "wallet", held)
    record = CallRecord(
        **{
            "id": hold_id,
            "workspace_id": site.workspace_id,
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
    await write(end_call, record, held=True)
    return hold_id


async def top_up(site, micros):
    await site.core.database.write(ledger.grant, site.workspace_id, "wallet", micros, "cli")


async def test_credits_are_the_balance_and_what_of_it_is_reserved(site):
    assert await site.get("/v1/credits") == {"balanceMicros": 0, "reservedMicros": 0}
    await top_up(site, 1_000_000)
    await site.core.database.write(ledger.hold, site.workspace_id, "wallet", 300)
    await call(site, 500)
    assert await site.get("/v1/credits") == {"balanceMicros": 999_805, "reservedMicros": 300}


async def test_credits_without_an_account_are_nought(site):
    await site.core.database.write(lambda tx: tx.execute("DELETE FROM balances"))
    assert await site.get("/v1/credits") == {"balanceMicros": 0, "reservedMicros": 0}


async def test_activity_has_the_wires_shape(site):
    await top_up(site, 1000)
    paid = await call(site, 300)
    rows = (await site.get("/v1/credits/activity"))["rows"]
    assert all(re.fullmatch(MOMENT, row.pop("createdAt")) for row in rows)
    metadata = {
        "provider": "openai", "model": "tts-1", "characters": 13, "costMicros": 195, "status": "ok",
    }  # fmt: skip
    assert rows[0] == {
        "id": f"{paid}:commit",
        "kind": "commit",
        "microsDelta": 105,
        "microsBalanceAfter": 805,
        "reservationId": paid,
        "source": "speech",
        "metadata": metadata,
    }
    assert (rows[1]["id"], rows[1]["kind"], rows[1]["microsDelta"]) == (paid, "reservation", -300)
    assert (rows[2]["kind"], rows[2]["reservationId"], rows[2]["metadata"]) == ("topup", None, {})
    wallet = await site.get("/v1/credits")
    spendable = wallet["balanceMicros"] - wallet["reservedMicros"]
    assert sum(row["microsDelta"] for row in rows) == spendable


async def test_activity_has_fifty_rows_unless_asked_otherwise(site):
    for _ in range(60):
        await top_up(site, 1)
    assert len((await site.get("/v1/credits/activity"))["rows"]) == 50
    assert len((await site.get("/v1/credits/activity?limit=1"))["rows"]) == 1
    assert len((await site.get("/v1/credits/activity?limit=100"))["rows"]) == 60


async def test_usage_has_the_wires_shape(site):
    await top_up(site, 1000)
    paid = await call(site, 300)
    failed = await call(site, 300, status="failed", error_code="provider_rejected", cost=0)
    await call(site, 300, status="cancelled", cost=20, provider="espeak")
    body = await site.get("/v1/usage", "both")
    moments = [row.pop("createdAt") for row in body["recent"]]
    assert all(re.fullmatch(MOMENT, moment) for moment in moments)
    assert body["totals"] == {"requests": 3, "costMicros": 215, "errorCount": 1}
    assert body["byProvider"] == [
        {"provider": "openai", "requests": 2, "costMicros": 195},
        {"provider": "espeak", "requests": 1, "costMicros": 20},
    ]
    assert body["byErrorCode"] == [{"code": "provider_bad_request", "count": 1}]
    assert [row["status"] for row in body["recent"]] == ["cancelled", "failed", "ok"]
    assert body["recent"][1] == {
        "id": failed,
        "status": "failed",
        "costMicros": 0,
        "provider": "openai",
        "code": "provider_bad_request",
    }
    assert body["recent"][2] == {
        "id": paid, "status": "ok", "costMicros": 195, "provider": "openai",
    }  # fmt: skip


async def test_usage_counts_the_days_asked_for_and_lists_as_many_as_asked_for(site):
    await top_up(site, 10_000)
    ids = [await call(site, 200) for _ in range(3)]
    await site.core.database.write(
        lambda tx: tx.execute(
            "UPDATE calls SET created_at = created_at - 3 * 86400000 WHERE id = :id", id=ids[0]
        )
    )
    body = await site.get("/v1/usage?days=2&limit=1", "both")
    assert (body["totals"]["requests"], [row["id"] for row in body["recent"]]) == (2, [ids[2]])
    assert (await site.get("/v1/usage?days=4", "both"))["totals"]["requests"] == 3


@pytest.mark.parametrize(
    "path",
    [
        "/v1/credits/activity?limit=0",
        "/v1/credits/activity?limit=101",
        "/v1/credits/activity?limit=ten",
        "/v1/credits/activity?limit=",
        "/v1/credits/activity?limit=1&limit=2",
        "/v1/usage?days=0",
        "/v1/usage?days=366",
        "/v1/usage?days=1.5",
        "/v1/usage?limit=1001",
        "/v1/usage?days=1&days=1",
    ],
)
async def test_a_number_out_of_bounds_is_refused(site, path):
    status, _, body = await site.ask(path, "both")
    assert (status, body["error"]) == (400, "invalid_body")
    assert body["details"]


async def test_a_session_sees_everything_and_a_speaking_key_no_use(site):
    for path in ("/v1/credits", "/v1/credits/activity", "/v1/usage"):
        assert (await site.ask(path, "session"))[0] == 200
    assert (await site.ask("/v1/credits", "pk"))[0] == 200
    status, _, body = await site.ask("/v1/usage", "pk")
    assert (status, body["error"]) == (403, "scope_required")


async def test_nobody_sees_another_workspaces_money(site):
    await site.core.database.write(_another_with_money)
    assert await site.get("/v1/credits") == {"balanceMicros": 0, "reservedMicros": 0}
    assert (await site.get("/v1/credits/activity"))["rows"] == []


def _another_with_money(tx):
    ledger.grant(tx, make_workspace(tx, "other"), "wallet", 1000, "cli")
