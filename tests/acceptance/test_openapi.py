"""The served OpenAPI document: valid, complete, and every example in it is a request that works."""

import json
import re
import time
import uuid

import httpx
import jsonschema_rs
import pytest
from litestar.routes import HTTPRoute
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from helpers.server import IntoneServer, finished
from intone.config import Settings
from intone.runtime import open_runtime
from intone.server import create_server_app
from intone.text.controls import find_forbidden

#: The reference itself: the document, its page and the page's scripts.
REFERENCE = {"/openapi.json", "/docs", "/docs/start.js", "/docs/scalar.js", "/v1/auth/device"}
#: Operations that answer without a key.
PUBLIC = {
    *("getServer", "getHealth", "getReadiness", "getMetrics"),
    *("startDeviceCode", "pollDeviceCode"),
    *("putUpload", "downloadGeneration", "downloadGenerationHead"),
    *("getPublicAudio", "getPublicAudioStatus", "listPublicVoices", "sendPublicEvents"),
    *("getPublicFile", "getPublicFileHead", "getFeed", "getFeedHead", "getPlayer", "getPlayerHead"),
    *("getPublicTranscript", "getPublicTranscriptHead"),
}
#: Operations whose example cannot work, as nobody knows the code, or has sent the samples, in it.
BY_HAND = {"pollDeviceCode", "cloneVoice", "sendPublicEvents", "trackEvents", "getFiguresByDay"}
#: Those that come before and after all others about posts.
BY_HAND |= {"generateAudio", "deleteAudio"}
BY_HAND |= {"getPublicTranscript", "getPublicTranscriptHead"}
#: What an example cannot name, as it is made by another request; their own tests go through these.
MADE = ("generation_id", "upload_id", "voice_id", "webhook_id", "delivery_id", "token", "file")
#: Paths of the speech API.
SPEECH = (
    *("/v1/audio/speech", "/v1/audio/voices", "/v1/models"),
    *("/v1/credits", "/v1/keys", "/v1/auth"),
)
#: What a link or an operation of a created job starts from.
CREATE = {"v1": "createVoiceJob", "v2": "createVoiceJobV2"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of its own: an example about posts names no site, so there must be one alone."""
    server = IntoneServer(tmp_path_factory.mktemp("reference") / "data").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def document(server):
    return httpx.get(f"{server.url}/openapi.json").json()


@pytest.fixture(scope="module")
def operations(document):
    """By operationId: its path, its method and what the document says of it."""
    return {
        operation["operationId"]: (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


#: Each takes the whole document in, which is large.
VALIDATORS = {}


def schema_of(document, schema):
    """A validator of one schema of the document, `$ref`s included."""
    key = json.dumps(schema, sort_keys=True)
    if key not in VALIDATORS:
        VALIDATORS[key] = jsonschema_rs.Draft202012Validator(
            {**schema, "components": document["components"]}, validate_formats=True
        )
    return VALIDATORS[key]


def walk(node, path=()):
    yield path, node
    for key, child in node.items() if isinstance(node, dict) else enumerate(()):
        yield from walk(child, (*path, key))
    for index, child in enumerate(node if isinstance(node, list) else ()):
        yield from walk(child, (*path, index))


def test_the_document_is_openapi_3_1(document):
    assert document["openapi"].startswith("3.1")
    errors = [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(document)]
    assert errors == []
    for path, node in walk(document):
        if path[-1:] == ("schema",):
            schema_of(document, node)


def test_every_reference_leads_somewhere_and_every_component_is_used(document):
    used = {node for path, node in walk(document) if path[-1:] == ("$ref",)}
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert used == schemas


async def test_every_route_is_in_the_document_and_everything_in_it_is_a_route(document, tmp_path):
    async with open_runtime(Settings(data_dir=tmp_path)) as runtime:
        app = create_server_app(runtime)
    served = {
        (route.path_format, method.lower())
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
    }
    served = {(path, m) for path, m in served if path not in REFERENCE and m != "options"}
    assert served == {
        (path, method) for path in document["paths"] for method in document["paths"][path]
    }


def test_every_operation_is_described(document, operations):
    assert len(operations) == sum(len(item) for item in document["paths"].values())
    for name, (_, method, operation) in operations.items():
        assert re.fullmatch(r"[a-z]+[A-Za-z0-9]+", name), name
        assert operation["summary"], name
        assert operation["tags"], name
        is_public = name in PUBLIC
        assert operation["security"] == ([] if is_public else [{"bearer": []}, {"apiKey": []}]), (
            name
        )
        statuses = set(operation["responses"])
        assert any(status < "300" for status in statuses), name
        assert is_public or {"401", "403", "429", "500", "503"} <= statuses, name
        for status, response in operation["responses"].items():
            assert response["description"], (name, status)
            assert response["headers"]["X-Request-Id"], (name, status)
            assert (method == "head" or status in {"204", "304"}) == ("content" not in response), (
                name,
                status,
            )
            for media_type, content in response.get("content", {}).items():
                assert content["schema"], (name, status, media_type)


def test_the_dialect_documents_its_own_errors(document, operations):
    _, _, create = operations["createVoiceJob"]
    assert set(create["responses"]) == {
        "201", "400", "401", "402", "403", "409", "413", "429", "500", "503",
    }  # fmt: skip
    codes = {"400": {"invalid_input"}, "401": {"unauthenticated"}, "402": {"quota_exceeded"},
             "403": {"forbidden", "policy_blocked"}, "404": {"not_found"},
             "409": {"idempotency_conflict"}, "413": {"invalid_input"}, "416": {"invalid_input"},
             "429": {"rate_limited"}, "500": {"internal_error"}, "503": {"service_unavailable"}}  # fmt: skip
    seen = set()
    for path, method, operation in operations.values():
        if not path.startswith(("/v1/voice/", "/v2/voice/", "/v1/quota")) or method == "head":
            continue
        for status, response in operation["responses"].items():
            if status < "400":
                continue
            content = response["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/ErrorEnvelope"}
            shown = {example["value"]["error"]["code"] for example in content["examples"].values()}
            assert shown <= codes[status], (path, status)
            assert ("Retry-After" in response["headers"]) == (status in {"429", "503"})
            seen |= {(status, code) for code in shown}
    assert seen == {(status, code) for status in codes for code in codes[status]}


def test_the_speech_dialect_documents_its_own_errors(document, operations):
    for path, _, operation in operations.values():
        if not path.startswith(SPEECH):
            continue
        for status, response in operation["responses"].items():
            if status < "400":
                continue
            content = response["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/SpeechEnvelope"}
            for example in content["examples"].values():
                value = example["value"]
                assert value["error"] == ("provider_error" if status == "502" else value["code"])
    responses = operations["createSpeech"][2]["responses"]
    assert set(responses) == {
        "200", "400", "401", "402", "403", "413", "429", "500", "502", "503", "504",
    }  # fmt: skip


def test_every_example_fits_its_schema(document):
    count = 0
    for path, node in walk(document):
        if not isinstance(node, dict) or "schema" not in node or "text/event-stream" in path:
            continue
        values = [node["example"]] if "example" in node else []
        examples = node.get("examples", {})
        values += [example["value"] for example in examples.values()]
        for value in values:
            schema_of(document, node["schema"]).validate(value)
            count += 1
    assert count > 100
    for name, schema in document["components"]["schemas"].items():
        for path, node in walk(schema):
            if path[-1:] == ("examples",):
                parent = schema
                for step in path[:-1]:
                    parent = parent[step]
                for value in node:
                    schema_of(document, parent).validate(value), name


def test_the_idempotency_key_is_required_and_its_example_is_a_uuid_v4(operations):
    for name in CREATE.values():
        (key,) = operations[name][2]["parameters"]
        assert (key["name"], key["in"], key["required"]) == ("Idempotency-Key", "header", True)
        assert uuid.UUID(key["example"]).version == 4


def test_formats_and_sample_rates_are_choices(document, operations):
    parameters = {p["name"]: p for p in operations["getVoiceJobAudio"][2]["parameters"]}
    assert parameters["format"]["schema"]["enum"] == ["pcm_s16le", "wav", "mp3"]
    for status in ("200", "206"):
        content = operations["getVoiceJobAudio"][2]["responses"][status]["content"]
        assert set(content) == {"application/octet-stream", "audio/wav", "audio/mpeg"}
    rate = document["components"]["schemas"]["Output"]["properties"]["sample_rate_hz"]
    assert rate == {"type": "integer", "enum": [8000, 16000, 22050, 24000, 44100]}


def test_the_document_and_the_check_agree_on_what_a_control_character_is(document):
    content = document["components"]["schemas"]["Input"]["properties"]["content"]
    fits = schema_of(document, {"pattern": content["pattern"], "type": "string"})
    for point in (*range(0xD800), *range(0xE000, 0x11000)):
        assert fits.is_valid(chr(point)) == (find_forbidden(chr(point)) is None), hex(point)


def request_from(document, operations, name, ids):
    """A request made of the document's own examples, and of the ids that its links have given."""
    path, method, operation = operations[name]
    query, headers = {}, {}
    for parameter in operation.get("parameters", ()):
        example = parameter.get("example", parameter["schema"].get("default"))
        for given in parameter.get("examples", {}).values():
            example = given["value"]
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", ids.get(parameter["name"]) or example)
        elif parameter["in"] == "query" and example is not None:
            query[parameter["name"]] = json.dumps(example) if isinstance(example, bool) else example
        elif parameter["required"]:
            headers[parameter["name"]] = example
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    for example in body.get("examples", {"none": {"value": None}}).values():
        yield httpx.Request(
            method, f"http://server{path}", params=query, headers=headers, json=example["value"]
        )  # fmt: skip


def send(client, request):
    url = client.base_url.copy_with(raw_path=request.url.raw_path)
    headers = {k: v for k, v in request.headers.items() if k != "host"}
    return client.request(request.method, url, headers=headers, content=request.content)


def assert_documented(document, operation, response):
    """The reply is one that the document announces."""
    documented = operation["responses"][str(response.status_code)]
    for name, described in documented["headers"].items():
        assert not described["required"] or name in response.headers, name
        if name in response.headers:
            value = response.headers[name]
            value = int(value) if described["schema"]["type"] == "integer" else value
            schema_of(document, described["schema"]).validate(value)
    if response.request.method == "HEAD" or response.status_code == 304:
        assert response.content == b""
        return
    media_type = response.headers["content-type"].split(";")[0]
    schema = documented["content"][media_type]["schema"]
    if media_type == "application/json":
        schema_of(document, schema).validate(response.json())
    elif media_type == "text/event-stream":
        data = schema["properties"]["data"]["contentSchema"]
        for event in response.text.strip().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in event.splitlines())
            schema_of(document, schema).validate(lines)
            schema_of(document, data).validate(json.loads(lines["data"]))
    else:
        assert response.content


@pytest.fixture
def post(document, operations, server, client):
    """The post of the examples, and its site; ready."""
    assert server.cli("sites", "create", "--domain", "blog.example").returncode == 0
    (request,) = request_from(document, operations, "generateAudio", {})
    queued = send(client, request)
    assert queued.status_code == 202, queued.text
    assert_documented(document, operations["generateAudio"][2], queued)
    while (exists := send(client, request)).status_code == 202:
        time.sleep(0.3)
    assert_documented(document, operations["generateAudio"][2], exists)
    yield
    (request,) = request_from(document, operations, "deleteAudio", {})
    deleted = send(client, request)
    assert deleted.status_code == 200
    assert_documented(document, operations["deleteAudio"][2], deleted)


@pytest.mark.usefixtures("post")
def test_every_example_is_a_request_that_works(document, operations, client):
    """For each operation, its own example is answered with its first status and schema."""
    tried = set()
    by_hand = BY_HAND | {
        name
        for name, (path, _, _) in operations.items()
        if any(f"{{{part}}}" in path for part in MADE)
    }
    make_key = next(request_from(document, operations, "createKey", {}))
    key_id = send(client, make_key).json()["id"]
    for create in CREATE.values():
        (request,) = request_from(document, operations, create, {})
        created = send(client, request)
        links = operations[create][2]["responses"]["201"]["links"]
        assert all(
            link["parameters"] == {"job_id": "$response.body#/job_id"} for link in links.values()
        )
        job = finished(client, created.json()["job_id"])
        assert job["status"] == "completed"
        version = "V2" if create.endswith("V2") else ""
        names = [create, *links, f"getVoiceJobAudio{version}Head"]
        if not version:
            names += set(operations) - set(CREATE.values()) - by_hand
        ids = {"job_id": job["job_id"], "key_id": key_id}
        for name in names:
            for request in request_from(document, operations, name, ids):
                response = send(client, request)
                expected = next(iter(operations[name][2]["responses"]))
                assert str(response.status_code) == expected, (name, response.text)
                assert_documented(document, operations[name][2], response)
                tried.add(name)
    assert tried == set(operations) - by_hand


def test_every_documented_way_to_ask_for_audio_is_answered_as_documented(
    document, operations, client
):
    (create,) = request_from(document, operations, "createVoiceJob", {})
    job_id = send(client, create).json()["job_id"]
    finished(client, job_id)
    path, _, operation = operations["getVoiceJobAudio"]
    url = path.replace("{job_id}", job_id)
    examples = {p["name"]: p.get("example") for p in operation["parameters"]}
    etag = client.head(url).headers["etag"]
    seen = set()
    for params in ({"format": "pcm_s16le"}, {"format": "wav"}, {"format": "mp3"}, {"format": "no"}):
        etag = client.head(url, params=params).headers.get("etag", "")
        for headers in (
            {},
            {"Range": examples["Range"]},
            {"If-None-Match": etag},
            {"Range": "bytes=99999999-"},
        ):
            response = client.get(url, params=params, headers=headers)
            assert_documented(document, operation, response)
            seen.add(response.status_code)
    assert seen == {200, 206, 304, 400, 416}
    for name in ("If-Range", "If-None-Match"):
        stale = client.get(url, headers={name: examples[name], "Range": "bytes=0-9"})
        assert stale.status_code == (200 if name == "If-Range" else 206)
        assert_documented(document, operation, stale)


@pytest.mark.parametrize(
    ("name", "status"),
    [("getQuota", 401), ("createVoiceJob", 400), ("getVoiceJob", 404), ("getVoiceProfile", 404)],
)
def test_refusals_are_as_documented(document, operations, client, name, status):
    path, method, operation = operations[name]
    headers = {"Authorization": "Bearer nobody"} if status == 401 else {}
    response = client.request(method, re.sub(r"{\w+}", str(uuid.uuid4()), path), headers=headers)
    assert response.status_code == status
    assert_documented(document, operation, response)


def test_options_and_405_name_the_methods_of_the_document(document, client):
    for path, item in document["paths"].items():
        methods = {method.upper() for method in item} | {"OPTIONS"}
        url = re.sub(r"{\w+}", "x", path)
        unknown = next(name for name in ("PATCH", "PUT", "DELETE") if name not in methods)
        for response in (client.options(url), client.request(unknown, url)):
            assert {name.strip() for name in response.headers["allow"].split(",")} == methods, path
