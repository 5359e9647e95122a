"""Cloning over HTTP: what is asked for in which order, what is shown to whom, in which words."""

from __future__ import annotations

import uuid
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from helpers.cloning import Engine, spoken_sample
from helpers.serving import serving
from intone.config import Settings
from intone.core import keys, workspaces
from intone.core.cloned_voices import CLONE
from intone.core.cloner import Cloner
from intone.core.plans import load_plans
from intone.core.voices import short_slug
from intone.errors import SampleSilentError
from intone.runtime import open_runtime
from intone.server import create_server_app

CONSENT = {"givenBy": "Ada Lovelace", "givenAt": "2026-01-19T09:30:00+01:00"}
NOWHERE = "uploads/00000000-0000-4000-8000-000000000000.wav"


class Site:
    """A server whose worker is the test; `engine` stands for what learns voices."""

    def __init__(self, runtime, http):
        self.runtime, self.http = runtime, http
        self.engine = Engine()
        self.secrets = {}
        core = runtime.core
        self.cloner = Cloner(
            database=runtime.database,
            queue=runtime.queue,
            blobs=runtime.blobs,
            uploads=core.uploads,
            voices=core.voices.clones,
            engines=[self.engine],
            spool=runtime.settings.data_dir / "spool",
        )

    async def add(self, name, plan, prefix="vk_live_"):
        """A workspace with a key, under one name."""

        def make(tx):
            workspace = workspaces.create(tx, name, load_plans()[plan])
            secret = f"{prefix}{name}a1b2c3d4e5f6g7h8"
            return keys.import_key(tx, workspace.id, name, ("speak",), secret).secret

        self.secrets[name] = await self.runtime.database.write(make)

    async def ask(self, method, path, who="scale", **options):
        """Returns status, headers and body."""
        headers = {"Authorization": f"Bearer {self.secrets[who]}"}
        async with self.http.request(method, path, headers=headers, **options) as answer:
            body = await answer.json() if answer.content_type == "application/json" else None
            return answer.status, answer.headers, body

    async def upload(self, who="scale"):
        """Upload a good sample; returns its path."""
        form = aiohttp.FormData()
        form.add_field("file", spoken_sample(), filename="a.wav")
        status, _, body = await self.ask("POST", "/v1/uploads", who, data=form)
        assert status == 201, body
        return body["path"]

    async def clone(self, who="scale", **changes):
        """Ask for a voice; returns status and body."""
        body = {"consent": CONSENT, "name": "Ada"} | changes
        if "samplePaths" not in body:
            body["samplePaths"] = [await self.upload(who)]
        body = {name: value for name, value in body.items() if value is not None}
        status, _, answer = await self.ask("POST", "/v1/voices/clone", who, json=body)
        return status, answer

    async def make(self, who="scale", **changes):
        """Have a voice made; returns its id."""
        status, body = await self.clone(who, **changes)
        assert status == 202, body
        (claim,) = await self.runtime.queue.claim([CLONE], limit=1, lease_ms=60_000)
        await self.cloner.run(claim)
        return body["id"]


@asynccontextmanager
async def serving_site(settings):
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(open_runtime(settings))
        port = await stack.enter_async_context(serving(create_server_app(runtime)))
        http = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
        yield Site(runtime, http)


@asynccontextmanager
async def open_site(tmp_path, **settings):
    settings = Settings(data_dir=tmp_path / "data", worker=False, engine_processes=1, **settings)
    async with serving_site(settings) as site:
        await site.add("scale", "scale")
        yield site


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as site:
        yield site


async def test_a_clone_is_queued_and_then_shown_as_it_stands(site):
    status, body = await site.clone()
    assert (status, set(body), body["status"]) == (202, {"id", "status"}, "queued")
    status, _, shown = await site.ask("GET", f"/v1/voices/{body['id']}")
    assert status == 200
    assert uuid.UUID(shown["id"])
    created = shown.pop("createdAt")
    assert created.endswith("Z")
    assert shown == {
        "id": body["id"],
        "slug": short_slug(body["id"]),
        "name": "Ada",
        "kind": "cloned",
        "language": "en",
        "status": "queued",
        "consent": {"givenBy": "Ada Lovelace", "givenAt": "2026-01-19T08:30:00.000Z"},
        "analysis": None,
        "error": None,
    }


async def test_a_voice_that_is_ready_is_listed_for_its_owner_alone(site):
    await site.add("other", "scale")
    voice_id = await site.make()
    _, _, shown = await site.ask("GET", f"/v1/voices/{voice_id}")
    assert (shown["status"], shown["language"]) == ("ready", "en-US")
    assert shown["analysis"]["seconds"] > 5
    _, _, by_slug = await site.ask("GET", f"/v1/voices/{short_slug(voice_id)}")
    assert by_slug == shown
    _, _, listed = await site.ask("GET", "/v1/voices")
    assert listed["items"][-1] == {
        "id": voice_id, "name": "Ada", "kind": "cloned", "language": "en-US", "status": "ready",
    }  # fmt: skip
    _, _, profiles = await site.ask("GET", "/v1/voice/profiles")
    assert profiles["profiles"][-1]["profile_id"] == short_slug(voice_id)
    _, _, menu = await site.ask("GET", "/v1/audio/voices")
    assert menu["voices"][-1]["id"] == voice_id
    for path in ("/v1/voices", "/v1/voice/profiles", "/v1/audio/voices"):
        _, _, seen = await site.ask("GET", path, "other")
        assert voice_id not in str(seen)
        assert short_slug(voice_id) not in str(seen)


async def test_voices_that_are_not_ready_are_items_with_their_status(site):
    site.engine.errors = [SampleSilentError(analysis={"level_db": -90.0})]
    voice_id = await site.make()
    _, _, listed = await site.ask("GET", "/v1/voices")
    assert (listed["items"][-1]["id"], listed["items"][-1]["status"]) == (voice_id, "failed")
    _, _, filtered = await site.ask("GET", "/v1/voices?language=en")
    assert voice_id not in str(filtered)
    _, _, shown = await site.ask("GET", f"/v1/voices/{voice_id}")
    assert shown["error"]["code"] == "sample_silent"
    assert shown["error"]["message"]
    assert shown["analysis"] == {"level_db": -90.0}


async def test_the_speech_dialects_list_has_ready_voices(site):
    await site.add("speech", "scale", prefix="pk_")
    voice_id = await site.make("speech")
    _, _, body = await site.ask("GET", "/v1/voices", "speech")
    assert body["voices"][-1] == {
        "id": voice_id,
        "provider": "matching",
        "name": "Ada",
        "language": "en-US",
        "labels": {"gender": "male", "kind": "cloned"},
        "model_compatibility": ["matching/default"],
    }


async def test_presets_are_shown_by_all_their_names(site):
    emma = site.runtime.core.voices.by_slug("voice_en_us_001")
    for name in (emma.slug, emma.uuid, emma.local_id):
        status, _, body = await site.ask("GET", f"/v1/voices/{name}")
        assert (status, body) == (
            200,
            {
                "id": emma.uuid,
                "slug": emma.slug,
                "name": "Emma",
                "kind": "preset",
                "language": "en-US",
                "status": "ready",
            },
        )


@pytest.mark.parametrize(
    ("plan", "code"),
    [("starter", "public_api_requires_scale"), ("pro", "public_api_requires_scale")],
)
async def test_the_plan_is_looked_at_before_anything_else(site, plan, code):
    await site.add(plan, plan)
    for method, path in (("POST", "/v1/voices/clone"), ("GET", f"/v1/voices/{uuid.uuid4()}")):
        status, _, body = await site.ask(method, path, plan, data=b"no JSON at all")
        assert (status, body["error"]) == (403, code)


async def test_a_plan_without_cloning_is_told_so_before_its_rate_and_body(tmp_path):
    plans = tmp_path / "plans.toml"
    plans.write_text(
        """[bare]
characters_per_month = 1000
posts_per_month = 1
requests_per_minute = 1
max_input_characters = 2000
retention_hours = 1
features = ["public_api"]
"""
    )
    settings = Settings(
        data_dir=tmp_path / "bare", worker=False, engine_processes=1, plans_file=plans
    )
    async with serving_site(settings) as bare:
        bare.secrets["bare"] = bare.runtime.first_key
        for _ in range(3):
            status, _, body = await bare.ask("POST", "/v1/voices/clone", "bare", data=b"{")
            assert (status, body["error"]) == (403, "cloning_requires_paid_plan")


async def test_the_rate_comes_before_the_body(site):
    for _ in range(60):
        await site.ask("GET", "/v1/voices/nobody")
    status, headers, body = await site.ask("POST", "/v1/voices/clone", data=b"{")
    assert (status, body["error"], body["retryAfter"]) == (429, "rate_limit_exceeded", 60)
    assert int(headers["Retry-After"]) <= 60


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"samplePaths": []}, "samplePaths"),
        ({"samplePaths": [NOWHERE] * 2}, "samplePaths"),
        ({"samplePaths": [f"uploads/{n}.wav" for n in range(11)]}, "samplePaths"),
        ({"samplePaths": [1]}, "samplePaths"),
        ({"samplePaths": [NOWHERE], "name": ""}, "name"),
        ({"samplePaths": [NOWHERE], "name": "a\nb"}, "name"),
        ({"samplePaths": [NOWHERE], "language": "xx"}, "language"),
        ({"samplePaths": [NOWHERE], "language": "e n"}, "language"),
        ({"samplePaths": [NOWHERE], "consent": None}, "consent"),
        ({"samplePaths": [NOWHERE], "consent": {"givenBy": "Ada"}}, "givenAt"),
        ({"samplePaths": [NOWHERE], "consent": CONSENT | {"givenBy": " "}}, "givenBy"),
        ({"samplePaths": [NOWHERE], "consent": CONSENT | {"givenAt": "yesterday"}}, "givenAt"),
        ({"samplePaths": [NOWHERE], "consent": CONSENT | {"givenAt": "2026-01-01"}}, "givenAt"),
        (
            {"samplePaths": [NOWHERE], "consent": CONSENT | {"givenAt": "2999-01-01T00:00:00Z"}},
            "future",
        ),
        (
            {"samplePaths": [NOWHERE], "consent": CONSENT | {"givenAt": "2026-01-01T00:00:00"}},
            "givenAt",
        ),
        (
            {
                "samplePaths": [NOWHERE],
                "consent": CONSENT | {"givenAt": "0001-01-01T00:00:00+14:00"},
            },
            "givenAt",
        ),
    ],
)
async def test_what_cannot_be_accepted_names_the_field(site, changes, about):
    status, body = await site.clone(**changes)
    assert (status, body["error"]) == (400, "invalid_request")
    assert about in body["message"]


async def test_consent_need_not_be_given_where_the_operator_says_so(tmp_path):
    async with open_site(tmp_path, cloning_require_consent=False) as site:
        status, body = await site.clone(consent=None)
        assert status == 202
        _, _, shown = await site.ask("GET", f"/v1/voices/{body['id']}")
        assert shown["consent"] is None


async def test_what_is_anothers_is_as_if_it_did_not_exist(site):
    await site.add("other", "scale")
    theirs, voice_id = await site.upload("other"), await site.make("other")
    answers = [await site.clone(samplePaths=[path]) for path in (theirs, NOWHERE)]
    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][1]["error"]) == (404, "not_found")
    for method in ("GET", "DELETE"):
        seen = []
        for name in (voice_id, str(uuid.uuid4()), short_slug(voice_id), "voice_000000000000"):
            status, _, body = await site.ask(method, f"/v1/voices/{name}")
            seen.append((status, body))
        assert all(one == seen[0] for one in seen)
        assert (seen[0][0], seen[0][1]["error"]) == (404, "not_found")
    status, _, _ = await site.ask("GET", f"/v1/voices/{voice_id}", "other")
    assert status == 200


async def test_a_deleted_voice_is_gone_everywhere(site):
    voice_id = await site.make()
    status, _, body = await site.ask("DELETE", f"/v1/voices/{voice_id}")
    assert (status, body) == (204, None)
    for method in ("GET", "DELETE"):
        status, _, _ = await site.ask(method, f"/v1/voices/{voice_id}")
        assert status == 404
    for path in ("/v1/voices", "/v1/voice/profiles", "/v1/audio/voices"):
        _, _, listed = await site.ask("GET", path)
        assert voice_id not in str(listed)
        assert short_slug(voice_id) not in str(listed)
    assert [path async for path in site.runtime.blobs.list("voices")] == []


async def test_a_generation_calls_its_voice_the_same_after_the_voice_is_gone(site):
    voice_id = await site.make()
    names = {"script": voice_id, "text": short_slug(voice_id)}
    made = {}
    for form in names:
        body = {"voiceId": voice_id, form: "Hello."}
        _, _, made[form] = await site.ask("POST", "/v1/generations", json=body)
    await site.ask("DELETE", f"/v1/voices/{voice_id}")
    for form, name in names.items():
        _, _, shown = await site.ask("GET", f"/v1/generations/{made[form]['id']}")
        assert made[form]["voiceId"] == shown["voiceId"] == name


async def test_presets_cannot_be_deleted(site):
    status, _, body = await site.ask("DELETE", "/v1/voices/voice_en_us_001")
    assert (status, body["error"]) == (404, "not_found")


async def test_a_voice_that_is_not_ready_speaks_in_no_dialect(site):
    _, body = await site.clone()
    status, _, answer = await site.ask(
        "POST", "/v1/audio/speech",
        json={"model": "tts-1", "input": "Hello.", "voice": body["id"]},
    )  # fmt: skip
    assert (status, answer["error"]) == (400, "voice_not_ready")
    status, _, answer = await site.ask(
        "POST", "/v1/generations", json={"voiceId": body["id"], "script": "Hello."}
    )
    assert (status, answer["error"]) == (409, "voice_not_ready")
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    request = {
        "input": {"content": "Hello.", "content_type": "text/plain"},
        "voice": {"profile_id": body["id"]},
        "output": {"format": "pcm_s16le", "sample_rate_hz": 24000},
    }
    async with site.http.post(
        "/v1/voice/jobs",
        json=request,
        headers=headers | {"Authorization": f"Bearer {site.secrets['scale']}"},
    ) as answer:
        refused = await answer.json()
    assert (answer.status, refused["error"]["code"]) == (400, "invalid_input")
