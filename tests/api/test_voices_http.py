"""`GET /v1/voices`: the shape by the credential, the filters, and errors legal everywhere."""

from __future__ import annotations

import uuid

import pytest

from helpers.reading import VENDOR_VOICES, providers_with, reading_site
from intone.storage.sqlite import SqliteDatabase
from loopback.vendor import Answer, VendorServer

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
    async with reading_site(database, providers_with(vendor.base_url)) as site:
        yield site


def of(body, provider):
    return [voice["id"] for voice in body["voices"] if voice["provider"] == provider]


@pytest.mark.parametrize(
    ("who", "fields"),
    [
        ("vk", {"items"}),
        ("pk", {"voices"}),
        ("session", {"voices"}),
        ("speaker", {"items", "voices"}),
        ("vg", {"success", "data"}),
    ],
)
async def test_the_credential_chooses_the_shape(site, who, fields):
    assert set(await site.get("/v1/voices", who)) == fields


async def test_a_key_in_the_other_header_chooses_as_well(site):
    status, _, body = await site.ask("/v1/voices", None, headers={"X-API-Key": site.secrets["vk"]})
    assert (status, set(body)) == (200, {"items"})


async def test_items_are_the_voices_with_a_uuid(site):
    items = (await site.get("/v1/voices", "vk"))["items"]
    assert len(items) == ENGINE_VOICES
    preset = site.core.voices.by_slug("voice_en_us_001")
    shown = next(item for item in items if item["id"] == preset.uuid)
    assert shown == {
        "id": preset.uuid, "name": preset.name, "kind": "preset", "language": "en-US",
    }  # fmt: skip
    assert len({uuid.UUID(item["id"]) for item in items}) == ENGINE_VOICES


async def test_voices_are_those_of_engines_and_vendors(site):
    voices = (await site.get("/v1/voices", "pk"))["voices"]
    assert len(voices) == ENGINE_VOICES + 4
    by_name = {(voice["provider"], voice["id"]): voice for voice in voices}
    assert by_name["espeak", "en-us.emma"] == {
        "id": "en-us.emma",
        "provider": "espeak",
        "name": "Emma",
        "language": "en-US",
        "labels": {"gender": "female"},
        "model_compatibility": ["espeak/default"],
    }
    assert by_name["near", "bella"] == {
        "id": "bella",
        "provider": "near",
        "name": "Bella",
        "language": "en-GB",
        "labels": {"gender": "female"},
        "model_compatibility": ["near/kokoro", "near/org/other"],
    }
    plain = by_name["near", "plain"]
    assert (plain["language"], plain["labels"]) == ("und", {})


async def test_a_provider_that_cannot_be_asked_has_no_voices(site):
    assert of(await site.get("/v1/voices"), "openai") == []


@pytest.mark.parametrize(
    ("query", "engine", "near"),
    [
        ("provider=near", 0, ["bella", "adam", "en-us.emma", "plain"]),
        ("provider=espeak", ENGINE_VOICES, []),
        ("provider=near,%20espeak", ENGINE_VOICES, ["bella", "adam", "en-us.emma", "plain"]),
        ("provider=near&language=en", 0, ["bella", "adam", "en-us.emma"]),
        ("provider=near&language=EN-us", 0, ["adam", "en-us.emma"]),
        ("provider=near&language=e", 0, []),
        ("provider=near&gender=Female", 0, ["bella"]),
        ("provider=near&gender=neutral", 0, []),
        ("provider=near&gender=male&language=en-US", 0, ["adam"]),
        ("provider=openai", 0, []),
    ],
)
async def test_filters_are_all_obeyed(site, query, engine, near):
    body = await site.get(f"/v1/voices?{query}")
    assert len(of(body, "espeak")) == len(body["items"]) == engine
    assert of(body, "near") == near


async def test_filters_choose_among_the_engines_voices_and_their_items_alike(site):
    body = await site.get("/v1/voices?provider=espeak&language=en-gb&gender=FEMALE")
    assert 0 < len(body["voices"]) < ENGINE_VOICES
    assert all(voice["language"].startswith("en-GB") for voice in body["voices"])
    assert {voice["labels"]["gender"] for voice in body["voices"]} == {"female"}
    assert [voice["name"] for voice in body["voices"]] == [item["name"] for item in body["items"]]


@pytest.mark.parametrize(
    ("query", "about"),
    [
        ("provider=nobody", "espeak, openai, near"),
        ("provider=espeak,nobody", "provider"),
        ("provider=", "provider"),
        ("provider=espeak,", "provider"),
        ("language=", "language"),
        ("language=english!", "language"),
        ("language=en_US", "language"),
        ("gender=", "gender"),
        ("gender=robot", "female, male, neutral"),
        ("language=en&language=de", "language"),
        ("provider=near&provider=espeak", "provider"),
    ],
)
async def test_a_parameter_that_makes_no_sense_is_refused(site, query, about):
    status, headers, body = await site.ask(f"/v1/voices?{query}")
    assert (status, body["error"], body["code"]) == (400, "invalid_body", "invalid_body")
    assert set(body) == {"error", "code", "details", "message"}
    assert about in body["details"] == body["message"]
    assert headers["X-Request-Id"]


async def test_unknown_parameters_are_ignored(site):
    assert await site.get("/v1/voices?page=2") == await site.get("/v1/voices")


@pytest.mark.parametrize("who", [None, "in_live_nonsense", "pk_" + "0" * 20, "vk_live_" + "0" * 20])
async def test_without_a_good_credential_the_answer_is_legal_in_every_dialect(site, who):
    status, headers, body = await site.ask("/v1/voices?provider=nobody", who)
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    message = body.pop("message")
    assert message
    assert body == {
        "success": False, "errors": {}, "error": "unauthorized", "code": "unauthorized",
    }  # fmt: skip


async def test_a_key_that_may_not_speak_sees_no_voices(site):
    status, _, body = await site.ask("/v1/voices", "manager")
    assert (status, body["code"]) == (403, "scope_required")
    assert body["message"] == body["details"]


async def test_other_methods_are_refused_in_this_paths_words(site):
    async with site.http.delete(
        "/v1/voices", headers={"Authorization": f"Bearer {site.secrets['pk']}"}
    ) as answer:
        body = await answer.json()
    assert (answer.status, body["code"], body["message"]) == (
        405, "method_not_allowed", body["details"],
    )  # fmt: skip


async def test_what_a_vendor_lists_anew_is_shown_when_an_hour_is_over(database, vendor):
    now = 1000.0
    providers = providers_with(vendor.base_url)
    async with reading_site(database, providers, clock=lambda: now) as site:
        first = await site.get("/v1/voices")
        vendor.on("GET", "/v1/audio/voices", Answer.json({"voices": ["new"]}))
        assert await site.get("/v1/voices") == first
        now += 3601
        assert of(await site.get("/v1/voices"), "near") == ["new"]


async def test_a_vendor_that_is_down_hides_nobody_else(database, vendor):
    vendor.stop()
    async with reading_site(database, providers_with(vendor.base_url)) as site:
        body = await site.get("/v1/voices")
    assert (len(of(body, "espeak")), of(body, "near")) == (ENGINE_VOICES, [])
