"""What goes wrong on the command line is one sentence and a code that means something."""

import os
import socket
import subprocess
import sys

import pytest


def intone(*args, data_dir, **env):
    return subprocess.run(
        [sys.executable, "-m", "intone", *args],
        env={**os.environ, "INTONE_DATA_DIR": str(data_dir), **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("say", "Hi.", "-o", "{missing}/x.mp3"), 1),
        (("say", " ", "-o", "{tmp}/x.mp3"), 2),
        (("say", "Hi.", "-o", "{tmp}/x.flac"), 2),
        (("say", "Hi.", "-o", "{tmp}/x.mp3", "--sample-rate", "9000"), 2),
        (("say", "Hi.", "-o", "{tmp}/x.mp3", "--voice", "nobody"), 3),
        (("keys", "revoke", "nobody"), 3),
        (("keys", "create", "--workspace", "nobody"), 3),
        (("workspaces", "create", "w", "--plan", "none"), 2),
        (("backup", "{tmp}"), 2),
    ],
)
def test_a_command_that_cannot_be_done_says_so(tmp_path, args, code):
    places = {"tmp": str(tmp_path), "missing": str(tmp_path / "missing")}
    ended = intone(*(arg.format(**places) for arg in args), data_dir=tmp_path / "data")
    assert ended.returncode == code, ended.stderr
    assert ended.stderr.startswith("intone: ")
    assert ended.stderr.count("\n") == 1, ended.stderr


@pytest.mark.parametrize("amount", ["0", "-5", "1000000000001", "9" * 30])
def test_a_grant_out_of_bounds_changes_nothing(tmp_path, amount):
    assert intone("workspaces", "create", "w", data_dir=tmp_path).returncode == 0
    before = intone("workspaces", "list", "--json", data_dir=tmp_path).stdout
    ended = intone("workspaces", "grant", "w", "--credits", amount, data_dir=tmp_path)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert intone("workspaces", "list", "--json", data_dir=tmp_path).stdout == before


def test_a_data_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").touch()
    ended = intone("keys", "list", data_dir=tmp_path / "file" / "data")
    assert ended.returncode == 2
    assert "file/data" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = intone("serve", "--port", port, data_dir=tmp_path / "data")
    assert ended.returncode == 4, ended.stderr
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_setting_that_cannot_be_meant_is_used_wrongly(tmp_path):
    ended = intone("serve", data_dir=tmp_path, INTONE_WORKER_CONCURRENCY="-1")
    assert ended.returncode == 2
    assert "worker_concurrency" in ended.stderr
