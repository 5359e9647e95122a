"""Requests as bytes on a socket: endless, oversized, malformed, pipelined, and cut off anywhere.

What `tests/api` shows of the platform on the same protocol is not shown again here.
"""

import json
import os
import signal
import socket
import struct
import time
import uuid

import pytest

from helpers.fuzzing import errors_of, in_flight
from helpers.processes import children
from helpers.server import IntoneServer, create, finished, job_request

BODY = json.dumps(job_request("Over the wire.")).encode()
CHUNK = b"2800\r\n" + b" " * 10_240 + b"\r\n"
LONG = "A recording that takes a while to send. " * 50


@pytest.fixture(scope="module")
def wire(tmp_path_factory):
    """A server whose patience with bodies is short."""
    folder = tmp_path_factory.mktemp("wire")
    server = IntoneServer(folder / "data", INTONE_BODY_TIMEOUT_S="1").start()
    yield server
    assert errors_of(server) == []
    server.stop()


@pytest.fixture(scope="module")
def idle(tmp_path_factory):
    """A server that accepts jobs and renders none."""
    server = IntoneServer(tmp_path_factory.mktemp("idle") / "data", "--no-worker").start()
    yield server
    assert errors_of(server) == []
    server.stop()


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def head(server, line="POST /v1/voice/jobs HTTP/1.1", *headers):
    lines = [line, "Host: x", f"Authorization: Bearer {server.key}", *headers]
    if line.startswith("POST"):
        lines += [f"Idempotency-Key: {uuid.uuid4()}", "Content-Type: application/json"]
    return "\r\n".join([*lines, "", ""]).encode()


def read_all(connection):
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def talk(server, *parts):
    """Send parts, numbers being pauses in seconds; returns all that comes until the end."""
    with connect(server) as connection:
        for part in parts:
            if isinstance(part, bytes):
                connection.sendall(part)
            else:
                time.sleep(part)
        return read_all(connection)


def answers(received):
    """The answers in it, as (status, headers, body)."""
    found = []
    while received:
        start, _, received = received.partition(b"\r\n\r\n")
        first, *lines = start.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = int(headers["content-length"])
        assert len(received) >= length, "an answer is cut short"
        found.append((int(first.split()[1]), headers, received[:length]))
        received = received[length:]
    return found


def refusal(received, status=400):
    """Asserts one refusal in the envelope and a closed connection; returns its message."""
    ((got, headers, body),) = answers(received)
    assert got == status, body
    assert headers["content-type"] == "application/json"
    assert headers["connection"] == "close"
    assert uuid.UUID(headers["x-request-id"]).version == 4
    error = json.loads(body)["error"]
    assert (error["code"], error["retryable"]) == ("invalid_input", False)
    assert set(error) == {"code", "message", "retryable"}
    return error["message"]


def used(server):
    with server.client() as client:
        return client.get("/v1/quota").json()["used"]


@pytest.mark.parametrize(
    "parts",
    [
        (b'5\r\n{"inp\r\n',),
        (b"1\r\n{\r\n", 0.3, b"1\r\n \r\n", 0.3, b"1\r\n \r\n", 0.3, b"1\r\n \r\n", 0.3, b"1\r\n \r\n"),
        (b"ffff\r\n{", 0.5, b" "),
    ],
    ids=["silence", "trickle", "half a chunk"],
)  # fmt: skip
def test_a_chunked_body_that_never_ends_is_refused_at_the_deadline(wire, parts):
    before = used(wire)
    chunked = head(wire, "POST /v1/voice/jobs HTTP/1.1", "Transfer-Encoding: chunked")
    assert "within 1 seconds" in refusal(talk(wire, chunked, *parts))
    assert used(wire) == before


@pytest.mark.parametrize("length", [1024 * 1024 + 1, 10**13])
def test_a_body_that_is_announced_too_large_is_refused_unread(wire, length):
    request = head(wire, "POST /v1/voice/jobs HTTP/1.1", f"Content-Length: {length}")
    assert "larger than 1048576 bytes" in refusal(talk(wire, request), 413)


def test_a_chunked_body_is_refused_as_soon_as_it_is_too_large(wire):
    request = head(wire, "POST /v2/voice/jobs HTTP/1.1", "Transfer-Encoding: chunked")
    message = refusal(talk(wire, request, *[CHUNK] * 110), 413)
    assert "larger than 1048576 bytes" in message


@pytest.mark.parametrize("length", ["9" * 30, "0x10", "1e3", "+5", "5 5"])
def test_a_length_that_is_no_number_is_refused(wire, length):
    request = head(wire, "POST /v1/voice/jobs HTTP/1.1", f"Content-Length: {length}")
    assert "not a valid HTTP request" in refusal(talk(wire, request))


@pytest.mark.parametrize("headers", [(), ("Content-Length: 0",)])
def test_no_body_is_refused_and_the_connection_goes_on(wire, headers):
    request = head(wire, "POST /v1/voice/jobs HTTP/1.1", *headers)
    last = head(wire, "GET /v1/quota HTTP/1.1", "Connection: close")
    first, second = answers(talk(wire, request, last))
    assert first[0] == 400
    assert "The body is empty" in json.loads(first[2])["error"]["message"]
    assert second[0] == 200


@pytest.mark.parametrize(
    "headers",
    [["X-Big: " + "a" * 100_000], [f"X-{n}: {'a' * 90}" for n in range(1000)]],
    ids=["one", "many"],
)
def test_headers_of_100_kilobytes_are_refused(wire, headers):
    request = head(wire, "GET /v1/quota HTTP/1.1", *headers)
    # In parts, so that the kernel cannot hand all of it to the parser at once.
    parts = [request[i : i + 10_000] for i in range(0, len(request), 10_000)]
    with connect(wire) as connection:
        for part in parts[:7]:
            connection.sendall(part)
            time.sleep(0.02)
        assert "head is longer than 65536 bytes" in refusal(read_all(connection))


def test_a_head_that_never_ends_is_refused_before_it_costs_anything(wire):
    """The parser's own time would grow with the square of the length."""
    with connect(wire) as connection:
        connection.sendall(head(wire, "GET /v1/quota HTTP/1.1")[:-2] + b"X-Big: ")
        sent = 0
        try:
            while sent < 64 << 20:
                sent += connection.send(b"a" * 65536)
        except OSError:
            pass
        assert sent < 16 << 20
    with wire.client() as client:
        assert client.get("/v1/quota").status_code == 200


def test_pipelined_requests_are_answered_in_order_each_once(wire):
    post = head(wire, "POST /v1/voice/jobs HTTP/1.1", f"Content-Length: {len(BODY)}") + BODY
    request = (
        head(wire, "GET /v1/quota HTTP/1.1")
        + post
        + post
        + head(wire, "GET /v1/voice/nothing HTTP/1.1")
        + head(wire, "GET /health HTTP/1.1", "Connection: close")
    )
    found = answers(talk(wire, request))
    assert [status for status, _, _ in found] == [200, 201, 201, 404, 200]
    assert found[1][2] == found[2][2]
    assert found[2][1]["idempotent-replayed"] == "true"
    assert len({headers["x-request-id"] for _, headers, _ in found}) == 5


@pytest.mark.parametrize(
    "after", [b"\x16\x03\x01 nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nBad Header\r\n\r\n"]
)
def test_nonsense_after_a_good_request_does_not_spoil_its_answer(wire, after):
    ((status, headers, body),) = answers(talk(wire, head(wire, "GET /v1/quota HTTP/1.1") + after))
    assert status == 200
    assert headers["connection"] == "close"
    assert json.loads(body)["unit"] == "characters"


def test_http_1_0_is_answered_and_closed(wire):
    post = head(wire, "POST /v1/voice/jobs HTTP/1.0", f"Content-Length: {len(BODY)}") + BODY
    ((status, _, body),) = answers(talk(wire, post))
    assert status == 201
    job_id = json.loads(body)["job_id"]
    with wire.client() as client:
        finished(client, job_id)
        pcm = client.get(f"/v1/voice/jobs/{job_id}/audio").content
    get = head(wire, f"GET /v1/voice/jobs/{job_id}/audio HTTP/1.0", "Connection: keep-alive")
    ((status, headers, body),) = answers(talk(wire, get))
    assert (status, body) == (200, pcm)
    assert headers["connection"] == "close"
    ((status, _, body),) = answers(talk(wire, head(wire, "GET /v1/nothing HTTP/1.0")))
    assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")


# --- clients that hang up ---------------------------------------------------------------------


def hang_up(connection, how):
    if how == "reset":  # no farewell: the system answers with RST
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def assert_nothing_is_left(server):
    """The server has noticed, and goes on."""
    deadline = time.monotonic() + 10
    while in_flight(server) != 1:
        assert time.monotonic() < deadline, "a request is still being answered"
        time.sleep(0.02)
    with server.client() as client:
        assert client.get("/v1/quota").status_code == 200
    assert errors_of(server) == []


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("framing", ["Content-Length: 500", "Transfer-Encoding: chunked"])
def test_a_client_that_leaves_within_its_body_leaves_nothing(idle, how, framing):
    connection = connect(idle)
    connection.sendall(head(idle, "POST /v1/voice/jobs HTTP/1.1", framing) + b"1f4\r\n{")
    while in_flight(idle) != 2:
        time.sleep(0.01)
    hang_up(connection, how)
    assert_nothing_is_left(idle)
    assert used(idle) == sum(len(text) for text in ACCEPTED)


#: The texts of the jobs that the idle server has accepted.
ACCEPTED = []


def waiting_job(idle):
    with idle.client() as client:
        ACCEPTED.append("For ever and a day.")
        return create(client, text=ACCEPTED[-1]).json()["job_id"]


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_its_events_leaves_nothing(idle, how):
    connection = connect(idle)
    connection.sendall(head(idle, f"GET /v1/voice/jobs/{waiting_job(idle)}/events HTTP/1.1"))
    while b'"pending"' not in connection.recv(65536):
        pass
    assert in_flight(idle) == 2
    hang_up(connection, how)
    assert_nothing_is_left(idle)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("audio_format", ["pcm_s16le", "mp3"])
def test_a_client_that_leaves_before_the_first_sound_leaves_nothing(idle, how, audio_format):
    connection = connect(idle)
    path = f"/v1/voice/jobs/{waiting_job(idle)}/audio?live=true&format={audio_format}"
    connection.sendall(head(idle, f"GET {path} HTTP/1.1"))
    while in_flight(idle) != 2:
        time.sleep(0.01)
    hang_up(connection, how)
    assert_nothing_is_left(idle)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_a_download_leaves_nothing(wire, how):
    with wire.client() as client:
        body = job_request(LONG, sample_rate=44100, rate=0.5)
        body["output"] = {"audio": {**body["output"], "channels": 2}}
        job_id = create(client, body, version="v2").json()["job_id"]
        finished(client, job_id)
        path = f"/v2/voice/jobs/{job_id}/audio"
        size = int(client.head(path).headers["content-length"])
    assert size > 20_000_000  # more than the sockets' buffers hold
    connection = connect(wire)
    connection.sendall(head(wire, f"GET {path} HTTP/1.1"))
    connection.recv(1000)
    assert in_flight(wire) == 2
    hang_up(connection, how)
    assert_nothing_is_left(wire)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_a_live_stream_leaves_nothing(wire, how):
    engines = children(wire.process.pid)
    with wire.client() as client:
        job_id = create(client, text=LONG).json()["job_id"]
        connection = connect(wire)
        connection.sendall(head(wire, f"GET /v1/voice/jobs/{job_id}/audio?live=true HTTP/1.1"))
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        for pid in engines:  # from here on it comes no further, if it is not at its end
            os.kill(pid, signal.SIGSTOP)
        try:
            hang_up(connection, how)
            assert_nothing_is_left(wire)
        finally:
            for pid in engines:
                os.kill(pid, signal.SIGCONT)
        assert finished(client, job_id)["status"] == "completed"
