"""The migrations make the tables that the code is written for, once, on both databases."""

import asyncio
import subprocess
import sys
from contextlib import closing, contextmanager

import psycopg
import pytest
import sqlalchemy
from alembic.script import ScriptDirectory

from helpers import postgres
from intone.errors import UnavailableError
from intone.storage import migrate as module
from intone.storage.migrate import HEAD, alembic_config, migrate, render_snapshot
from intone.storage.open import open_database
from intone.storage.sqlite_driver import sqlite
from intone.storage.tables import metadata

SQLITE_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
POSTGRES_SCHEMA = """
SELECT 'column', table_name, column_name, data_type || ' ' || is_nullable || ' ' || is_identity
       || ' ' || coalesce(column_default, '-')
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
"""


@contextmanager
def memory():
    with closing(sqlite.connect(":memory:", isolation_level=None)) as connection:
        yield connection


def sqlite_schema(connection):
    return {
        (kind, name, table, frozenset(parts(sql)) if kind == "table" else " ".join(sql.split()))
        for kind, name, table, sql in connection.execute(SQLITE_SCHEMA)
        if table != "alembic_version"
    }


def parts(sql):
    """What a table is made of; Alembic and SQLAlchemy write its constraints in another order."""
    return (part.strip() for part in sql.partition("(")[2].rpartition(")")[0].split(","))


def postgres_schema(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute(POSTGRES_SCHEMA).fetchall()
    return {row for row in rows if row[1] != "alembic_version"}


def test_on_sqlite_the_migrations_make_exactly_the_tables():
    with memory() as migrated:
        module._upgrade(migrated, "sqlite")
        with memory() as made:
            engine = sqlalchemy.create_engine(
                "sqlite://", creator=lambda: made, poolclass=sqlalchemy.pool.StaticPool
            )
            metadata.create_all(engine)
            assert sqlite_schema(migrated) == sqlite_schema(made)


@pytest.mark.requires("postgres")
def test_on_postgresql_the_migrations_make_exactly_the_tables(
    postgres_url, own_postgres_database_url
):
    with postgres.new_database(postgres_url) as url:
        engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        metadata.create_all(engine)
        engine.dispose()
        assert postgres_schema(own_postgres_database_url) == postgres_schema(url)


def test_the_known_head_is_the_last_migration():
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [HEAD]


def test_the_snapshot_is_what_the_migrations_make():
    """Where this fails, run `python -m intone.storage.migrate`."""
    assert module._SNAPSHOT.read_text() == render_snapshot()
    with memory() as quick, memory() as slow:
        migrate(quick, "sqlite")
        module._upgrade(slow, "sqlite")
        assert sqlite_schema(quick) == sqlite_schema(slow)
        version = "SELECT version_num FROM alembic_version"
        assert quick.execute(version).fetchall() == slow.execute(version).fetchall() == [(HEAD,)]


def test_a_migration_that_fails_leaves_nothing(monkeypatch):
    with memory() as connection:
        connection.execute("CREATE TABLE jobs (another INTEGER)")
        with pytest.raises(Exception, match="already exists"):
            migrate(connection, "sqlite")
        with pytest.raises(Exception, match="already exists"):
            module._upgrade(connection, "sqlite")
        assert not connection.in_transaction
        assert [row[1] for row in connection.execute(SQLITE_SCHEMA)] == ["jobs"]


def test_starting_on_sqlite_does_not_import_alembic(tmp_path):
    code = """
import asyncio, sys
from intone.storage.open import open_database
async def main():
    for _ in range(2):
        database = open_database(sys.argv[1])
        await database.start()
        await database.close()
asyncio.run(main())
print(sorted({"alembic", "sqlalchemy", "psycopg"} & set(sys.modules)))
"""
    url = f"sqlite:///{tmp_path}/intone.db"
    ended = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True)
    assert (ended.stdout.strip(), ended.stderr) == ("[]", "")


@pytest.fixture
def postgres_database_url(own_postgres_database_url):
    """The schema is changed here."""
    return own_postgres_database_url


async def test_a_schema_from_the_future_is_refused(database_url):
    database = open_database(database_url)
    await database.start()
    await database.write(
        lambda tx: tx.execute("UPDATE alembic_version SET version_num = 'from 2099'")
    )
    await database.close()

    with pytest.raises(UnavailableError, match="newer Intone"):
        await open_database(database_url).start()


@pytest.mark.requires("postgres")
async def test_starting_together_on_an_empty_postgresql_migrates_once(postgres_url):
    with postgres.new_database(postgres_url) as url:
        databases = [open_database(url) for _ in range(4)]
        await asyncio.gather(*(database.start() for database in databases))
        for database in databases:
            assert await database.read(lambda tx: tx.all("SELECT * FROM jobs")) == []
            await database.close()
