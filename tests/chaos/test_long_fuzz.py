"""The long version of `tests/slow/test_fuzz.py`: other requests at every run."""

import os

import pytest

from helpers.fuzzing import assert_unharmed, fuzz
from helpers.server import IntoneServer

SECONDS = int(os.environ.get("INTONE_FUZZ_SECONDS", "600"))


@pytest.mark.timeout(SECONDS + 300)
def test_ten_minutes_of_generated_requests_break_nothing(tmp_path):
    server = IntoneServer(tmp_path / "data").start()
    try:
        assert server.cli("sites", "create", "--domain", "localhost").returncode == 0
        fuzz(server, tmp_path / "report", "--max-time", str(SECONDS), limit_s=SECONDS + 200)
        assert_unharmed(server)
    finally:
        server.stop()
