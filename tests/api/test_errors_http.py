"""Whatever goes wrong, the answer wears the dialect's envelope and the platform's headers."""

import json
import uuid

import pytest
from structlog.testing import capture_logs


def _envelope(body):
    """The small dialect's envelope, and nothing but it."""
    content = json.loads(body)
    assert list(content) == ["small"], content
    assert set(content["small"]) == {"code", "message", "id"}
    return content["small"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/small/nothing", 404, "not_found"),
        ("GET", "/v1/small", 404, "not_found"),
        ("GET", "/v1/small/orders/%FF%00", 404, "not_found"),
        ("GET", "/v1/small/orders/word", 404, "not_found"),
        ("GET", "/v1/small/orders/1?limit=word", 400, "invalid_input"),
        ("PUT", "/v1/small/orders", 405, "method_not_allowed"),
        ("BREW", "/v1/small/orders", 405, "method_not_allowed"),
        ("GET", "/v1/small/failures/forbidden", 403, "forbidden"),
        ("GET", "/v1/small/failures/away", 503, "service_unavailable"),
        ("GET", "/v1/small/failures/limited", 429, "rate_limited"),
        ("GET", "/v1/small/failures/crash", 500, "internal_error"),
        ("GET", "/v1/small/failures/recursion", 500, "internal_error"),
    ],
)
async def test_every_error_wears_the_dialects_envelope(live_app, method, path, status, code):
    request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await live_app.raw(request.encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    if method == "BREW":  # the parser does not know this method: it never becomes a request
        assert b" 400 " in head
        assert json.loads(body)["error"]["code"] == "invalid_input"
        assert b"\r\nx-request-id: " in head
        return
    assert f" {status} ".encode() in head.splitlines()[0], head
    envelope = _envelope(body)
    assert envelope["code"] == code
    assert str(uuid.UUID(envelope["id"], version=4)) == envelope["id"]
    assert f"\r\nx-request-id: {envelope['id']}".encode() in head


async def test_a_query_parameter_that_does_not_fit_is_named(live_app):
    async with live_app.http.get("/v1/small/orders/1?limit=word") as answer:
        message = _envelope(await answer.read())["message"]
    assert message == "limit: expected a whole number, got text."


async def test_405_keeps_the_allowed_methods(live_app):
    async with live_app.http.put("/v1/small/orders") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "POST, OPTIONS"


@pytest.mark.parametrize("path", ["/", "/nothing", "/v1/smaller", "/v1/smal", "/docs/nothing"])
async def test_paths_of_no_dialect_have_the_neutral_envelope(live_app, path):
    async with live_app.http.delete(path) as answer:
        assert answer.status in {404, 405}
        content = await answer.json()
        assert set(content) == {"error"}
        assert set(content["error"]) == {"code", "message", "retryable"}
        assert answer.headers["X-Request-Id"]


async def test_an_error_for_head_has_no_body_and_keeps_the_connection(live_app):
    answer = await live_app.raw(
        b"HEAD /v1/small/nothing HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    first, second, body = answer.split(b"\r\n\r\n")
    assert b" 404 " in first
    assert second.startswith(b"HTTP/1.1 200")
    assert body == b"OK"


async def test_an_unexpected_exception_is_logged_with_its_id_and_not_shown(live_app):
    with capture_logs() as lines:
        async with live_app.http.get("/v1/small/failures/crash") as answer:
            body = await answer.text()
            request_id = answer.headers["X-Request-Id"]
    assert "hunter2" not in body
    assert "RuntimeError" not in body
    (line,) = [line for line in lines if line["event"] == "request_failed"]
    assert line["request_id"] == request_id
    assert "hunter2" in str(line["exc_info"])


@pytest.mark.parametrize(
    ("name", "seconds"), [("limited", "3"), ("limited-unknown", "1"), ("away", "5")]
)
async def test_429_and_503_say_when_to_try_again(live_app, name, seconds):
    async with live_app.http.get(f"/v1/small/failures/{name}") as answer:
        assert answer.headers["Retry-After"] == seconds


async def test_a_request_id_is_always_fresh_and_never_the_callers(live_app):
    seen = set()
    for _ in range(3):
        async with live_app.http.get("/health", headers={"X-Request-Id": "mine"}) as answer:
            seen.add(answer.headers["X-Request-Id"])
    assert len(seen) == 3
    assert "mine" not in seen


async def test_security_headers_are_on_every_response(live_app):
    for path in ("/health", "/nothing", "/v1/small/failures/crash", "/v1/small/audio/whole"):
        async with live_app.http.get(path) as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: five\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Bad Header\r\n",
    ],
)
async def test_what_is_not_http_is_refused_in_an_envelope_and_the_connection_closed(live_app, head):
    request = b"POST /v1/small/orders HTTP/1.1\r\nHost: x\r\n" + head + b"\r\nhello"
    answer = await live_app.raw(request)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "invalid_input"
    assert b"\r\nx-request-id: " in head
    assert b"\r\nconnection: close" in head
    assert live_app.core.reached == []
