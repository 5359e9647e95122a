"""Generated requests, from the server's own document: nothing crashes, all is as documented."""

from helpers.fuzzing import assert_unharmed, fuzz
from helpers.server import IntoneServer


def test_generated_requests_break_nothing_and_are_answered_as_documented(tmp_path):
    server = IntoneServer(tmp_path / "data").start()
    try:
        assert server.cli("sites", "create", "--domain", "localhost").returncode == 0
        options = ("--generation-deterministic", "--max-examples", "15")
        fuzz(server, tmp_path / "report", *options, limit_s=150)
        assert_unharmed(server)
    finally:
        server.stop()
