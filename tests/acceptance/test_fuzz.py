"""Generated requests, from the server's own document: nothing crashes, all is as documented."""

from helpers.fuzzing import assert_unharmed, fuzz


def test_generated_requests_break_nothing_and_are_answered_as_documented(make_server, tmp_path):
    server = make_server().start()
    options = ("--generation-deterministic", "--max-examples", "15")
    fuzz(server, tmp_path / "report", *options, limit_s=150)
    assert_unharmed(server)
