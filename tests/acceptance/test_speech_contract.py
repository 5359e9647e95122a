"""`/v1/audio/speech` over HTTP: every row of seed 004's table, and what wire.md §4 and §7 add."""

import asyncio
import base64
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.decoding import decode
from helpers.speech_server import SpeechServer, body
from helpers.vendors import KEY, PRIVATE, tone
from loopback.vendor import Answer, VendorServer

PATH = "/v1/audio/speech"
FORMS = {
    "mp3": "audio/mpeg",
    "pcm": "audio/l16",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
}
TEXT = "Good morning to you all."


def asked_for(request):
    """Half a second of a tone in the format that was asked for."""
    return Answer(tone(request.json()["response_format"], 24_000))


def refuses(status, **headers):
    body = json.dumps({"error": {"message": f"{PRIVATE} {KEY}"}}).encode()
    return Answer(body, status, {"Content-Type": "application/json", **headers})


async def breaks_off(request, wire):
    response = web.StreamResponse()
    await response.prepare(wire)
    await response.write(tone(request.json()["response_format"], 24_000)[0])
    await asyncio.sleep(0.1)  # for the beginning to be taken on its own
    wire.transport.close()
    return response


#: How each vendor answers.
VENDORS = {
    "vendor": asked_for,
    "other": asked_for,
    "held": Answer([tone("mp3", 24_000)[0], tone("mp3", 24_000)[1]], pause_s=30),
    "breaks": breaks_off,
    "rejects": refuses(400),
    "locked": refuses(401),
    "busy": refuses(429, **{"Retry-After": "7"}),
    "strange": Answer(b"<html>" + PRIVATE.encode(), headers={"Content-Type": "text/html"}),
    "failing": refuses(500),
    "down": refuses(500),
    "silent": Answer(delay_s=30),
}


@pytest.fixture(scope="module")
def vendors():
    with VendorServer() as server:
        for name, answer in VENDORS.items():
            server.on("POST", f"/{name}/v1/audio/speech", answer)
        yield server


@pytest.fixture(scope="module")
def own(tmp_path_factory, vendors):
    """A server with those vendors and ten cents in its wallet."""
    folder = tmp_path_factory.mktemp("speech")
    (folder / "blocked.txt").write_text("forbidden words\n")
    said = {name: {"base_url": f"{vendors.base_url}/{name}/v1", "api_key": KEY} for name in VENDORS}
    server = SpeechServer(
        folder,
        {**said, "unset": {"type": "elevenlabs"}},
        {
            "models": {"house": "vendor/m"},
            "routes": {"auto/any": {"models": ["unset/eleven_v3", "other/m"], "by": "order"}},
        },
        INTONE_POLICY_BLOCKLIST=str(folder / "blocked.txt"),
    )
    server.start()
    server.grant("0.1")
    yield server
    server.stop()
    assert PRIVATE not in server.log.read_text()
    assert KEY not in server.log.read_text()
    assert "Traceback" not in server.log.read_text(), "a vendor's failure is no mistake of ours"


@pytest.fixture
def client(own):
    with own.client() as client:
        yield client


@pytest.fixture
def asked(own):
    """Sends a body with a fresh key of certain limits."""
    clients = []

    def ask(wanted=None, **limits):
        clients.append(own.client(own.new_key(**limits)))
        return clients[-1].post(PATH, json=wanted or body())

    yield ask
    for one in clients:
        one.close()


def is_refused(answer, status, error, code=None):
    """The seed's envelope: `error` and `code`, and a sentence; nothing of the vendor's in it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    told = answer.json()
    assert set(told) == {"error", "code", "details"}
    assert (told["error"], told["code"]) == (error, code or error)
    assert told["details"].endswith((".", "?"))
    assert PRIVATE not in answer.text
    assert KEY not in answer.text
    if status in {429, 503}:
        assert int(answer.headers["retry-after"]) >= 1
    return answer


# --- Audio


@pytest.mark.parametrize("form", FORMS)
def test_a_vendors_audio_is_passed_on_as_it_is(client, form):
    answer = client.post(PATH, json=body(response_format=form))
    assert answer.status_code == 200, answer.text
    assert answer.content == b"".join(tone(form, 24_000))
    assert answer.headers["content-type"] == FORMS[form]
    assert answer.headers["x-voxrouter-provider"] == answer.headers["x-intone-provider"] == "vendor"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("form", FORMS)
def test_the_engine_inside_speaks_every_format(client, form):
    answer = client.post(PATH, json=body("espeak/default", response_format=form))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == FORMS[form]
    assert answer.headers["x-voxrouter-provider"] == "espeak"
    if form == "pcm":
        assert answer.headers["x-sample-rate-hz"] == "24000"
        assert 1 < len(answer.content) / 48_000 < 3
    else:
        heard = decode(answer.content)
        assert heard.channels == 1
        assert 1 < heard.duration < 3


def test_mp3_is_the_default(client):
    assert client.post(PATH, json=body()).headers["content-type"] == "audio/mpeg"


@pytest.mark.parametrize("path", ["/audio/speech", "/openai/v1/audio/speech"])
def test_it_speaks_under_its_other_paths_as_well(client, path):
    assert client.post(path, json=body()).content == b"".join(tone("mp3", 24_000))


@pytest.mark.parametrize("model", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts"])
def test_openais_names_are_known(client, model):
    answer = client.post(PATH, json=body(model))
    assert answer.headers["x-voxrouter-provider"] == "espeak"
    assert decode(answer.content).duration > 1


def test_operators_names_and_routes_are_known(client):
    assert client.post(PATH, json=body("house")).headers["x-voxrouter-provider"] == "vendor"
    assert client.post(PATH, json=body("auto/any")).headers["x-voxrouter-provider"] == "other"


def test_a_list_of_models_is_tried_in_its_order_and_the_header_says_who_it_was(client, vendors):
    wanted = [
        "silent/m",
        {"model": "other/m", "voice": "sky"},
        {"model": "vendor/m", "voice": {"id": "af"}},
    ]
    answer = client.post(PATH, json=body(wanted))
    assert answer.status_code == 200
    assert answer.headers["x-voxrouter-provider"] == "other"
    assert vendors.requests[-1].json()["voice"] == "sky"


def test_a_voice_may_be_an_object(client, vendors):
    wanted = {**body(), "voice": {"id": "voice_123", "more": 1}}
    assert client.post(PATH, json=wanted).status_code == 200
    assert vendors.requests[-1].json()["voice"] == "voice_123"


def test_what_the_provider_is_to_know_is_passed_on_and_what_nobody_knows_is_ignored(
    client, vendors
):
    wanted = body(
        provider_options={"lang_code": "a", "model": "another"},
        speed=2,
        instructions="Softly.",
        nobody={"knows": ["this"]},
        user="jane",
    )
    assert client.post(PATH, json=wanted).status_code == 200
    assert vendors.requests[-1].json() == {
        "model": "m",
        "input": TEXT,
        "voice": "alloy",
        "response_format": "mp3",
        "speed": 2.0,
        "instructions": "Softly.",
        "lang_code": "a",
    }


def test_all_of_unicode_that_is_text_is_spoken(client, vendors):
    text = "Grüße, 世界! 🙂\tA\nB\r\n\u200b\u202e\ufeff\U0010ffff"
    assert client.post(PATH, json=body(text=text)).status_code == 200
    assert vendors.requests[-1].json()["input"] == text
    assert client.post(PATH, json=body("espeak/default", text=text)).status_code == 200


# --- Events


def events(answer):
    assert answer.headers["content-type"].startswith("text/event-stream")
    frames = answer.text.split("\n\n")
    assert frames.pop() == ""
    assert all(frame.startswith("data: ") for frame in frames)
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]


@pytest.mark.parametrize("form", ["mp3", "pcm"])
def test_events_carry_slices_of_the_audio_and_at_the_end_what_it_took(client, form):
    answer = client.post(PATH, json=body(response_format=form, stream_format="sse"))
    *deltas, done = events(answer)
    audio = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    assert audio == b"".join(tone(form, 24_000))
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    sound = 10 if form == "pcm" else 0
    assert done == {
        "type": "speech.audio.done",
        "usage": {
            "input_tokens": len(TEXT),
            "output_tokens": sound,
            "total_tokens": len(TEXT) + sound,
        },
        "provider": "vendor",
        "model": "m",
        "resumed": [],
    }
    assert answer.headers["x-voxrouter-provider"] == "vendor"


def heard_before_it_breaks(client, wanted):
    """What comes of a stream, which must end in the middle of its body."""
    got = b""
    with client.stream("POST", PATH, json=wanted) as answer:
        assert answer.status_code == 200
        try:
            for piece in answer.iter_raw():
                got += piece
        except httpx.RemoteProtocolError:
            return got
    raise AssertionError("it ended as if it were whole")


def test_events_end_in_an_error_where_the_audio_breaks_off_and_the_stream_is_cut(client):
    got = heard_before_it_breaks(client, body("breaks/m", stream_format="sse"))
    *_, last = got.decode().strip().split("\n\n")
    told = json.loads(last.removeprefix("data: "))
    assert told["type"] == "error"
    assert told["error"]["code"] == "provider_error"
    assert "done" not in got.decode()


def test_audio_that_breaks_off_is_never_silently_short(client):
    got = heard_before_it_breaks(client, body("breaks/m"))
    assert got == tone("mp3", 24_000)[0]


def test_who_wants_it_hears_the_rest_from_another_and_is_told_so(client):
    text = f"{TEXT} " * 20
    wanted = body(["breaks/m", "espeak/default"], text, stream_format="sse", resume=True)
    answer = client.post(PATH, json=wanted)
    *deltas, done = events(answer)
    assert answer.headers["x-voxrouter-provider"] == "breaks", "who began"
    assert done["provider"] == "espeak", "who ended"
    (switch,) = done["resumed"]
    assert (switch["provider"], switch["model"]) == ("espeak", "default")
    assert 0 < switch["at"] < len(text)
    assert len(text) / 2 < done["usage"]["input_tokens"] <= len(text)
    audio = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    assert decode(audio).duration > 10


def over_the_wire(own, wanted):
    """The whole answer as it comes; the connection is kept, so its end is the answer's own."""
    content = json.dumps(wanted).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {own.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    got = b""
    with socket.create_connection(("127.0.0.1", own.port), timeout=20) as client:
        client.sendall(head.encode() + content)
        while b"\r\n0\r\n" not in got or not got.endswith(b"\r\n\r\n"):
            got += client.recv(65_536)
    return got


@pytest.mark.parametrize(
    ("first", "told"), [("breaks/m", "espeak/default;at="), ("vendor/m", "none")]
)
def test_a_trailer_says_who_went_on_where_the_audio_has_no_events(own, first, told):
    wanted = body([first, "espeak/default"], f"{TEXT} " * 20, resume=True, response_format="pcm")
    head, _, rest = over_the_wire(own, wanted).partition(b"\r\n\r\n")
    assert b"trailer: x-intone-resumed" in head.lower()
    trailer = rest.rpartition(b"\r\n0\r\n")[2].decode()
    assert trailer.lower().startswith(f"x-intone-resumed: {told}")


# --- 400


BAD = {
    "nothing": {},
    "no model": {"input": "Hello.", "voice": "alloy"},
    "no input": {"model": "vendor/m", "voice": "alloy"},
    "no voice": {"model": "vendor/m", "input": "Hello."},
    "empty input": body(text=""),
    "blank input": body(text=" \n\t "),
    "number as input": body(text=7),
    "null as input": body(text=None),
    "empty voice": {**body(), "voice": ""},
    "voice of no id": {**body(), "voice": {"name": "alloy"}},
    "voices": {**body(), "voice": ["alloy"]},
    "another format": body(response_format="mp4"),
    "loud format": body(response_format="MP3"),
    "slow": body(speed=0.24),
    "fast": body(speed=4.01),
    "speed in words": body(speed="1.0"),
    "another stream": body(stream_format="websocket"),
    "options in a list": body(provider_options=[]),
    "instructions in a list": body(instructions=["Softly."]),
    "long instructions": body(instructions="x" * 4097),
    "no models": body([]),
    "many models": body(["vendor/m"] * 9),
    "a model of none": body([{"voice": "alloy"}]),
    "NUL in the text": body(text="a\0b"),
    "bell in the text": body(text="a\x07b"),
    "C1 in the text": body(text="a\x85b"),
    "NUL in the model": body("vendor/\0"),
    "escape in the voice": {**body(), "voice": "\x1b[31m"},
    "NUL in the instructions": body(instructions="\0"),
    "line break in the model": body("vendor/m\r\nX-Injected: 1"),
    "line separator in the model": body("vendor/m\u2028"),
    "line break in the voice": {**body(), "voice": "alloy\n"},
    "NUL in a list": body(["vendor/m", "vendor/\0"]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_body_that_does_not_fit_is_refused(client, name):
    is_refused(client.post(PATH, json=BAD[name]), 400, "invalid_body")


@pytest.mark.parametrize(
    "model", ["vendor", "vendor/", "/m", "nobody/m", "espeak/nothing", "tts-9", "no/such/thing"]
)
def test_a_model_that_is_none_is_refused_with_a_list_of_those_there_are(client, model):
    answer = is_refused(client.post(PATH, json=body(model)), 400, "invalid_model")
    for known in ("espeak/default", "house", "auto/any", "tts-1"):
        assert known in answer.json()["details"]


def test_a_voice_that_the_engine_does_not_have_is_refused(client):
    wanted = {**body("espeak/default"), "voice": "nobody"}
    is_refused(client.post(PATH, json=wanted), 400, "invalid_body")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b'"text"', "application/json"),
        (b"\xff\xfe{}", "application/json"),
        (
            b'{"model": "vendor/m", "model": "other/m", "input": "x", "voice": "y"}',
            "application/json",
        ),
        (b'{"model": "vendor/m", "input": "\\ud800", "voice": "y"}', "application/json"),
        (b'{"speed": NaN}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (json.dumps(body()).encode(), "text/plain"),
        (json.dumps(body()).encode(), "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_json_is_refused(client, content, kind):
    answer = client.post(PATH, content=content, headers={"Content-Type": kind})
    is_refused(answer, 400, "invalid_body")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
bodies = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["vendor/m", "espeak/default"]) | json_values,
        "input": st.text(max_size=40) | json_values,
        "voice": st.just("alloy") | json_values,
    },
    optional=dict.fromkeys(
        ("response_format", "speed", "instructions", "stream_format", "resume"), json_values
    )
    | {"provider_options": st.dictionaries(st.text(max_size=8), json_values, max_size=2)},
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(wanted=bodies)
def test_no_body_makes_the_server_fail(client, wanted):
    content = json.dumps(wanted).encode()
    answer = client.post(PATH, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {200, 400}, (wanted, answer.text)
    if answer.status_code == 400:
        assert set(answer.json()) == {"error", "code", "details"}


# --- 401, 402, 403, 429


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer in_live_nobody"}, {"Authorization": "Basic YTpi"}]
)
def test_a_key_is_wanted(own, headers):
    answer = httpx.post(own.url + PATH, json=body(), headers=headers)
    is_refused(answer, 401, "unauthorized")
    assert "Bearer" in answer.headers["www-authenticate"]


def test_the_key_may_come_as_x_api_key(own):
    assert httpx.post(own.url + PATH, json=body(), headers={"X-API-Key": own.key}).is_success


def test_a_key_that_may_not_speak_is_refused(asked):
    is_refused(asked(scopes=["manage"]), 403, "scope_required")


def test_a_text_that_is_not_allowed_is_refused(client):
    is_refused(client.post(PATH, json=body(text="forbidden words")), 403, "policy_blocked")


def test_a_wallet_that_is_too_small_is_refused(client, vendors):
    before = len(vendors.requests)
    answer = client.post(PATH, json=body(text="x" * 100_001))
    is_refused(answer, 402, "insufficient_credit")
    assert "US dollars" in answer.json()["details"]
    assert len(vendors.requests) == before


@pytest.mark.parametrize("cap", ["dailySpendMicros", "monthlySpendMicros"])
def test_a_key_that_has_reached_its_cap_is_refused(own, cap):
    with own.client(own.new_key(**{cap: len(TEXT)})) as client:
        assert client.post(PATH, json=body()).status_code == 200
        is_refused(client.post(PATH, json=body()), 402, "spend_limit_exceeded")
        assert client.post(PATH, json=body("espeak/default")).status_code == 200, "free"


def test_a_key_that_asks_too_often_is_told_when_to_come_back(own):
    with own.client(own.new_key(requestsPerMinute=2)) as client:
        assert [client.post(PATH, json=body()).status_code for _ in range(2)] == [200, 200]
        answer = is_refused(client.post(PATH, json=body()), 429, "rate_limit_exceeded")
        assert 50 < int(answer.headers["retry-after"]) <= 60


def test_a_key_that_asks_for_too_much_at_once_is_told_to_wait(own):
    key = own.new_key(maxConcurrency=1)
    with (
        own.client(key) as one,
        own.client(key) as two,
        one.stream("POST", PATH, json=body("held/m")) as answer,
    ):
        assert answer.status_code == 200
        refused = is_refused(two.post(PATH, json=body()), 429, "concurrency_limit_exceeded")
        assert refused.headers["retry-after"] == "1"


# --- 502, 503, 504


@pytest.mark.parametrize(
    ("vendor", "code"),
    [
        ("rejects", "provider_bad_request"),
        ("locked", "provider_auth"),
        ("busy", "provider_rate_limited"),
        ("strange", "provider_invalid_response"),
        ("failing", "provider_error"),
    ],
)
def test_a_vendors_failure_is_told_by_its_category(client, own, vendor, code):
    answer = client.post(PATH, json=body(f"{vendor}/m"))
    is_refused(answer, 502, "provider_error", code)
    if vendor == "busy":
        assert answer.headers["retry-after"] == "7"
    assert own.calls(vendor)[-1][2:] == (0, 0), "it costs nothing"


def test_a_vendor_that_has_failed_too_often_is_left_alone(client, vendors):
    codes = [client.post(PATH, json=body("down/m")).status_code for _ in range(4)]
    assert codes[0] == 502
    assert codes[2:] == [503, 503]
    answer = is_refused(client.post(PATH, json=body("down/m")), 503, "provider_unavailable")
    assert answer.headers["x-voxrouter-breaker-state"] == "open"
    assert 20 <= int(answer.headers["retry-after"]) <= 30
    calls = [request for request in vendors.requests if request.path.startswith("/down/")]
    assert len(calls) <= 6


def test_a_vendor_that_is_not_set_up_cannot_be_had(client):
    answer = client.post(PATH, json=body("unset/eleven_v3"))
    is_refused(answer, 503, "service_unavailable")
    assert "x-voxrouter-breaker-state" not in answer.headers


def test_a_vendor_that_does_not_answer_is_given_up(client, own):
    is_refused(client.post(PATH, json=body("silent/m")), 504, "provider_timeout")
    assert own.calls("silent")[-1] == ("failed", "provider_timeout", 0, 0)


# --- The other envelope, and the rest of HTTP


@pytest.mark.parametrize(
    ("wanted", "status", "kind", "code"),
    [
        (body("no/model"), 400, "invalid_request_error", "invalid_model"),
        (body(speed=9), 400, "invalid_request_error", "invalid_body"),
        (body(text="x" * 100_001), 402, "insufficient_quota", "insufficient_credit"),
        (body("rejects/m"), 502, "server_error", "provider_bad_request"),
        (body("unset/eleven_v3"), 503, "server_error", "service_unavailable"),
    ],
)
def test_openais_clients_read_errors_in_openais_envelope(client, wanted, status, kind, code):
    answer = client.post("/openai/v1/audio/speech", json=wanted)
    assert answer.status_code == status
    told = answer.json()
    assert set(told) == {"error"}
    assert set(told["error"]) == {"message", "type", "code", "param"}
    assert (told["error"]["type"], told["error"]["code"]) == (kind, code)
    assert PRIVATE not in answer.text


def test_openais_clients_without_a_key_are_told_in_openais_envelope(own):
    answer = httpx.post(f"{own.url}/openai/v1/audio/speech", json=body())
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])  # DELETE is of a post with that id
def test_only_post_speaks(client, method):
    answer = client.request(method, PATH)
    is_refused(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


def test_a_connection_serves_again_after_errors_and_streams(own):
    with own.client(limits=httpx.Limits(max_connections=1)) as client:
        for _ in range(3):
            assert client.post(PATH, json=body("no/model")).status_code == 400
            assert client.post(PATH, json=body()).status_code == 200


def test_many_at_once_get_what_they_asked_for(own):
    def ask(number):
        with own.client() as client:
            form = list(FORMS)[number % len(FORMS)]
            return form, client.post(PATH, json=body(response_format=form)).content

    with ThreadPoolExecutor(8) as pool:
        for form, audio in pool.map(ask, range(24)):
            assert audio == b"".join(tone(form, 24_000))


def test_what_was_spoken_was_charged_and_nothing_else(own):
    """The last word of this module: the books are in order."""
    own.wait_until_settled()
    granted, spent, held = own.wallet()
    (charged,) = own.rows("SELECT COALESCE(SUM(cost), 0) FROM calls")[0]
    assert (granted, spent, held) == (100_000, charged, 0)
