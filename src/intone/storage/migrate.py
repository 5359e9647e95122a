"""Brings a database's schema up to date, once, however many processes start together."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intone.errors import UnavailableError

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["HEAD", "alembic_config", "migrate", "render_snapshot"]

#: The newest revision in `migrations/versions`. Known here so that a start with nothing to do
#: costs one statement and not half a second of importing Alembic and SQLAlchemy.
HEAD = "0005"

_FOLDER = Path(__file__).parent / "migrations"
#: What an empty SQLite database is made from, see `render_snapshot`; after a change to the
#: migrations, `python -m intone.storage.migrate` writes it anew.
_SNAPSHOT = _FOLDER / "sqlite.sql"
#: Any number of our own; PostgreSQL's advisory locks are named by numbers.
_ADVISORY_LOCK = 0x1270_0E
_STATEMENTS = {
    "sqlite": (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'",
        ("BEGIN IMMEDIATE",),
    ),
    "postgresql": (
        "SELECT relname FROM pg_class WHERE oid = to_regclass('alembic_version')",
        ("BEGIN", f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"),
    ),
}


def migrate(connection: Any, dialect: str) -> None:
    """Bring the schema to `HEAD`, in one transaction.

    Args:
        connection: The driver's own connection, in autocommit mode and with tuple rows; it is
            in no transaction afterwards.
        dialect: Which database it leads to, `sqlite` or `postgresql`.

    Raises:
        UnavailableError: The schema was made by a newer Intone.
    """
    if _revision(connection, dialect) == HEAD:
        return
    if dialect == "sqlite" and _revision(connection, dialect) is None:
        _create(connection)
    else:
        _upgrade(connection, dialect)


def render_snapshot() -> str:
    """The statements that make an empty SQLite database what all migrations make of it."""
    import sqlite3

    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        _upgrade(connection, "sqlite")
        made = connection.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        )
        statements = [sql for (sql,) in made]
    statements.append(f"INSERT INTO alembic_version VALUES ('{HEAD}')")
    return "".join(f"{statement};\n\n" for statement in statements)


def alembic_config() -> Config:
    """Alembic's view of the migrations in this package."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def _revision(connection: Any, dialect: str) -> str | None:
    if connection.execute(_STATEMENTS[dialect][0]).fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _create(connection: Any) -> None:
    """Fill an empty database from the snapshot, without importing Alembic."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again, because another process may have been faster.
        if _revision(connection, "sqlite") is None:
            for statement in _SNAPSHOT.read_text(encoding="utf-8").split(";\n\n"):
                connection.execute(statement)
            connection.commit()
    finally:
        connection.rollback()  # does nothing after the commit


def _upgrade(connection: Any, dialect: str) -> None:
    import sqlalchemy
    from alembic import command
    from sqlalchemy.pool import StaticPool

    name = "sqlite" if dialect == "sqlite" else "postgresql+psycopg"
    # A borrowed connection: SQLAlchemy must neither open a second one nor close or reset this.
    engine = sqlalchemy.create_engine(
        f"{name}://", creator=lambda: connection, poolclass=StaticPool, pool_reset_on_return=None
    )
    # The first connect() ends with a rollback, so the transaction can begin only after it.
    with engine.connect() as borrowed:
        for statement in _STATEMENTS[dialect][1]:
            connection.execute(statement)
        try:
            config = alembic_config()
            config.attributes["connection"] = borrowed
            # Asked again, because another process may have migrated while this one waited.
            _refuse_newer(_revision(connection, dialect), config)
            command.upgrade(config, "head")
            borrowed.commit()
        finally:
            connection.rollback()  # does nothing after the commit


def _refuse_newer(revision: str | None, config: Config) -> None:
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise UnavailableError(
            f"This database's schema (revision {revision}) was made by a newer Intone than this"
            " one; upgrade Intone, or restore the backup made before that upgrade."
        )


if __name__ == "__main__":
    _SNAPSHOT.write_text(render_snapshot(), encoding="utf-8")
