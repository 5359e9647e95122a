"""Blobs are whole or not there, streamed in and out, and on disk when the writer is told so."""

import asyncio
import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from intone.errors import NotFoundError, StorageFullError, UnavailableError
from intone.storage import blobs as module
from intone.storage.blobs import BlobStore

MIB = 1024 * 1024


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "blobs"


@pytest.fixture
def store(folder):
    return BlobStore(folder)


async def stream(*chunks):
    for chunk in chunks:
        yield chunk


async def read(store, path, start=0, end=2**40):
    return [chunk async for chunk in store.read_range(path, start, end)]


async def paths(store, prefix=""):
    return sorted([path async for path in store.list(prefix)])


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_what_is_streamed_in_comes_out_in_pieces(store):
    data = os.urandom(3 * MIB + 17)
    pieces = [data[at : at + 100_000] for at in range(0, len(data), 100_000)]

    assert await store.put_stream("w/j/audio.mp3", stream(*pieces)) == len(data)

    assert await store.size("w/j/audio.mp3") == len(data)
    chunks = await read(store, "w/j/audio.mp3")
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) <= MIB
    assert (
        b"".join(await read(store, "w/j/audio.mp3", 1_000_001, 2_000_003))
        == data[1_000_001:2_000_003]
    )
    assert await read(store, "w/j/audio.mp3", 5, 5) == []


async def test_empty_blobs_and_replacements(store):
    assert await store.put_stream("a", stream()) == 0
    assert await store.size("a") == 0
    await store.put("a", b"first, long")
    await store.put_stream("a", stream(b"sec", b"ond"))
    assert b"".join(await read(store, "a")) == b"second"


async def test_a_half_written_blob_is_never_seen_and_leaves_nothing(store, folder):
    await store.put("w/a", b"old")

    async def failing():
        yield bytes(3 * MIB)
        assert b"".join(await read(store, "w/a")) == b"old"
        assert await paths(store) == ["w/a"]
        raise KeyError("source")

    with pytest.raises(KeyError):
        await store.put_stream("w/a", failing())
    assert b"".join(await read(store, "w/a")) == b"old"
    assert files(folder) == ["w/a"]


async def test_a_cancelled_writer_leaves_nothing(store, folder):
    waiting = asyncio.Event()

    async def endless():
        yield bytes(2 * MIB)
        waiting.set()
        await asyncio.Event().wait()

    writing = asyncio.create_task(store.put_stream("w/a", endless()))
    await waiting.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    with pytest.raises(NotFoundError):
        await store.size("w/a")
    while files(folder):  # the removal runs beside us; the test's own timeout bounds this
        await asyncio.sleep(0.01)


async def test_a_write_is_synced_with_every_folder_that_leads_to_it(store, folder, monkeypatch):
    synced, real = [], os.fsync

    def fsync(descriptor):
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    await store.put("w/j/a", b"data")
    expected = [str(folder / part) for part in ("w/j/a", "w/j", "w", "")]
    assert synced == [path.rstrip("/") for path in expected]

    synced.clear()
    await store.put_stream("b", stream(b"data"))
    assert synced == [str(folder / "b"), str(folder)]


async def test_delete_is_idempotent_and_leaves_no_empty_folders(store, folder):
    await store.put("w/j/a", b"1")
    await store.put("w/b", b"2")
    for _ in range(2):
        await store.delete("w/j/a")
    assert await paths(store) == ["w/b"]
    assert not (folder / "w" / "j").exists()


async def test_list_goes_by_folder_and_not_by_spelling(store):
    for path in ("w1/a", "w1/deep/b", "w10/c"):
        await store.put(path, b"")
    assert await paths(store, "w1") == ["w1/a", "w1/deep/b"]
    assert await paths(store) == ["w1/a", "w1/deep/b", "w10/c"]
    assert await paths(store, "nobody") == []


async def test_what_is_not_there_is_not_found(store):
    with pytest.raises(NotFoundError):
        await store.size("nope")
    with pytest.raises(NotFoundError):
        await read(store, "nope")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "../x",
        "a/../b",
        "/etc/passwd",
        "a//b",
        "a/",
        ".hidden",
        "a/.b",
        "a b",
        "ä",
        "a#1",
        "a\n",
    ],
)
async def test_a_path_cannot_leave_the_folder(store, path):
    for call in (
        store.put(path, b""),
        store.size(path),
        store.delete(path),
        read(store, path, 0, 1),
    ):
        with pytest.raises(ValueError):
            await call


async def test_check_leaves_nothing_and_tells_of_a_broken_folder(store, folder):
    await store.check()
    assert files(folder) == []
    folder.rmdir()
    folder.write_text("a file where the folder was")
    with pytest.raises(UnavailableError):
        await store.check()


async def test_what_dead_writers_left_is_removed_when_it_is_old(store, folder):
    await store.put("w/a", b"whole")
    for name, age in (("a#1", 7200), ("b#12", 60)):
        (folder / "w" / name).write_bytes(b"half")
        then = module.time.time() - age
        os.utime(folder / "w" / name, (then, then))

    assert await store.remove_unfinished(older_than_s=3600) == 1
    assert files(folder) == ["w/a", "w/b#12"]


async def test_a_full_disk_is_told_and_what_was_there_stays(folder):
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a small disk: {mounted.stderr.strip()}")
    try:
        store = BlobStore(folder)
        await store.put("a", b"small")
        with pytest.raises(StorageFullError):
            await store.put("large", bytes(4 * MIB))
        with pytest.raises(StorageFullError):
            await store.put_stream("large", stream(*[bytes(MIB)] * 4))
        assert b"".join(await read(store, "a")) == b"small"
        assert await paths(store) == ["a"]
        async with asyncio.timeout(10):  # what was begun is removed in the background
            while await paths(store) == ["a"]:
                with contextlib.suppress(StorageFullError):
                    await store.put("b", bytes(MIB))
    finally:
        subprocess.run(["umount", folder], check=True)
