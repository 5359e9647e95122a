"""What `model` and `voice` mean: who may speak, in which order, with which voice."""

import pytest

from helpers.scripted import Clock, Scripted, everything
from helpers.vendors import speech
from intone.core import routing
from intone.core.models import OPENAI_MODELS, ModelDirectory, RoutePlan, Wish
from intone.core.routing import Candidate, Router
from intone.core.voices import SpeakingClone
from intone.errors import InvalidInputError, ProviderError, UnknownModelError
from intone.providers.base import ListedVoice, Model
from intone.providers.engines.espeak_provider import EspeakProvider
from intone.providers.engines.matching_provider import MatchingProvider
from intone.providers.openai import OpenAIProvider
from intone.providers.settings import ProviderSettings

EMMA = "en-us.emma"
PRICES = {"dear": 30_000, "cheap": 1_000, "fair": 15_000}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def router(clock, monkeypatch):
    monkeypatch.setattr(routing, "_BACKOFF_S", 0.0)
    return Router(clock=clock)


@pytest.fixture
def espeak():
    return EspeakProvider(processes=1)


def vendor(name="vendor", models=(), **settings):
    """A compatible vendor; with models, its operator has listed them."""
    listed = [model.id for model in models] or None
    base_url = "http://127.0.0.1:9/v1"
    said = ProviderSettings(type="openai", base_url=base_url, models=listed, **settings)
    return OpenAIProvider(name, said, models)


@pytest.fixture
def directory(espeak, router):
    """Makes a directory of the engine inside and of others."""

    def make(*others, **said):
        return ModelDirectory({one.name: one for one in (espeak, *others)}, router, **said)

    return make


def priced():
    return [Scripted(name, models=(Model("m", "M", price),)) for name, price in PRICES.items()]


def names(candidates):
    return [f"{c.provider.name}/{c.model.id}" for c in candidates]


def one(directory, model, voice=EMMA):
    (candidate,) = directory.candidates([Wish(model, voice)])
    return candidate


# --- Models


def test_a_model_is_a_provider_and_its_own_id(directory, espeak):
    candidate = one(directory(), "espeak/default")
    assert (candidate.provider, candidate.model.id) == (espeak, "default")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "espeak",
        "espeak/",
        "/default",
        "espeak/nothing",
        "nobody/default",
        "tts-9",
        "x" * 999,
    ],
)
def test_what_is_no_model_is_refused_with_a_list_of_those_there_are(directory, name):
    with pytest.raises(UnknownModelError) as caught:
        directory(vendor(models=(Model("m", "M"),))).candidates([Wish(name, EMMA)])
    for known in ("espeak/default", "vendor/m", *OPENAI_MODELS):
        assert known in caught.value.message
    assert len(caught.value.message) < 500


def test_a_long_list_is_cut(directory):
    many = vendor(models=[Model(f"m{n}", "M") for n in range(1000)])
    with pytest.raises(UnknownModelError, match="and 964 more"):
        directory(many).candidates([Wish("no", EMMA)])


def test_a_second_wish_that_does_not_exist_is_refused_as_well(directory):
    with pytest.raises(UnknownModelError):
        directory().candidates([Wish("espeak/default", EMMA), Wish("no/model", EMMA)])


def test_unlisted_models_of_a_compatible_vendor_pass_through(directory):
    candidate = one(directory(vendor(prices={"*": 15.0})), "vendor/some/model:7", "af_sky")
    assert (candidate.model.id, candidate.voice) == ("some/model:7", "af_sky")
    assert candidate.model.cost(100) == 1500


def test_an_operator_who_lists_models_offers_no_others(directory):
    listing = vendor(models=(Model("m", "M"),))
    assert one(directory(listing), "vendor/m").model.id == "m"
    with pytest.raises(UnknownModelError):
        one(directory(listing), "vendor/other")


@pytest.mark.parametrize("name", OPENAI_MODELS)
def test_openais_names_mean_the_engine_inside(directory, name):
    assert names([one(directory(), name, "alloy")]) == ["espeak/default"]


def test_openais_names_mean_a_vendor_that_lists_them(directory):
    made = directory(vendor(models=(Model("tts-1", "TTS-1"),)))
    assert names([one(made, "tts-1", "alloy")]) == ["vendor/tts-1"]
    assert names([one(made, "tts-1-hd", "alloy")]) == ["espeak/default"]


def test_openais_names_do_not_mean_a_vendor_that_cannot_be_asked(directory):
    unset = vendor(models=(Model("tts-1", "TTS-1"),))
    unset.unavailable = "missing_api_key"
    assert names([one(directory(unset), "tts-1", "alloy")]) == ["espeak/default"]


def test_an_operators_alias_comes_before_all_else(directory):
    lists_it = vendor(models=(Model("tts-1", "TTS-1"),))
    made = directory(lists_it, aliases={"tts-1": "espeak/default", "house": "vendor/tts-1"})
    assert names([one(made, "tts-1", "alloy")]) == ["espeak/default"]
    assert names([one(made, "house", "alloy")]) == ["vendor/tts-1"]


@pytest.mark.parametrize(
    "said",
    [{"aliases": {"house": "no/model"}}, {"routes": {"auto/fast": RoutePlan(["no/model"])}}],
)
def test_an_alias_or_route_to_nowhere_is_found_at_the_start(directory, said):
    with pytest.raises(UnknownModelError, match="no/model"):
        directory(**said)


# --- Order


def test_a_list_is_tried_in_its_order(directory):
    wishes = [Wish(f"{name}/m", "v") for name in ("fair", "dear", "cheap")]
    assert names(directory(*priced()).candidates(wishes)) == ["fair/m", "dear/m", "cheap/m"]


def test_the_same_model_twice_is_tried_once_where_it_first_stands(directory):
    wishes = [Wish(f"{name}/m", name) for name in ("fair", "dear", "fair", "cheap", "dear")]
    found = directory(*priced()).candidates([*wishes, Wish("dear/m", "another")])
    assert names(found) == ["fair/m", "dear/m", "cheap/m"]
    assert [candidate.voice for candidate in found] == ["fair", "dear", "cheap"]


@pytest.mark.parametrize(
    ("by", "order"),
    [("order", ["fair", "dear", "cheap"]), ("price", ["cheap", "fair", "dear"])],
)
def test_a_route_goes_by_its_own_order(directory, by, order):
    plan = RoutePlan(["fair/m", "dear/m", "cheap/m"], by)
    made = directory(*priced(), routes={"auto/x": plan})
    assert names(made.candidates([Wish("auto/x", "v")])) == [f"{name}/m" for name in order]


def test_an_alias_may_mean_a_route(directory):
    made = directory(
        *priced(),
        aliases={"tts-1": "auto/cheap"},
        routes={"auto/cheap": RoutePlan(["dear/m", "cheap/m"], "price")},
    )
    assert names(made.candidates([Wish("tts-1", "v")])) == ["cheap/m", "dear/m"]


async def heard(router, candidate):
    answer = await router.begin(
        [candidate], lambda one: one.provider.stream(speech(one.voice), "mp3")
    )
    await everything(answer)


async def test_a_route_by_latency_tries_whom_nobody_knows_and_then_the_quickest(
    directory, router, clock
):
    class Ticking(Scripted):
        async def _play(self, request):
            clock.now += {"dear": 0.1, "fair": 0.5, "cheap": 0.3}[self.name]
            async for piece in super()._play(request):
                yield piece

    providers = [Ticking(name) for name in PRICES]
    plan = RoutePlan(["dear/m", "fair/m", "cheap/m"], "latency")
    made = directory(*providers, routes={"auto/fast": plan})
    for unheard in ("dear", "fair", "cheap"):
        first = made.candidates([Wish("auto/fast", "v")])[0]
        assert first.provider.name == unheard
        await heard(router, first)
    assert names(made.candidates([Wish("auto/fast", "v")])) == ["dear/m", "cheap/m", "fair/m"]


async def test_who_is_down_or_not_set_up_goes_last_in_a_route_but_not_in_a_list(directory, router):
    down, unset, well = (Scripted(name) for name in ("down", "unset", "well"))
    unset.unavailable = "missing_api_key"
    down.usual = (ProviderError,)
    made = directory(
        *(down, unset, well),
        routes={"auto/any": RoutePlan(["down/m", "unset/m", "well/m"])},
    )
    while router.state("down") == "closed":
        with pytest.raises(Exception, match="provider"):
            await heard(router, Candidate(down, down.models[0], "v"))
    assert names(made.candidates([Wish("auto/any", "v")])) == ["well/m", "down/m", "unset/m"]
    wishes = [Wish("down/m", "v"), Wish("well/m", "v")]
    assert names(made.candidates(wishes)) == ["down/m", "well/m"], "the caller's order is theirs"


# --- Voices


def test_a_preset_goes_by_all_its_names(directory, espeak):
    preset = next(voice for voice in espeak.voices() if voice.local_id == EMMA)
    for name in (preset.local_id, preset.slug, preset.uuid):
        candidate = one(directory(), "espeak/default", name)
        assert (candidate.voice, candidate.language) == (EMMA, "en-US")


def test_openais_voices_are_voices_of_the_engine_inside(directory, espeak):
    presets = {voice.local_id for voice in espeak.voices()}
    for name in ("alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer"):
        assert one(directory(), "tts-1", name).voice in presets


def test_an_operators_name_for_a_voice_leads_to_the_vendors_own(directory):
    made = directory(vendor(voices={"alloy": "af_bella"}))
    assert one(made, "vendor/kokoro", "alloy").voice == "af_bella"
    assert one(made, "vendor/kokoro", "af_sky").voice == "af_sky"


@pytest.mark.parametrize("name", ["", "nobody", "EN-US.EMMA", "x" * 999, "../../etc/passwd"])
def test_an_engine_refuses_a_voice_that_it_does_not_have(directory, name):
    with pytest.raises(InvalidInputError, match="GET /v1/voices") as caught:
        one(directory(), "espeak/default", name)
    assert not isinstance(caught.value, UnknownModelError)
    assert len(caught.value.message) < 300


def test_a_vendor_knows_its_own_voices_best(directory):
    assert one(directory(vendor()), "vendor/m", "made yesterday").voice == "made yesterday"


LISTED = (
    ListedVoice("hans", "Hans", ("de-DE",), "male"),
    ListedVoice("anna", "Anna", ("de-DE",), "female"),
    ListedVoice("kate", "Kate", ("en-GB",), "female"),
    ListedVoice("jane", "Jane", ("en-US",), "female"),
    ListedVoice("john", "John", ("en-US",), "male"),
)


@pytest.mark.parametrize("like", [voice for voice in LISTED if voice.languages != ("en-GB",)])
def test_a_second_choice_speaks_with_the_voice_most_like_the_first(directory, espeak, like):
    wanted = next(
        voice.local_id
        for voice in espeak.voices()
        if voice.languages[0].startswith(like.languages[0][:5]) and voice.gender == like.gender
    )
    made = directory(vendor(), listed=lambda name: LISTED if name == "vendor" else ())
    wishes = [Wish("espeak/default", wanted), Wish("vendor/m", wanted)]
    assert [candidate.voice for candidate in made.candidates(wishes)] == [wanted, like.id]


def test_the_other_way_round_the_engine_finds_a_voice_like_the_vendors(directory, espeak):
    made = directory(vendor(), listed=lambda name: LISTED if name == "vendor" else ())
    first, second = made.candidates([Wish("vendor/m", "anna"), Wish("espeak/default", "anna")])
    assert (first.voice, first.language) == ("anna", "de-DE")
    like = next(voice for voice in espeak.voices() if voice.local_id == second.voice)
    assert (like.languages[0][:2], like.gender) == ("de", "female")


def test_an_engine_after_a_vendor_nobody_knows_speaks_all_the_same(directory, espeak):
    wishes = [Wish("vendor/m", "unheard of"), Wish("espeak/default", "unheard of")]
    first, second = directory(vendor()).candidates(wishes)
    assert first.voice == "unheard of"
    assert second.voice in {voice.local_id for voice in espeak.voices()}


def test_each_wish_may_bring_its_own_voice(directory):
    found = directory(vendor()).candidates([Wish("vendor/m", "sky"), Wish("espeak/default", EMMA)])
    assert [candidate.voice for candidate in found] == ["sky", EMMA]


def test_every_name_that_is_told_is_a_model(directory):
    made = directory(*priced(), routes={"auto/x": RoutePlan(["fair/m"])}, aliases={"a": "auto/x"})
    for name in made.names():
        assert made.candidates([Wish(name, EMMA)])


CLONE_ID = "8f2a1c5e-6c2d-4d40-9e7b-1f25c08e6a1f"


@pytest.fixture
def clone(espeak):
    """A cloned voice that its engine speaks from Emma."""
    emma = next(voice for voice in espeak.voices() if voice.local_id == EMMA)
    return SpeakingClone(
        number=1_000_000_001,
        slug="voice_8f2a1c5e6c2d",
        uuid=CLONE_ID,
        name="Ada",
        provider="matching",
        local_id=CLONE_ID,
        languages=("en-US",),
        gender="female",
        version="1",
        model="voices/w/v/1.model",
        base=emma,
        styles=("neutral",),
    )


@pytest.fixture
def matching():
    return MatchingProvider({}.__getitem__, processes=1)


@pytest.mark.parametrize("model", ["matching/default", "espeak/default", "tts-1", "auto/fast"])
def test_a_cloned_voice_is_spoken_by_its_engine_whichever_name_of_ours_is_sent(
    directory, matching, clone, model
):
    routes = {"auto/fast": RoutePlan(["vendor/x", "espeak/default"])}
    models = directory(vendor(), matching, routes=routes)
    wish = Wish(model, CLONE_ID)
    assert models.may_be_cloned(wish)
    (found,) = models.candidates([wish], {CLONE_ID: clone})
    assert (names([found]), found.voice) == (["matching/default"], CLONE_ID)
    assert found.language == "en-US"


def test_a_voice_of_a_vendors_model_is_the_vendors_even_if_it_looks_cloned(directory, matching):
    models = directory(vendor(), matching)
    wish = Wish("vendor/x", CLONE_ID)
    assert not models.may_be_cloned(wish)
    (found,) = models.candidates([wish])
    assert (found.provider.name, found.voice) == ("vendor", CLONE_ID)


def test_nobody_speaks_with_a_clone_by_naming_its_engine_alone(directory, matching):
    """A clone's id is as good as any other name to whoever does not own it."""
    models = directory(matching)
    for voice in (CLONE_ID, "voice_8f2a1c5e6c2d", "alloy"):
        with pytest.raises(InvalidInputError, match="no voice"):
            models.candidates([Wish("matching/default", voice)])
