"""Webhooks over HTTP: registering, changing, testing, replaying; nobody else's are seen."""

import asyncio
import re
import socket
from contextlib import asynccontextmanager

import aiohttp
import pytest

from helpers.serving import serving
from intone.api.app import create_app
from intone.api.dialect import Dialect
from intone.api.generations.errors import generation_envelope
from intone.api.generations.webhooks import WEBHOOK_ROUTES
from intone.core import keys, webhook_errands, workspaces
from intone.core.access import Access
from intone.core.egress import Egress
from intone.core.limits import RateLimiter
from intone.core.plans import load_plans
from intone.core.service import Core
from intone.core.webhook_deliveries import Attempt
from intone.core.webhooks import EVENTS
from intone.queue.open import open_queue
from intone.storage.database import now_ms

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
URL = "https://127.0.0.1:8443/hook"
MISSING = "00000000-0000-4000-8000-000000000000"
WEBHOOKS = Dialect("generations", ("/v1/webhooks",), WEBHOOK_ROUTES, generation_envelope)
NOT_FOUND = (404, "not_found")


class SmallCore:
    """What of the core these routes touch."""

    admit = Core.admit

    def __init__(self, database, queue, egress):
        self.database, self.queue, self.egress = database, queue, egress
        self.access = Access(database, load_plans(), None)
        self.limiter = RateLimiter()


class Site:
    def __init__(self, core, http):
        self.core, self.http = core, http

    async def caller(self, name, plan="scale", scopes=("manage",)):
        def make(tx):
            workspace = workspaces.create(tx, name, load_plans()[plan])
            return keys.create(tx, workspace.id, name, scopes).secret

        return await self.core.database.write(make)

    async def ask(self, method, path, key, **options):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with self.http.request(method, path, headers=headers, **options) as answer:
            body = await answer.json() if answer.content_length else None
            return answer.status, body, answer.headers


@asynccontextmanager
async def served(database, egress):
    queue = open_queue(database)
    await queue.start()
    core = SmallCore(database, queue, egress)

    async def ready():
        return {"database": "ok"}

    app = create_app(core, [WEBHOOKS], readiness=ready)
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        yield Site(core, http)
    await queue.close()


@pytest.fixture
async def site(database):
    async with served(database, Egress(["127.0.0.0/8"])) as site:
        yield site


@pytest.fixture
async def key(site):
    return await site.caller("w")


async def create(site, key, **changes):
    body = {"url": URL, "events": ["generation.ready"], **changes}
    return await site.ask("POST", "/v1/webhooks", key, json=body)


async def test_a_webhook_is_registered_and_its_secret_shown_once(site, key):
    status, made, headers = await create(site, key, events=["voice.cloned", "generation.ready"])
    assert (status, headers["cache-control"]) == (201, "no-store")
    assert re.fullmatch(MOMENT, made["createdAt"])
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == {
        "id": made["id"],
        "url": URL,
        "events": ["generation.ready", "voice.cloned"],
        "enabled": True,
        "disabledReason": None,
        "oldSecretExpiresAt": None,
        "createdAt": made["createdAt"],
    }
    _, listed, _ = await site.ask("GET", "/v1/webhooks", key)
    _, one, _ = await site.ask("GET", f"/v1/webhooks/{made['id']}", key)
    assert listed == {"items": [one]} == {"items": [made]}


@pytest.mark.parametrize("event", EVENTS)
async def test_every_event_can_be_subscribed_to(site, key, event):
    status, made, _ = await create(site, key, events=[event])
    assert (status, made["events"]) == (201, [event])


@pytest.mark.parametrize(
    "changes",
    [
        {"events": []}, {"events": ["generation.*"]}, {"events": ["webhook.test"]},
        {"events": "generation.ready"}, {"url": ""}, {"url": None}, {"url": 1},
        {"url": "https://example.com/" + "a" * 2048}, {"url": "http://example.com/"},
        {"url": "https://user@example.com/"}, {"url": "https://10.0.0.1/"},
        {"url": "https://169.254.169.254/latest/meta-data"}, {"url": "https://[::1]/"},
        {"url": "https://0x7f.1/"}, {"url": "https://127.1/"}, {"url": "https://2130706433/"},
    ],
)  # fmt: skip
async def test_what_cannot_be_a_webhook_is_refused(site, key, changes):
    status, answer, _ = await create(site, key, **changes)
    assert status == 400
    assert answer["error"] in {"invalid_request", "forbidden_address"}
    assert (await site.ask("GET", "/v1/webhooks", key))[1] == {"items": []}


async def test_a_name_that_leads_inside_is_refused_and_one_without_address_is_not(
    site, key, monkeypatch
):
    loop = asyncio.get_running_loop()
    real = loop.getaddrinfo

    async def getaddrinfo(host, port, **more):
        if host == "inside.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]
        if host == "nowhere.example":
            raise socket.gaierror(-2, "Name or service not known")
        return await real(host, port, **more)

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    status, answer, _ = await create(site, key, url="https://inside.example/hook")
    assert (status, answer["error"]) == (400, "forbidden_address")
    assert (await create(site, key, url="https://nowhere.example/hook"))[0] == 201


async def test_a_webhook_is_changed_turned_off_and_on(site, key):
    _, made, _ = await create(site, key)
    path = f"/v1/webhooks/{made['id']}"
    url = "https://127.0.0.2/other"
    status, now, _ = await site.ask(
        "PATCH", path, key, json={"url": url, "events": ["voice.failed"]}
    )
    assert (status, now["url"], now["events"], now["enabled"]) == (200, url, ["voice.failed"], True)
    _, now, _ = await site.ask("PATCH", path, key, json={"enabled": False})
    assert (now["enabled"], now["disabledReason"], now["url"]) == (False, "owner", url)
    status, answer, _ = await site.ask("POST", f"{path}/test", key)
    assert (status, answer["error"]) == (400, "invalid_request")
    _, now, _ = await site.ask("PATCH", path, key, json={"enabled": True})
    assert (now["enabled"], now["disabledReason"]) == (True, None)
    for wrong in ({"url": "https://10.0.0.1/"}, {"events": []}, {"enabled": "yes"}):
        assert (await site.ask("PATCH", path, key, json=wrong))[0] == 400
    assert (await site.ask("GET", path, key))[1] == now


async def test_a_deleted_webhook_is_gone(site, key):
    _, made, _ = await create(site, key)
    path = f"/v1/webhooks/{made['id']}"
    assert (await site.ask("DELETE", path, key))[:2] == (204, None)
    for method in ("GET", "DELETE"):
        status, answer, _ = await site.ask(method, path, key)
        assert (status, answer["error"]) == NOT_FOUND


async def test_a_secret_is_rotated_with_an_overlap(site, key):
    _, made, _ = await create(site, key)
    path = f"/v1/webhooks/{made['id']}/rotate-secret"
    status, now, headers = await site.ask("POST", path, key, json={})
    assert (status, headers["cache-control"]) == (200, "no-store")
    assert now["secret"] != made["secret"]
    assert re.fullmatch(MOMENT, now["oldSecretExpiresAt"])
    _, now, _ = await site.ask("POST", path, key, json={"overlapHours": 0})
    assert now["oldSecretExpiresAt"] is None
    for hours in (-1, 24.5, "1"):
        status, _, _ = await site.ask("POST", path, key, json={"overlapHours": hours})
        assert status == 400


async def test_a_test_event_is_sent_listed_and_replayed(site, key):
    _, made, _ = await create(site, key)
    path = f"/v1/webhooks/{made['id']}"
    status, sent, _ = await site.ask("POST", f"{path}/test", key)
    assert (status, sent["event"], sent["status"]) == (202, "webhook.test", "pending")
    assert sent["attempts"] == []
    attempt = Attempt(500, "refused", b"na\xc3\xafve\x00\xff", 12, now_ms())
    (claim,) = await site.core.queue.claim(["webhook"], limit=5, lease_ms=60_000)
    finish = webhook_errands.finish
    await site.core.database.write(finish, site.core.queue, claim, attempt, None)
    status, replayed, _ = await site.ask("POST", f"{path}/deliveries/{sent['id']}/replay", key)
    assert (status, replayed["status"]) == (202, "pending")
    assert replayed["messageId"] == sent["messageId"]
    _, listed, _ = await site.ask("GET", f"{path}/deliveries", key)
    assert listed["nextCursor"] is None
    assert [one["id"] for one in listed["items"]] == [replayed["id"], sent["id"]]
    (tried,) = listed["items"][1]["attempts"]
    assert re.fullmatch(MOMENT, tried.pop("at"))
    assert tried == {
        "tookMs": 12, "status": 500, "error": "refused", "answer": "naïve\x00\ufffd",
    }  # fmt: skip
    assert listed["items"][1]["nextAttemptAt"] is None


async def test_deliveries_come_in_pages(site, key):
    _, made, _ = await create(site, key)
    path = f"/v1/webhooks/{made['id']}"
    sent = [(await site.ask("POST", f"{path}/test", key))[1]["id"] for _ in range(5)]
    seen, cursor = [], {}
    while cursor is not None:
        _, page, _ = await site.ask("GET", f"{path}/deliveries", key, params={"limit": 2} | cursor)
        assert len(page["items"]) <= 2
        seen += [one["id"] for one in page["items"]]
        cursor = page["nextCursor"] and {"cursor": page["nextCursor"]}
    assert seen == sent[::-1]
    for wrong in ({"cursor": "x"}, {"cursor": "-1"}, {"limit": 0}, {"limit": 51}):
        assert (await site.ask("GET", f"{path}/deliveries", key, params=wrong))[0] == 400


async def test_another_workspace_s_webhook_is_exactly_one_that_does_not_exist(site, key):
    _, made, _ = await create(site, key)
    _, sent, _ = await site.ask("POST", f"/v1/webhooks/{made['id']}/test", key)
    other = await site.caller("other")
    _, own, _ = await create(site, other)

    async def answers(webhook, delivery):
        path = f"/v1/webhooks/{webhook}"
        asked = [
            ("GET", path, None), ("PATCH", path, {"enabled": False}), ("DELETE", path, None),
            ("POST", f"{path}/test", None), ("POST", f"{path}/rotate-secret", {}),
            ("GET", f"{path}/deliveries", None),
            ("POST", f"{path}/deliveries/{delivery}/replay", None),
        ]  # fmt: skip
        return [(await site.ask(m, p, other, json=body))[:2] for m, p, body in asked]

    foreign = await answers(made["id"], sent["id"])
    assert foreign == await answers(MISSING, MISSING)
    assert {(status, answer["error"]) for status, answer in foreign} == {NOT_FOUND}
    path = f"/v1/webhooks/{own['id']}/deliveries/{sent['id']}/replay"
    status, answer, _ = await site.ask("POST", path, other)
    assert (status, answer["error"]) == NOT_FOUND
    assert (await site.ask("GET", f"/v1/webhooks/{made['id']}", key))[1]["enabled"] is True


@pytest.mark.parametrize("name", ["nope", "%00", "x" * 3000, "..%2f", "'"])
async def test_what_is_no_id_is_not_found(site, key, name):
    status, answer, _ = await site.ask("GET", f"/v1/webhooks/{name}", key)
    assert (status, answer["error"]) == NOT_FOUND


async def test_who_has_no_key_no_scope_or_no_plan_is_refused(site):
    speaker = await site.caller("s", scopes=("speak",))
    starter = await site.caller("p", plan="starter")
    for given, status, code in (
        (None, 401, "unauthorized"),
        (speaker, 403, "forbidden"),
        (starter, 403, "public_api_requires_scale"),
    ):
        for method, path in (
            ("GET", "/v1/webhooks"), ("POST", "/v1/webhooks"), ("GET", f"/v1/webhooks/{MISSING}"),
            ("POST", f"/v1/webhooks/{MISSING}/test"),
        ):  # fmt: skip
            got, answer, _ = await site.ask(method, path, given)
            assert (got, answer["error"]) == (status, code)


async def test_a_workspace_makes_60_requests_in_a_minute(site, key):
    statuses = [(await site.ask("GET", "/v1/webhooks", key))[0] for _ in range(61)]
    assert statuses == [200] * 60 + [429]
    _, answer, headers = await site.ask("GET", "/v1/webhooks", key)
    assert (answer["error"], answer["retryAfter"]) == ("rate_limit_exceeded", 60)
    assert int(headers["retry-after"]) >= 1
