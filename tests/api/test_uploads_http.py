"""Uploads over HTTP: forms and signed addresses, whole and torn, and all that is refused."""

import asyncio
import json
import re
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from litestar import Litestar

from helpers import media
from helpers.serving import serving
from intone.api.app import create_app
from intone.api.dialect import Dialect
from intone.api.exchange import BodyLimits
from intone.api.generations.errors import generation_envelope
from intone.api.generations.uploads import UPLOAD_ROUTES, upload_limits
from intone.core import keys, uploads, workspaces
from intone.core.access import Access
from intone.core.limits import RateLimiter
from intone.core.plans import load_plans
from intone.core.service import Core
from intone.core.signing import Signer
from intone.core.uploading import UploadRules, Uploads
from intone.storage.blobs import BlobStore

WAV = media.wav(2 * media.RATE)
MOST = 300_000
MISSING = "00000000-0000-4000-8000-000000000000"


class SmallCore:
    """What of the core these routes touch."""

    admit = Core.admit

    def __init__(self, database, folder):
        self.database = database
        self.access = Access(database, load_plans(), None)
        self.limiter = RateLimiter()
        self.blobs = BlobStore(folder / "blobs")
        self.spool = folder / "spool"
        signer = Signer(database)
        rules = UploadRules(max_bytes=MOST, max_live=10)
        self.uploads = Uploads(database, self.blobs, signer, self.spool, rules)


@dataclass
class Site:
    app: Litestar
    core: SmallCore
    http: aiohttp.ClientSession
    port: int
    workspace_id: str
    #: By the name of its holder.
    secrets: dict[str, str]

    async def ask(self, method, path, key="speaker", headers=None, **options):
        """Send a request; returns status and body, which is parsed where there is one."""
        headers = dict(headers or {})
        if key is not None:
            headers["Authorization"] = f"Bearer {self.secrets[key]}"
        async with self.http.request(method, path, headers=headers, **options) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def raw(self, head, *parts):
        """Send a request byte by byte; numbers are pauses. Returns what came back, if anything."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = f"{head}\r\nHost: x\r\nAuthorization: Bearer {self.secrets['speaker']}\r\n"
        writer.write(lines.encode())
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)
        if parts and parts[-1] == b"":
            writer.close()
            return b""
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return answer

    async def kept(self):
        """Blobs, files on their way and rows."""
        blobs = {path async for path in self.core.blobs.list("")}
        spooled = list(self.core.spool.iterdir()) if self.core.spool.is_dir() else []
        return blobs, spooled, await self.core.uploads.list_all(self.workspace_id)


def _make(tx):
    found = {}
    for name, plan in (("speaker", "scale"), ("stranger", "scale"), ("poor", "starter")):
        workspace = workspaces.create(tx, name, load_plans()[plan])
        found[name] = (workspace.id, keys.create(tx, workspace.id, name).secret)
    manages = keys.create(tx, found["speaker"][0], "manager", ("manage",))
    return found["speaker"][0], {
        "manager": manages.secret,
        **{name: secret for name, (_, secret) in found.items()},
    }


@pytest.fixture
def database_url(tmp_path):
    """SQLite alone: `tests/core/test_uploads.py` is for both."""
    return f"sqlite:///{tmp_path}/intone.db"


@pytest.fixture
def body_limits():
    return upload_limits(MOST)


@pytest.fixture
async def site(database, tmp_path, body_limits):
    core = SmallCore(database, tmp_path)

    async def readiness():
        return {"database": "ok"}

    dialect = Dialect(
        "generations", ("/v1/uploads",), UPLOAD_ROUTES, generation_envelope, body_limits
    )
    app = create_app(core, [dialect], readiness=readiness, limits=BodyLimits(10_000, 1.0))
    app.state.public_url = None
    workspace_id, held = await database.write(_make)
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        yield Site(app, core, http, port, workspace_id, held)


def form(*files, fields=()):
    made = aiohttp.FormData(quote_fields=False)  # names as browsers send them
    for name, value in fields:
        made.add_field(name, value)
    for name, filename, data in files:
        made.add_field(name, data, filename=filename, content_type="application/octet-stream")
    return made


async def send(site, data=WAV, filename="sample1.wav", key="speaker"):
    return await site.ask("POST", "/v1/uploads", key, data=form(("file", filename, data)))


# -- Forms


async def test_a_file_in_a_form_becomes_an_upload(site):
    status, made = await send(site)
    assert status == 201
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(moment, made.pop("createdAt"))
    assert re.fullmatch(moment, made.pop("expiresAt"))
    assert made == {
        "id": made["id"],
        "path": f"uploads/{made['id']}.wav",
        "status": "ready",
        "filename": "sample1.wav",
        "format": "wav",
        "bytes": len(WAV),
        "durationMs": 2000,
        "sampleRate": media.RATE,
        "channels": 1,
    }
    found = await site.core.database.read(uploads.find, site.workspace_id, made["path"])
    stored = [piece async for piece in site.core.blobs.read_range(found.blob, 0, found.bytes)]
    assert b"".join(stored) == WAV


@pytest.mark.parametrize("kind", media.KINDS)
async def test_every_kind_of_file_arrives_whatever_it_is_called(site, kind):
    _, made = await send(site, media.encoded(kind), "song.exe")
    assert (made["format"], made["path"].rpartition(".")[2]) == (kind, kind)


@pytest.mark.parametrize("size", [1, 7, 1000, 65_536])
async def test_however_a_form_is_cut_into_pieces_it_is_the_same_file(site, size):
    """Boundaries fall anywhere, and the file has some of their beginnings in it."""
    boundary = b"xYzZY"
    trap = b"\r\n--xYz\r\n--xYzZ\r\n-" * (1 if size == 1 else 500)
    file = media.wav(5000, claimed=len(trap) + 10_000) + trap
    body = (
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--'
        + boundary + b'\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        + file + b"\r\n--" + boundary + b"--\r\n"
    )  # fmt: skip
    if size == 1:
        pieces = [body[:200][n : n + 1] for n in range(200)] + [body[200:]]
    else:
        pieces = [body[n : n + size] for n in range(0, len(body), size)]

    async def stream():
        for piece in pieces:
            yield piece
            await asyncio.sleep(0)

    headers = {"Content-Type": "multipart/form-data; boundary=xYzZY"}
    status, made = await site.ask("POST", "/v1/uploads", data=stream(), headers=headers)
    assert (status, made["bytes"]) == (201, len(file))


@pytest.mark.parametrize(
    ("name", "shown"),
    [("../../a.wav", "a.wav"), ('a"b;c.wav', 'a"b;c.wav'), ("Grüße 🎧.wav", "Grüße 🎧.wav")],
)
async def test_a_name_is_shown_and_leads_nowhere(site, name, shown):
    _, made = await send(site, filename=name)
    assert made["filename"] == shown
    (blob,), _, _ = await site.kept()
    assert re.fullmatch(r"uploads/[0-9a-f-]{36}/[0-9a-f-]{36}/[0-9a-f-]{36}\.wav", blob)


MANY = [("note", "x")] * 20
FORMS = {
    "no file": form(fields=[("note", "hello")]),
    "two files": form(("file", "a.wav", WAV), ("file", "b.wav", WAV)),
    "a file in another field": form(("sample", "a.wav", WAV)),
    "a second file in another field": form(("file", "a.wav", WAV), ("sample", "b.wav", WAV)),
    "too many fields": form(("file", "a.wav", WAV), fields=MANY),
    "a long field": form(("file", "a.wav", WAV), fields=[("note", "x" * 70_000)]),
    "a long field behind": aiohttp.FormData(),
}
for _name, _value, _file in (("file", WAV, "a.wav"), ("note", "x" * 70_000, None)):
    FORMS["a long field behind"].add_field(_name, _value, filename=_file)


@pytest.mark.parametrize("name", FORMS)
async def test_a_form_that_is_not_one_file_is_refused_and_leaves_nothing(site, name):
    made = FORMS[name]
    made._is_processed = False
    payload = made()
    status, error = await site.ask("POST", "/v1/uploads", data=payload)
    assert (status, error["error"]) == (400, "invalid_request")
    assert await site.kept() == (set(), [], [])


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x--\r\n"),
        ("multipart/form-data; boundary=", b"--x--\r\n"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"a" * 10_000),
        ("multipart/form-data; boundary=x", b"--x\r\nA: \xff\xfe\r\n\r\n\r\n--x--"),
        ("multipart/form-data; boundary=" + "x" * 100, b"--x--\r\n"),
        ("application/octet-stream", WAV),
        ("text/plain", b"hello"),
    ],
)
async def test_a_body_that_is_no_form_is_refused(site, content_type, body):
    headers = {"Content-Type": content_type}
    status, error = await site.ask("POST", "/v1/uploads", data=body, headers=headers)
    assert (status, error["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "media_has_no_audio"),
        (b"#EXTM3U\n", "unsupported_media"),
        (media.wav(72), "media_too_short"),
        (media.encoded("flac")[:2000], "media_broken"),
        (lambda: media.flac_bomb(1200), "media_too_long"),
    ],
)
async def test_a_file_that_is_no_sample_is_refused_by_its_own_code(site, data, code):
    status, error = await send(site, data() if callable(data) else data)
    assert (status, error["error"]) == (400, code)
    assert error["message"].endswith(".")
    assert await site.kept() == (set(), [], [])


# -- Torn, huge and slow

HEAD = "POST /v1/uploads HTTP/1.1"
FORM_HEAD = b"Content-Type: multipart/form-data; boundary=x\r\n"
PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'


async def _nothing_is_left(site):
    async with asyncio.timeout(10):
        while await site.kept() != (set(), [], []):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("sent", [10, 50_000])
async def test_a_client_that_leaves_in_the_middle_leaves_nothing(site, sent):
    length = f"Content-Length: {len(PART) + 90_000}\r\n\r\n".encode()
    reached = asyncio.Event()
    accept = site.core.uploads.accept

    async def noted(*args):
        reached.set()
        return await accept(*args)

    site.core.uploads.accept = noted
    await site.raw(HEAD, FORM_HEAD + length + PART + WAV[:sent], 0.2, b"")
    await asyncio.wait_for(reached.wait(), 10)
    await _nothing_is_left(site)


async def test_a_form_that_ends_too_early_is_refused(site):
    body = PART + WAV + b"\r\n--x"
    length = f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    answer = await site.raw(HEAD, FORM_HEAD + length + body)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"invalid_request"' in answer
    await _nothing_is_left(site)


async def test_a_file_at_the_limit_is_taken_and_one_byte_more_is_not(site):
    file = media.wav((MOST - 44) // 2)
    assert len(file) == MOST
    assert (await send(site, file))[0] == 201
    status, error = await send(site, file + b"\0")
    assert (status, error["error"]) == (413, "payload_too_large")
    assert f"{MOST:,} bytes" in error["message"]


async def test_a_body_that_announces_too_much_is_refused_unread(site):
    length = b"Content-Length: 99000000000\r\n\r\n"
    answer = await site.raw(HEAD, FORM_HEAD + length)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"payload_too_large"' in answer


async def test_other_paths_keep_the_usual_limit(site):
    """Only what lies under the path has its own, not what begins with the same letters."""
    for path in ("/v1/uploadsandmore", "/v1/else", "/"):
        async with site.http.post(path, data=bytes(20_000)) as answer:
            assert answer.status == 413, path


async def test_json_may_not_be_as_large_as_a_file(site):
    body = json.dumps({"filename": "a", "more": "x" * 20_000})
    headers = {"Content-Type": "application/json"}
    status, error = await site.ask("POST", "/v1/uploads", data=body, headers=headers)
    assert (status, error["error"]) == (400, "invalid_request")


class TestSlow:
    @pytest.fixture
    def body_limits(self):
        return {"/v1/uploads": BodyLimits(MOST, 0.5, 50_000)}

    async def test_a_body_that_trickles_is_refused(self, site):
        length = b"Content-Length: 90000\r\n\r\n"
        trickle = [part for _ in range(20) for part in (b"a", 0.1)]
        answer = await site.raw(HEAD, FORM_HEAD + length + PART, *trickle[:20])
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"did not arrive within" in answer
        await _nothing_is_left(site)

    async def test_a_body_that_comes_steadily_has_the_time_it_needs(self, site):
        """1.2 seconds for 96 KB are more than the half second and less than the rate asks."""
        body = PART + WAV + b"\r\n--x--\r\n"
        length = f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        pieces = [body[n : n + 16_000] for n in range(0, len(body), 16_000)]
        paced = [part for piece in pieces for part in (piece, 0.17)]
        answer = await site.raw(HEAD, FORM_HEAD + length, *paced)
        assert answer.startswith(b"HTTP/1.1 201")


# -- Signed addresses


async def address(site, **body):
    status, made = await site.ask("POST", "/v1/uploads", json=body)
    assert status == 201
    parts = urlsplit(made["uploadUrl"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return made, f"{parts.path}?{parts.query}", query


async def put(site, path, data=WAV):
    return await site.ask("PUT", path, None, data=data)


async def test_a_signed_address_takes_the_file_without_a_key(site):
    made, path, query = await address(site, filename="sample1.wav")
    assert made["path"] == f"uploads/{made['id']}.wav"
    assert (made["method"], made["status"]) == ("PUT", "pending")
    assert made["uploadUrl"].startswith(f"http://127.0.0.1:{site.port}/v1/uploads/{made['id']}?")
    assert set(query) == {"expires", "signature"}
    status, ready = await put(site, path)
    assert (status, ready["status"], ready["bytes"]) == (200, "ready", len(WAV))
    assert (ready["id"], ready["path"]) == (made["id"], made["path"])
    assert "uploadUrl" not in ready
    assert (await site.ask("GET", f"/v1/uploads/{made['id']}"))[1] == ready


async def test_what_comes_in_chunks_is_taken_as_well(site):
    _, path, _ = await address(site)

    async def chunks():
        for start in range(0, len(WAV), 9000):
            yield WAV[start : start + 9000]

    assert (await put(site, path, chunks()))[0] == 200


async def test_an_address_works_once(site):
    _, path, _ = await address(site)
    assert (await put(site, path))[0] == 200
    status, error = await put(site, path)
    assert (status, error["error"]) == (409, "upload_used")


async def test_an_address_outlives_a_file_that_was_torn_or_bad(site):
    made, path, _ = await address(site)
    head = f"PUT {path} HTTP/1.1"
    await site.raw(head, b"Content-Length: 90000\r\n\r\n" + WAV[:40_000], 0.2, b"")
    assert (await put(site, path, b"#EXTM3U\n"))[1]["error"] == "unsupported_media"
    assert (await put(site, path, bytes(MOST + 1)))[1]["error"] == "payload_too_large"
    status, ready = await put(site, path)
    assert (status, ready["id"]) == (200, made["id"])


async def test_any_bit_of_the_signature_that_is_flipped_is_forbidden(site):
    made, _, query = await address(site)
    good = query["signature"]
    expected = []
    for place in range(0, len(good), 5):
        for bit in range(7):
            spoilt = good[:place] + chr(ord(good[place]) ^ 1 << bit) + good[place + 1 :]
            params = {"expires": query["expires"], "signature": spoilt}
            status, error = await site.ask(
                "PUT", f"/v1/uploads/{made['id']}", None, params=params, data=b""
            )
            expected.append((status, error["error"]))
    assert set(expected) == {(403, "invalid_signature")}


async def test_whatever_else_is_wrong_with_an_address_is_forbidden(site):
    made, path, query = await address(site)
    other, _, _ = await address(site)
    expires, signature = query["expires"], query["signature"]
    for wrong in (
        f"/v1/uploads/{made['id']}",
        f"/v1/uploads/{made['id']}?expires={expires}",
        f"/v1/uploads/{made['id']}?signature={signature}",
        f"/v1/uploads/{made['id']}?expires={int(expires) + 1}&signature={signature}",
        f"/v1/uploads/{made['id']}?expires=0{expires}&signature={signature}",
        f"/v1/uploads/{made['id']}?expires=%2B{expires}&signature={signature}",
        f"/v1/uploads/{made['id']}?expires={expires}.0&signature={signature}",
        f"/v1/uploads/{made['id']}?expires={'9' * 5000}&signature={signature}",
        f"/v1/uploads/{made['id']}?expires={expires}&signature={signature.upper()}",
        f"/v1/uploads/{made['id']}?expires={expires}&signature={signature}%00",
        f"/v1/uploads/{other['id']}?expires={expires}&signature={signature}",
        f"/v1/uploads/{made['id'].upper()}?expires={expires}&signature={signature}",
        f"/v1/uploads/{MISSING}?expires={expires}&signature={signature}",
        f"/v1/uploads/nonsense?expires={expires}&signature={signature}",
        f"{path}&signature={secrets.token_hex(32)}",
        f"{path}&expires=9999999999",
    ):
        status, error = await put(site, wrong)
        assert (status, error["error"]) == (403, "invalid_signature"), wrong
    assert (await put(site, path))[0] == 200


async def test_an_address_that_is_older_than_ten_minutes_is_forbidden(site):
    made, path, query = await address(site)
    clock = int(query["expires"]) + 1
    site.core.uploads._signer._clock = lambda: clock
    status, error = await put(site, path)
    assert (status, error["error"]) == (403, "invalid_signature")
    clock = int(query["expires"]) - 1
    assert (await put(site, path))[0] == 200
    assert made["expiresAt"][-5:] == ".000Z"


async def test_a_place_that_was_deleted_is_not_there_any_more(site):
    made, path, _ = await address(site)
    assert (await site.ask("DELETE", f"/v1/uploads/{made['id']}"))[0] == 204
    assert (await put(site, path))[0] == 404


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"filename": 5}', b'{"filename": "\xff"}', b""])
async def test_json_that_does_not_fit_is_refused(site, body):
    headers = {"Content-Type": "application/json"}
    status, error = await site.ask("POST", "/v1/uploads", data=body, headers=headers)
    assert (status, error["error"]) == (400, "invalid_request")


# -- Who may


async def test_uploads_are_listed_shown_and_deleted(site):
    _, first = await send(site)
    _, second = await send(site, media.encoded("mp3"), "b.mp3")
    assert await site.ask("GET", "/v1/uploads") == (200, {"items": [second, first]})
    assert await site.ask("GET", f"/v1/uploads/{first['id'].upper()}") == (200, first)
    assert await site.ask("DELETE", f"/v1/uploads/{first['id']}") == (204, None)
    assert (await site.ask("GET", f"/v1/uploads/{first['id']}"))[0] == 404
    assert (await site.ask("DELETE", f"/v1/uploads/{first['id']}"))[0] == 404
    assert await site.ask("GET", "/v1/uploads") == (200, {"items": [second]})


async def test_another_workspaces_upload_is_as_missing_as_none(site):
    _, made = await send(site)
    for method in ("GET", "DELETE"):
        foreign = await site.ask(method, f"/v1/uploads/{made['id']}", "stranger")
        assert foreign == await site.ask(method, f"/v1/uploads/{MISSING}", "stranger")
        assert foreign[0] == 404
    assert await site.ask("GET", "/v1/uploads", "stranger") == (200, {"items": []})
    assert (await site.ask("GET", f"/v1/uploads/{made['id']}"))[0] == 200


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        (None, 401, "unauthorized"),
        ("manager", 403, "forbidden"),
        ("poor", 403, "public_api_requires_scale"),
    ],
)
async def test_who_may_not_is_told_before_anything_is_read(site, key, status, code):
    asked = [
        await send(site, key=key),
        await site.ask("POST", "/v1/uploads", key, json={}),
        await site.ask("GET", "/v1/uploads", key),
        await site.ask("GET", f"/v1/uploads/{MISSING}", key),
        await site.ask("DELETE", f"/v1/uploads/{MISSING}", key),
    ]
    assert [(found, error["error"]) for found, error in asked] == [(status, code)] * 5


async def test_a_workspace_with_too_many_uploads_is_told_so(site):
    for _ in range(10):
        await address(site)
    for answer in (await send(site), await site.ask("POST", "/v1/uploads", json={})):
        assert (answer[0], answer[1]["error"]) == (403, "too_many_uploads")
