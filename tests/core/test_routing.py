"""Providers that are slow, busy or broken: deadlines, retries, failover, and nothing left behind."""

import asyncio
from contextlib import aclosing, asynccontextmanager

import pytest

from helpers.scripted import Clock, Scripted, everything, retries_left
from helpers.vendors import KEY, speech
from intone.core import routing
from intone.core.routing import Candidate, Router
from intone.errors import (
    BreakerOpenError,
    EngineCrashedError,
    ProviderAuthError,
    ProviderBusyError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderRejectedError,
    ProviderTimeoutError,
    UnavailableError,
)
from intone.providers.base import Model, Timeouts
from intone.providers.openai import OpenAIProvider
from intone.providers.settings import ProviderSettings, TimeoutSettings
from loopback import faults
from loopback.faults import AUDIO, FAULTS
from loopback.faulty import FaultyServer
from loopback.vendor import Answer, VendorServer

MODEL = Model("m", "M")
NEVER = asyncio.Event  # a step that is waited for in vain


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch):
    monkeypatch.setattr(routing, "_BACKOFF_S", 0.001)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def router(clock):
    return Router(clock=clock)


def stream(candidate):
    return candidate.provider.stream(speech(candidate.voice, model=candidate.model.id), "mp3")


def ask(router, *providers):
    return router.begin([Candidate(one, MODEL, "v") for one in providers], stream)


async def heard(router, *providers):
    """Everything that is said, and who says it."""
    answer = await ask(router, *providers)
    return answer.candidate.provider.name, await everything(answer)


async def fails(router, *providers, times=1):
    """The errors that so many calls end with, one after the other."""
    errors = []
    for _ in range(times):
        with pytest.raises((ProviderError, UnavailableError)) as caught:
            await ask(router, *providers)
        errors.append(type(caught.value))
    return errors


async def heard_before_it_breaks(answer):
    got = b""
    try:
        async for piece in answer.pieces():
            got += piece
    except ProviderError:
        return got
    raise AssertionError("it did not break")


def timeouts(**seconds):
    return Timeouts(**{"first_byte_s": 60.0, "stall_s": 60.0, "total_s": 120.0} | seconds)


# --- Retries


async def test_an_outage_before_the_first_byte_is_mended_by_another_try(router):
    one = Scripted()
    one.then((ProviderError,), (ProviderInvalidResponseError,))
    assert await heard(router, one) == ("one", [b"audio"])
    assert len(one.requests) == 3
    assert router.state("one") == "closed"


@pytest.mark.parametrize("error", [ProviderRejectedError, ProviderAuthError])
async def test_a_refusal_is_not_tried_again_and_never_opens_the_breaker(router, error):
    one = Scripted(usual=(error,))
    assert await fails(router, one, times=30) == [error] * 30
    assert len(one.requests) == 30
    assert router.state("one") == "closed"


async def test_three_tries_are_the_most(router):
    one = Scripted(usual=(ProviderError,))
    assert await fails(router, one) == [ProviderError]
    assert len(one.requests) == 3


async def test_nothing_is_tried_again_after_the_first_byte(router):
    one = Scripted(usual=(b"a", ProviderError))
    answer = await ask(router, one)
    with pytest.raises(ProviderError):
        await everything(answer)
    assert len(one.requests) == 1
    assert one.running == 0


async def test_who_did_not_answer_in_time_is_not_asked_again(router):
    one = Scripted(usual=(ProviderTimeoutError,))
    await fails(router, one)
    assert len(one.requests) == 1


async def test_a_busy_provider_is_asked_again_when_it_says_so(router):
    one = Scripted()
    one.then((ProviderBusyError(retry_after=0.01),))
    assert (await heard(router, one))[1] == [b"audio"]
    assert router.state("one") == "closed"


async def test_a_long_wait_is_the_callers_to_decide(router):
    one = Scripted(usual=(ProviderBusyError(retry_after=7),))
    with pytest.raises(ProviderBusyError) as caught:
        await ask(router, one)
    assert caught.value.retry_after == 7
    assert len(one.requests) == 1


async def test_busy_providers_are_not_broken(router):
    one = Scripted(usual=(ProviderBusyError,))
    await fails(router, one, times=20)
    assert router.state("one") == "closed"


async def test_a_crashed_engine_says_nothing_of_the_next_call(router):
    one = Scripted(usual=(EngineCrashedError,))
    assert await fails(router, one, times=10) == [EngineCrashedError] * 10
    assert router.state("one") == "closed"


async def test_retries_are_a_fifth_of_all_calls_once_what_was_saved_up_is_spent(router):
    one = Scripted(usual=(ProviderBusyError,))
    await fails(router, one, times=50)
    spent_from_savings = len(one.requests) - 50
    assert spent_from_savings <= 10 + 0.2 * 50
    one.requests.clear()
    await fails(router, one, times=100)
    assert 100 < len(one.requests) <= 121


async def test_savings_do_not_grow_without_end(router):
    one = Scripted()
    for _ in range(100):
        await heard(router, one)
    assert retries_left(router, "one") == 10


async def test_the_wait_doubles_and_is_never_the_same(router, monkeypatch):
    waits, sleep = [], asyncio.sleep

    async def note(seconds):
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(routing, "_BACKOFF_S", 0.1)
    monkeypatch.setattr(asyncio, "sleep", note)
    one = Scripted(usual=(ProviderBusyError,))
    await fails(router, one, times=3)
    assert all(0.05 <= wait <= 0.15 for wait in waits[::2])
    assert all(0.1 <= wait <= 0.3 for wait in waits[1::2])
    assert len(set(waits)) == 6


# --- Deadlines


async def test_a_provider_that_does_not_begin_is_given_up_and_closed(router):
    one = Scripted(usual=(NEVER(),), timeouts=timeouts(first_byte_s=0.02))
    assert await fails(router, one) == [ProviderTimeoutError]
    assert one.running == 0


async def test_a_provider_that_stops_in_the_middle_is_given_up_and_closed(router):
    one = Scripted(usual=(b"a", NEVER()), timeouts=timeouts(stall_s=0.02))
    answer = await ask(router, one)
    with pytest.raises(ProviderTimeoutError, match="stopped in the middle"):
        await everything(answer)
    assert one.running == 0


async def test_audio_that_drips_has_stalled(router):
    """A byte now and then would else keep a caller for hours."""
    drip = (b"a", *(0.03, b"a") * 1000)
    one = Scripted(usual=drip, timeouts=timeouts(stall_s=0.1))
    answer = await ask(router, one)
    with pytest.raises(ProviderTimeoutError):
        await everything(answer)


async def test_audio_that_comes_steadily_has_not_stalled_however_long_it_lasts(router):
    steady = (b"a", *(0.02, bytes(48)) * 40)
    one = Scripted(usual=steady, timeouts=timeouts(stall_s=0.5))
    assert len(await everything(await ask(router, one))) == 41


async def test_a_slow_listener_does_not_make_a_provider_slow(router):
    one = Scripted(usual=(b"a", b"b", b"c"), timeouts=timeouts(stall_s=0.05))
    pieces = []
    async for piece in (await ask(router, one)).pieces():
        pieces.append(piece)
        await asyncio.sleep(0.1)
    assert pieces == [b"a", b"b", b"c"]


async def test_the_whole_has_a_deadline_that_retries_and_others_share():
    slow = [Scripted(f"p{n}", usual=(NEVER(),)) for n in range(4)]
    for one in slow:
        one.timeouts = timeouts(first_byte_s=0.1, total_s=0.15)
    assert await fails(Router(), *slow) == [ProviderTimeoutError]
    assert [len(one.requests) for one in slow[2:]] == [0, 0]


async def test_who_was_left_no_time_is_not_to_blame():
    """Else a healthy second choice would be shut out by the slowness of the first."""
    slow, second = Scripted("slow", usual=(NEVER(),)), Scripted("second", usual=(NEVER(),))
    slow.timeouts = timeouts(first_byte_s=0.06, total_s=0.1)
    second.timeouts = timeouts(first_byte_s=0.5, total_s=0.1)
    router = Router()
    await fails(router, slow, second, times=5)
    assert second.requests
    assert (router.state("slow"), router.state("second")) == ("open", "closed")


async def test_no_retry_is_begun_that_could_not_be_waited_for(router, monkeypatch):
    monkeypatch.setattr(routing, "_BACKOFF_S", 10.0)
    one = Scripted(usual=(ProviderError,), timeouts=timeouts(total_s=1.0))
    assert await fails(router, one) == [ProviderError]
    assert len(one.requests) == 1


# --- Failover


async def test_the_next_candidate_speaks_where_the_first_cannot(router):
    one, two = Scripted("one", usual=(ProviderError,)), Scripted("two")
    assert await heard(router, one, two) == ("two", [b"audio"])
    assert len(one.requests) == 3


async def test_a_refusal_is_passed_on_to_the_next_as_well(router):
    one, two = Scripted("one", usual=(ProviderRejectedError,)), Scripted("two")
    assert (await heard(router, one, two))[0] == "two"


async def test_candidates_are_asked_in_their_order_and_one_at_a_time(router):
    order = []

    class Noting(Scripted):
        def stream(self, request, form):
            order.append(self.name)
            return super().stream(request, form)

    three = [Noting(name, usual=(ProviderTimeoutError,)) for name in "abc"]
    await fails(router, *three)
    assert order == ["a", "b", "c"]


async def test_who_is_not_set_up_is_passed_over(router):
    unset, two = Scripted("unset", unavailable="missing_api_key"), Scripted("two")
    assert (await heard(router, unset, two))[0] == "two"
    with pytest.raises(UnavailableError, match="missing_api_key"):
        await ask(router, unset)
    assert unset.requests == []


async def test_an_open_breaker_is_passed_over_without_a_call(router):
    one, two = Scripted("one", usual=(ProviderError,)), Scripted("two")
    await fails(router, one, times=2)
    asked = len(one.requests)
    assert (await heard(router, one, two))[0] == "two"
    assert len(one.requests) == asked


async def test_what_failed_is_told_rather_than_that_another_is_left_alone(router):
    down, busy = Scripted("down", usual=(ProviderError,)), Scripted("busy")
    await fails(router, down, times=2)
    busy.usual = (ProviderBusyError(retry_after=7),)
    assert await fails(router, down, busy) == [ProviderBusyError]
    assert await fails(router, busy, down) == [ProviderBusyError]


async def test_of_several_that_are_left_alone_the_soonest_says_when(router, clock):
    early, late = (
        Scripted("early", usual=(ProviderError,)),
        Scripted("late", usual=(ProviderError,)),
    )
    await fails(router, early, times=2)
    clock.now += 20
    await fails(router, late, times=2)
    for order in ((early, late), (late, early)):
        with pytest.raises(BreakerOpenError) as caught:
            await ask(router, *order)
        assert caught.value.retry_after == 10


# --- The breaker in its place


async def test_a_dead_provider_gets_six_calls_at_most_and_then_one_in_thirty_seconds(router, clock):
    dead = Scripted(usual=(ProviderError,))
    await fails(router, dead, times=100)
    assert len(dead.requests) <= 6
    asked = len(dead.requests)
    for _ in range(600):
        clock.now += 1
        await fails(router, dead)
    assert len(dead.requests) - asked <= 600 / 30


async def test_it_is_found_out_when_a_provider_is_well_again(router, clock):
    one = Scripted(usual=(ProviderError,))
    await fails(router, one, times=2)
    one.usual = (b"audio",)
    clock.now += 30
    assert router.state("one") == "half_open"
    assert (await heard(router, one))[1] == [b"audio"]
    assert router.state("one") == "closed"


async def test_breaking_off_in_the_middle_counts_as_well(router):
    one = Scripted(usual=(b"a", ProviderError))
    for _ in range(5):
        with pytest.raises(ProviderError):
            await everything(await ask(router, one))
    assert router.state("one") == "open"


@asynccontextmanager
async def probing(router, clock, one):
    """A probe that waits for its first byte."""
    await fails(router, one, times=2)
    clock.now += 30
    one.usual = (asyncio.Event(),)
    probe = asyncio.create_task(ask(router, one))
    while not one.running:
        await asyncio.sleep(0)
    yield probe


async def test_who_comes_while_a_probe_finds_out_is_turned_away(router, clock):
    one = Scripted(usual=(ProviderError,))
    async with probing(router, clock, one) as probe:
        with pytest.raises(BreakerOpenError) as caught:
            await ask(router, one)
        assert caught.value.state == "half_open"
        one.usual[0].set()
        await (await probe).aclose()


async def test_leaving_while_a_probe_finds_out_makes_room_for_the_next(router, clock):
    one = Scripted(usual=(ProviderError,))
    async with probing(router, clock, one) as probe:
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
    assert one.running == 0
    one.usual = (b"audio",)
    assert (await heard(router, one))[1] == [b"audio"]


async def test_a_refused_probe_makes_room_for_the_next(router, clock):
    one = Scripted(usual=(ProviderError,))
    await fails(router, one, times=2)
    clock.now += 30
    one.usual = (ProviderRejectedError,)
    assert await fails(router, one, times=2) == [ProviderRejectedError] * 2


async def test_a_probe_that_fails_before_it_is_a_call_makes_room_for_the_next(router, clock):
    """Local engines refuse what they cannot do at once, not when they are iterated."""

    class Choosy(Scripted):
        def stream(self, request, form):
            if self.usual == (ProviderRejectedError,):
                raise ProviderRejectedError
            return super().stream(request, form)

    one = Choosy(usual=(ProviderError,))
    await fails(router, one, times=2)
    clock.now += 30
    one.usual = (ProviderRejectedError,)
    assert await fails(router, one, times=2) == [ProviderRejectedError] * 2


async def test_latency_is_what_the_first_byte_took_of_late(router, clock):
    class Ticking(Scripted):
        async def _play(self, request):
            clock.now += self.takes_s
            async for piece in super()._play(request):
                yield piece

    one = Ticking()
    assert router.latency_s("one") is None
    one.takes_s = 1.0
    await heard(router, one)
    assert router.latency_s("one") == pytest.approx(1.0)
    one.takes_s = 2.0
    await heard(router, one)
    assert router.latency_s("one") == pytest.approx(1.2)


# --- Real vendors over HTTP


@asynccontextmanager
async def vendor(base_url, name="vendor", **seconds):
    settings = ProviderSettings(
        type="openai", base_url=base_url, api_key=KEY, timeouts=TimeoutSettings(**seconds)
    )
    provider = OpenAIProvider(name, settings, (MODEL,))
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


#: What a caller is told where nothing but the fault is there, with a second's patience at most.
TOLD = {
    "silent": ProviderTimeoutError,
    "silent_body": ProviderTimeoutError,
    "one_byte_a_second": ProviderTimeoutError,
    "hanging_up": ProviderError,
    "error_500": ProviderError,
    "busy_429": ProviderBusyError,
    "unauthorized_401": ProviderAuthError,
    "html_page": ProviderInvalidResponseError,
    "garbage": ProviderInvalidResponseError,
    "not_http": ProviderInvalidResponseError,
}


@pytest.mark.parametrize("name", TOLD)
async def test_a_bad_day_of_a_vendor_is_told_and_leaves_no_connection(name):
    with FaultyServer(FAULTS[name]) as server:
        async with vendor(server.base_url, first_byte_s=0.3) as provider:
            assert await fails(Router(), provider) == [TOLD[name]]
        await asyncio.to_thread(server.wait_until_left)


@pytest.mark.parametrize("name", ["stalling", "truncated_chunk", "reset_after_1_kb", "short_body"])
async def test_a_vendor_that_breaks_off_is_asked_once_and_ends_in_an_error(name):
    with FaultyServer(FAULTS[name]) as server:
        async with vendor(server.base_url, stall_s=0.3) as provider:
            answer = await ask(Router(), provider)
            got = await heard_before_it_breaks(answer)
            await asyncio.to_thread(server.wait_until_left)
        assert AUDIO.startswith(got)
        assert got
        assert len(server.requests) == 1


async def test_where_one_vendor_is_down_the_next_one_speaks():
    with faults.refusing() as nowhere, VendorServer() as server:
        server.on(
            "POST", "/v1/audio/speech", Answer([AUDIO], headers={"Content-Type": "audio/mpeg"})
        )
        async with vendor(nowhere, "down") as down, vendor(f"{server.base_url}/v1", "up") as up:
            answer = await ask(Router(), down, up)
            assert answer.candidate.provider is up
            assert b"".join(await everything(answer)) == AUDIO


async def test_leaving_an_answer_closes_the_vendors_connection():
    with FaultyServer(FAULTS["stalling"]) as server:
        async with vendor(server.base_url) as provider:
            answer = await ask(Router(), provider)
            async with aclosing(answer.pieces()) as pieces:
                await anext(pieces)
            await asyncio.to_thread(server.wait_until_left)
            unheard = await ask(Router(), provider)
            await unheard.aclose()
            await asyncio.to_thread(server.wait_until_left)


async def test_a_dead_vendor_is_really_left_alone(clock):
    with FaultyServer(FAULTS["error_500"]) as server:
        async with vendor(server.base_url) as provider:
            router = Router(clock=clock)
            await fails(router, provider, times=20)
            assert len(server.requests) <= 6
            for _ in range(60):
                clock.now += 1
                await fails(router, provider)
            assert len(server.requests) <= 6 + 2
