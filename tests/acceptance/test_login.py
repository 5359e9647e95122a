"""`intone login` and the routes behind it, against a real server."""

import asyncio
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time

import aiohttp
import httpx
import pytest

from helpers.server import IntoneServer


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A server of one's own: logins are counted by address."""
    server = IntoneServer(tmp_path_factory.mktemp("login") / "data", INTONE_ENGINE_PROCESSES="1")
    yield server.start()
    server.stop()


@pytest.fixture
def env(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INTONE_")}
    return {**kept, "INTONE_CONFIG_HOME": str(tmp_path / "config")}


def command(*args):
    return [sys.executable, "-m", "intone", *args]


def intone(env, *args):
    return subprocess.run(
        command(*args), env=env, capture_output=True, text=True, timeout=60, check=False
    )


def begin(env, url):
    """Start `intone login`; returns the process and the code that it shows."""
    process = subprocess.Popen(
        command("login", "--base-url", url),
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    shown = ""
    while not (code := re.search(r"[A-Z]{4}-[A-Z]{4}\.", shown)):
        line = process.stderr.readline()
        assert line, shown
        shown += line
    assert f"{url}/v1/auth/device?user_code={code[0][:-1]}" in shown
    return process, code[0][:-1]


def approve(server, code):
    form = {"user_code": code, "key": server.key}
    assert httpx.post(f"{server.url}/v1/auth/device", data=form).status_code == 200


def refused_within_a_second(url, token):
    deadline = time.monotonic() + 1.0
    headers = {"Authorization": f"Bearer {token}"}
    while httpx.get(f"{url}/v1/auth/whoami", headers=headers).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return True


def test_a_person_logs_in_and_out_from_a_terminal(own, env, tmp_path):
    process, code = begin(env, f"{own.url}")
    approve(own, code)
    assert process.wait(30) == 0, process.stderr.read()
    config = tmp_path / "config" / "config.json"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    saved = json.loads(config.read_text())
    assert saved["base_url"] == own.url
    assert saved["session_token"] not in process.stdout.read()

    who = intone(env, "whoami", "--json")
    assert who.returncode == 0, who.stderr
    assert json.loads(who.stdout)["auth"] == "session"
    assert json.loads(who.stdout)["user_id"] == saved["user_id"]
    with own.client(saved["session_token"]) as client:
        assert client.get("/v1/quota").status_code == 200, "a session opens every API"
        made = client.post("/v1/keys", json={"name": "made by a session"})
        assert made.status_code == 201
        assert client.delete(f"/v1/keys/{made.json()['id']}").json() == {"deleted": True}

    out = intone(env, "logout")
    assert out.returncode == 0, out.stderr
    assert not config.exists()
    assert refused_within_a_second(own.url, saved["session_token"])
    who = intone(env, "whoami")
    assert (who.returncode, who.stderr.count("\n")) == (1, 1)
    assert intone(env, "logout").returncode == 0


def test_an_operator_approves_beside_the_server_and_ends_all_sessions(own, env, tmp_path):
    process, code = begin(env, own.url)
    beside = own.cli("login", "--approve", code.lower())
    assert beside.returncode == 0, beside.stderr
    assert process.wait(30) == 0, process.stderr.read()
    again = own.cli("login", "--approve", code)
    assert (again.returncode, again.stderr.count("\n")) == (3, 1)
    token = json.loads((tmp_path / "config" / "config.json").read_text())["session_token"]
    ended = own.cli("logout", "--all")
    assert ended.returncode == 0, ended.stderr
    assert refused_within_a_second(own.url, token)


def test_a_login_that_is_interrupted_leaves_nothing(own, env, tmp_path):
    process, _ = begin(env, own.url)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert "Traceback" not in process.stderr.read()
    assert not (tmp_path / "config").exists()


def test_a_key_in_the_environment_wins_and_a_session_is_shown_to_no_other_server(
    own, env, tmp_path
):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.json").write_text(
        json.dumps(
            {
                "base_url": "http://127.0.0.1:9",
                "session_token": "vr_session_" + "x" * 36,
                "expires_at": "2099-01-01T00:00:00.000Z",
                "user_id": "nobody",
            }
        )
    )
    with_key = {**env, "INTONE_API_KEY": own.key, "INTONE_BASE_URL": f"{own.url}/v1/"}
    who = intone(with_key, "whoami", "--json")
    assert json.loads(who.stdout)["auth"] == "api_key"
    elsewhere = intone({**env, "INTONE_BASE_URL": own.url}, "whoami")
    assert (elsewhere.returncode, "no session for" in elsewhere.stderr) == (1, True)
    gone = intone(env, "whoami")
    assert (gone.returncode, "cannot be reached" in gone.stderr) == (1, True)
    wrong = intone({**env, "INTONE_API_KEY": "nope", "INTONE_BASE_URL": own.url}, "whoami")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert intone(env, "login", "--base-url", "127.0.0.1").returncode == 2
    (tmp_path / "config" / "config.json").write_text("{")
    damaged = intone(env, "whoami")
    assert (damaged.returncode, damaged.stderr.count("\n")) == (2, 1)


async def test_of_64_polls_at_once_exactly_one_gets_the_session_and_no_secret_is_kept(own):
    async with aiohttp.ClientSession(own.url) as http:
        async with http.post("/v1/auth/device-code") as answer:
            begun = await answer.json()
        async with http.post("/v1/auth/device-code") as answer:
            pending = await answer.json()
        await asyncio.to_thread(approve, own, begun["user_code"])

        async def poll():
            body = {"device_code": begun["device_code"]}
            async with http.post("/v1/auth/poll", json=body) as answer:
                return answer.status, await answer.json()

        answers = await asyncio.gather(*(poll() for _ in range(64)))
    won = [answer for status, answer in answers if status == 200]
    assert len(won) == 1
    assert {status for status, _ in answers} == {200, 404}
    kept = b"".join(path.read_bytes() for path in own.data_dir.glob("intone.db*"))
    kept += own.log.read_bytes()
    assert pending["user_code"].encode() in kept, "this looks where it would be"
    for secret in (begun["device_code"], pending["device_code"], won[0]["session_token"], own.key):
        assert secret.encode() not in kept


def test_a_key_s_limits_are_set_shown_and_taken_away(own):
    made = json.loads(
        own.cli(
            "keys", "create", "--name", "limited", "--requests-per-minute", "60",
            "--max-concurrency", "4", "--daily-usd", "2.50", "--monthly-usd", "40", "--json",
        ).stdout
    )  # fmt: skip
    with own.client() as client:
        shown = {key["id"]: key for key in client.get("/v1/keys").json()["keys"]}[made["id"]]
    assert {
        "maxConcurrency": 4,
        "requestsPerMinute": 60,
        "dailySpendMicros": 2_500_000,
        "monthlySpendMicros": 40_000_000,
    }.items() <= shown.items()
    changed = own.cli("keys", "limit", made["id"], "--daily-usd", "0", "--max-concurrency", "1")
    assert "60 a minute, 1 at once, $40.00 a month" in changed.stdout
    successor = json.loads(own.cli("keys", "rotate", made["id"], "--json").stdout)
    listed = {key["id"]: key for key in json.loads(own.cli("keys", "list", "--json").stdout)}
    assert listed[successor["id"]]["max_concurrency"] == 1
    assert listed[successor["id"]]["daily_micros"] is None
    for wrong in (
        ["--max-concurrency", "-1"],
        ["--daily-usd", "1e99999999"],
        ["--daily-usd", "x"],
        [],
    ):
        refused = own.cli("keys", "limit", successor["id"], *wrong)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
