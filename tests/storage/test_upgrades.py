"""A database of an older Intone, with what was in it, serves the new one."""

import pytest
import sqlalchemy
from alembic import command

from intone.core import access, credentials, keys, ledger
from intone.core.key_limits import NO_LIMITS, KeyLimits
from intone.core.usage import activity
from intone.storage.database import now_ms
from intone.storage.migrate import alembic_config
from intone.storage.open import open_database

#: What an Intone of the first revision had written: a workspace, a key, money, and an open hold.
FIRST = """
INSERT INTO workspaces (id, name, plan, created_at) VALUES ('w', 'old', 'starter', 1);
INSERT INTO keys (id, workspace_id, name, hash, prefix, suffix, scopes, created_at)
VALUES ('k', 'w', 'first', :hash, 'in_live_', 'abcd', 'speak', 1);
INSERT INTO balances
  (workspace_id, meter, allowance, granted, spent, held, period_start, period_end)
VALUES ('w', 'characters', 1000, 0, 10, 40, 1, :end), ('w', 'wallet', 0, 500, 0, 0, 1, :end);
INSERT INTO grants (id, workspace_id, meter, amount, source, created_at)
VALUES ('g', 'w', 'wallet', 500, 'cli', 1);
INSERT INTO holds (id, workspace_id, meter, amount, state, created_at)
VALUES ('h', 'w', 'characters', 40, 'open', 1)
"""


@pytest.fixture
def postgres_database_url(own_postgres_database_url):
    """The schema is changed here."""
    return own_postgres_database_url


def make_first(url, secret):
    """A database as the first revision left it."""
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    values = {"hash": credentials.digest(secret), "end": now_ms() + 1_000_000}
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # a test's database comes with the whole schema
            connection.execute(sqlalchemy.text("DROP SCHEMA public CASCADE"))
            connection.execute(sqlalchemy.text("CREATE SCHEMA public"))
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in FIRST.split(";"):
            wanted = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(sqlalchemy.text(statement), wanted)
    engine.dispose()


async def test_what_the_first_revision_held_is_there_and_can_be_used(database_url):
    secret = keys.generate()
    make_first(database_url, secret)
    database = open_database(database_url)
    await database.start()
    try:
        row = await database.read(access._find, credentials.digest(secret))
        assert (row["id"], KeyLimits.of(row)) == ("k", NO_LIMITS)
        await database.write(ledger.settle, "h", 30)
        left = await database.read(ledger.balance, "w", "characters")
        assert (left.held, left.spent, left.remaining) == (0, 40, 960)
        assert await database.read(ledger.forgotten, 10) == []
        hold_id, _ = await database.write(ledger.hold, "w", "wallet", 100, expires_at=1)
        assert await database.read(ledger.forgotten, 10) == [hold_id]
        await database.write(ledger.settle, hold_id, 60)
        rows = await database.read(activity, "w", 10)
        assert [row.micros_delta for row in rows] == [40, -100, 500]
        assert rows[0].micros_balance_after == 440
    finally:
        await database.close()
