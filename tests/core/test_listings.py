"""Lists of voices and models: asked for once, kept, and never held up by one vendor."""

from __future__ import annotations

import asyncio

import pytest

from intone.core import listings as listings_module
from intone.core.listings import Catalogue, Listings, VoiceFilter
from intone.core.models import ModelDirectory, RoutePlan
from intone.core.routing import Router
from intone.core.voices import speaks
from intone.errors import UnknownModelError
from intone.providers.base import Capabilities, ListedVoice, Model, Provider
from intone.providers.openai import OpenAIProvider
from intone.providers.settings import ProviderSettings
from loopback.vendor import Answer, VendorServer

HOUR_S = 3600


class Clock:
    """Monotonic seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Engine(Provider):
    """Runs on this machine; its voices can change at any time."""

    def __init__(self, name="engine", *voices, models=("default",)):
        self.name = name
        self.capabilities = Capabilities(local=True)
        self.models = tuple(Model(model, model.title(), 15_000) for model in models)
        self.list = [ListedVoice(voice, voice.title()) for voice in voices]
        self.failure: Exception | None = None

    async def list_voices(self):
        if self.failure:
            raise self.failure
        return list(self.list)

    def synthesize(self, request):
        raise NotImplementedError


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def vendor():
    with VendorServer() as server:
        yield server


@pytest.fixture
async def remote(vendor):
    """A compatible server that lists its voices."""
    said = ProviderSettings(type="openai", base_url=f"{vendor.base_url}/v1")
    provider = OpenAIProvider("remote", said, (Model("m", "M"),))
    await provider.start()
    yield provider
    await provider.close()


@pytest.fixture
async def lists(remote, clock):
    engine = Engine("engine", "near")
    opened = Listings({"remote": remote, "engine": engine}, clock=clock)
    yield opened
    await opened.close()


def offer(vendor, *names):
    vendor.on("GET", "/v1/audio/voices", Answer.json({"voices": list(names)}))


def offer_later(vendor, *names):
    """Have the vendor answer once the event is set that this returns."""
    release, loop = asyncio.Event(), asyncio.get_running_loop()

    async def answer(_):
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(release.wait(), loop))
        return Answer.json({"voices": list(names)})

    vendor.on("GET", "/v1/audio/voices", answer)
    return release


def ids(voices):
    return [(provider, voice.id) for provider, voice in voices]


async def until(condition):
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_a_vendor_is_asked_once_an_hour(vendor, lists, clock):
    offer(vendor, "a", "b")
    expected = [("remote", "a"), ("remote", "b"), ("engine", "near")]
    assert ids(await lists.voices()) == expected
    offer(vendor, "c")
    clock.now += HOUR_S - 1
    assert ids(await lists.voices()) == expected
    assert len(vendor.requests) == 1
    clock.now += 2
    assert ids(await lists.voices()) == [("remote", "c"), ("engine", "near")]
    assert len(vendor.requests) == 2


async def test_many_who_want_the_list_make_one_request(vendor, lists):
    release = offer_later(vendor, "a")
    asking = [asyncio.create_task(lists.voices()) for _ in range(50)]
    await asyncio.to_thread(vendor.wait_until, lambda: vendor.requests)
    release.set()
    answers = await asyncio.gather(*asking)
    assert all(ids(answer) == [("remote", "a"), ("engine", "near")] for answer in answers)
    assert len(vendor.requests) == 1


async def test_a_slow_vendor_holds_nobody_up_and_its_list_is_there_when_it_comes(
    vendor, lists, monkeypatch
):
    monkeypatch.setattr(listings_module, "_PATIENCE_S", 0.05)
    release = offer_later(vendor, "late")
    assert ids(await lists.voices()) == [("engine", "near")]
    release.set()

    async def arrived():
        return ids(await lists.voices()) == [("remote", "late"), ("engine", "near")]

    await until(arrived)
    assert len(vendor.requests) == 1


async def test_only_the_beginning_of_an_asking_is_waited_for(vendor, lists, clock):
    release = offer_later(vendor, "late")
    first = asyncio.create_task(lists.voices())
    await asyncio.to_thread(vendor.wait_until, lambda: vendor.requests)
    clock.now += listings_module._PATIENCE_S
    # It has been asked for long enough: whoever comes now does not wait at all, and so is
    # answered before the first, who is still waiting.
    assert ids(await lists.voices()) in ([], [("engine", "near")])
    assert not first.done()
    release.set()
    assert ids(await first) == [("remote", "late"), ("engine", "near")]


@pytest.mark.parametrize(
    "trouble",
    [
        Answer.json({"error": "no"}, 500),
        Answer.json({"voices": ["half"]}, 429),
        Answer(b"<html>", headers={"Content-Type": "text/html"}),
    ],
)
async def test_a_failing_vendor_keeps_its_last_list_and_is_asked_again_after_30_s(
    vendor, lists, clock, trouble
):
    offer(vendor, "a")
    before = await lists.voices()
    vendor.on("GET", "/v1/audio/voices", trouble)
    clock.now += HOUR_S + 1
    assert ids(await lists.voices()) == ids(before)
    clock.now += 29
    assert ids(await lists.voices()) == ids(before)
    assert len(vendor.requests) == 2
    offer(vendor, "b")
    clock.now += 2
    assert ids(await lists.voices()) == [("remote", "b"), ("engine", "near")]


async def test_a_vendor_that_is_gone_offers_nothing_and_takes_nobody_along(vendor, lists):
    vendor.stop()
    assert ids(await lists.voices()) == [("engine", "near")]


async def test_a_vendors_mistake_in_our_own_code_takes_nobody_along(clock):
    broken, fine = Engine("broken", "x"), Engine("fine", "y")
    broken.failure = KeyError("surprise")
    lists = Listings({"broken": broken, "fine": fine}, clock=clock)
    assert ids(await lists.voices()) == [("fine", "y")]
    broken.failure = None
    assert ids(await lists.voices()) == [("fine", "y")]  # left alone for a while, as others are
    clock.now += 31
    assert ids(await lists.voices()) == [("broken", "x"), ("fine", "y")]


async def test_an_asking_that_takes_too_long_is_given_up(vendor, lists, clock, monkeypatch):
    monkeypatch.setattr(listings_module, "_ASKING_S", 0.05)
    offer_later(vendor)
    assert ids(await lists.voices()) == [("engine", "near")]
    offer(vendor, "a")
    clock.now += 31
    assert ids(await lists.voices()) == [("remote", "a"), ("engine", "near")]


async def test_an_engine_here_is_asked_every_time_and_the_list_stays_the_same_object(clock):
    engine = Engine("engine", "a")
    lists = Listings({"engine": engine}, clock=clock)
    first = await lists.voices()
    assert await lists.voices() is first
    engine.list.append(ListedVoice("b", "B"))
    assert ids(await lists.voices()) == [("engine", "a"), ("engine", "b")]


async def test_who_cannot_be_asked_is_not_asked_and_offers_nothing(vendor, remote):
    remote.unavailable = "missing_api_key"
    lists = Listings({"remote": remote, "engine": Engine("engine", "a")})
    assert ids(await lists.voices()) == [("engine", "a")]
    assert [name for name, _ in await lists.models()] == ["engine"]
    assert vendor.requests == []


async def test_one_that_gives_up_waiting_leaves_the_asking_to_the_others(vendor, lists):
    release = offer_later(vendor, "a")
    impatient = asyncio.create_task(lists.voices())
    await asyncio.to_thread(vendor.wait_until, lambda: vendor.requests)
    patient = asyncio.create_task(lists.voices())
    impatient.cancel()
    release.set()
    assert ids(await patient) == [("remote", "a"), ("engine", "near")]
    assert len(vendor.requests) == 1


async def test_closing_ends_what_is_being_asked(vendor, lists, monkeypatch):
    monkeypatch.setattr(listings_module, "_PATIENCE_S", 0.01)
    offer_later(vendor)
    await lists.voices()
    await asyncio.to_thread(vendor.wait_until, lambda: vendor.running)
    async with asyncio.timeout(10):  # an asking that is not given up takes longer
        await lists.close()
    await asyncio.to_thread(vendor.wait_until, lambda: vendor.abandoned == 1)


@pytest.fixture
def catalogue():
    loud = Engine("loud", "a", "b", models=("one", "two"))
    loud.list.append(ListedVoice("only", "Only", models=("two",)))
    quiet = Engine("quiet", "a")
    said = ProviderSettings(type="openai", base_url="http://127.0.0.1:9/v1")
    passing = OpenAIProvider("passing", said, ())
    absent = Engine("absent", "z")
    absent.unavailable = "missing_api_key"
    return catalogue_of(
        [loud, quiet, passing, absent],
        {"tts-1": "quiet/default", "nowhere": "absent/default", "fast": "auto/fast"},
        {
            "auto/fast": ["absent/default", "loud/two", "passing/new"],
            "auto/none": ["absent/default"],
        },
    )


def catalogue_of(providers, aliases=None, routes=None):
    by_name = {one.name: one for one in providers}
    plans = {name: RoutePlan(models) for name, models in (routes or {}).items()}
    directory = ModelDirectory(by_name, Router(), aliases=aliases, routes=plans)
    return Catalogue(directory, Listings(by_name))


async def test_offers_are_models_then_other_names_then_routes(catalogue):
    offers = {one.id: one for one in await catalogue.offers()}
    assert list(offers) == [
        "loud/one", "loud/two", "quiet/default", "tts-1", "fast", "tts-1-hd", "gpt-4o-mini-tts",
        "auto/fast",
    ]  # fmt: skip
    fast = (("loud", "two"), ("passing", "new"))
    targets = {name: offer.targets for name, offer in offers.items()}
    assert targets["loud/two"] == (("loud", "two"),)
    assert targets["tts-1"] == (("quiet", "default"),)
    assert targets["fast"] == targets["auto/fast"] == fast
    owners = {name: offer.owner for name, offer in offers.items()}
    assert (owners["loud/one"], owners["tts-1"], owners["fast"]) == ("loud", "quiet", "intone")
    prices = {name: offer.nanos_per_character for name, offer in offers.items()}
    assert (prices["loud/one"], prices["tts-1"], prices["auto/fast"]) == (15_000, 15_000, None)
    assert [one.is_other_name for one in offers.values()] == [False] * 3 + [True] * 5


async def test_a_model_that_is_passed_on_need_not_be_listed(catalogue):
    assert (await catalogue.offer("passing/org/new")).targets == (("passing", "org/new"),)


@pytest.mark.parametrize(
    "name", ["", "/", "loud", "loud/", "loud/three", "nobody/one", "absent/default", "auto/none"]
)
async def test_an_unknown_model_is_refused_with_those_there_are(catalogue, name):
    with pytest.raises(UnknownModelError, match="loud/one, loud/two, quiet/default, tts-1"):
        await catalogue.offer(name)


async def test_models_that_only_the_vendor_knows_are_asked_of_it_and_kept(vendor, remote, clock):
    remote.models = ()
    vendor.on("GET", "/v1/models", Answer.json({"data": [{"id": "kokoro"}]}))
    lists = Listings({"remote": remote}, clock=clock)
    models = await lists.models()
    assert [(name, model.id) for name, model in models] == [("remote", "kokoro")]
    vendor.stop()
    clock.now += HOUR_S + 1
    assert await lists.models() is models


async def test_what_was_listed_of_late_is_there_without_asking(vendor, lists):
    offer(vendor, "a")
    assert lists.listed("remote") == ()
    assert vendor.requests == []
    await lists.voices()
    assert [voice.id for voice in lists.listed("remote")] == ["a"]
    assert lists.listed("nobody") == ()


async def test_voices_of_targets_speak_the_model_and_come_in_the_targets_order(catalogue):
    one = await catalogue.voices_of([("loud", "one")])
    assert ids(one) == [("loud", "a"), ("loud", "b")]
    both = await catalogue.voices_of([("quiet", "default"), ("loud", "two"), ("loud", "one")])
    assert ids(both) == [("quiet", "a"), ("loud", "a"), ("loud", "b"), ("loud", "only")]


async def test_the_default_is_what_tts_1_means(catalogue):
    assert await catalogue.default_provider() == "quiet"
    assert await catalogue_of([Engine("one", "a"), Engine("two", "b")]).default_provider() == "one"
    assert await catalogue_of([]).default_provider() is None


@pytest.mark.parametrize(
    ("tags", "wanted", "fits"),
    [
        (("en-US",), "en", True),
        (("en-US",), "EN-us", True),
        (("en-US",), "en-GB", False),
        (("en",), "en-US", False),
        (("eng",), "en", False),
        (("de", "en-GB"), "en", True),
        ((), "en", False),
    ],
)
def test_a_language_is_the_beginning_of_a_tag_in_any_case(tags, wanted, fits):
    assert speaks(tags, wanted) is fits


def test_a_filter_wants_all_it_names():
    wanted = VoiceFilter(frozenset({"a"}), "en", "female")
    assert wanted.accepts("a", ("en-US",), "female")
    assert not wanted.accepts("b", ("en-US",), "female")
    assert not wanted.accepts("a", ("de",), "female")
    assert not wanted.accepts("a", ("en-US",), "male")
    assert not wanted.accepts("a", ("en-US",), None)
    assert VoiceFilter().accepts("b", (), None)
