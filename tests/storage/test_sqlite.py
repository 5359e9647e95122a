"""SQLite's own side: group commit, full and damaged disks, locks, backups."""

import asyncio
import os
import struct
import subprocess
import threading

import pytest

from intone.errors import InvalidInputError, StorageFullError, UnavailableError
from intone.storage import sqlite as adapter
from intone.storage import sqlite_driver
from intone.storage.sqlite import SqliteDatabase
from intone.storage.sqlite_driver import check_library, sqlite
from intone.storage.sqlite_units import WARY_BATCHES

PAGE = 4096


@pytest.fixture
async def db(tmp_path):
    database = SqliteDatabase(tmp_path / "intone.db")
    await database.start()
    yield database
    await database.close()


def add(tx, name, size=1):
    tx.execute(
        "INSERT INTO workspaces (id, name, plan, created_at) VALUES (:name, :name, :plan, 1)",
        name=name,
        plan="x" * size,
    )
    return name


def names(tx):
    return {row["name"] for row in tx.all("SELECT name FROM workspaces")}


def pragma(tx, sql):
    return tx.all(f"PRAGMA {sql}")


def commits_on_disk(path):
    """How many transactions lie in the write-ahead log (https://sqlite.org/fileformat2.html#walformat)."""
    wal = path.with_name(f"{path.name}-wal").read_bytes()
    header, frame = 32, 24 + PAGE
    return sum(
        struct.unpack(">II", wal[at : at + 8])[1] != 0 for at in range(header, len(wal), frame)
    )


async def behind_a_busy_writer(database, submit):
    """Calls `submit` while the writer is held, so that all it hands in meets in one batch."""
    started, release = threading.Event(), threading.Event()

    def block(tx):
        started.set()
        assert release.wait(10)
        add(tx, "blocker")

    blocker = database.write(block)
    await asyncio.to_thread(started.wait, 10)
    units = submit()
    await asyncio.sleep(0)
    release.set()
    await blocker
    return await asyncio.gather(*units, return_exceptions=True)


async def test_units_that_wait_together_share_one_commit(db):
    before = commits_on_disk(db.path)
    await behind_a_busy_writer(db, lambda: [db.write(add, str(number)) for number in range(100)])

    assert commits_on_disk(db.path) - before == 2  # the blocker's, and one for the hundred
    assert len(await db.read(names)) == 101


async def test_a_failing_unit_does_not_cost_its_batch_the_common_commit(db):
    before = commits_on_disk(db.path)

    def half(tx, name):
        add(tx, name)
        raise KeyError(name)

    results = await behind_a_busy_writer(
        db, lambda: [db.write(half if number % 3 else add, str(number)) for number in range(30)]
    )

    assert commits_on_disk(db.path) - before == 2
    assert [isinstance(result, KeyError) for result in results] == [bool(n % 3) for n in range(30)]
    assert await db.read(names) == {"blocker", *(str(n) for n in range(0, 30, 3))}


async def test_a_failure_costs_no_neighbour_its_work_in_its_batch_and_those_that_follow(db):
    """Batches run without savepoints until a unit fails, and with them for a while after it."""

    def work(tx, name, *, fails):
        add(tx, name)
        if fails:
            raise KeyError(name)

    kept = set()
    for batch in range(WARY_BATCHES + 8):
        named = {f"{batch}-{number}": number == 1 and batch % 7 == 0 for number in range(4)}
        results = await asyncio.gather(
            *(db.write(work, name, fails=fails) for name, fails in named.items()),
            return_exceptions=True,
        )
        assert [isinstance(result, KeyError) for result in results] == list(named.values())
        kept |= {name for name, fails in named.items() if not fails}
        assert await db.read(names) == kept


async def test_commits_are_synced_and_foreign_keys_checked_on_every_connection(db):
    assert await db.write(pragma, "synchronous") == [{"synchronous": 2}]
    assert await db.write(pragma, "foreign_keys") == [{"foreign_keys": 1}]
    assert await db.read(pragma, "journal_mode") == [{"journal_mode": "wal"}]


async def test_a_unit_that_fills_the_database_fails_alone(db):
    """SQLite may roll back everybody's work when it is full; nobody is told a lie about it."""
    (pages,) = await db.write(pragma, "page_count")
    await db.write(pragma, f"max_page_count={pages['page_count'] + 20}")

    results = await behind_a_busy_writer(
        db,
        lambda: [
            db.write(add, "small before"),
            db.write(add, "large", 100 * PAGE),
            db.write(add, "small after"),
        ],
    )

    assert [results[0], results[2]] == ["small before", "small after"]
    assert isinstance(results[1], StorageFullError)
    assert await db.read(names) == {"blocker", "small before", "small after"}


async def test_a_unit_whose_transaction_sqlite_ended_takes_nobody_with_it(db):
    """RAISE(ROLLBACK) ends the whole transaction, as some I/O errors do."""
    await db.write(
        lambda tx: tx.execute(
            "CREATE TRIGGER strike BEFORE INSERT ON workspaces WHEN NEW.name LIKE 'bad%'"
            " BEGIN SELECT RAISE(ROLLBACK, 'struck'); END"
        )
    )

    def swallow(tx):
        try:
            add(tx, "bad swallowed")
        except Exception:  # noqa: BLE001 - the point of the test
            return "fine"

    results = await behind_a_busy_writer(
        db,
        lambda: [
            db.write(add, "first"),
            db.write(add, "bad"),
            db.write(add, "second"),
            db.write(swallow),
            db.write(add, "third"),
        ],
    )

    assert [results[0], results[2], results[4]] == ["first", "second", "third"]
    assert "struck" in str(results[1])
    assert isinstance(results[3], UnavailableError)
    assert await db.read(names) == {"blocker", "first", "second", "third"}


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a small disk: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_on_a_full_disk_writes_fail_reads_go_on_and_space_heals_it(small_disk):
    db = SqliteDatabase(small_disk / "intone.db")
    await db.start()
    await db.write(add, "before")
    filler = small_disk / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(PAGE))
    except OSError:
        pass

    acknowledged = {"before"}
    for number in range(40):
        try:
            acknowledged.add(await db.write(add, str(number), 3 * PAGE))
        except StorageFullError:
            break
    else:
        pytest.fail("the disk never filled up")
    refused = await behind_a_busy_writer_on_full_disk(db)
    assert all(isinstance(error, StorageFullError) for error in refused)
    assert await db.read(names) == acknowledged

    filler.unlink()
    acknowledged.add(await db.write(add, "after", 3 * PAGE))
    assert await db.read(names) == acknowledged
    await db.close()
    assert integrity(db.path) == "ok"


async def behind_a_busy_writer_on_full_disk(db):
    return await asyncio.gather(
        *(db.write(add, f"refused {number}", 3 * PAGE) for number in range(10)),
        return_exceptions=True,
    )


def integrity(path):
    connection = sqlite.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()


async def test_a_lock_that_another_process_keeps_is_an_error_only_after_a_while(
    db, tmp_path, monkeypatch
):
    impatient = SqliteDatabase(db.path)
    monkeypatch.setattr(sqlite_driver, "_BUSY_TIMEOUT_MS", 50)
    await impatient.start()
    # Through the same library: POSIX locks do not hold between two copies of it in one process.
    other = sqlite.connect(db.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(UnavailableError):
        await impatient.write(add, "impatient")
    patient = db.write(add, "patient")
    assert await db.read(names) == set()
    other.execute("COMMIT")
    other.close()

    assert await patient == "patient"
    assert await impatient.write(add, "again") == "again"
    assert await db.read(names) == {"patient", "again"}
    await impatient.close()


async def test_a_backup_is_one_consistent_state_taken_while_others_write(db, tmp_path, monkeypatch):
    monkeypatch.setattr(adapter, "_BACKUP_PAGES", 4)  # many steps, so that writes fall in between
    for number in range(20):
        await db.write(add, f"before {number}", 100 * PAGE)
    done, progress = asyncio.Event(), []

    async def keep_writing():
        number = 0
        while not done.is_set():
            await db.write(add, f"during {number}")
            number += 1

    writing = asyncio.create_task(keep_writing())
    target = tmp_path / "folder" / "backup.db"
    await db.backup(target, progress.append)
    done.set()
    await writing

    assert integrity(target) == "ok"
    assert [path.name for path in target.parent.iterdir()] == ["backup.db"]
    assert progress[-1] == 1
    assert len(progress) > 1
    assert progress == sorted(progress)  # it never began anew
    restored = SqliteDatabase(target)
    await restored.start()
    kept = await restored.read(names)
    await restored.close()
    assert {f"before {number}" for number in range(20)} <= kept
    during = {int(name.split()[1]) for name in kept if name.startswith("during")}
    assert during == set(range(len(during)))  # no gap: one moment's state


async def test_a_backup_replaces_nothing(db, tmp_path):
    with pytest.raises(InvalidInputError):
        await db.backup(db.path)
    target = tmp_path / "there"
    target.write_text("precious")
    with pytest.raises(InvalidInputError):
        await db.backup(target)
    assert target.read_text() == "precious"


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be looked at" * 50]
)
async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "intone.db"
    path.write_bytes(content)
    with pytest.raises(UnavailableError, match="not a SQLite database"):
        await SqliteDatabase(path).start()
    assert path.read_bytes() == content


async def test_a_folder_that_cannot_be_made_is_said_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot be opened"):
        await SqliteDatabase(tmp_path / "file" / "intone.db").start()


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 50, 6), (3, 51, 2)])
def test_libraries_that_can_corrupt_a_database_are_refused(version):
    with pytest.raises(UnavailableError, match="pysqlite3"):
        check_library(version)


@pytest.mark.parametrize("version", [(3, 44, 6), (3, 50, 7), (3, 51, 3), (3, 53, 0), (4, 0, 0)])
def test_fixed_libraries_are_used(version):
    check_library(version)


def test_the_library_in_use_is_a_fixed_one():
    check_library()
