"""Logging a device in over HTTP, and the page where a person lets it in."""

import asyncio
import base64
import hashlib
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from litestar import Request

from helpers.chromium import open_page
from helpers.credentials import served
from helpers.work import count
from intone.api.speech import login
from intone.core import access as room
from intone.core import keys

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
PAGE = "/v1/auth/device"


@pytest.fixture
async def site(database):
    async with served(database) as site:
        yield site


async def start(site):
    status, _, begun = await site.ask("POST", "/v1/auth/device-code")
    assert status == 200, begun
    return begun


async def poll(site, device_code):
    status, headers, answer = await site.ask(
        "POST", "/v1/auth/poll", json={"device_code": device_code}
    )
    assert headers["x-request-id"]
    return status, answer


async def approve(site, user_code, key=None):
    form = {"user_code": user_code, "key": site.manager.secret if key is None else key}
    return await site.ask("POST", PAGE, data=form)


async def logged_in(site):
    begun = await start(site)
    assert (await approve(site, begun["user_code"]))[0] == 200
    status, session = await poll(site, begun["device_code"])
    assert status == 200
    return session


async def test_a_device_is_let_in_by_a_person_with_a_key(site):
    begun = await start(site)
    assert re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", begun["user_code"])
    assert (begun["expires_in"], begun["interval"]) == (600, 5)
    status, waiting = await poll(site, begun["device_code"])
    assert (status, waiting["error"], waiting["code"]) == (
        400, "authorization_pending", "authorization_pending",
    )  # fmt: skip
    status, headers, page = await approve(site, begun["user_code"].lower())
    assert (status, headers.get("set-cookie")) == (200, None)
    assert "let into the workspace <strong>w</strong>" in page
    status, session = await poll(site, begun["device_code"])
    assert status == 200
    assert re.fullmatch(r"vr_session_[0-9A-Za-z]{36}", session["session_token"])
    assert re.fullmatch(MOMENT, session["expires_at"])
    assert session["user_id"] == site.workspace_id
    _, _, caller = await site.ask("GET", "/v1/auth/whoami", session["session_token"])
    assert caller == {
        "user_id": site.workspace_id,
        "auth": "session",
        "workspace": "w",
        "scopes": ["manage", "speak"],
        "expires_at": session["expires_at"],
    }


async def test_the_codes_lead_to_the_page_as_the_caller_reaches_this_server(site):
    begun = await start(site)
    page = urlsplit(begun["verification_uri"])
    assert (page.scheme, page.netloc, page.path) == ("http", site.http._base_url.authority, PAGE)
    complete = urlsplit(begun["verification_uri_complete"])
    assert parse_qs(complete.query) == {"user_code": [begun["user_code"]]}
    _, _, shown = await site.ask("GET", f"{complete.path}?{complete.query}")
    assert f'value="{begun["user_code"]}"' in shown
    headers = {"Host": "speech.example.org", "X-Forwarded-Proto": "https"}
    _, _, behind = await site.ask("POST", "/v1/auth/device-code", headers=headers)
    assert behind["verification_uri"] == "https://speech.example.org/v1/auth/device"


async def test_of_64_polls_at_once_exactly_one_gets_the_session(site, database):
    begun = await start(site)
    await approve(site, begun["user_code"])
    answers = await asyncio.gather(*(poll(site, begun["device_code"]) for _ in range(64)))
    won = [answer for status, answer in answers if status == 200]
    lost = {(status, answer.get("code")) for status, answer in answers if status != 200}
    assert len(won) == 1
    assert lost == {(404, "invalid_device_code")}
    assert await count(database, "sessions") == 1


async def test_an_expired_login_says_so(site, database):
    begun = await start(site)
    await database.write(lambda tx: tx.execute("UPDATE device_codes SET expires_at = 1"))
    status, answer = await poll(site, begun["device_code"])
    assert (status, answer["code"]) == (410, "expired_token")
    assert (await approve(site, begun["user_code"]))[0] == 404


@pytest.mark.parametrize("body", [{}, {"device_code": ""}, {"device_code": 5}, {"code": "x"}, []])
async def test_a_poll_without_a_code_is_refused(site, body):
    status, _, answer = await site.ask("POST", "/v1/auth/poll", json=body)
    assert (status, answer["code"]) == (400, "invalid_body")


async def test_polling_for_a_code_that_nobody_was_given_is_limited(site):
    answers = [await poll(site, f"guess {number}") for number in range(125)]
    assert {status for status, _ in answers[:120]} == {404}
    assert {(status, answer["code"]) for status, answer in answers[120:]} == {
        (429, "rate_limit_exceeded")
    }


async def test_beginning_logins_is_limited(site, database):
    answers = [await site.ask("POST", "/v1/auth/device-code") for _ in range(15)]
    assert [status for status, _, _ in answers] == [200] * 10 + [429] * 5
    assert int(answers[-1][1]["retry-after"]) > 1
    assert await count(database, "device_codes") == 10


async def test_guessing_codes_or_keys_on_the_page_is_limited(site):
    begun = await start(site)
    for number in range(10):
        code = "BBBB-BBBB" if number % 2 else begun["user_code"]
        key = None if number % 2 else keys.generate()
        assert (await approve(site, code, key))[0] in {403, 404}
    status, headers, page = await approve(site, begun["user_code"])
    assert status == 429
    assert int(headers["retry-after"]) > 1
    assert 'role="alert"' in page
    assert (await poll(site, begun["device_code"]))[0] == 400


@pytest.mark.parametrize("key", ["", "nope", "in_live_" + "a" * 36, "{speaker}", "\x00", "é" * 50])
async def test_only_a_key_that_may_manage_lets_a_device_in(site, key):
    begun = await start(site)
    status, headers, page = await approve(
        site, begun["user_code"], key.format(speaker=site.speaker.secret)
    )
    assert status == 403
    assert headers["content-type"].startswith("text/html")
    assert 'role="alert"' in page
    assert begun["user_code"] in page
    assert site.speaker.secret not in page
    assert (await poll(site, begun["device_code"]))[0] == 400


SCRIPT = "\"><script>alert(1)</script>'&$style"


async def test_the_page_is_inert_to_what_is_put_into_it(site):
    _, _, shown = await site.ask("GET", PAGE, params={"user_code": SCRIPT})
    status, _, again = await approve(site, SCRIPT)
    assert status == 404
    for page in (shown, again):
        assert "<script" not in page
        assert "&quot;&gt;&lt;script&gt;" in page


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_page_runs_nothing_and_is_framed_by_nobody(site, method):
    status, headers, page = await site.ask(method, PAGE, data={} if method == "POST" else None)
    assert status == (200 if method == "GET" else 403)
    policy = dict(
        part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "script-src" not in policy
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy["style-src"] == f"'sha256-{digest}'"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    for field in ("user_code", "key"):
        assert f'<label for="{field}">' in page


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"user_code": "x", "key": "y"}'),
        ("text/plain", b"user_code=x&key=y"),
        ("application/x-www-form-urlencoded", b"\xff\xfe"),
        ("application/x-www-form-urlencoded", b"&".join(b"a=b" for _ in range(1000))),
    ],
)
async def test_what_is_not_the_page_s_form_is_refused(site, content_type, body):
    headers = {"Content-Type": content_type}
    status, _, page = await site.ask("POST", PAGE, data=body, headers=headers)
    assert status == 400
    assert 'role="alert"' in page


async def test_a_logout_ends_the_session_once_and_everywhere_within_a_second(site, monkeypatch):
    token = (await logged_in(site))["session_token"]
    assert (await site.ask("GET", "/v1/keys", token))[0] == 200
    clock = [room.time.monotonic()]
    monkeypatch.setattr(room.time, "monotonic", lambda: clock[0])
    assert (await site.ask("POST", "/v1/auth/logout", token))[2] == {"revoked": True}
    clock[0] += 1
    assert (await site.ask("GET", "/v1/keys", token))[0] == 401
    status, _, again = await site.ask("POST", "/v1/auth/logout", token)
    assert (status, again) == (200, {"revoked": False})


async def test_a_key_has_no_session_to_end(site):
    status, _, answer = await site.ask("POST", "/v1/auth/logout", site.speaker.secret)
    assert (status, answer) == (200, {"revoked": False})
    assert (await site.ask("GET", "/v1/auth/whoami", site.speaker.secret))[0] == 200
    for key in (None, "nope", keys.generate()):
        status, _, answer = await site.ask("POST", "/v1/auth/logout", key)
        assert (status, answer["code"]) == (401, "unauthorized")


async def test_whoami_answers_every_kind_of_key(site):
    for new in (site.manager, site.speaker):
        status, _, caller = await site.ask("GET", "/v1/auth/whoami", new.secret)
        assert (status, caller) == (
            200,
            {
                "user_id": site.workspace_id,
                "auth": "api_key",
                "workspace": "w",
                "scopes": sorted(new.key.scopes),
            },
        )
    assert (await site.ask("GET", "/v1/auth/whoami"))[0] == 401


async def test_no_secret_is_stored_or_logged(site, database_url, tmp_path, capfd):
    begun = await start(site)
    await approve(site, begun["user_code"])
    _, session = await poll(site, begun["device_code"])
    pending = await start(site)
    _, _, made = await site.ask("POST", "/v1/keys", session["session_token"], json={"name": "app"})
    secrets = [
        begun["device_code"], pending["device_code"], session["session_token"],
        made["keyValue"], site.manager.secret,
    ]  # fmt: skip
    shown = capfd.readouterr()
    assert "/v1/auth/poll" in shown.out + shown.err, "requests are logged"
    stored = b""
    if database_url.startswith("sqlite"):
        stored = b"".join(path.read_bytes() for path in tmp_path.glob("intone.db*"))
        assert site.workspace_id.encode() in stored
    else:
        for table in ("keys", "sessions", "device_codes"):
            rows = await site.core.database.read(lambda tx, t=table: tx.all(f"SELECT * FROM {t}"))
            stored += repr(rows).encode()
    for secret in secrets:
        assert secret.encode() not in stored
        assert secret not in shown.out + shown.err


async def test_the_document_describes_what_is_answered(site):
    _, _, document = await site.ask("GET", "/openapi.json")
    for path, method, statuses in (
        ("/v1/keys", "get", {"200", "401", "403", "429"}),
        ("/v1/keys", "post", {"201", "400", "401", "403", "413"}),
        ("/v1/keys/{key_id}", "delete", {"200", "401", "403", "404"}),
        ("/v1/auth/whoami", "get", {"200", "401"}),
        ("/v1/auth/device-code", "post", {"200", "429", "503"}),
        ("/v1/auth/poll", "post", {"200", "400", "404", "410", "429"}),
        ("/v1/auth/logout", "post", {"200", "401"}),
    ):
        operation = document["paths"][path][method]
        assert statuses <= set(operation["responses"]), path
    assert PAGE not in document["paths"]
    shown = json.dumps(document["paths"]["/v1/auth/poll"])
    for code in ("authorization_pending", "invalid_device_code", "expired_token"):
        assert code in shown


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_who_can_choose_its_address_is_still_one_caller(first, second, is_one):
    addresses = {
        login._address(Request({"type": "http", "client": (host, 1), "headers": []}))
        for host in (first, second)
    }
    assert (len(addresses) == 1) == is_one


@pytest.mark.requires("chromium")
async def test_the_page_works_in_a_browser_on_a_phone(site, tmp_path):
    begun = await start(site)
    async with open_page(tmp_path / "profile") as page:
        await page.call(
            "Emulation.setDeviceMetricsOverride",
            width=360, height=740, deviceScaleFactor=2, mobile=True,
        )  # fmt: skip
        await page.call("Page.navigate", url=begun["verification_uri_complete"])
        await page.until("document.querySelector('button') !== null")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        await page.evaluate(f"document.querySelector('#key').value = {site.manager.secret!r}")
        await page.evaluate("document.querySelector('button').click()")
        await page.until("document.querySelector('[role=status]') !== null")
        complaints = [event["entry"]["text"] for event in page.seen("Log.entryAdded")]
    assert complaints == []
    assert (await poll(site, begun["device_code"]))[0] == 200
