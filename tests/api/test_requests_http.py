"""A request's way through the platform: credential, body, log line, metrics, documents."""

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

BODY = '{"text": "a", "output": {"format": "pcm"}}'
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer speaks"},
        {"Authorization": "bEARER   speaks  "},
        {"X-API-Key": " speaks "},
        {"X-API-Key": "speaks", "Authorization": "Bearer speaks"},
    ],
)
async def test_either_header_carries_the_credential(live_app, headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    assert (await _post(live_app, lines)).startswith(b"HTTP/1.1 201")


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "X-API-Key: \r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer nobody\r\n",
        "Authorization: Basic speaks\r\n",
        "Authorization: speaks\r\n",
        "Authorization: Bearer speaks\r\nX-API-Key: both\r\n",
        "X-API-Key: speaks\r\nX-API-Key: both\r\n",
        "Authorization: Bearer speaks\r\nAuthorization: Basic speaks\r\n",
    ],
)
async def test_no_single_valid_credential_is_401(live_app, lines):
    answer = await _post(live_app, lines)
    assert answer.startswith(b"HTTP/1.1 401")
    assert b"\r\nwww-authenticate: Bearer\r\n" in answer
    assert b'"code":"unauthenticated"' in answer
    assert live_app.core.reached == []


async def test_the_credential_is_judged_before_the_body_is_read(live_app):
    head = (
        b"POST /v1/small/orders HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        b"Content-Length: 90000\r\n\r\n"
    )
    answer = await live_app.raw(head)
    assert answer.startswith(b"HTTP/1.1 401")


async def test_a_scope_that_is_missing_is_403(live_app):
    async with live_app.http.post("/v1/small/managed") as answer:
        assert answer.status == 403
        assert "'manage'" in (await answer.json())["small"]["message"]
    headers = {"Authorization": "Bearer both"}
    async with live_app.http.post("/v1/small/managed", headers=headers) as answer:
        assert answer.status == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
    ],
)
async def test_json_in_utf_8_is_accepted(live_app, content_type):
    headers = {"Content-Type": content_type}
    async with live_app.http.post("/v1/small/orders", data=BODY, headers=headers) as answer:
        assert answer.status == 201


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/json; charset=latin-1",
        "application/jsonx",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ],
)
async def test_another_content_type_is_400_even_over_a_broken_body(live_app, content_type):
    line = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    answer = await _post(live_app, "X-API-Key: speaks\r\n" + line, body="{", typed=False)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"Content-Type" in answer.partition(b"\r\n\r\n")[2]


async def test_a_broken_body_is_400_in_the_envelope_and_reaches_nobody(live_app):
    for body in (
        b"",
        b"{",
        b"[" * 10_000,
        b'{"text":"\\ud800","output":{"format":"pcm"}}',
        b"\xff",
    ):
        async with live_app.http.post("/v1/small/orders", data=body, headers=JSON) as answer:
            assert answer.status == 400
            assert (await answer.json())["small"]["code"] == "invalid_input"
    assert live_app.core.reached == []


async def test_the_log_line_says_what_happened_and_no_secret(live_app):
    with capture_logs() as lines:
        url = "/v1/small/orders/7?limit=2&token=query-secret"
        async with live_app.http.get(url, headers={"X-API-Key": "key-secret"}) as answer:
            body = await answer.read()
            request_id = answer.headers["X-Request-Id"]
    (line,) = lines
    assert line.pop("ms") > 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": request_id,
        "method": "GET",
        "route": "/v1/small/orders/{number}",
        "status": 200,
        "bytes": len(body),
    }


async def test_requests_are_counted_by_route_template(live_app):
    for path in ("/v1/small/orders/1", "/v1/small/orders/2", "/nothing-1", "/nothing-2"):
        async with live_app.http.get(path) as answer:
            await answer.read()
    async with live_app.http.get("/metrics") as answer:
        assert answer.content_type == "text/plain"
        families = {f.name: f for f in text_string_to_metric_families(await answer.text())}
    counts = {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for sample in families["intone_http_requests"].samples
        if sample.name.endswith("_total")
    }
    assert counts["GET", "/v1/small/orders/{number}", "200"] == 2
    assert counts["GET", "unmatched", "404"] == 2
    assert "intone_http_request_seconds" in families
    (in_flight,) = families["intone_http_requests_in_flight"].samples
    assert in_flight.value == 1  # this one
    assert live_app.metrics.in_flight == 0


async def test_health_and_ready_answer(live_app):
    async with live_app.http.get("/health") as answer:
        assert (answer.status, await answer.text()) == (200, "OK")
    async with live_app.http.get("/ready") as answer:
        checks = {"database": "ok", "blobs": "ok", "queue": "ok"}
        assert (answer.status, await answer.json()) == (200, {"status": "ready", "checks": checks})
    live_app.checks["queue"] = "The queue cannot be reached."
    async with live_app.http.get("/ready") as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"]
        content = await answer.json()
    assert content["status"] == "unavailable"
    assert content["checks"]["queue"] == "The queue cannot be reached."


async def test_the_document_describes_the_body_and_its_examples_work(live_app):
    async with live_app.http.get("/openapi.json") as answer:
        document = await answer.json()
        etag = answer.headers["ETag"]
    assert document["openapi"].startswith("3.1")
    operation = document["paths"]["/v1/small/orders"]["post"]
    assert operation["security"] == [{"bearer": []}, {"apiKey": []}]
    content = operation["requestBody"]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/Order"}
    schemas = document["components"]["schemas"]
    assert schemas["Order"]["properties"]["text"]["maxLength"] == 20
    assert schemas["Output"]["properties"]["format"] == {"enum": ["pcm", "wav"], "type": "string"}
    for example in content["examples"].values():
        async with live_app.http.post("/v1/small/orders", json=example["value"]) as answer:
            assert answer.status == 201
    async with live_app.http.get("/openapi.json", headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304


async def test_a_handler_of_several_paths_and_methods_has_an_id_for_each(live_app):
    async with live_app.http.get("/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    ids = {
        (version, method): paths[f"/{version}/small/audio/{{path}}"][method]["operationId"]
        for version in ("v1", "v2")
        for method in ("get", "head")
    }
    assert ids == {
        ("v1", "get"): "getAudio",
        ("v1", "head"): "getAudioHead",
        ("v2", "get"): "getAudioV2",
        ("v2", "head"): "getAudioV2Head",
    }


async def test_the_document_shows_the_dialects_envelope_and_never_the_frameworks(live_app):
    async with live_app.http.get("/openapi.json") as answer:
        document = await answer.json()
    responses = document["paths"]["/v1/small/orders/{number}"]["get"]["responses"]
    assert set(responses) == {"200", "400", "404", "500"}
    for status in ("400", "404", "500"):
        examples = responses[status]["content"]["application/json"]["examples"]
        assert all(set(example["value"]) == {"small"} for example in examples.values())
    assert "status_code" not in json.dumps(document)


async def test_the_scripts_of_the_reference_are_packed_and_kept_by_browsers(live_app):
    url = "/docs/scalar.js"
    async with live_app.http.get(url, headers={"Accept-Encoding": "gzip"}) as answer:
        packed = await answer.read()
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "immutable" in answer.headers["Cache-Control"]
        again = {"If-None-Match": answer.headers["ETag"], "Accept-Encoding": "gzip"}
    async with live_app.http.get(url, headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert await answer.read() == packed  # aiohttp unpacks
    async with live_app.http.get(url, headers=again) as answer:
        assert answer.status == 304


async def _post(live_app, lines, body=BODY, *, typed=True):
    typed_line = "Content-Type: application/json\r\n" if typed else ""
    head = (
        "POST /v1/small/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"{lines}{typed_line}Content-Length: {len(body)}\r\n\r\n"
    )
    return await live_app.raw((head + body).encode())
