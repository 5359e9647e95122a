"""PostgreSQL's own side: parameters, races, lost connections."""

import asyncio
import threading

import psycopg
import pytest

from intone.errors import InvalidInputError, StorageFullError, UnavailableError
from intone.storage.open import open_database
from intone.storage.postgres import PostgresDatabase, to_psycopg


@pytest.fixture
async def db(postgres_database_url):
    database = PostgresDatabase(postgres_database_url)
    await database.start()
    yield database
    await database.close()


@pytest.mark.parametrize(
    ("sql", "translated"),
    [
        ("SELECT :a + :b_2", "SELECT %(a)s + %(b_2)s"),
        ("SELECT :a::text, ':a', \":a\"", "SELECT %(a)s::text, ':a', \":a\""),
        ("SELECT 'it''s :a' || :a", "SELECT 'it''s :a' || %(a)s"),
        ("x LIKE '10%' AND y % 2 = :a", "x LIKE '10%%' AND y %% 2 = %(a)s"),
        ("SELECT 1 -- :a's 5%\n, :a /* :a ' */", "SELECT 1 -- :a's 5%%\n, %(a)s /* :a ' */"),
        ("a[1:2] = :a", "a[1:2] = %(a)s"),
    ],
)
def test_parameters_are_translated_and_nothing_else(sql, translated):
    assert to_psycopg(sql) == translated


@pytest.mark.parametrize("url", ["mysql://h/db", "sqlite://", "sqlite:///", "intone.db", ""])
def test_an_unknown_url_is_refused(url):
    with pytest.raises(InvalidInputError):
        open_database(url)


def add(tx, name):
    tx.execute(
        "INSERT INTO workspaces (id, name, plan, created_at) VALUES (:name, :name, 'p', 1)",
        name=name,
    )


def names(tx):
    return [row["name"] for row in tx.all("SELECT name FROM workspaces ORDER BY name")]


def rename(tx, name, plan):
    tx.execute(
        "UPDATE workspaces SET plan = plan || :plan WHERE name = :name", name=name, plan=plan
    )


@pytest.mark.requires("postgres")
async def test_units_that_block_each_other_both_succeed(db):
    """PostgreSQL ends a deadlock by failing one of the two; that one is run again."""
    both, runs = threading.Barrier(2), []
    await db.write(add, "a")
    await db.write(add, "b")

    def crosswise(tx, first, second):
        runs.append(first)
        rename(tx, first, "1")
        if len(runs) <= 2:
            both.wait(10)
        rename(tx, second, "2")

    await asyncio.gather(db.write(crosswise, "a", "b"), db.write(crosswise, "b", "a"))

    assert len(runs) >= 3  # more, where the loser is back before the winner woke up
    plans = await db.read(lambda tx: tx.all("SELECT plan FROM workspaces ORDER BY name"))
    assert [sorted(row["plan"]) for row in plans] == [["1", "2", "p"], ["1", "2", "p"]]


@pytest.mark.requires("postgres")
async def test_two_that_look_and_then_insert_the_same_name_end_as_one(db):
    both, runs = threading.Barrier(2), []

    def find_or_add(tx):
        runs.append(1)
        if tx.one("SELECT 1 AS found FROM workspaces WHERE name = 'w'"):
            return "found"
        if len(runs) <= 2:
            both.wait(10)
        add(tx, "w")
        return "added"

    results = await asyncio.gather(db.write(find_or_add), db.write(find_or_add))

    assert sorted(results) == ["added", "found"]
    assert await db.read(names) == ["w"]


@pytest.mark.requires("postgres")
async def test_connections_that_the_server_ended_are_replaced_unnoticed(db, postgres_url):
    barrier = threading.Barrier(8)
    await asyncio.gather(*(db.read(lambda _: barrier.wait(10)) for _ in range(8)))  # open several
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        ended = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s",
            [psycopg.conninfo.conninfo_to_dict(db.url)["dbname"]],
        ).fetchone()
    assert ended[0] >= 8

    await db.write(add, "alone")  # meets one dead connection after the other
    await asyncio.gather(*(db.write(add, str(number)) for number in range(8)))

    assert await db.read(names) == [*map(str, range(8)), "alone"]


@pytest.mark.requires("postgres")
async def test_a_full_server_disk_is_told_and_nothing_is_written(db):
    def fill(tx):
        add(tx, "w")
        tx.execute("DO $$ BEGIN RAISE 'no space left' USING ERRCODE = 'disk_full'; END $$")

    with pytest.raises(StorageFullError):
        await db.write(fill)
    assert await db.read(names) == []


@pytest.mark.requires("postgres")
async def test_going_on_after_a_failed_statement_is_never_acknowledged(db):
    def swallow(tx):
        add(tx, "w")
        try:
            tx.execute("SELECT 1 / 0")
        except psycopg.Error:
            return "fine"

    with pytest.raises(RuntimeError):
        await db.write(swallow)
    assert await db.read(names) == []


async def test_a_server_that_is_not_there_is_unavailable(unused_tcp_port):
    database = PostgresDatabase(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/none")
    with pytest.raises(UnavailableError, match="cannot be used"):
        await database.start()
    await database.close()
