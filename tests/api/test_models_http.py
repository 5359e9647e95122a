"""Models, voices for menus, providers and their state, as clients made for others read them."""

from __future__ import annotations

import pytest

from helpers.reading import VENDOR_VOICES, providers_with, reading_site
from intone.storage.sqlite import SqliteDatabase
from loopback.vendor import Answer, VendorServer

FORMATS = ["mp3", "pcm", "opus", "aac", "flac", "wav"]
ENGINE_VOICES = 388


@pytest.fixture
def vendor():
    with VendorServer() as server:
        server.on("GET", "/v1/audio/voices", Answer.json(VENDOR_VOICES))
        yield server


@pytest.fixture
async def database(tmp_path):
    opened = SqliteDatabase(tmp_path / "intone.db")
    await opened.start()
    yield opened
    await opened.close()


@pytest.fixture
async def site(database, vendor):
    async with reading_site(
        database,
        providers_with(vendor.base_url),
        aliases={"tts-1": "near/kokoro"},
        routes={"auto/fast": ["near/org/other", "espeak/default"]},
    ) as site:
        yield site


async def test_models_are_listed_as_openai_lists_them(site):
    body = await site.get("/v1/models")
    assert (set(body), body["object"]) == ({"object", "data"}, "list")
    models = {model["id"]: model for model in body["data"]}
    assert list(models) == [
        "espeak/default", "near/kokoro", "near/org/other", "tts-1", "tts-1-hd", "gpt-4o-mini-tts",
        "auto/fast",
    ]  # fmt: skip
    for model in models.values():
        assert model["object"] == "model"
        assert isinstance(model["created"], int)
        assert model["response_formats"] == FORMATS
    assert models["espeak/default"]["owned_by"] == "espeak"
    assert models["near/kokoro"]["pricing"] == {
        "currency": "USD", "microsPerMillionCharacters": 15_000_000,
    }  # fmt: skip
    assert "stands_for" not in models["near/kokoro"]


async def test_an_operators_other_names_and_routes_say_who_speaks(site):
    models = {model["id"]: model for model in (await site.get("/v1/models"))["data"]}
    alias, route = models["tts-1"], models["auto/fast"]
    assert (alias["owned_by"], alias["stands_for"]) == ("near", ["near/kokoro"])
    assert alias["pricing"]["microsPerMillionCharacters"] == 15_000_000
    assert route["owned_by"] == "intone"
    assert route["stands_for"] == ["near/org/other", "espeak/default"]
    assert "pricing" not in route


async def test_a_model_has_its_voices_whose_names_work_as_voices(site):
    body = await site.get("/v1/models/near/kokoro")
    assert (body["id"], body["object"], body["owned_by"]) == ("near/kokoro", "model", "near")
    assert body["voices"][0] == {
        "id": "bella",
        "name": "bella",
        "display_name": "Bella",
        "language": "en-GB",
        "gender": "female",
    }
    assert [voice["name"] for voice in body["voices"]] == ["bella", "adam", "en-us.emma", "plain"]


@pytest.mark.parametrize(
    ("path", "model_id", "voices"),
    [
        ("espeak/default", "espeak/default", ENGINE_VOICES),
        ("espeak%2Fdefault", "espeak/default", ENGINE_VOICES),
        ("near/org/other", "near/org/other", 4),
        ("tts-1", "tts-1", 4),
        ("auto/fast", "auto/fast", ENGINE_VOICES + 3),
    ],
)
async def test_ids_with_slashes_other_names_and_routes_are_found(site, path, model_id, voices):
    body = await site.get(f"/v1/models/{path}")
    assert (body["id"], len(body["voices"])) == (model_id, voices)
    assert len({voice["id"] for voice in body["voices"]}) == voices


@pytest.mark.parametrize(
    "path", ["nobody/x", "espeak", "espeak/other", "near/unlisted", "openai/tts-1", "x" * 300]
)
async def test_an_unknown_model_is_not_found(site, path):
    status, _, body = await site.ask(f"/v1/models/{path}")
    assert (status, body["error"]) == (404, "not_found")
    assert "espeak/default" in body["details"]


@pytest.mark.parametrize("path", ["/v1/audio/voices", "/audio/voices", "/openai/v1/audio/voices"])
async def test_a_menu_has_the_voices_of_the_default_model_first(site, path):
    voices = (await site.get(path))["voices"]
    assert voices[0] == {
        "id": "bella", "name": "Bella", "language": "en-GB", "gender": "female", "provider": "near",
    }  # fmt: skip
    assert [voice["provider"] for voice in voices] == ["near"] * 4 + ["espeak"] * 387
    assert voices[3]["gender"] is None
    assert len({voice["id"] for voice in voices}) == len(voices)
    assert next(voice for voice in voices if voice["id"] == "en-us.emma")["provider"] == "near"


async def test_without_other_names_the_engine_comes_first(database, vendor):
    async with reading_site(database, providers_with(vendor.base_url)) as site:
        voices = (await site.get("/v1/audio/voices"))["voices"]
    assert voices[0]["provider"] == "espeak"
    assert len(voices) == ENGINE_VOICES + 3


@pytest.mark.parametrize("flag", ["true", "1"])
async def test_a_menu_of_the_old_kind_is_a_list_of_ids(site, flag):
    voices = (await site.get(f"/v1/audio/voices?legacy={flag}&model=near/kokoro"))["voices"]
    assert voices == ["bella", "adam", "en-us.emma", "plain"]


async def test_a_menu_can_be_that_of_one_model(site):
    voices = (await site.get("/v1/audio/voices?model=espeak/default"))["voices"]
    assert [voice["provider"] for voice in voices] == ["espeak"] * ENGINE_VOICES
    both = (await site.get("/v1/audio/voices?model=auto/fast"))["voices"]
    assert [voice["provider"] for voice in both] == ["near"] * 4 + ["espeak"] * 387


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("model=nobody/x", "invalid_model"),
        ("model=", "invalid_model"),
        ("legacy=perhaps", "invalid_body"),
        ("legacy=true&legacy=false", "invalid_body"),
        ("model=espeak/default&model=near/kokoro", "invalid_body"),
    ],
)
async def test_a_menu_that_makes_no_sense_is_refused(site, query, code):
    status, _, body = await site.ask(f"/v1/audio/voices?{query}")
    assert (status, body["error"], body["code"]) == (400, code, code)


async def test_voices_for_menus_alone_can_be_public(database, vendor):
    providers = providers_with(vendor.base_url)
    public = ("/v1/audio/voices", "/audio/voices", "/openai/v1/audio/voices",
              "/v1/audio/models", "/audio/models", "/openai/v1/audio/models",
              "/v1/models/espeak/default", "/openai/v1/models/espeak/default")  # fmt: skip
    async with reading_site(database, providers, public_voices=True) as site:
        for path in public:
            assert (await site.ask(path, None))[0] == 200
        for path in ("/v1/models", "/v1/voices", "/v1/providers"):
            assert (await site.ask(path, None))[0] == 401


PATHS = ("/v1/audio/voices", "/v1/models", "/v1/models/tts-1", "/v1/providers", "/v1/status",
         "/v1/credits", "/v1/credits/activity", "/v1/usage", "/v1/voices")  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_every_list_wants_a_key(site, path):
    status, headers, body = await site.ask(path, None)
    assert (status, body["error"], body["code"]) == (401, "unauthorized", "unauthorized")
    assert headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", PATHS)
async def test_every_request_counts_against_the_plan(site, path):
    await site.use_up_the_minute()
    status, headers, body = await site.ask(path, "both")
    assert (status, body["code"]) == (429, "rate_limit_exceeded")
    assert int(headers["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/models", "/models/tts-1", "/audio/voices?model=tts-1"])
async def test_openais_clients_find_the_same_below_their_prefix(site, path):
    assert await site.get(f"/openai/v1{path}") == await site.get(f"/v1{path}")
    _, _, body = await site.ask(f"/openai/v1{path}", None)
    assert body["error"]["type"] == "authentication_error"


async def test_nobody_is_taken_for_localai_or_kokoro(site):
    for path in ("/v1/readyz", "/v1/test", "/readyz", "/test"):
        assert (await site.ask(path))[0] == 404
    assert (await site.ask("/health", None))[2] == "OK"


async def test_providers_say_what_they_can_do_here(site):
    providers = {one["id"]: one for one in (await site.get("/v1/providers"))["providers"]}
    assert list(providers) == ["espeak", "openai", "near"]
    assert set(providers["espeak"]) == {"id", "name", "website", "models", "capabilities"}
    assert (providers["espeak"]["name"], providers["espeak"]["website"]) == (
        "eSpeak NG", "https://github.com/espeak-ng/espeak-ng",
    )  # fmt: skip
    assert [model["id"] for model in providers["near"]["models"]] == ["kokoro", "org/other"]
    model = providers["near"]["models"][0]
    assert set(model) == {"id", "name", "response_formats", "pricing"}
    assert model["response_formats"] == FORMATS
    assert model["pricing"]["microsPerMillionCharacters"] == 15_000_000
    assert providers["espeak"]["capabilities"] == {
        "supportedFormats": FORMATS,
        "unwiredCapabilities": ["websocket_streaming", "voice_cloning"],
        "quirks": [],
        "lastSmokeTest": None,
    }
    assert providers["openai"]["capabilities"]["quirks"] == ["passes_unlisted_models"]
    assert providers["openai"]["models"]


async def test_the_list_of_providers_can_be_kept_and_asked_after(site):
    status, headers, body = await site.ask("/v1/providers")
    assert (status, headers["Cache-Control"]) == (200, "private, max-age=14400")
    etag = headers["ETag"]
    status, headers, again = await site.ask("/v1/providers", headers={"If-None-Match": etag})
    assert (status, headers["ETag"], again) == (304, etag, "")
    status, _, again = await site.ask("/v1/providers", headers={"If-None-Match": '"other"'})
    assert (status, again) == (200, body)


async def test_the_state_of_a_provider_is_whether_it_can_be_asked(site):
    assert (await site.get("/v1/status")) == {
        "providers": [
            {"id": "espeak", "state": "available"},
            {"id": "openai", "state": "unavailable", "reason": "missing_api_key"},
            {"id": "near", "state": "available"},
        ]
    }


async def test_breakers_are_shown_where_the_operator_says_so(database, vendor):
    states = {"espeak": "half_open", "near": "open", "openai": "open"}
    async with reading_site(
        database, providers_with(vendor.base_url), breaker_state=lambda name: states[name]
    ) as site:
        shown = (await site.get("/v1/status"))["providers"]
        states.update(dict.fromkeys(states, "closed"))
        closed = (await site.get("/v1/status"))["providers"]
    assert shown == [
        {"id": "espeak", "state": "degraded", "reason": "circuit_half_open"},
        {"id": "openai", "state": "unavailable", "reason": "missing_api_key"},
        {"id": "near", "state": "unavailable", "reason": "circuit_open"},
    ]
    assert [one["state"] for one in closed] == ["available", "unavailable", "available"]


async def test_the_menu_of_models_has_every_name_that_can_be_sent(site):
    menu = (await site.get("/v1/audio/models"))["models"]
    listed = (await site.get("/v1/models"))["data"]
    assert [entry["id"] for entry in menu] == [model["id"] for model in listed]
    assert all(entry["name"] for entry in menu)


async def test_a_model_named_with_its_day_is_the_model(site):
    names = ("tts-1", "tts-1-1106", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")
    models = [await site.get(f"/v1/models/{name}") for name in names]
    assert models[0]["voices"] == models[1]["voices"]
    assert models[2]["voices"] == models[3]["voices"]
    assert all(model["voices"] for model in models)
