"""The spool folder: a try leaves nothing of those before it."""

from intone.core.spool import begin_spooling, spool_path, words_path


def test_a_try_removes_what_killed_ones_left_and_nothing_of_others(tmp_path):
    spool = tmp_path / "spool"
    first = begin_spooling(spool, "job", 1)
    other = begin_spooling(spool, "job-2", 1)
    for path in (first, words_path(first), other, words_path(other)):
        path.write_bytes(b"left")
    third = begin_spooling(spool, "job", 3)
    assert third == spool_path(spool, "job", 3)
    assert sorted(spool.iterdir()) == sorted([other, words_path(other)])
