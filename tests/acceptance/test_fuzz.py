"""Generated requests, from the server's own document: nothing crashes, all is as documented."""

import pytest

from helpers.fuzzing import assert_unharmed, fuzz
from helpers.thorough import examples


@pytest.mark.thorough
def test_generated_requests_break_nothing_and_are_answered_as_documented(make_server, tmp_path):
    server = make_server().start()
    assert server.cli("sites", "create", "--domain", "localhost").returncode == 0
    options = ("--generation-deterministic", "--max-examples", str(examples(15)))
    fuzz(server, tmp_path / "report", *options, limit_s=150)
    assert_unharmed(server)
