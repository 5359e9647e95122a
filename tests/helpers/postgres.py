"""A throw-away PostgreSQL for the tests: found, started once a run, stopped at its end."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from intone.storage.migrate import HEAD, migrate

#: Durability is the server's own business; here nothing needs to survive a power cut.
_SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "max_wal_size=256MB",
    "max_connections=200",
    "listen_addresses=",
)
_TABLES = """
SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


def missing() -> str | None:
    """What keeps the tests from a PostgreSQL, in words; None where there is one."""
    if os.environ.get("INTONE_TEST_POSTGRES_URL") or _binaries():
        return None
    return "PostgreSQL: set INTONE_TEST_POSTGRES_URL, or install its server (initdb, pg_ctl)"


def server_url(shared: Path) -> str:
    """The URL of a server on which databases can be made, started where none is given.

    Args:
        shared: A folder that all workers of this run see; the first of them starts the server.
    """
    if given := os.environ.get("INTONE_TEST_POSTGRES_URL"):
        return given
    with _locked(shared):
        note = shared / "postgres"
        if not note.exists():
            note.write_text(str(_start()))
        return f"postgresql://postgres@/postgres?host={note.read_text()}"


def stop(shared: Path) -> None:
    """Stop the server that this run started, if it did."""
    note = shared / "postgres"
    if note.exists():
        folder = Path(note.read_text())
        _run("pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
        note.unlink()
        shutil.rmtree(folder)


@contextmanager
def new_database(server: str, *, template: str | None = None) -> Iterator[str]:
    """The URL of a fresh database, dropped afterwards.

    Args:
        server: URL of any database on the server.
        template: URL of the database it is copied from; nobody may be connected to that.
    """
    name = f"intone_test_{uuid.uuid4().hex}"
    source = f" TEMPLATE {_name(template)}" if template else ""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}{source}")
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def migrated_database(server: str) -> Iterator[str]:
    """The URL of a fresh database with the whole schema, to copy the tests' databases from."""
    with new_database(server) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            migrate(connection, "postgresql")
        yield url


def empty(url: str) -> None:
    """Make a database with the whole schema as new: end its connections, delete its rows.

    That takes a tenth of the time in which a database is made. What the queue has installed stays.
    """
    from intone.storage.tables import metadata  # with SQLAlchemy, which most tests do without

    # Those that point at others first.
    ours = [table.name for table in reversed(metadata.sorted_tables)]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        found = {name for (name,) in connection.execute(_TABLES)}
        queues = {name for name in found if name.startswith("pgqueuer")}
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert (found - queues, revision) == ({*ours, "alembic_version"}, HEAD), (
            "a test that changes the schema takes `own_postgres_database_url`"
        )
        connection.execute("; ".join(f"DELETE FROM {name}" for name in (*ours, *queues)))
        connection.execute("SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'")


def _start() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="intone-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    _run("initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "--no-sync")
    options = " ".join(
        f"-c {setting}" for setting in (*_SETTINGS, f"unix_socket_directories={folder}")
    )
    _run("pg_ctl", "-D", folder / "data", "-l", folder / "log", "-o", options, "-w", "start")
    return folder


def _run(program: str, *arguments: str | Path) -> None:
    command = [_binaries() / program, *arguments]
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        command = ["runuser", "-u", "postgres", "--", *command]
    # Its output goes to a file: a pipe would stay open as long as the server runs.
    with tempfile.TemporaryFile() as output:
        ended = subprocess.run(command, cwd="/", stdout=output, stderr=output, check=False)
        if ended.returncode:
            output.seek(0)
            raise RuntimeError(f"{program} failed: {output.read().decode(errors='replace')}")


def _binaries() -> Path | None:
    if found := shutil.which("initdb"):
        return Path(found).parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(installed, key=lambda path: int(path.parts[-3]), default=None)
    return newest and newest.parent


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
