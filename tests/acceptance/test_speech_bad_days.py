"""Bad days of streamed speech, against a real server: told in our words, in time, and never for money."""

import json
import random
import socket
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import httpx
import pytest

from helpers.decoding import decode
from helpers.speech_server import DEADLINES, SpeechServer, body
from helpers.vendors import KEY, PRIVATE, tone
from loopback import faults
from loopback.faults import AUDIO, FAULTS
from loopback.faulty import FaultyServer
from loopback.vendor import Answer, VendorServer

PATH = "/v1/audio/speech"
#: More than its deadline, and less than for ever.
PATIENCE_S = DEADLINES["total_s"] + 5

#: What the seed's table calls each: status, and of a 502 the category.
INVALID = {(502, "provider_invalid_response")}
OUTAGE = {(502, "provider_error")}
LATE = {(504, "provider_timeout")}
TOLD = {
    "refusing": OUTAGE,
    "full_backlog": LATE,
    "garbled_tls": OUTAGE,
    "untrusted_tls": OUTAGE,
    "expired_tls": OUTAGE,
    "silent": LATE,
    "silent_body": LATE,
    "one_byte_a_second": LATE,
    "hanging_up": OUTAGE,
    "error_500": OUTAGE,
    # Its status came in time, its body never does.
    "endless_500": OUTAGE | LATE,
    "busy_429": {(502, "provider_rate_limited")},
    "unauthorized_401": {(502, "provider_auth")},
    "redirect": INVALID,
    "html_page": INVALID,
    "json_error": INVALID,
    "mislabelled_json": INVALID,
    "wav_for_mp3": INVALID,
    "empty": INVALID,
    "garbage": INVALID,
    "unlabelled_garbage": INVALID,
    "header_bomb": INVALID,
    "many_headers": INVALID,
    "not_http": INVALID,
    "gzip_bomb": INVALID | LATE,  # to make it takes the vendor a while
    "not_gzip": OUTAGE | INVALID,
}
#: These begin well.
BROKEN = FAULTS.keys() - TOLD.keys()


@pytest.fixture(scope="module")
def bad():
    """A vendor for every bad day: by name, its base URL, and those servers that can be asked."""
    with ExitStack() as stack:
        servers = {name: FaultyServer(fault) for name, fault in FAULTS.items()}
        servers |= {
            "garbled_tls": faults.garbled_tls(),
            "untrusted_tls": faults.untrusted_tls(),
            "expired_tls": faults.untrusted_tls(expired=True),
        }
        for server in servers.values():
            stack.enter_context(server)
        urls = {name: server.base_url for name, server in servers.items()}
        urls["refusing"] = stack.enter_context(faults.refusing())
        urls["full_backlog"] = stack.enter_context(faults.full_backlog())
        yield urls, servers


@pytest.fixture(scope="module")
def own(tmp_path_factory, bad):
    """A server with all of them, and a key that may ask for one thing at a time."""
    urls, _ = bad
    vendors = {name: {"base_url": url, "api_key": KEY} for name, url in urls.items()}
    server = SpeechServer(
        tmp_path_factory.mktemp("bad"),
        vendors,
        INTONE_LOG_LEVEL="debug",
    )
    server.start()
    server.grant()
    server.single = server.new_key(maxConcurrency=1)
    yield server
    server.stop()


@pytest.fixture
def client(own):
    with own.client(own.single) as client:
        yield client


def leaks_nothing(own, shown):
    log = own.log.read_text()
    for private in (PRIVATE, KEY, own.single):
        assert private not in shown
        assert private not in log


def order(own):
    """Nothing is held, and the wallet agrees with the calls."""
    own.wait_until_settled()
    granted, spent, held = own.wallet()
    (charged,) = own.rows("SELECT COALESCE(SUM(cost), 0) FROM calls")[0]
    assert (granted, spent, held) == (1_000_000, charged, 0)


@pytest.mark.parametrize("fault", sorted(TOLD))
def test_a_vendor_on_a_bad_day_is_told_in_time_and_costs_nothing(own, bad, client, fault):
    began = time.monotonic()
    answer = client.post(PATH, json=body(f"{fault}/m"))
    assert time.monotonic() - began < PATIENCE_S
    told = answer.json()
    assert (answer.status_code, told["code"]) in TOLD[fault], answer.text
    assert answer.headers["x-request-id"]
    if fault == "busy_429":
        assert answer.headers["retry-after"] == "7"
    leaks_nothing(own, answer.text + json.dumps(dict(answer.headers)))
    status, code, characters, cost = own.calls(fault)[-1]
    assert (status, characters, cost) == ("failed", 0, 0)
    assert code
    order(own)
    assert client.post(PATH, json=body("espeak/default")).status_code == 200, "its place is free"


@pytest.mark.parametrize("fault", sorted(name for name, told in TOLD.items() if told != LATE))
def test_another_format_makes_no_difference(own, client, fault):
    """What is encoded here comes from the same vendor in another way; its breaker may be open."""
    answer = client.post(PATH, json=body(f"{fault}/m", speed=1.0, response_format="wav"))
    if fault == "wav_for_mp3" and answer.status_code == 200:
        return  # for once it is what was asked for
    assert answer.status_code in {502, 503, 504}, answer.text
    leaks_nothing(own, answer.text)
    assert own.calls(fault)[-1][2:] == (0, 0)


@pytest.mark.parametrize("fault", sorted(BROKEN))
@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_a_vendor_that_breaks_off_is_seen_to_and_costs_what_was_spoken(
    own, bad, client, fault, stream_format
):
    wanted = body(f"{fault}/m", "A long text. " * 50, stream_format=stream_format)
    began, got = time.monotonic(), b""
    try:
        with client.stream("POST", PATH, json=wanted) as answer:
            for piece in answer.iter_raw():
                got += piece
    except httpx.RemoteProtocolError:
        assert answer.status_code == 200
        if stream_format == "audio":
            assert AUDIO.startswith(got)
        else:
            assert b'"type":"error"' in got
    else:
        # What broke off so soon that nothing of it could be passed on is an error like any other.
        assert answer.status_code in {502, 503, 504}, "silently short"
    assert time.monotonic() - began < PATIENCE_S
    leaks_nothing(own, got.decode("latin-1"))
    order(own)
    status, code, characters, cost = own.calls(fault)[-1]
    assert status == "failed"
    assert code in {"provider_error", "provider_timeout", "breaker_open"}
    assert 0 <= cost == characters < len(wanted["input"])
    _, servers = bad
    servers[fault].wait_until_left()


def test_where_all_vendors_are_down_the_engine_inside_still_speaks(client):
    wanted = body(["refusing/m", "error_500/m", "garbage/m", "espeak/default"])
    answer = client.post(PATH, json=wanted)
    assert answer.headers["x-voxrouter-provider"] == "espeak"
    assert decode(answer.content).duration > 1


# --- Clients that hang up


LONG = "A sentence that takes a while to say. " * 20
#: A second of noise, and another one much later.
SLOW = Answer([bytes(range(1, 251)) * 192, bytes(48_000)], pause_s=60)


def speaking(folder, vendor, *names):
    """A started server whose vendors are so many paths of one."""
    patient = {"first_byte_s": 60, "stall_s": 60}
    server = SpeechServer(
        folder,
        {name: {"base_url": f"{vendor.base_url}/{name}/v1", "timeouts": patient} for name in names},
    )
    server.start()
    server.grant()
    return server


def quickly(request):
    return Answer(tone(request.json()["response_format"], 24_000), pause_s=0.1)


@pytest.fixture(scope="module")
def slow():
    """A vendor that says a little and then nothing for long, or nothing at all."""
    with VendorServer() as vendor:
        for name in ("slow", "audio", "sse"):
            vendor.on("POST", f"/{name}/v1/audio/speech", SLOW)
        vendor.on("POST", "/mute/v1/audio/speech", Answer(delay_s=60))
        vendor.on("POST", "/quick/v1/audio/speech", quickly)
        yield vendor


@pytest.fixture(scope="module")
def shared(tmp_path_factory, slow):
    server = speaking(tmp_path_factory.mktemp("left"), slow, "audio", "sse", "mute", "quick")
    yield server
    server.stop()
    assert "Traceback" not in server.log.read_text()


@pytest.fixture
def paid(tmp_path, slow):
    """A server of one's own, to be stopped."""
    server = speaking(tmp_path, slow, "slow", "quick")
    yield server
    server.stop()


@pytest.mark.parametrize("form", ["audio", "sse"])
def test_a_client_that_hangs_up_stops_its_vendor_and_pays_for_what_was_spoken(shared, slow, form):
    wanted = body(f"{form}/m", LONG, response_format="pcm", stream_format=form)
    abandoned = slow.abandoned
    with shared.client(shared.new_key(maxConcurrency=1)) as client:
        with client.stream("POST", PATH, json=wanted) as answer:
            assert answer.status_code == 200
            next(answer.iter_raw())
        slow.wait_until(lambda: slow.abandoned == abandoned + 1)
        order(shared)
        status, code, characters, cost = shared.calls(form)[0]
        assert (status, code) == ("cancelled", None)
        assert 0 < cost == characters < len(LONG)
        assert client.post(PATH, json=body("espeak/default")).status_code == 200, (
            "its place is free"
        )


def test_a_client_that_hangs_up_before_the_first_byte_pays_nothing(shared, slow):
    abandoned = slow.abandoned
    with shared.client(shared.new_key(maxConcurrency=1)) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(PATH, json=body("mute/m", LONG), timeout=0.5)
        slow.wait_until(lambda: slow.abandoned == abandoned + 1)
        order(shared)
        assert shared.calls("mute") == [("cancelled", None, 0, 0)]
        assert client.post(PATH, json=body("espeak/default")).status_code == 200


def test_many_clients_that_come_and_go_leave_nothing_behind(shared, slow):
    """They leave at any moment: before the answer, amid it, or never; by several at once."""
    key, rng = shared.new_key(maxConcurrency=6), random.Random(4)
    leaves = [(rng.choice(["quick/m", "espeak/default"]), rng.random() * 0.4) for _ in range(60)]

    def come_and_go(leave):
        model, after_s = leave
        content = json.dumps(body(model, LONG, response_format="wav")).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", shared.port)) as client:
            client.settimeout(max(after_s, 0.001))
            client.sendall(head.encode() + content)
            with suppress(TimeoutError):
                while client.recv(65_536):
                    pass

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(come_and_go, leaves))
    order(shared)
    statuses = {status for status, *_ in shared.calls("quick") + shared.calls("espeak")}
    assert statuses <= {"ok", "cancelled"}
    with ExitStack() as stack:
        client = stack.enter_context(shared.client(key))
        for _ in range(6):
            wanted = body("audio/m", LONG, response_format="pcm")
            answer = stack.enter_context(client.stream("POST", PATH, json=wanted))
            assert answer.status_code == 200, "all of its places are free"


def test_a_client_that_does_not_read_keeps_nobody_waiting(shared):
    """Audio that nobody takes piles up nowhere, and others are served meanwhile."""
    with shared.client() as deaf, shared.client() as other:
        wanted = body("espeak/default", LONG * 100, response_format="wav")
        with deaf.stream("POST", PATH, json=wanted) as answer:
            assert answer.status_code == 200
            for _ in range(3):
                assert other.post(PATH, json=body("espeak/default")).status_code == 200


# --- A server that dies


def test_a_server_killed_amid_paid_streams_charges_nothing_twice(paid):
    begun, cut = threading.Semaphore(0), threading.Semaphore(0)

    def listen():
        wanted = body("slow/m", LONG, response_format="pcm")
        try:
            with paid.client() as client, client.stream("POST", PATH, json=wanted) as answer:
                for _ in answer.iter_raw():
                    begun.release()
        except httpx.HTTPError:
            cut.release()

    with paid.client() as client:
        assert client.post(PATH, json=body("quick/m")).status_code == 200
    spoken = len(body()["input"])
    listeners = [threading.Thread(target=listen) for _ in range(6)]
    for one in listeners:
        one.start()
    for _ in listeners:
        assert begun.acquire(timeout=30)
    assert paid.wallet() == (1_000_000, spoken, 6 * len(LONG))
    paid.kill()
    for _ in listeners:
        assert cut.acquire(timeout=30)
    with sqlite3.connect(f"{paid.data_dir}/intone.db") as db:  # a quarter of an hour passes
        db.execute("UPDATE holds SET expires_at = 1 WHERE state = 'open'")
    db.close()
    paid.start()
    paid.wait_until_settled()
    assert paid.wallet() == (1_000_000, spoken, 0)
    states = dict(paid.rows("SELECT state, count(*) FROM holds GROUP BY state"))
    assert states == {"settled": 1, "released": 6}
    assert paid.rows("SELECT SUM(spent), SUM(held) FROM key_days") == [(spoken, 0)]
    with paid.client() as client:
        rows = client.get("/v1/credits/activity").json()["rows"]
        assert sum(row["microsDelta"] for row in rows) == 1_000_000 - spoken
        assert client.get("/v1/credits").json() == {
            "balanceMicros": 1_000_000 - spoken,
            "reservedMicros": 0,
        }


def test_a_server_that_is_stopped_lets_streams_end_and_then_settles_them(paid):
    begun, heard = threading.Event(), []

    def listen():
        with paid.client() as client, client.stream("POST", PATH, json=body("quick/m")) as answer:
            for piece in answer.iter_raw():
                heard.append(piece)
                begun.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert begun.wait(30)
    assert paid.stop() == 0
    listener.join(30)
    assert b"".join(heard) == b"".join(tone("mp3", 24_000))
    order(paid)
    ((status, _, characters, cost),) = paid.calls("quick")
    assert (status, characters, cost) == ("ok", len(body()["input"]), len(body()["input"]))
