"""Bodies that are too large, too slow, compressed or cut short."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from intone.api.exchange import BodyLimits

HEAD = (
    b"POST /v1/small/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer speaks\r\n"
    b"Content-Type: application/json\r\n"
)
BODY = b'{"text": "a", "output": {"format": "pcm"}}'
CHUNK = b"2710\r\n" + b" " * 10_000 + b"\r\n"


def _refusal(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.lower(), json.loads(body)["small"]


async def test_an_announced_body_that_is_too_large_is_refused_before_any_of_it_is_read(live_app):
    answer = await live_app.raw(HEAD + b"Content-Length: 100001\r\n\r\n")
    status, head, envelope = _refusal(answer)
    assert (status, envelope["code"]) == (413, "payload_too_large")
    assert "100000 bytes" in envelope["message"]
    assert b"connection: close" in head


async def test_a_client_that_waits_for_100_continue_is_refused_without_being_told_to_send(live_app):
    head = HEAD + b"Expect: 100-continue\r\nContent-Length: 100001\r\n\r\n"
    answer = await live_app.raw(head)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"100 Continue" not in answer


async def test_a_body_without_a_length_is_counted_and_refused_while_it_comes(live_app):
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = await live_app.raw(head, *[CHUNK] * 30)
    status, head, envelope = _refusal(answer)
    assert (status, envelope["code"]) == (413, "payload_too_large")
    assert b"connection: close" in head
    assert live_app.core.reached == []


async def test_a_client_that_sends_all_of_a_large_body_still_reads_the_answer(live_app):
    """Closing at once would reset the connection and lose the reason."""
    async with live_app.http.post("/v1/small/orders", data=b" " * 3_000_000) as answer:
        assert answer.status == 413
        assert (await answer.json())["small"]["code"] == "payload_too_large"


async def test_a_body_just_at_the_limit_is_read(live_app):
    body = BODY + b" " * (100_000 - len(BODY))
    headers = {"Content-Type": "application/json"}
    async with live_app.http.post("/v1/small/orders", data=body, headers=headers) as answer:
        assert answer.status == 201


@pytest.mark.parametrize("parts", [(), (b"{", 0.3, b'"', 0.3, b"t", 0.3, b"e", 0.3)])
async def test_a_body_that_never_ends_is_refused_at_the_deadline(live_app, parts):
    answer = await live_app.raw(HEAD + b"Content-Length: 50\r\n\r\n", *parts)
    status, head, envelope = _refusal(answer)
    assert (status, envelope["code"]) == (400, "invalid_input")
    assert "within 1 seconds" in envelope["message"]
    assert b"connection: close" in head
    assert live_app.core.reached == []


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
async def test_a_compressed_body_is_refused(live_app, coding):
    request = HEAD + f"Content-Encoding: {coding}\r\nContent-Length: 3\r\n\r\nabc".encode()
    answer = await live_app.raw(request.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    assert _refusal(answer)[0] == 400
    assert "Content-Encoding" in _refusal(answer)[2]["message"]


async def test_a_body_that_is_said_to_be_uncompressed_is_read(live_app):
    headers = {"Content-Type": "application/json", "Content-Encoding": "identity"}
    async with live_app.http.post("/v1/small/orders", data=BODY, headers=headers) as answer:
        assert answer.status == 201


async def test_a_client_that_leaves_within_its_body_is_no_error(live_app):
    with capture_logs() as lines:
        _, writer = await asyncio.open_connection("127.0.0.1", live_app.port)
        writer.write(HEAD + b"Content-Length: 50\r\n\r\n{")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        async with asyncio.timeout(10):
            while not lines:
                await asyncio.sleep(0.01)
    (line,) = lines
    assert (line["event"], line["status"], line["log_level"]) == ("request", 499, "info")
    assert line["client_left"]
    assert live_app.core.reached == []


async def test_the_connection_survives_a_small_body_that_nobody_read(live_app):
    refused = HEAD.replace(b"speaks", b"nobody") + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    last = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await live_app.raw(refused, last)
    assert answer.startswith(b"HTTP/1.1 401")
    assert answer.endswith(b"OK")


class TestWithDefaults:
    @pytest.fixture
    def limits(self):
        return BodyLimits()

    async def test_one_mebibyte_is_read_and_one_byte_more_is_not(self, live_app):
        headers = {"Content-Type": "application/json"}
        for size, status in ((1024 * 1024, 201), (1024 * 1024 + 1, 413)):
            body = BODY + b" " * (size - len(BODY))
            async with live_app.http.post("/v1/small/orders", data=body, headers=headers) as answer:
                assert answer.status == status
