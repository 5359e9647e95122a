"""Rate limits: exactly so many in any minute, and an honest time to come back."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intone.core.limits import RateLimiter, Slots
from intone.errors import ConcurrencyLimitError, RateLimitedError


class Clock:
    """Monotonic seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limiter(clock):
    return RateLimiter(clock=clock)


async def accepted(limiter: RateLimiter, key: str, per_minute: int, tries: int) -> int:
    results = await asyncio.gather(
        *(limiter.hit(key, per_minute) for _ in range(tries)), return_exceptions=True
    )
    left = [result for result in results if not isinstance(result, BaseException)]
    assert all(isinstance(result, int | RateLimitedError) for result in results)
    assert left == [max(left) - n for n in range(len(left))], "each is told how many are left"
    assert not 0 < len(left) < tries or left[-1] == 0
    return len(left)


async def test_exactly_so_many_are_accepted_however_many_come_at_once(limiter):
    assert await accepted(limiter, "w", 60, 300) == 60


async def test_one_caller_does_not_use_up_another_ones_limit(limiter):
    assert await accepted(limiter, "a", 5, 10) == 5
    assert await accepted(limiter, "b", 5, 10) == 5


async def test_the_window_moves_and_does_not_jump_at_the_minute(limiter, clock):
    for _ in range(3):
        await limiter.hit("w", 3)
        clock.now += 15
    assert await accepted(limiter, "w", 3, 5) == 0  # 45 s after the first
    clock.now += 15
    assert await accepted(limiter, "w", 3, 5) == 1  # only the first is a minute old
    clock.now += 60
    assert await accepted(limiter, "w", 3, 5) == 3


@given(
    gaps=st.lists(st.sampled_from([0, 0, 0.25, 1, 7, 30, 61]), max_size=80),
    per_minute=st.integers(1, 6),
)
def test_no_minute_ever_holds_more_and_none_is_refused_without_reason(gaps, per_minute):
    clock = Clock()
    limiter = RateLimiter(clock=clock)
    taken: list[float] = []
    for gap in gaps:
        clock.now += gap
        recent = sum(at > clock.now - 60 for at in taken)
        if asyncio.run(accepted(limiter, "w", per_minute, 1)):
            taken.append(clock.now)
            assert recent < per_minute
        else:
            assert recent == per_minute


async def test_the_wait_that_is_told_is_enough_and_not_too_long(limiter, clock):
    await limiter.hit("w", 2)
    clock.now += 20
    await limiter.hit("w", 2)
    clock.now += 10
    with pytest.raises(RateLimitedError) as caught:
        await limiter.hit("w", 2)
    assert caught.value.retry_after == 30
    clock.now += 29.5
    with pytest.raises(RateLimitedError):
        await limiter.hit("w", 2)
    clock.now += 0.5
    await limiter.hit("w", 2)


async def test_after_a_smaller_plan_the_wait_covers_all_that_are_too_many(limiter, clock):
    for _ in range(5):
        await limiter.hit("w", 5)
        clock.now += 10
    with pytest.raises(RateLimitedError) as caught:
        await limiter.hit("w", 2)
    assert caught.value.retry_after == 40  # the fourth was 20 s ago
    clock.now += 40
    assert await accepted(limiter, "w", 2, 5) == 1


async def test_refused_requests_do_not_put_the_next_one_off(limiter, clock):
    await limiter.hit("w", 1)
    for _ in range(59):
        clock.now += 1
        with pytest.raises(RateLimitedError):
            await limiter.hit("w", 1)
    clock.now += 1
    await limiter.hit("w", 1)


async def test_callers_who_have_gone_leave_nothing_behind(limiter, clock):
    for n in range(1000):
        await limiter.hit(f"caller-{n}", 5)
    clock.now += 30
    await limiter.hit("caller-0", 5)
    clock.now += 30
    await limiter.hit("new", 5)
    assert set(limiter._hits) == {"caller-0", "new"}


def test_places_are_taken_up_to_the_limit_and_given_back():
    slots = Slots()
    for _ in range(3):
        slots.take("k", 3)
    with pytest.raises(ConcurrencyLimitError) as caught:
        slots.take("k", 3)
    assert caught.value.retry_after == 1
    slots.free("k")
    slots.take("k", 3)


def test_each_caller_has_places_of_its_own_and_some_have_any_number():
    slots = Slots()
    for _ in range(1000):
        slots.take("free", None)
    slots.take("k", 1)
    slots.take("another", 1)
    with pytest.raises(ConcurrencyLimitError):
        slots.take("k", 1)


def test_a_limit_that_was_lowered_counts_all_that_are_under_way():
    slots = Slots()
    for _ in range(3):
        slots.take("k", None)
    slots.free("k")
    with pytest.raises(ConcurrencyLimitError):
        slots.take("k", 2)
    slots.free("k")
    slots.take("k", 2)


def test_callers_with_nothing_under_way_leave_nothing_behind():
    slots = Slots()
    for number in range(100):
        slots.take(f"k{number}", 1)
        slots.free(f"k{number}")
    assert not slots._taken
