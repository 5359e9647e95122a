"""Streamed speech and money: held before, settled once with what was spoken, nothing left behind."""

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from helpers.scripted import Scripted
from helpers.signals import sine
from helpers.work import STARTER, count, holds, make_workspace
from intone.core import keys, ledger, routing
from intone.core import speech as module
from intone.core.access import Principal
from intone.core.delivery import Utterance
from intone.core.key_limits import NO_LIMITS, KeyLimits
from intone.core.limits import RateLimiter, Slots
from intone.core.models import ModelDirectory, Wish
from intone.core.policy import create_policy
from intone.core.retention import Retention
from intone.core.routing import Router
from intone.core.speech import Speech
from intone.core.usage import activity, usage
from intone.core.voices import VoiceCatalogue
from intone.errors import (
    BreakerOpenError,
    ConcurrencyLimitError,
    InsufficientCreditError,
    InvalidInputError,
    PolicyBlockedError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitedError,
    SpendLimitError,
    UnavailableError,
    UnknownModelError,
)
from intone.providers.base import AudioChunk, Model, Timeouts

#: A hundred characters cost a hundred micro-dollars.
TEXT = "word " * 20
PRICE = len(TEXT)
#: Where nothing depends on which database it is.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SECOND = AudioChunk(sine(440, 1.0, 24_000), 24_000)


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch):
    monkeypatch.setattr(routing, "_BACKOFF_S", 0.001)


@pytest.fixture
def provider():
    return Scripted("paid", usual=(b"audio",))


class Till:
    """The speech of one server, one of its keys, and what its books say."""

    def __init__(self, database, workspace_id, key_id, providers, policy=None):
        self.database, self.workspace_id = database, workspace_id
        self.slots = Slots()
        self.router = Router()
        models = ModelDirectory({one.name: one for one in providers}, self.router)
        self.principal = Principal(
            workspace_id, "w", STARTER, frozenset({"speak"}), key_id, key_id, NO_LIMITS
        )
        self.speech = Speech(
            database=database,
            models=models,
            voices=VoiceCatalogue(providers),
            router=self.router,
            policy=policy or create_policy(),
            limiter=RateLimiter(),
            slots=self.slots,
        )

    def limited(self, **limits):
        return replace(self.principal, limits=KeyLimits(**limits))

    async def begin(self, text=TEXT, *models, principal=None, **changes):
        wishes = tuple(Wish(model, "v") for model in models or ("paid/m",))
        return await self.speech.begin(
            principal or self.principal, Utterance(text, wishes, **changes)
        )

    async def say(self, text=TEXT, *models, **changes):
        """Speak a whole text and hear it to its end."""
        speaking = await self.begin(text, *models, **changes)
        return b"".join([chunk async for chunk in speaking.chunks()])

    async def fails(self, *args, error=ProviderError, **changes):
        with pytest.raises(error) as caught:
            await self.say(*args, **changes)
        return caught.value

    async def balance(self):
        return await self.database.read(ledger.balance, self.workspace_id, "wallet")

    async def calls(self):
        return await self.database.read(lambda tx: tx.all("SELECT * FROM calls ORDER BY number"))

    async def last_call(self):
        await self.speech.close()
        return (await self.calls())[-1]

    async def in_order(self, spent):
        """Everything has ended: nothing is held, no slot is taken, and the history adds up."""
        await self.speech.close()
        balance = await self.balance()
        assert (balance.held, balance.spent) == (0, spent)
        assert not self.slots._taken
        assert not self.speech._held
        rows = await self.database.read(activity, self.workspace_id, 1000)
        assert sum(row.micros_delta for row in rows) == balance.remaining
        assert sum(row["cost"] for row in await self.calls()) == spent
        open_days = "SELECT COALESCE(SUM(held), 0) AS held FROM key_days"
        assert (await self.database.read(lambda tx: tx.one(open_days)))["held"] == 0


@pytest.fixture
async def key_id(database, workspace_id):
    return (await database.write(keys.create, workspace_id, "k")).key.id


@pytest.fixture
async def till(database, workspace_id, key_id, provider):
    """With a dollar in the wallet."""
    await database.write(ledger.grant, workspace_id, "wallet", 1_000_000, "test")
    made = Till(
        database, workspace_id, key_id, [provider, Scripted("free", models=(Model("m", "M"),))]
    )
    yield made
    await made.speech.close()


# --- Held, then settled


async def test_what_it_may_cost_is_held_before_anybody_is_asked(till, provider):
    gate = asyncio.Event()
    provider.usual = (gate, b"audio")
    begun = asyncio.create_task(till.begin())
    while not provider.running:
        await asyncio.sleep(0.001)
    balance = await till.balance()
    assert (balance.held, balance.spent, balance.remaining) == (PRICE, 0, 1_000_000 - PRICE)
    gate.set()
    await (await begun).close()


async def test_what_was_spoken_is_settled_before_the_stream_has_ended(till):
    speaking = await till.begin()
    assert [chunk async for chunk in speaking.chunks()] == [b"audio"]
    balance = await till.balance()
    assert (balance.held, balance.spent) == (0, PRICE)
    await till.in_order(PRICE)


@on_sqlite
async def test_a_call_is_written_down(till, key_id):
    await till.say()
    call = await till.last_call()
    assert {name: call[name] for name in ("workspace_id", "key_id", "provider", "model")} == {
        "workspace_id": till.workspace_id,
        "key_id": key_id,
        "provider": "paid",
        "model": "m",
    }
    assert (call["status"], call["error_code"]) == ("ok", None)
    assert (call["characters"], call["cost"]) == (len(TEXT), PRICE)
    assert 0 <= call["first_byte_ms"] <= call["total_ms"]


@on_sqlite
async def test_closing_twice_or_after_the_end_charges_once(till):
    speaking = await till.begin()
    assert [chunk async for chunk in speaking.chunks()]
    await speaking.close()
    await speaking.close()
    await till.in_order(PRICE)
    assert await count(till.database, "calls") == 1


async def test_a_failure_before_the_first_byte_costs_nothing(till, provider):
    provider.usual = (ProviderTimeoutError,)
    await till.fails(error=ProviderTimeoutError)
    call = await till.last_call()
    assert (call["status"], call["error_code"]) == ("failed", "provider_timeout")
    assert (call["characters"], call["cost"], call["first_byte_ms"]) == (0, 0, None)
    assert await holds(till.database) == {"released": 1}
    await till.in_order(0)


@pytest.mark.parametrize("ending", [ProviderError, ProviderTimeoutError])
async def test_a_stream_that_breaks_is_charged_for_what_was_spoken(till, provider, ending):
    provider.usual = (bytes(48_000), ending)
    await till.fails(form="pcm")
    call = await till.last_call()
    assert call["status"] == "failed"
    assert 1 <= call["cost"] == call["characters"] < 50
    await till.in_order(call["cost"])


@on_sqlite
async def test_a_mistake_of_ours_is_not_the_callers_leaving(till, provider):
    provider.usual = (bytes(48_000), ZeroDivisionError)
    await till.fails(form="pcm", error=ZeroDivisionError)
    call = await till.last_call()
    assert (call["status"], call["error_code"]) == ("failed", "internal_error")
    provider.usual = (ZeroDivisionError,)
    await till.fails(error=ZeroDivisionError)
    assert (await till.last_call())["status"] == "failed"
    await till.in_order(call["cost"])


@on_sqlite
async def test_the_dearest_that_may_speak_is_held_and_who_spoke_is_charged(
    database, workspace_id, key_id
):
    await database.write(ledger.grant, workspace_id, "wallet", 10_000, "test")
    cheap = Scripted("cheap", models=(Model("m", "M", 1000),), usual=(ProviderError,))
    dear = Scripted("dear", models=(Model("m", "M", 9000),))
    till = Till(database, workspace_id, key_id, [cheap, dear])
    speaking = await till.begin(TEXT, "cheap/m", "dear/m")
    assert (await till.balance()).held == 9 * PRICE
    assert speaking.candidate.provider is dear
    async for _ in speaking.chunks():
        pass
    assert (await till.last_call())["provider"] == "dear"
    await till.in_order(9 * PRICE)


@on_sqlite
async def test_two_who_share_a_text_never_cost_more_than_was_held(database, workspace_id, key_id):
    """Each part rounded up for itself would be more than the whole, and could not be settled."""
    await database.write(ledger.grant, workspace_id, "wallet", 10_000, "test")
    sentence = (
        "This one is as long as it has to be so that it makes a part of its own, all by itself. "
    )
    text = sentence * 2 + sentence[1:]  # two parts of an odd number of characters
    model = Model("m", "M", 500)
    one = Scripted("one", models=(model,), formats=())
    one.then((*[SECOND] * 20, ProviderError))
    two = Scripted("two", models=(model,), formats=(), usual=(SECOND,))
    till = Till(database, workspace_id, key_id, [one, two])
    assert await till.say(text, "one/m", "two/m", form="pcm", resumes=True)
    call = await till.last_call()
    assert (call["status"], call["provider"]) == ("ok", "two")
    assert call["characters"] == len(text)
    assert call["cost"] == model.cost(len(text)) == len(text) // 2
    assert await holds(database) == {"settled": 1}
    await till.in_order(call["cost"])


async def test_free_models_need_no_wallet(till, database):
    other = await database.write(make_workspace, "penniless")
    principal = replace(till.principal, workspace_id=other, key_id=None)
    assert await till.say(TEXT, "free/m", principal=principal)
    call = await till.last_call()
    assert (call["workspace_id"], call["cost"], call["characters"]) == (other, 0, len(TEXT))
    assert await count(database, "holds") == 0


@on_sqlite
async def test_who_has_no_key_pays_from_the_same_wallet(till):
    principal = replace(till.principal, key_id=None, subject="somebody")
    await till.say(principal=principal)
    assert (await till.last_call())["key_id"] is None
    await till.in_order(PRICE)


# --- Not enough money


@on_sqlite
async def test_a_wallet_that_is_too_small_asks_nobody(till, provider):
    error = await till.fails("x" * 1_000_001, error=InsufficientCreditError)
    assert error.code == "insufficient_credit"
    assert provider.requests == []
    assert await count(till.database, "calls") == 0
    await till.in_order(0)


async def test_of_sixty_four_at_once_with_credit_for_ten_ten_are_served(
    database, workspace_id, key_id, provider
):
    await database.write(ledger.grant, workspace_id, "wallet", 10 * PRICE + PRICE // 2, "test")
    till = Till(database, workspace_id, key_id, [provider])
    provider.usual = (0.3, b"audio")
    results = await asyncio.gather(*(till.say() for _ in range(64)), return_exceptions=True)
    assert results.count(b"audio") == 10
    assert sum(isinstance(result, InsufficientCreditError) for result in results) == 54
    assert len(provider.requests) == 10
    await till.in_order(10 * PRICE)


async def test_a_key_spends_no_more_than_its_cap_of_the_day_however_many_race(till):
    principal = till.limited(daily_micros=3 * PRICE)
    results = await asyncio.gather(
        *(till.say(principal=principal) for _ in range(16)), return_exceptions=True
    )
    assert results.count(b"audio") == 3
    refused = [result for result in results if isinstance(result, SpendLimitError)]
    assert len(refused) == 13
    assert all(error.code == "spend_limit_exceeded" for error in refused)
    assert "daily" in refused[0].message
    assert await till.say(), "another key of the workspace may go on"
    await till.in_order(4 * PRICE)


async def test_what_was_not_spoken_comes_back_to_the_cap(till, provider):
    principal = till.limited(daily_micros=PRICE)
    provider.then((ProviderTimeoutError,))
    await till.fails(principal=principal, error=ProviderTimeoutError)
    assert await till.say(principal=principal)
    await till.fails(principal=principal, error=SpendLimitError)
    await till.in_order(PRICE)


@on_sqlite
async def test_another_keys_spending_does_not_count(till, database, key_id):
    await till.say()
    second = (await database.write(keys.create, till.workspace_id, "k2")).key.id
    principal = replace(till.limited(daily_micros=PRICE), key_id=second, subject=second)
    assert await till.say(principal=principal)


@pytest.fixture
def calendar(monkeypatch):
    """Sets the time of day for money."""

    def turn_to(*moment):
        at = int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)
        monkeypatch.setattr(ledger, "now_ms", lambda: at)

    return turn_to


async def test_a_new_day_begins_at_midnight_utc(till, calendar):
    principal = till.limited(daily_micros=PRICE)
    calendar(2099, 5, 14, 23, 59, 59)
    await till.say(principal=principal)
    await till.fails(principal=principal, error=SpendLimitError)
    calendar(2099, 5, 15, 0, 0, 0)
    assert await till.say(principal=principal)


async def test_a_new_month_begins_on_its_first_day(till, calendar):
    principal = till.limited(monthly_micros=2 * PRICE)
    calendar(2099, 1, 1, 0, 0, 0)
    await till.say(principal=principal)
    calendar(2099, 1, 31, 23, 59, 59)
    await till.say(principal=principal)
    assert "monthly" in (await till.fails(principal=principal, error=SpendLimitError)).message
    calendar(2099, 2, 1, 0, 0, 0)
    assert await till.say(principal=principal)


async def test_a_stream_over_midnight_counts_on_the_day_on_which_it_began(till, calendar, database):
    calendar(2099, 5, 14, 23, 59, 59)
    speaking = await till.begin()
    calendar(2099, 5, 15, 0, 0, 1)
    async for _ in speaking.chunks():
        pass
    days = await database.read(lambda tx: tx.all("SELECT spent, held FROM key_days"))
    assert days == [{"spent": PRICE, "held": 0}]
    assert await till.say(principal=till.limited(daily_micros=PRICE))


# --- Limits


ENDINGS = {
    "heard to its end": (b"audio",),
    "broken before": (ProviderTimeoutError,),
    "broken after": (b"audio", ProviderError),
    "mistaken": (ZeroDivisionError,),
}


@on_sqlite
@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_place_is_free_again_however_a_stream_ends(till, provider, ending):
    principal = till.limited(max_concurrency=1)
    provider.then(ENDINGS[ending])
    with suppress(ProviderError, ZeroDivisionError):
        await till.say(principal=principal)
    assert await till.say(principal=principal)
    assert not till.slots._taken


@on_sqlite
async def test_so_many_at_once_and_no_more(till, provider):
    principal = till.limited(max_concurrency=2)
    first, second = [await till.begin(principal=principal) for _ in range(2)]
    error = await till.fails(principal=principal, error=ConcurrencyLimitError)
    assert (error.code, error.retry_after) == ("concurrency_limited", 1)
    assert len(provider.requests) == 2
    await first.close()
    assert await till.say(principal=principal)
    await second.close()
    assert not till.slots._taken


@on_sqlite
@pytest.mark.parametrize(
    ("refused", "error"),
    [
        ({"text": " \n "}, InvalidInputError),
        ({"models": ["no/model"]}, UnknownModelError),
        ({"text": "x" * 1_000_001}, InsufficientCreditError),
        ({"limits": {"daily_micros": 1}}, SpendLimitError),
    ],
)
async def test_a_refused_request_takes_no_place(till, refused, error):
    principal = till.limited(max_concurrency=1, **refused.get("limits", {}))
    models = refused.get("models", ["paid/m"])
    await till.fails(refused.get("text", TEXT), *models, principal=principal, error=error)
    assert await till.say(principal=till.limited(max_concurrency=1))


@on_sqlite
async def test_a_blocked_text_takes_no_place_and_costs_nothing(
    database, workspace_id, key_id, provider, tmp_path
):
    (tmp_path / "blocked.txt").write_text("forbidden words\n")
    await database.write(ledger.grant, workspace_id, "wallet", 1000, "test")
    policy = create_policy(blocklist=tmp_path / "blocked.txt")
    till = Till(database, workspace_id, key_id, [provider], policy)
    await till.fails("These are forbidden words.", error=PolicyBlockedError)
    assert provider.requests == []
    await till.in_order(0)


@on_sqlite
async def test_a_key_may_ask_so_often_in_a_minute(till):
    principal = till.limited(requests_per_minute=3)
    for _ in range(3):
        await till.say(principal=principal)
    error = await till.fails(principal=principal, error=RateLimitedError)
    assert error.code == "rate_limited"
    assert 55 < error.retry_after <= 60
    assert not till.slots._taken


# --- Clients that leave


async def wait_for(is_so):
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def leaving(work):
    """A task that is cancelled at the end."""
    task = asyncio.create_task(work)
    yield task
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_leaving_before_the_first_byte_costs_nothing_and_stops_the_provider(till, provider):
    provider.usual = (asyncio.Event(),)
    async with leaving(till.begin()):
        await wait_for(lambda: provider.running)
    assert provider.running == 0
    assert (await till.last_call())["status"] == "cancelled"
    await till.in_order(0)


async def test_leaving_amid_a_stream_costs_what_was_spoken_and_stops_the_provider(till, provider):
    provider.usual = (bytes(48_000), asyncio.Event())
    heard = asyncio.Event()

    async def listen():
        async for _ in (await till.begin(form="pcm")).chunks():
            heard.set()

    async with leaving(listen()):
        await heard.wait()
    assert provider.running == 0
    call = await till.last_call()
    assert (call["status"], call["error_code"]) == ("cancelled", None)
    assert 0 < call["cost"] < 50
    await till.in_order(call["cost"])


@on_sqlite
async def test_a_stream_that_nobody_listens_to_is_stopped_by_closing_it(till, provider):
    provider.usual = (b"audio", asyncio.Event())
    speaking = await till.begin()
    await speaking.close()
    assert provider.running == 0
    assert (await till.last_call())["status"] == "cancelled"
    await till.in_order(0)


async def test_leaving_while_the_money_is_held_lets_go_of_it(till, provider):
    """The hold may be on disk although nobody waits for it any more."""
    begun = asyncio.create_task(till.begin())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    assert provider.requests == []
    await till.speech.close()
    assert set(await holds(till.database)) <= {"released"}
    await till.in_order(0)


async def test_leaving_at_any_moment_leaves_nothing_behind(till, provider):
    provider.usual = (0.001, b"a" * 100, 0.001, b"b" * 100)
    for n in range(40):
        task = asyncio.create_task(till.say(principal=till.limited(max_concurrency=1)))
        for _ in range(n):
            await asyncio.sleep(0.0003 if n % 2 else 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not till.slots._taken
    await till.speech.close()
    spent = (await till.balance()).spent
    assert spent <= 40 * PRICE
    assert provider.running == 0
    assert set(await holds(till.database)) <= {"released", "settled"}
    await till.in_order(spent)


# --- Processes that die, and streams that last


@pytest.fixture
def retention(database, queue, blobs, spool):
    return Retention(database, queue, blobs, spool)


async def test_the_hold_of_a_process_that_died_is_released(till, database, retention):
    await till.begin()  # and nobody ends it
    await database.write(lambda tx: tx.execute("UPDATE holds SET expires_at = 1"))
    await retention.sweep()
    balance = await till.balance()
    assert (balance.held, balance.spent, balance.remaining) == (0, 0, 1_000_000)
    assert await holds(database) == {"released": 1}


@on_sqlite
async def test_a_hold_that_has_time_is_not_released(till, retention):
    speaking = await till.begin()
    await retention.sweep()
    assert (await till.balance()).held == PRICE
    async for _ in speaking.chunks():
        pass
    await till.in_order(PRICE)


async def test_a_stream_whose_hold_was_taken_for_forgotten_costs_nothing_and_ends_well(
    till, database, retention
):
    speaking = await till.begin()
    await database.write(lambda tx: tx.execute("UPDATE holds SET expires_at = 1"))
    await retention.sweep()
    assert [chunk async for chunk in speaking.chunks()] == [b"audio"]
    call = await till.last_call()
    assert (call["status"], call["characters"], call["cost"]) == ("ok", len(TEXT), 0)
    await till.in_order(0)


@on_sqlite
async def test_the_hold_of_a_stream_that_lasts_is_renewed(till, database, monkeypatch):
    monkeypatch.setattr(module, "_RENEW_EVERY_S", 0.01)
    speaking = await till.begin()
    await database.write(lambda tx: tx.execute("UPDATE holds SET expires_at = 1"))
    keeping = asyncio.create_task(till.speech.keep_holds())
    async with asyncio.timeout(20):
        while await database.read(ledger.forgotten, 10):
            await asyncio.sleep(0.01)
    keeping.cancel()
    async for _ in speaking.chunks():
        pass
    await till.in_order(PRICE)


@on_sqlite
async def test_a_call_that_cannot_be_written_down_ends_all_the_same(till, database, monkeypatch):
    def full(*_, **__):
        raise UnavailableError

    monkeypatch.setattr(module, "end_call", full)
    assert await till.say() == b"audio"
    assert not till.slots._taken
    assert not till.speech._held, "its hold will run out"


@on_sqlite
async def test_nobody_is_asked_where_the_money_cannot_be_held(till, provider, monkeypatch):
    def full(*_, **__):
        raise UnavailableError

    monkeypatch.setattr(ledger, "hold", full)
    await till.fails(error=UnavailableError)
    assert provider.requests == []
    assert not till.slots._taken


# --- Failover and breakers, seen from the money


@on_sqlite
async def test_who_is_left_alone_costs_nothing(till, provider):
    provider.usual = (ProviderError,)
    for _ in range(2):
        await till.fails(error=(ProviderError, BreakerOpenError))
    error = await till.fails(error=BreakerOpenError)
    assert error.retry_after > 0
    call = await till.last_call()
    assert (call["status"], call["error_code"]) == ("failed", "breaker_open")
    await till.in_order(0)


@on_sqlite
async def test_a_breaker_that_opens_amid_a_text_is_a_failure_and_no_departure(
    database, workspace_id, key_id
):
    await database.write(ledger.grant, workspace_id, "wallet", 10_000, "test")
    one = Scripted("one", formats=(), max_characters=90, timeouts=Timeouts(total_s=5.0))
    one.then((SECOND,))
    one.usual = (ProviderError,)
    till = Till(database, workspace_id, key_id, [one])
    text = "This one is long enough to be a part. " * 6
    speaking = await till.begin(text, "one/m", form="pcm")
    for _ in range(2):
        with pytest.raises((ProviderError, BreakerOpenError)):
            await till.begin("Short.", "one/m", form="pcm")
    with pytest.raises(BreakerOpenError):
        async for _ in speaking.chunks():
            pass
    call = await till.last_call()
    assert (call["status"], call["error_code"]) == ("failed", "breaker_open")
    assert 0 < call["cost"] < len(text)
    await till.in_order(call["cost"])


async def test_the_sums_of_calls_and_the_history_agree(till, provider):
    provider.then((b"a",), (ProviderTimeoutError,), (b"a", ProviderError), (b"b",))
    for _ in range(4):
        with suppress(ProviderError):
            await till.say()
    spent = (await till.balance()).spent
    await till.in_order(spent)
    found = await till.database.read(usage, till.workspace_id, 1, 100)
    assert (found.requests, found.cost_micros, found.error_count) == (4, spent, 2)
