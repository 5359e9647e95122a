"""The breaker: when it opens, for how long, and that one call at a time finds out."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from helpers.scripted import Clock
from intone.core.breaker import Breaker
from intone.errors import BreakerOpenError


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker("vendor", clock=clock)


def calls(breaker, *outcomes):
    """Let calls through one after the other; each fails (`x`), succeeds (`.`) or says nothing (`-`)."""
    for outcome in "".join(outcomes):
        probe = breaker.admit()
        match outcome:
            case "x":
                breaker.failed(probe)
            case ".":
                breaker.succeeded()
            case "-":
                breaker.abandoned(probe)


def refusal(breaker):
    with pytest.raises(BreakerOpenError) as caught:
        breaker.admit()
    return caught.value


def test_five_failures_in_a_row_open_it_and_four_do_not(breaker):
    calls(breaker, "xxxx")
    assert breaker.state == "closed"
    calls(breaker, "x")
    assert breaker.state == "open"


def test_a_success_in_between_begins_the_count_anew(breaker):
    calls(breaker, "." * 10, "xxxx", ".", "xxxx")
    assert breaker.state == "closed"
    calls(breaker, "x")
    assert breaker.state == "open"


@pytest.mark.parametrize("outcomes", ["x.x.x.x.x", "..x..x..x..x..x..x.."])
def test_fewer_than_half_or_too_few_to_judge_leave_it_closed(breaker, outcomes):
    calls(breaker, outcomes)
    assert breaker.state == "closed"


def test_half_of_the_last_ten_open_it(breaker):
    calls(breaker, ".x.x.x.x.")
    assert breaker.state == "closed"
    calls(breaker, "x")
    assert breaker.state == "open"


def test_failures_of_long_ago_do_not_count(breaker):
    calls(breaker, "xxx.", "." * 20, "xxx.x")
    assert breaker.state == "closed"


def test_calls_whose_end_says_nothing_never_open_it(breaker):
    calls(breaker, "-" * 100, "xxxx", "----", ".")
    assert breaker.state == "closed"


def test_a_refused_call_is_told_when_to_come_back(breaker, clock):
    calls(breaker, "xxxxx")
    clock.now += 10
    error = refusal(breaker)
    assert (error.state, error.retry_after) == ("open", 20)
    assert "vendor" in error.message


def test_each_failed_probe_keeps_it_open_longer_up_to_five_minutes(breaker, clock):
    calls(breaker, "xxxxx")
    spells = []
    for _ in range(12):
        opened = clock.now
        clock.now += refusal(breaker).retry_after
        spells.append(clock.now - opened)
        assert breaker.state == "half_open"
        calls(breaker, "x")
    assert spells == [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]


def test_a_probe_that_succeeds_closes_it_and_the_next_time_is_the_first(breaker, clock):
    calls(breaker, "xxxxx")
    clock.now += 30
    calls(breaker, "x")
    clock.now += 60
    calls(breaker, ".")
    assert breaker.state == "closed"
    calls(breaker, "xxxxx")
    assert refusal(breaker).retry_after == 30


def test_one_probe_at_a_time(breaker, clock):
    calls(breaker, "xxxxx")
    clock.now += 30
    assert breaker.admit()
    error = refusal(breaker)
    assert (error.state, error.retry_after) == ("half_open", 1)
    breaker.succeeded()
    assert not breaker.admit()


def test_a_probe_that_nobody_waited_for_gives_its_place_to_the_next(breaker, clock):
    calls(breaker, "xxxxx")
    clock.now += 30
    calls(breaker, "-")
    assert breaker.state == "half_open"
    assert breaker.admit()


@pytest.mark.parametrize("ends", ["failed", "abandoned"])
def test_a_call_from_before_it_opened_does_not_take_the_probes_place(breaker, clock, ends):
    """Such a call may end at any time; only the probe's own end decides."""
    old = breaker.admit()
    calls(breaker, "xxxxx")
    clock.now += 30
    breaker.admit()
    getattr(breaker, ends)(old)
    assert refusal(breaker).state == "half_open"


class BreakerMachine(RuleBasedStateMachine):
    """However calls begin and end, there is one probe, and an open breaker lets nobody in."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker("vendor", clock=self.clock)
        #: What each call under way was given.
        self.under_way: list[int] = []
        #: What the call that finds out was given, while it does.
        self.probe = 0

    @rule()
    def begin(self):
        state = self.breaker.state
        if state == "open" or self.probe:
            error = refusal(self.breaker)
            assert error.state == state
            assert 0 < error.retry_after <= 300
        else:
            given = self.breaker.admit()
            assert bool(given) == (state == "half_open")
            self.probe = given
            self.under_way.append(given)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), outcome=st.sampled_from(["succeeded", "failed", "failed", "abandoned"]))
    def end(self, data, outcome):
        given = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        before = self.breaker.state
        is_probe = given != 0 and given == self.probe
        if outcome == "succeeded":
            self.breaker.succeeded()
            assert self.breaker.state == "closed"
            self.probe = 0
            return
        getattr(self.breaker, outcome)(given)
        if is_probe:
            assert self.breaker.state == ("open" if outcome == "failed" else "half_open")
            self.probe = 0
        elif before != "closed" or outcome == "abandoned":
            assert self.breaker.state == before

    @rule(seconds=st.sampled_from([1.0, 30.0, 100.0, 300.0]))
    def wait(self, seconds):
        self.clock.now += seconds


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
