"""New files: whole under their name or not there, whatever the file system can do."""

import errno
import os

import pytest

from intone.storage.files import NewFile, write_whole

MIB = 1 << 20


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a" / "b" / "name"


def names(folder):
    return [path.name for path in folder.iterdir()]


def cut(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1, 3 * MIB + 4099])
def test_every_byte_arrives_however_it_is_cut(path, size):
    data = os.urandom(size)
    for piece in (777_777, 4 * MIB):
        file = NewFile(path)
        first, *more = cut(data, piece) or [b""]
        file.write([first])
        file.finish(more)
        assert path.read_bytes() == data
        assert names(path.parent) == ["name"]


@pytest.mark.parametrize("refused_at", ["open", "write"])
def test_a_file_system_that_wants_its_cache_used_gets_its_way(path, monkeypatch, refused_at):
    """Some refuse `O_DIRECT` when the file is opened, others only when it is written to."""
    if not hasattr(os, "O_DIRECT"):
        pytest.skip("needs Linux")
    import fcntl

    really_open, really_write, refused = os.open, os.write, []

    def refuse(direct):
        if direct:
            refused.append(direct)
            raise OSError(errno.EINVAL, "no such way")

    def picky_open(name, flags, *args):
        descriptor = really_open(name, flags & ~os.O_DIRECT, *args)
        refuse(flags & os.O_DIRECT)
        return descriptor

    def picky_write(descriptor, data):
        refuse(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT)
        return really_write(descriptor, data)

    if refused_at == "open":
        monkeypatch.setattr(os, "open", picky_open)
    else:
        monkeypatch.setattr(os, "write", picky_write)
    data = os.urandom(2 * MIB + 5000)
    NewFile(path).finish([data])
    assert refused
    assert path.read_bytes() == data
    assert names(path.parent) == ["name"]


def test_a_write_that_takes_only_a_part_goes_on(path, monkeypatch):
    really_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: really_write(fd, data[: 64 * 1024]))
    data = os.urandom(2 * MIB + 100)
    NewFile(path).finish([data])
    assert path.read_bytes() == data


def test_what_is_not_finished_is_not_there_and_leaves_nothing(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"old")
    file = NewFile(path)
    file.write([bytes(2 * MIB)])
    assert path.read_bytes() == b"old"
    assert len(names(path.parent)) == 2
    for _ in range(2):
        file.discard()
    assert names(path.parent) == ["name"]
    with pytest.raises(OSError, match="discarded"):
        file.finish([b"late"])
    assert path.read_bytes() == b"old"


def test_discarding_what_is_finished_leaves_it(path):
    file = NewFile(path)
    file.finish([b"whole"])
    file.discard()
    assert path.read_bytes() == b"whole"


@pytest.mark.parametrize("at", [None, 3])
def test_all_of_it_is_written_or_it_is_an_error(tmp_path, monkeypatch, at):
    """A disk that runs full takes what it has room for, and only refuses the next write."""
    name = "writev" if at is None else "pwritev"
    really_write, room = getattr(os, name), [3, 2, 2, 0]

    def write_some(descriptor, pieces, *where):
        taken = b"".join(pieces)[: room.pop(0)]
        if not taken:
            raise OSError(errno.ENOSPC, "full")
        return really_write(descriptor, [taken], *where)

    monkeypatch.setattr(os, name, write_some)
    path = tmp_path / "spool"
    with path.open("wb", buffering=0) as file:
        write_whole(file.fileno(), b"ab", b"", b"cdefg", at=at)
        assert path.read_bytes() == bytes(at or 0) + b"abcdefg"
        with pytest.raises(OSError, match="full"):
            write_whole(file.fileno(), b"h", at=at)
