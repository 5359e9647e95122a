"""What all tests share: the two databases, and what a test may require."""

import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from helpers import chromium, clients, flite, memory, mounts, php, postgres
from intone.storage.database import Database
from intone.storage.open import open_database

#: What `@pytest.mark.requires(name)` may name, and what says whether it is missing; more in the
#: mark is told it: `requires("client", "livekit")`.
_REQUIREMENTS = {
    "postgres": postgres.missing,
    "chromium": chromium.missing,
    "client": clients.missing,
    "mount": mounts.missing,
    "flite": flite.missing,
    "php": php.missing,
}


def pytest_configure() -> None:
    """Before any folder is made, here and, by the environment, in the workers of xdist."""
    memory.use()


@pytest.hookimpl(tryfirst=True)  # xdist looks for the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a fixture of their module run in one worker of xdist, or each would make it."""
    for item in items:
        used = item._fixtureinfo.name2fixturedefs
        if any(found[-1].scope == "module" for found in used.values()) or "browser_port" in used:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the collector need not look through it again."""
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose requirement is missing, or fail it where everything must run."""
    for marker in item.iter_markers("requires"):
        name, *more = marker.args
        if reason := _REQUIREMENTS[name](*more):
            if os.environ.get("INTONE_TEST_REQUIRE") == "all":
                pytest.fail(f"needs {reason}", pytrace=False)
            pytest.skip(f"needs {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the PostgreSQL that this run started; with xdist, when all workers are done."""
    if not hasattr(session.config, "workerinput"):
        postgres.stop(_shared_folder(session.config))


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    """A PostgreSQL server, by the URL of a database that is not to be touched."""
    return postgres.server_url(_shared_folder(request.config))


@pytest.fixture(scope="session")
def _postgres_template(postgres_url: str) -> Iterator[str]:
    with postgres.migrated_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def _postgres_database(postgres_url: str, _postgres_template: str) -> Iterator[str]:
    with postgres.new_database(postgres_url, template=_postgres_template) as url:
        yield url


@pytest.fixture
def postgres_database_url(_postgres_database: str) -> Iterator[str]:
    """An empty database with the whole schema; what one test leaves there is not the next one's."""
    yield _postgres_database
    postgres.empty(_postgres_database)


@pytest.fixture
def own_postgres_database_url(postgres_url: str, _postgres_template: str) -> Iterator[str]:
    """A database that was just made and is dropped: to change the schema, to look at its plans."""
    with postgres.new_database(postgres_url, template=_postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.requires("postgres"))])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of one's own; the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/intone.db"
    return request.getfixturevalue("postgres_database_url")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database; the test runs once on SQLite and once on PostgreSQL."""
    opened = open_database(database_url)
    await opened.start()
    yield opened
    await opened.close()


def _shared_folder(config: pytest.Config) -> Path:
    folder = config._tmp_path_factory.getbasetemp()
    return folder.parent if hasattr(config, "workerinput") else folder
