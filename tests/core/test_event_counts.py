"""What cannot be is named by its field; what can be counts for one thing, and for no more time
than can be true."""

from __future__ import annotations

import math

import pytest

from helpers.listeners import event


@pytest.mark.parametrize("seconds", [-0.001, math.nan, math.inf, -math.inf, 604_801, 1e300])
@pytest.mark.parametrize("field", ["position", "duration"])
def test_impossible_times_are_named(field, seconds):
    assert f"{field}_seconds" in event("seek", **{f"{field}_s": seconds}).faults()


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_impossible_listening_is_named(seconds):
    assert list(event("pause", heard_s=seconds).faults()) == ["heard_seconds"]


def test_a_position_behind_the_end_is_named():
    assert list(event(position_s=120, duration_s=100).faults()) == ["position_seconds"]


def test_a_position_a_little_behind_an_estimated_end_is_none():
    assert not event(position_s=103, duration_s=100).faults()
    assert not event(position_s=5.9, duration_s=5).faults()


def test_progress_needs_to_say_how_far():
    assert set(event("progress").faults()) == {"position_seconds", "duration_seconds"}
    assert set(event("progress", position_s=3, duration_s=0).faults()) == {"duration_seconds"}


@pytest.mark.parametrize("name", ["impression", "play", "pause", "seek", "complete", "error"])
def test_all_others_need_no_times(name):
    assert not event(name).faults()


@pytest.mark.parametrize(
    ("position", "column"),
    [
        (0, None),
        (23.9, None),
        (24.9, "quarters"),
        (25, "quarters"),
        (49, "halves"),
        (50.2, "halves"),
        (75, "three_quarters"),
        (100, "three_quarters"),
        (104, "three_quarters"),
    ],
)
def test_progress_counts_for_the_quarter_it_has_reached(position, column):
    assert event("progress", position_s=position, duration_s=100).counts_as == column


@pytest.mark.parametrize(
    ("heard", "duration", "milliseconds"),
    [
        (12.3456, 100, 12_346),
        (31_536_000, 100, 100_000),  # a year
        (31_536_000, None, 21_600_000),
        (31_536_000, 0, 21_600_000),
        (31_536_000, 604_800, 21_600_000),
        (1e300, 10, 10_000),
        (0, 10, 0),
    ],
)
def test_listening_is_never_longer_than_can_be_true(heard, duration, milliseconds):
    assert event("pause", heard_s=heard, duration_s=duration).heard_ms == milliseconds
