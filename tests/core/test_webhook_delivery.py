"""Deliveries to real receivers on loopback: what counts, what is tried again, who waits for whom."""

import asyncio
import contextlib
import ssl
from collections import Counter

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from intone.core import webhook_deliveries, webhook_delivery, webhooks
from intone.core.egress import Egress
from intone.core.webhook_deliveries import DELIVER
from intone.core.webhook_delivery import SCHEDULE_S, Deliverer
from intone.core.webhook_signatures import verify_seed
from intone.storage.database import now_ms
from intone.worker.worker import Worker
from loopback.faulty import FaultyServer, certificate
from loopback.vendor import Answer, VendorServer

EVENT = "generation.ready"
BODY = '{"event": "generation.ready", "data": {"name": "Zoë"}}'.encode()
LOOPBACK = ["127.0.0.0/8"]


@pytest.fixture
async def deliverer(database, queue):
    made = Deliverer(database=database, queue=queue, egress=Egress(LOOPBACK, allow_http=True))
    yield made
    await made.close()


@pytest.fixture
async def receiver():
    async with VendorServer() as server:
        server.on("POST", "/hook", Answer(b"thanks"))
        yield server


async def told(database, queue, workspace_id, url, times=1):
    """A webhook at `url` that is about to be told of an event, so many times."""
    new = await database.write(webhooks.create, workspace_id, url, [EVENT])
    for _ in range(times):
        await database.write(webhooks.publish, queue, workspace_id, {EVENT: BODY})
    return new


async def tried(deliverer, queue):
    """Try what is due, once."""
    claims = await queue.claim([DELIVER], limit=100, lease_ms=60_000)
    await asyncio.gather(*(deliverer.run(claim) for claim in claims))
    return len(claims)


async def deliveries(database, new):
    page, webhook = webhook_deliveries.page, new.webhook
    return await database.read(page, webhook.workspace_id, webhook.id, limit=100)


async def outcome(database, queue, deliverer, workspace_id, url):
    """What comes of one try; returns the delivery and its attempt."""
    new = await told(database, queue, workspace_id, url)
    assert await tried(deliverer, queue) == 1
    (delivery,) = await deliveries(database, new)
    (attempt,) = delivery.attempts
    return delivery, attempt


@contextlib.asynccontextmanager
async def working(queue, deliverer, concurrency=webhook_delivery.AT_ONCE):
    worker = Worker(queue, {DELIVER: deliverer.run}, concurrency=concurrency)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(is_so):
    async with asyncio.timeout(30):
        while not (await is_so() if asyncio.iscoroutinefunction(is_so) else is_so()):
            await asyncio.sleep(0.01)


async def test_an_event_arrives_as_it_was_written_and_verifies(
    database, queue, deliverer, workspace_id, receiver
):
    new = await told(database, queue, workspace_id, f"{receiver.base_url}/hook?a=b%20c")
    await tried(deliverer, queue)
    (request,) = receiver.requests
    assert (request.method, request.path_qs) == ("POST", "/hook?a=b%20c")
    assert request.body == BODY
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "Intone-Webhooks"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert verify_seed(request.body, new.secret, request.headers)
    Webhook(new.secret).verify(request.body, dict(request.headers))
    (delivery,) = await deliveries(database, new)
    assert request.headers["webhook-id"] == delivery.message_id
    assert delivery.state == "delivered"
    (attempt,) = delivery.attempts
    assert (attempt.status, attempt.error, attempt.answer) == (200, None, b"thanks")
    assert await tried(deliverer, queue) == 0


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_ends_a_delivery(database, queue, deliverer, workspace_id, receiver, status):
    receiver.on("POST", "/hook", Answer(status=status))
    delivery, attempt = await outcome(
        database, queue, deliverer, workspace_id, f"{receiver.base_url}/hook"
    )
    assert (delivery.state, attempt.status, attempt.error) == ("delivered", status, None)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_redirects_are_failures_and_not_followed(
    database, queue, deliverer, workspace_id, receiver, status
):
    elsewhere = f"{receiver.base_url}/elsewhere"
    receiver.on("POST", "/hook", Answer(status=status, headers={"Location": elsewhere}))
    delivery, attempt = await outcome(
        database, queue, deliverer, workspace_id, f"{receiver.base_url}/hook"
    )
    assert (delivery.state, attempt.status, attempt.error) == ("pending", status, "redirected")
    assert [request.path for request in receiver.requests] == ["/hook"]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429, 500, 503])
async def test_what_is_refused_is_tried_again_after_about_five_seconds(
    database, queue, deliverer, workspace_id, receiver, status
):
    receiver.on("POST", "/hook", Answer(b"no", status=status))
    before = now_ms()
    delivery, attempt = await outcome(
        database, queue, deliverer, workspace_id, f"{receiver.base_url}/hook"
    )
    assert (delivery.state, attempt.status, attempt.error) == ("pending", status, "refused")
    assert attempt.answer == b"no"
    assert delivery.next_at - before >= 4000
    assert delivery.next_at - now_ms() <= 6000
    assert await tried(deliverer, queue) == 0


async def test_410_turns_the_webhook_off(database, queue, deliverer, workspace_id, receiver):
    receiver.on("POST", "/hook", Answer(status=410))
    new = await told(database, queue, workspace_id, f"{receiver.base_url}/hook", times=3)
    (claim, *_) = claims = await queue.claim([DELIVER], limit=3, lease_ms=60_000)
    await deliverer.run(claim)
    off = await database.read(webhooks.find, workspace_id, new.webhook.id)
    assert off.disabled_reason == "gone"
    assert [d.state for d in await deliveries(database, new)] == ["failed"] * 3
    await asyncio.gather(*(deliverer.run(other) for other in claims[1:]))
    assert len(receiver.requests) == 1, "what was pending is not sent any more"
    assert sum(depth.ready + depth.running for depth in await queue.depth()) == 0


async def test_the_schedule_is_that_of_standard_webhooks():
    assert list(SCHEDULE_S) == sorted(SCHEDULE_S)
    assert 3 * 24 < sum(SCHEDULE_S) / 3600 < 76


async def test_what_fails_for_days_ends_and_turns_off_a_webhook_that_took_nothing_else(
    database, queue, deliverer, workspace_id, receiver, monkeypatch
):
    monkeypatch.setattr(webhook_delivery, "SCHEDULE_S", (0,) * len(SCHEDULE_S))
    receiver.on("POST", "/hook", Answer(status=500))
    new = await told(database, queue, workspace_id, f"{receiver.base_url}/hook")
    for _ in range(1 + len(SCHEDULE_S)):
        assert await tried(deliverer, queue) == 1
    assert await tried(deliverer, queue) == 0
    (delivery,) = await deliveries(database, new)
    assert (delivery.state, len(delivery.attempts)) == ("failed", 10)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    off = await database.read(webhooks.find, workspace_id, new.webhook.id)
    assert off.disabled_reason == "failing"


async def test_a_webhook_that_took_another_event_meanwhile_stays_on(
    database, queue, deliverer, workspace_id, receiver, monkeypatch
):
    monkeypatch.setattr(webhook_delivery, "SCHEDULE_S", (0,) * len(SCHEDULE_S))
    new = await told(database, queue, workspace_id, f"{receiver.base_url}/hook")
    (claim,) = await queue.claim([DELIVER], limit=1, lease_ms=60_000)
    await database.write(webhooks.publish, queue, workspace_id, {EVENT: b"{}"})
    await tried(deliverer, queue)
    receiver.on("POST", "/hook", Answer(status=500))
    await deliverer.run(claim)
    for _ in SCHEDULE_S:
        assert await tried(deliverer, queue) == 1
    assert [d.state for d in await deliveries(database, new)] == ["delivered", "failed"]
    kept = await database.read(webhooks.find, workspace_id, new.webhook.id)
    assert kept.disabled_at is None


async def test_an_endless_answer_is_cut_off_and_its_beginning_kept(
    database, queue, deliverer, workspace_id, receiver
):
    sent = Counter()

    async def endless(request, wire):
        response = web.StreamResponse()
        await response.prepare(wire)
        while True:
            await response.write(b"x" * 1000)
            sent["bytes"] += 1000

    receiver.on("POST", "/hook", endless)
    delivery, attempt = await outcome(
        database, queue, deliverer, workspace_id, f"{receiver.base_url}/hook"
    )
    assert (delivery.state, attempt.answer) == ("delivered", b"x" * 4096)
    await until(lambda: receiver.abandoned == 1)


async def test_an_answer_that_unpacks_to_much_is_not_unpacked(
    database, queue, deliverer, workspace_id, receiver
):
    packed = Answer(b"\x1f\x8b not really", headers={"Content-Encoding": "gzip"})
    receiver.on("POST", "/hook", packed)
    _, attempt = await outcome(
        database, queue, deliverer, workspace_id, f"{receiver.base_url}/hook"
    )
    assert receiver.requests[0].headers["accept-encoding"] == "identity"
    assert (attempt.error, attempt.answer) == (None, packed.body)


async def test_the_head_of_an_answer_decides_even_if_its_body_never_ends(
    database, queue, deliverer, workspace_id, receiver, monkeypatch
):
    monkeypatch.setattr(webhook_delivery, "_TOTAL_S", 1.0)
    receiver.on("POST", "/hook", Answer([b"so", b"on"], pause_s=60))
    delivery, attempt = await outcome(
        database, queue, deliverer, workspace_id, f"{receiver.base_url}/hook"
    )
    assert (delivery.state, attempt.status, attempt.answer) == ("delivered", 200, b"so")


async def test_a_receiver_that_does_not_answer_in_time_is_left(
    database, queue, deliverer, workspace_id, receiver, monkeypatch
):
    monkeypatch.setattr(webhook_delivery, "_TOTAL_S", 0.3)
    receiver.on("POST", "/hook", Answer(delay_s=60))
    delivery, attempt = await outcome(
        database, queue, deliverer, workspace_id, f"{receiver.base_url}/hook"
    )
    assert (delivery.state, attempt.status, attempt.error) == ("pending", None, "timed_out")
    await until(lambda: receiver.abandoned == 1)


async def _hangs_up(exchange):
    exchange.reset()


async def _is_no_http(exchange):
    await exchange.send(b"220 mail.example ESMTP\r\n")
    exchange.close()


async def _has_a_huge_head(exchange):
    await exchange.send(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000)
    await exchange.wait_for_client()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (_hangs_up, "broken_off"),
        (_is_no_http, "invalid_answer"),
        (_has_a_huge_head, "invalid_answer"),
    ],
)
async def test_receivers_that_break_off_or_speak_no_http_are_told_apart(
    database, queue, deliverer, workspace_id, fault, error
):
    with FaultyServer(fault) as server:
        url = f"http://127.0.0.1:{server.port}/hook"
        delivery, attempt = await outcome(database, queue, deliverer, workspace_id, url)
    assert (delivery.state, attempt.status, attempt.error) == ("pending", None, error)


@pytest.mark.parametrize("tls", [certificate(expired=False), certificate(expired=True)])
async def test_certificates_that_nobody_vouches_for_are_not_trusted(
    database, queue, deliverer, workspace_id, tls: ssl.SSLContext
):
    with FaultyServer(_hangs_up, tls=tls) as server:
        url = f"https://127.0.0.1:{server.port}/hook"
        _, attempt = await outcome(database, queue, deliverer, workspace_id, url)
        assert attempt.error == "tls_failed"
        assert server.requests == []


async def test_receivers_that_are_not_there_are_told_apart(
    database, queue, deliverer, workspace_id, receiver
):
    await asyncio.to_thread(receiver.stop)
    _, attempt = await outcome(
        database, queue, deliverer, workspace_id, f"http://127.0.0.1:{receiver.port}/hook"
    )
    assert attempt.error == "not_connected"


async def test_a_name_that_has_no_address_is_tried_again(
    database, queue, deliverer, workspace_id, monkeypatch
):
    async def getaddrinfo(*_, **__):
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    delivery, attempt = await outcome(
        database, queue, deliverer, workspace_id, "https://nowhere.example/hook"
    )
    assert (delivery.state, attempt.error) == ("pending", "not_resolved")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
async def test_an_address_that_is_forbidden_by_now_is_not_connected_to(
    database, queue, workspace_id, receiver, host
):
    """The operator may have closed what was open when the webhook was registered."""
    deliverer = Deliverer(database=database, queue=queue, egress=Egress(allow_http=True))
    delivery, attempt = await outcome(
        database, queue, deliverer, workspace_id, f"http://{host}:{receiver.port}/hook"
    )
    assert (delivery.state, attempt.status, attempt.error) == ("pending", None, "forbidden_address")
    assert receiver.requests == []
    await deliverer.close()


async def test_after_a_rotation_both_secrets_verify(
    database, queue, deliverer, workspace_id, receiver
):
    old = await told(database, queue, workspace_id, f"{receiver.base_url}/hook")
    new = await database.write(webhooks.rotate_secret, workspace_id, old.webhook.id, 1)
    await tried(deliverer, queue)
    (request,) = receiver.requests
    for secret in (old.secret, new.secret):
        Webhook(secret).verify(request.body, dict(request.headers))
    assert verify_seed(request.body, new.secret, request.headers)


async def test_a_slow_receiver_delays_nobody_else(
    database, queue, deliverer, workspace_id, receiver
):
    """Ten times as much for a receiver that hangs as there are slots leaves slots for others."""
    most = 0

    async def hang(request):
        nonlocal most
        most = max(most, receiver.running)
        await asyncio.sleep(600)

    receiver.on("POST", "/slow", hang)
    slow = await told(database, queue, workspace_id, f"{receiver.base_url}/slow", times=80)
    await database.write(webhooks.update, workspace_id, slow.webhook.id, events=["voice.cloned"])
    retry, given_back = queue.retry, Counter()

    def counted(tx, claim, **how):
        given_back[claim.subject] += 1
        retry(tx, claim, **how)

    queue.retry = counted
    async with working(queue, deliverer, concurrency=8):
        await until(lambda: receiver.running == 4)
        quick = await told(database, queue, workspace_id, f"{receiver.base_url}/hook", times=20)

        async def all_are_there():
            return all(d.state == "delivered" for d in await deliveries(database, quick))

        await until(all_are_there)
        assert receiver.running == 4
        await asyncio.sleep(2)
    assert most == 4
    assert given_back.total() < 80 * 4, "what waits is not looked at again and again"


async def test_a_workspace_cannot_take_all_the_slots(
    database, queue, deliverer, workspace_id, receiver
):
    receiver.on("POST", "/slow", Answer(delay_s=600))
    for _ in range(8):
        await database.write(webhooks.create, workspace_id, f"{receiver.base_url}/slow", [EVENT])
    for _ in range(5):
        await database.write(webhooks.publish, queue, workspace_id, {EVENT: BODY})
    async with working(queue, deliverer):
        await until(lambda: receiver.running == 16)
        await asyncio.sleep(1.5)
        assert receiver.running == 16


async def test_a_long_backlog_of_a_quick_receiver_is_worked_off(
    database, queue, deliverer, workspace_id, receiver
):
    new = await told(database, queue, workspace_id, f"{receiver.base_url}/hook", times=60)
    async with working(queue, deliverer):
        await until(lambda: len(receiver.requests) >= 60)

        async def all_are_there():
            return all(d.state == "delivered" for d in await deliveries(database, new))

        await until(all_are_there)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 60


async def test_a_worker_that_is_stopped_gives_back_what_it_was_sending(
    database, queue, deliverer, workspace_id, receiver
):
    receiver.on("POST", "/hook", Answer(delay_s=600))
    await told(database, queue, workspace_id, f"{receiver.base_url}/hook", times=3)
    async with working(queue, deliverer):
        await until(lambda: receiver.running == 3)
    receiver.on("POST", "/hook", Answer())
    assert await tried(deliverer, queue) == 3
    assert await tried(deliverer, queue) == 0


async def test_two_workers_share_the_work_and_send_nothing_twice(
    database, queue, deliverer, workspace_id, receiver
):
    new = await told(database, queue, workspace_id, f"{receiver.base_url}/hook", times=40)
    async with working(queue, deliverer, 4), working(queue, deliverer, 4):

        async def all_are_there():
            return all(d.state == "delivered" for d in await deliveries(database, new))

        await until(all_are_there)
    assert len(receiver.requests) == 40
