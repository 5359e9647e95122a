"""Money: holds end exactly once, balances never go below nought, months renew the allowance."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from intone.core import ledger, workspaces
from intone.core.plans import load_plans
from intone.errors import InvalidInputError, NotFoundError, QuotaExceededError
from intone.storage.sqlite import SqliteDatabase

PLAN = load_plans()["starter"]


def workspace(tx, name="w", plan=PLAN):
    return workspaces.create(tx, name, plan).id


@pytest.fixture
async def ws(database):
    return await database.write(workspace)


def set_limit(tx, ws, allowance):
    tx.execute(
        "UPDATE balances SET allowance = :a WHERE workspace_id = :w AND meter = 'characters'",
        a=allowance,
        w=ws,
    )


async def test_a_hold_reserves_and_a_settlement_charges(database, ws):
    hold_id, after = await database.write(ledger.hold, ws, "characters", 300)
    assert (after.remaining, after.held, after.spent) == (99_700, 300, 0)
    await database.write(ledger.settle, hold_id, 120)
    after = await database.read(ledger.balance, ws, "characters")
    assert (after.remaining, after.held, after.spent) == (99_880, 0, 120)


async def test_a_release_gives_everything_back(database, ws):
    hold_id, _ = await database.write(ledger.hold, ws, "characters", 300)
    await database.write(ledger.release, hold_id)
    after = await database.read(ledger.balance, ws, "characters")
    assert (after.remaining, after.held, after.spent) == (100_000, 0, 0)


@pytest.mark.parametrize("first", [ledger.settle, ledger.release])
@pytest.mark.parametrize("second", [ledger.settle, ledger.release])
async def test_a_hold_ends_once(database, ws, first, second):
    hold_id, _ = await database.write(ledger.hold, ws, "characters", 300)
    await database.write(first, hold_id)
    before = await database.read(ledger.balance, ws, "characters")
    with pytest.raises(NotFoundError):
        await database.write(second, hold_id)
    assert await database.read(ledger.balance, ws, "characters") == before


async def test_a_settlement_cannot_exceed_its_hold(database, ws):
    hold_id, _ = await database.write(ledger.hold, ws, "characters", 10)
    with pytest.raises(InvalidInputError):
        await database.write(ledger.settle, hold_id, 11)
    assert (await database.read(ledger.balance, ws, "characters")).held == 10


async def test_more_than_is_left_is_refused_and_changes_nothing(database, ws):
    with pytest.raises(QuotaExceededError, match="100,001"):
        await database.write(ledger.hold, ws, "characters", 100_001)
    after = await database.read(ledger.balance, ws, "characters")
    assert (after.remaining, after.held) == (100_000, 0)


async def test_sixty_four_spenders_of_ten_credits_win_ten_times(database, ws):
    await database.write(set_limit, ws, 10)
    results = await asyncio.gather(
        *(database.write(ledger.hold, ws, "characters", 1) for _ in range(64)),
        return_exceptions=True,
    )
    assert sum(isinstance(r, tuple) for r in results) == 10
    assert sum(isinstance(r, QuotaExceededError) for r in results) == 54


async def test_a_grant_is_kept_over_the_month_and_the_allowance_is_renewed(
    database, ws, monkeypatch
):
    await database.write(ledger.grant, ws, "characters", 5_000, "test")
    hold_id, _ = await database.write(ledger.hold, ws, "characters", 101_000)
    await database.write(ledger.settle, hold_id)
    later = datetime(2099, 1, 31, tzinfo=UTC)
    monkeypatch.setattr(ledger, "now_ms", lambda: int(later.timestamp() * 1000))
    seen = await database.read(ledger.balance, ws, "characters")
    assert (seen.limit, seen.remaining, seen.spent) == (104_000, 104_000, 0)
    _, after = await database.write(ledger.hold, ws, "characters", 104_000)
    assert after.remaining == 0
    assert datetime.fromtimestamp(after.period_end / 1000, UTC) == datetime(2099, 2, 1, tzinfo=UTC)


async def test_work_held_in_one_month_and_charged_in_the_next_counts_once(
    database, ws, monkeypatch
):
    hold_id, _ = await database.write(ledger.hold, ws, "characters", 40_000)
    later = datetime(2099, 12, 1, tzinfo=UTC)
    monkeypatch.setattr(ledger, "now_ms", lambda: int(later.timestamp() * 1000))
    _, after = await database.write(ledger.hold, ws, "characters", 60_000)
    assert (after.remaining, after.held) == (0, 100_000)
    await database.write(ledger.settle, hold_id)
    after = await database.read(ledger.balance, ws, "characters")
    assert (after.remaining, after.spent) == (0, 40_000)


@pytest.mark.parametrize("amount", [0, -1])
async def test_a_grant_is_positive(database, ws, amount):
    with pytest.raises(InvalidInputError):
        await database.write(ledger.grant, ws, "wallet", amount, "test")


class LedgerMachine(RuleBasedStateMachine):
    """Any order of holds, settlements, releases and grants agrees with a model of four numbers."""

    def __init__(self):
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.database = SqliteDatabase(f"{self.folder.name}/ledger.db")
        self.loop.run_until_complete(self.database.start())
        self.ws = self.write(workspace)
        self.write(set_limit, self.ws, 1000)
        self.granted = self.spent = 0
        self.open: list[tuple[str, int]] = []

    def write(self, function, *args):
        async def run():
            return await self.database.write(function, *args)

        return self.loop.run_until_complete(run())

    @rule(amount=st.integers(0, 400))
    def hold(self, amount):
        left = 1000 + self.granted - self.spent - sum(a for _, a in self.open)
        if amount > left:
            with pytest.raises(QuotaExceededError):
                self.write(ledger.hold, self.ws, "characters", amount)
        else:
            hold_id, _ = self.write(ledger.hold, self.ws, "characters", amount)
            self.open.append((hold_id, amount))

    @rule(data=st.data())
    def settle(self, data):
        if not self.open:
            return
        hold_id, amount = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        part = data.draw(st.integers(0, amount))
        self.write(ledger.settle, hold_id, part)
        self.spent += part

    @rule(data=st.data())
    def release(self, data):
        if self.open:
            hold_id, _ = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
            self.write(ledger.release, hold_id)

    @rule(amount=st.integers(1, 100))
    def grant(self, amount):
        self.write(ledger.grant, self.ws, "characters", amount, "test")
        self.granted += amount

    @invariant()
    def agrees(self):
        seen = self.write(ledger.balance, self.ws, "characters")
        held = sum(amount for _, amount in self.open)
        assert (seen.held, seen.spent) == (held, self.spent)
        assert seen.remaining == 1000 + self.granted - self.spent - held >= 0

    def teardown(self):
        self.loop.run_until_complete(self.database.close())
        self.loop.close()
        self.folder.cleanup()


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=12, stateful_step_count=40, deadline=None)


async def test_a_smaller_plan_in_a_new_month_takes_nothing_of_what_was_granted(
    database, monkeypatch
):
    """Last month's spending was the old plan's to pay, though nobody has renewed it yet."""
    plans = load_plans()
    ws = await database.write(workspace, "downgraded", plans["growth"])
    await database.write(ledger.grant, ws, "characters", 5_000, "test")
    hold_id, _ = await database.write(ledger.hold, ws, "characters", 400_000)
    await database.write(ledger.settle, hold_id)
    later = datetime(2099, 1, 31, tzinfo=UTC)
    monkeypatch.setattr(ledger, "now_ms", lambda: int(later.timestamp() * 1000))
    await database.write(ledger.adopt_plan, ws, plans["starter"])
    after = await database.read(ledger.balance, ws, "characters")
    assert (after.limit, after.remaining, after.spent) == (105_000, 105_000, 0)
