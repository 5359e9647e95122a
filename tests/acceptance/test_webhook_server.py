"""Webhooks of a real server: they arrive, verify as the seed and Standard Webhooks say, survive."""

import base64
import datetime as dt
import ipaddress
import json
import ssl
import subprocess
import sys
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from standardwebhooks import Webhook

from helpers.server import free_port
from intone.core.webhook_signatures import SEED_HEADER
from loopback.faulty import FaultyServer
from loopback.vendor import Answer, VendorServer

OPEN = {"INTONE_EGRESS_ALLOW": "127.0.0.0/8", "INTONE_WEBHOOKS_ALLOW_HTTP": "true"}
#: As seed 002 has it, and what hands it an event and says what came of it.
SNIPPET = """
const crypto = require('crypto');
function verifySignature(body, secret, signatureHeader) {
const expected = 'sha256=' + crypto
.createHmac('sha256', secret)
.update(body)
.digest('hex');
return crypto.timingSafeEqual(
Buffer.from(signatureHeader),
Buffer.from(expected)
);
}
const { body, secret, header } = JSON.parse(require('fs').readFileSync(0));
console.log(verifySignature(Buffer.from(body, 'base64'), secret, header));
"""


@pytest.fixture
def receiver():
    with VendorServer() as server:
        server.on("POST", "/hook", Answer(b"thanks"))
        yield server


def register(client, url):
    made = client.post("/v1/webhooks", json={"url": url, "events": ["generation.ready"]})
    assert made.status_code == 201, made.text
    return made.json()


def send_test(client, webhook):
    sent = client.post(f"/v1/webhooks/{webhook['id']}/test")
    assert sent.status_code == 202, sent.text
    return sent.json()


def deliveries(client, webhook):
    listed = client.get(f"/v1/webhooks/{webhook['id']}/deliveries", params={"limit": 50})
    return listed.json()["items"]


def until(is_so, seconds=60):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)


def test_a_test_event_arrives_verifies_and_is_listed(make_server, receiver):
    server = make_server(**OPEN).start()
    with server.client() as client:
        webhook = register(client, f"{receiver.base_url}/hook")
        sent = send_test(client, webhook)
        until(lambda: deliveries(client, webhook)[0]["status"] == "delivered")
        (delivery,) = deliveries(client, webhook)
    (request,) = receiver.requests
    event = Webhook(webhook["secret"]).verify(request.body, dict(request.headers))
    assert event == json.loads(request.body)
    assert set(event) == {"event", "timestamp", "data"}
    assert event["event"] == "webhook.test"
    assert request.headers["webhook-id"] == sent["messageId"]
    assert (delivery["id"], delivery["attempts"][0]["answer"]) == (sent["id"], "thanks")
    assert webhook["secret"] not in server.log.read_text()


@pytest.mark.requires("client", "node")
def test_the_seed_s_own_snippet_verifies_what_arrives(make_server, receiver, tmp_path):
    server = make_server(**OPEN).start()
    with server.client() as client:
        webhook = register(client, f"{receiver.base_url}/hook")
        send_test(client, webhook)
        receiver.wait_until(lambda: receiver.requests)
    (request,) = receiver.requests
    script = tmp_path / "verify.cjs"
    script.write_text(SNIPPET)

    def said(body):
        asked = {
            "body": base64.b64encode(body).decode(),
            "secret": webhook["secret"],
            "header": request.headers[SEED_HEADER],
        }
        ran = subprocess.run(
            ["node", script], input=json.dumps(asked), capture_output=True, text=True, check=True
        )
        return ran.stdout.strip()

    assert said(request.body) == "true"
    assert said(request.body + b" ") == "false"


def test_without_the_operator_s_leave_nothing_leads_to_this_machine(make_server, receiver):
    server = make_server().start()
    with server.client() as client:
        for url in (
            f"{receiver.base_url}/hook",
            f"https://127.0.0.1:{receiver.port}/hook",
            f"https://localhost:{receiver.port}/hook",
            f"https://[::ffff:127.0.0.1]:{receiver.port}/hook",
            f"https://2130706433:{receiver.port}/hook",
        ):
            body = {"url": url, "events": ["generation.ready"]}
            refused = client.post("/v1/webhooks", json=body)
            assert refused.status_code == 400, url
            assert refused.json()["error"] in {"invalid_request", "forbidden_address"}
    # What was registered while it was open stays closed at the time of sending.
    made = subprocess.run(
        [sys.executable, "-m", "intone", "webhooks", "create", f"{receiver.base_url}/hook",
         "--json", "--data-dir", str(server.data_dir)],
        env=server.env | OPEN, capture_output=True, text=True, check=True,
    )  # fmt: skip
    with server.client() as client:
        webhook = json.loads(made.stdout)
        send_test(client, webhook)
        until(lambda: deliveries(client, webhook)[0]["attempts"])
        (attempt,) = deliveries(client, webhook)[0]["attempts"]
    assert (attempt["status"], attempt["error"]) == (None, "forbidden_address")
    assert receiver.requests == []


def test_every_event_arrives_though_the_server_is_killed_while_it_sends(make_server, receiver):
    server = make_server(**OPEN).start()
    receiver.on("POST", "/hook", Answer(delay_s=0.2))
    sent = set()
    with server.client() as client:
        webhook = register(client, f"{receiver.base_url}/hook")
    for _ in range(2):
        with server.client() as client:
            sent |= {send_test(client, webhook)["messageId"] for _ in range(12)}
        receiver.wait_until(lambda: receiver.running)
        server.kill()
        server.start()
    until(lambda: sent <= {request.headers["webhook-id"] for request in receiver.requests})
    for request in receiver.requests:
        Webhook(webhook["secret"]).verify(request.body, dict(request.headers))
    with server.client() as client:
        until(lambda: all(d["status"] == "delivered" for d in deliveries(client, webhook)))


def _certificate(folder):
    """A context for 127.0.0.1, and the file that has others trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    now = dt.datetime.now(dt.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    authority, both = folder / "authority.pem", folder / "server.pem"
    authority.write_bytes(signed.public_bytes(pem))
    both.write_bytes(plain + signed.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, authority


async def _says_fine(exchange):
    await exchange.whole("200 OK", b"fine", {})


def test_https_receivers_are_known_by_their_certificate(make_server, tmp_path):
    tls, authority = _certificate(tmp_path)
    server = make_server(INTONE_EGRESS_ALLOW="127.0.0.0/8,::1", SSL_CERT_FILE=authority).start()
    with FaultyServer(_says_fine, tls=tls) as receiver, server.client() as client:
        good = register(client, f"https://127.0.0.1:{receiver.port}/hook")
        # The certificate is not for this name, though it leads to the same address.
        bad = register(client, f"https://localhost:{receiver.port}/hook")
        for webhook in (good, bad):
            send_test(client, webhook)
            until(lambda webhook=webhook: deliveries(client, webhook)[0]["attempts"])
        assert deliveries(client, good)[0]["status"] == "delivered"
        assert deliveries(client, bad)[0]["attempts"][0]["error"] == "tls_failed"
        assert len(receiver.requests) == 1


def test_the_listening_command_verifies_and_prints_what_arrives(make_server):
    server, port = make_server(**OPEN).start(), free_port()
    with server.client() as client:
        webhook = register(client, f"http://127.0.0.1:{port}/hook")
    listener = subprocess.Popen(
        [sys.executable, "-m", "intone", "webhooks", "listen", "--port", str(port), "--json"],
        env=server.env | {"INTONE_WEBHOOK_SECRET": webhook["secret"]},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert listener.stdout is not None
        assert json.loads(listener.stdout.readline()) == {"listening": f"http://127.0.0.1:{port}"}
        with server.client() as client:
            sent = send_test(client, webhook)
            seen = json.loads(listener.stdout.readline())
            assert seen["verified"] == {SEED_HEADER: True, "webhook-signature": True}
            assert (seen["id"], seen["event"]["event"]) == (sent["messageId"], "webhook.test")
            client.post(f"/v1/webhooks/{webhook['id']}/rotate-secret", json={"overlapHours": 0})
            send_test(client, webhook)
            seen = json.loads(listener.stdout.readline())
            assert seen["verified"] == {SEED_HEADER: False, "webhook-signature": False}
            until(lambda: deliveries(client, webhook)[0]["attempts"])
            (attempt,) = deliveries(client, webhook)[0]["attempts"]
            assert (attempt["status"], attempt["error"]) == (401, "refused")
    finally:
        listener.terminate()
        listener.wait(20)
    listed = server.cli("webhooks", "list", "--json")
    assert [w["id"] for w in json.loads(listed.stdout)] == [webhook["id"]]
