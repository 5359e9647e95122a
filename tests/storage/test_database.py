"""What both databases guarantee to the functions that run on them."""

import asyncio
import threading
import uuid

import pytest

from intone.errors import UnavailableError
from intone.storage.database import LostRaceError

PROBE = {"text": "ärger's 100% :name", "count": 2**53 + 1, "ratio": 0.25, "data": b"\x00\xff"}


def add(tx, name, plan="starter"):
    tx.execute(
        "INSERT INTO workspaces (id, name, plan, created_at) VALUES (:id, :name, :plan, :now)",
        id=str(uuid.uuid4()),
        name=name,
        plan=plan,
        now=1,
    )
    return name


def names(tx):
    return [row["name"] for row in tx.all("SELECT name FROM workspaces ORDER BY number")]


def has(tx, name):
    return tx.one("SELECT name FROM workspaces WHERE name = :name", name=name) is not None


def open_balance(tx, workspace, allowance):
    add(tx, workspace)
    tx.execute(
        "INSERT INTO balances SELECT id, 'characters', :allowance, 0, 0, 0, 0, 1, 0 FROM workspaces"
        " WHERE name = :name",
        allowance=allowance,
        name=workspace,
    )


def spend(tx, amount):
    row = tx.one(
        "UPDATE balances SET spent = spent + :amount WHERE allowance - spent >= :amount"
        " RETURNING spent",
        amount=amount,
    )
    return row and row["spent"]


async def test_every_type_comes_back_as_it_went_in(database):
    def probe(tx):
        tx.execute(
            "INSERT INTO idempotency_keys VALUES (:text, 's', 'k', :data, 201, :text, :data, :count)",
            **{key: PROBE[key] for key in ("text", "count", "data")},
        )
        return tx.one(
            "SELECT workspace_id AS text, expires_at AS count, 0.25 * status / 201 AS ratio, body AS data"
            " FROM idempotency_keys WHERE headers LIKE '%100%' AND 'a:b' <> ':name' -- :name's %"
        )

    assert await database.write(probe) == PROBE


async def test_sums_of_integers_are_integers(database):
    def totals(tx):
        open_balance(tx, "w", 2**40)
        return tx.one("SELECT sum(allowance) AS total, count(*) AS number FROM balances")

    row = await database.write(totals)
    assert row == {"total": 2**40, "number": 1}
    assert type(row["total"]) is int


async def test_execute_counts_changed_rows_and_one_finds_none(database):
    def change(tx):
        for name in "abc":
            add(tx, name)
        changed = tx.execute("UPDATE workspaces SET plan = 'pro' WHERE name <> :name", name="a")
        again = tx.execute(
            "INSERT INTO workspaces (id, name, plan, created_at) VALUES ('i', 'a', 'p', 1)"
            " ON CONFLICT (name) DO NOTHING"
        )
        return (
            changed,
            again,
            tx.one("SELECT id FROM workspaces WHERE name = 'z'"),
            tx.all("SELECT id FROM workspaces WHERE name = 'z'"),
        )

    assert await database.write(change) == (2, 0, None, [])


async def test_a_unit_that_raises_leaves_nothing_and_its_neighbours_stay(database):
    def fail(tx):
        add(tx, "half")
        raise KeyError("half")

    results = await asyncio.gather(
        database.write(add, "one"),
        database.write(fail),
        database.write(add, "two"),
        database.write(next_of_nothing),
        database.write(add, "three"),
        return_exceptions=True,
    )

    assert [results[0], results[2], results[4]] == ["one", "two", "three"]
    assert isinstance(results[1], KeyError)
    assert isinstance(results[3], RuntimeError)
    assert sorted(await database.read(names)) == ["one", "three", "two"]


def next_of_nothing(tx):
    add(tx, "nothing")
    return next(iter(()))


async def test_a_constraint_that_fails_undoes_its_unit(database):
    def overdraw(tx):
        open_balance(tx, "w", 10)
        tx.execute("UPDATE balances SET spent = -1")

    with pytest.raises(Exception, match="ck_balances_spent"):
        await database.write(overdraw)
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await database.write(
            lambda tx: tx.execute(
                "INSERT INTO balances VALUES ('nobody', 'm', 0, 0, 0, 0, 0, 0, 0)"
            )
        )
    assert await database.read(names) == []


async def test_what_was_written_is_read_at_once(database):
    for name in map(str, range(20)):
        await database.write(add, name)
        assert await database.read(has, name)


async def test_a_read_sees_one_state_from_begin_to_end(database):
    looked, written = threading.Event(), threading.Event()

    def look_twice(tx):
        before = names(tx)
        looked.set()
        assert written.wait(10)
        return before, names(tx)

    await database.write(add, "old")
    reading = database.read(look_twice)
    await asyncio.to_thread(looked.wait, 10)
    await database.write(add, "new")
    written.set()

    assert await reading == (["old"], ["old"])
    assert await database.read(names) == ["old", "new"]


async def test_reads_cannot_write(database):
    with pytest.raises(Exception, match=r"(?i)read.?only|cannot be written"):
        await database.read(add, "w")
    assert await database.read(names) == []


async def test_concurrent_spending_never_goes_below_nought(database):
    await database.write(open_balance, "w", 100)

    spent = await asyncio.gather(*(database.write(spend, 3) for _ in range(60)))

    assert sorted(total for total in spent if total) == list(range(3, 100, 3))
    assert spent.count(None) == 60 - 33


async def test_a_lost_race_is_run_again_on_a_clean_slate(database):
    runs = []

    def lose_twice(tx):
        add(tx, "w")
        runs.append(1)
        if len(runs) < 3:
            raise LostRaceError
        return len(runs)

    assert await database.write(lose_twice) == 3
    assert await database.read(names) == ["w"]


async def test_a_unit_that_runs_anew_after_a_lost_race_knows_it(database):
    runs = []

    def lose_once(tx, name):
        runs.append((name, tx.again))
        if not tx.again:
            raise LostRaceError

    await asyncio.gather(*(database.write(lose_once, name) for name in "ab"))
    for name in "ab":  # a neighbour's failure may add runs that tell nothing
        seen = [again for told, again in runs if told == name]
        assert (seen[0], seen[-1]) == (False, True)


async def test_a_race_lost_for_good_is_a_retryable_error(database):
    runs = []

    def lose(tx):
        add(tx, "w")
        runs.append(1)
        raise LostRaceError

    with pytest.raises(UnavailableError):
        await database.write(lose)
    assert len(runs) == LostRaceError.MAX_RUNS
    assert await database.read(names) == []


async def test_after_commit_runs_on_the_loop_before_the_answer_and_only_after_success(database):
    heard, loop_thread = [], threading.get_ident()

    def call(name):
        heard.append((name, threading.get_ident() == loop_thread))

    def work(tx, name, error=None):
        add(tx, name)
        tx.after_commit(lambda: call(name))
        if error:
            raise error

    await database.write(work, "good")
    assert heard == [("good", True)]
    with pytest.raises(KeyError):
        await database.write(work, "bad", KeyError())
    await database.write(work, "last")
    assert [name for name, _ in heard] == ["good", "last"]


async def test_an_after_commit_that_fails_does_not_hide_the_answer(database):
    problems = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))

    def work(tx):
        tx.after_commit(lambda: 1 / 0)
        return add(tx, "w")

    assert await database.write(work) == "w"
    assert isinstance(problems[0]["exception"], ZeroDivisionError)


async def test_a_caller_that_goes_away_does_not_stop_the_others(database):
    started, release = threading.Event(), threading.Event()

    def block(tx):
        started.set()
        assert release.wait(10)
        return add(tx, "blocker")

    leaving = database.write(block)
    await asyncio.to_thread(started.wait, 10)
    staying = [database.write(add, name) for name in ("a", "b")]
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    release.set()

    assert await asyncio.gather(*staying) == ["a", "b"]
    assert await database.write(add, "c") == "c"


async def test_close_finishes_what_was_accepted_and_then_refuses(database):
    accepted = [database.write(add, str(number)) for number in range(50)]
    await asyncio.sleep(0)

    await database.close()
    await database.close()

    assert await asyncio.gather(*accepted) == [str(number) for number in range(50)]
    with pytest.raises(UnavailableError):
        await database.write(add, "late")
    with pytest.raises(UnavailableError):
        await database.read(names)
