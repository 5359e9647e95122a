"""Webhooks' rows: limits, secrets, publishing in the transaction of the event, deliveries."""

import asyncio
import base64
import json

import pytest

from helpers.work import count, make_workspace
from intone.core import webhook_deliveries, webhook_errands, webhooks
from intone.core.retention import Retention
from intone.core.webhook_deliveries import DELIVER, Attempt
from intone.errors import InvalidInputError, LeaseLostError, NotFoundError
from intone.storage.database import now_ms

URL = "https://example.com/hook"
READY = {"generation.ready": b'{"event":"generation.ready"}'}
BOTH = READY | {"generation.completed": b'{"event":"generation.completed"}'}
MISSING = "00000000-0000-4000-8000-000000000000"
LEASE_MS = 60_000


async def made(database, workspace_id, events=("generation.ready",), url=URL):
    return await database.write(webhooks.create, workspace_id, url, events)


async def publish(database, queue, workspace_id, bodies=None):
    await database.write(webhooks.publish, queue, workspace_id, bodies or READY)


async def claimed(queue, limit=100):
    return await queue.claim([DELIVER], limit=limit, lease_ms=LEASE_MS)


async def deliveries(database, new):
    webhook = new.webhook
    return await database.read(webhook_deliveries.page, webhook.workspace_id, webhook.id, limit=100)


def attempt(error=None, status=200):
    return Attempt(status, error, b"said", 5, now_ms())


async def test_a_webhook_is_kept_with_its_events_in_order_and_a_secret_of_32_bytes(
    database, workspace_id
):
    new = await made(database, workspace_id, ["voice.failed", "generation.ready", "voice.failed"])
    assert new.webhook.events == ("generation.ready", "voice.failed")
    assert new.secret.startswith("whsec_")
    assert len(base64.b64decode(new.secret.removeprefix("whsec_"))) == 32
    assert new.webhook.disabled_at is None
    assert await database.read(webhooks.list_webhooks, workspace_id) == [new.webhook]
    assert await database.read(webhooks.find, workspace_id, new.webhook.id) == new.webhook


@pytest.mark.parametrize("events", [[], ["generation.*"], ["generation.ready", "nope"], ["a b"]])
async def test_unknown_events_are_refused(database, workspace_id, events):
    with pytest.raises(InvalidInputError, match="events"):
        await made(database, workspace_id, events)


async def test_a_workspace_has_at_most_twenty(database, workspace_id):
    for _ in range(20):
        await made(database, workspace_id)
    with pytest.raises(InvalidInputError, match="at most 20"):
        await made(database, workspace_id)
    other = await database.write(make_workspace, "other")
    await made(database, other)


async def test_another_workspace_s_webhook_is_as_one_that_does_not_exist(
    database, queue, workspace_id
):
    new = await made(database, workspace_id)
    await publish(database, queue, workspace_id)
    (delivery,) = await deliveries(database, new)
    other = await database.write(make_workspace, "other")
    assert await database.read(webhooks.list_webhooks, other) == []
    for webhook_id in (new.webhook.id, MISSING):
        for action in (
            database.read(webhooks.find, other, webhook_id),
            database.write(webhooks.update, other, webhook_id, enabled=False),
            database.write(webhooks.delete, other, webhook_id),
            database.write(webhooks.rotate_secret, other, webhook_id, 1),
        ):
            with pytest.raises(NotFoundError, match=r"^There is no such webhook\.$"):
                await action
    with pytest.raises(NotFoundError):
        await database.write(webhook_deliveries.replay, queue, other, new.webhook.id, delivery.id)
    assert await database.read(webhook_deliveries.page, other, new.webhook.id, limit=5) == []
    assert await database.read(webhooks.find, workspace_id, new.webhook.id) == new.webhook


async def test_an_event_becomes_a_delivery_for_each_subscription_of_its_workspace(
    database, queue, workspace_id
):
    other = await database.write(make_workspace, "other")
    one = await made(database, workspace_id)
    two = await made(database, workspace_id, ["generation.ready", "generation.completed"])
    none = await made(database, workspace_id, ["voice.cloned"])
    foreign = await made(database, other)
    await publish(database, queue, workspace_id, BOTH)
    assert [d.event for d in await deliveries(database, one)] == ["generation.ready"]
    assert {d.event for d in await deliveries(database, two)} == set(BOTH)
    assert await deliveries(database, none) == await deliveries(database, foreign) == []
    subjects = {claim.subject for claim in await claimed(queue)}
    assert subjects == {
        delivery.id for new in (one, two) for delivery in await deliveries(database, new)
    }
    ids = {d.message_id for new in (one, two) for d in await deliveries(database, new)}
    assert len(ids) == 2, "an event has one id, whoever is told of it"


async def test_what_is_rolled_back_is_told_to_nobody(database, queue, workspace_id):
    new = await made(database, workspace_id)

    def fail(tx):
        webhooks.publish(tx, queue, workspace_id, READY)
        raise NotFoundError

    with pytest.raises(NotFoundError):
        await database.write(fail)
    assert await deliveries(database, new) == await claimed(queue) == []


async def test_deleting_webhooks_never_fails_the_work_that_tells_of_its_end(
    database, queue, workspace_id
):
    new = [await made(database, workspace_id) for _ in range(10)]
    told = [publish(database, queue, workspace_id) for _ in range(20)]
    gone = [database.write(webhooks.delete, workspace_id, n.webhook.id) for n in new]
    await asyncio.gather(*told, *gone)
    assert await count(database, "webhooks") == await count(database, "webhook_deliveries") == 0


async def test_a_webhook_that_is_off_is_told_nothing_and_gives_up_what_is_pending(
    database, queue, workspace_id
):
    new = await made(database, workspace_id)
    await publish(database, queue, workspace_id)
    off = await database.write(webhooks.update, workspace_id, new.webhook.id, enabled=False)
    assert off.disabled_reason == "owner"
    await publish(database, queue, workspace_id)
    (delivery,) = await deliveries(database, new)
    assert (delivery.state, delivery.next_at) == ("failed", None)
    assert await database.read(webhook_errands.find, delivery.id) is None
    with pytest.raises(InvalidInputError, match="turned off"):
        await database.write(
            webhook_deliveries.send_test, queue, workspace_id, new.webhook.id, "now"
        )
    with pytest.raises(InvalidInputError, match="turned off"):
        await database.write(
            webhook_deliveries.replay, queue, workspace_id, new.webhook.id, delivery.id
        )
    on = await database.write(
        webhooks.update, workspace_id, new.webhook.id, enabled=True, events=["voice.cloned"]
    )
    assert (on.disabled_at, on.disabled_reason, on.events) == (None, None, ("voice.cloned",))
    await publish(database, queue, workspace_id, {"voice.cloned": b"{}"})
    assert [d.state for d in await deliveries(database, new)] == ["pending", "failed"]


async def test_a_deleted_webhook_leaves_nothing(database, queue, workspace_id):
    new = await made(database, workspace_id)
    await publish(database, queue, workspace_id)
    (claim,) = await claimed(queue)
    await database.write(webhooks.delete, workspace_id, new.webhook.id)
    await database.write(webhook_errands.finish, queue, claim, attempt(), None)
    for table in ("webhooks", "webhook_deliveries", "webhook_attempts"):
        assert await count(database, table) == 0
    with pytest.raises(NotFoundError):
        await database.write(webhooks.delete, workspace_id, new.webhook.id)


async def test_the_old_secret_signs_until_its_time_is_over(database, queue, workspace_id):
    first = await made(database, workspace_id)
    await publish(database, queue, workspace_id)
    (delivery,) = await deliveries(database, first)

    async def secrets():
        return (await database.read(webhook_errands.find, delivery.id)).secrets

    async def rotate(hours):
        return await database.write(webhooks.rotate_secret, workspace_id, first.webhook.id, hours)

    assert await secrets() == (first.secret,)
    second = await rotate(24)
    assert await secrets() == (second.secret, first.secret)
    assert 0 < second.webhook.old_secret_expires_at - now_ms() <= 24 * 3_600_000
    third = await rotate(1)
    assert await secrets() == (third.secret, second.secret)
    fourth = await rotate(0)
    assert await secrets() == (fourth.secret,)
    for hours in (-1, 24.1):
        with pytest.raises(InvalidInputError, match="0 to 24 hours"):
            await rotate(hours)


async def test_a_try_is_written_down_and_ends_or_goes_on(database, queue, workspace_id):
    new = await made(database, workspace_id)
    await publish(database, queue, workspace_id)
    (claim,) = await claimed(queue)
    refused = attempt("refused", 503)
    await database.write(webhook_errands.finish, queue, claim, refused, 0)
    (delivery,) = await deliveries(database, new)
    assert (delivery.state, delivery.attempts) == ("pending", (refused,))
    assert delivery.next_at is not None
    (again,) = await claimed(queue)
    assert again.subject == claim.subject
    assert (await database.read(webhook_errands.find, delivery.id)).attempts == 1
    fine = attempt()
    await database.write(webhook_errands.finish, queue, again, fine, None)
    (delivery,) = await deliveries(database, new)
    assert (delivery.state, delivery.attempts) == ("delivered", (refused, fine))
    assert (delivery.next_at, delivery.ended_at is None) == (None, False)
    assert await claimed(queue) == []


async def test_a_worker_that_lost_its_lease_changes_nothing(database, queue, workspace_id):
    new = await made(database, workspace_id)
    await publish(database, queue, workspace_id)
    (stale,) = await claimed(queue)
    await database.write(queue.retry, stale, delay_ms=0)
    (current,) = await claimed(queue)
    with pytest.raises(LeaseLostError):
        await database.write(webhook_errands.finish, queue, stale, attempt(), None)
    (delivery,) = await deliveries(database, new)
    assert (delivery.state, delivery.attempts) == ("pending", ())
    await database.write(webhook_errands.finish, queue, current, attempt(), None)
    assert (await deliveries(database, new))[0].state == "delivered"


async def test_a_replay_says_the_same_under_the_same_message_id(database, queue, workspace_id):
    new = await made(database, workspace_id)
    await publish(database, queue, workspace_id)
    (first,) = await deliveries(database, new)
    again = await database.write(
        webhook_deliveries.replay, queue, workspace_id, new.webhook.id, first.id
    )
    assert again.id != first.id
    assert (again.event, again.message_id, again.state) == (
        first.event, first.message_id, "pending",
    )  # fmt: skip
    one, two = [
        await database.read(webhook_errands.find, delivery.id) for delivery in (first, again)
    ]
    assert one.body == two.body == READY["generation.ready"]
    with pytest.raises(NotFoundError):
        await database.write(
            webhook_deliveries.replay, queue, workspace_id, new.webhook.id, MISSING
        )


async def test_a_test_event_reaches_a_webhook_whatever_it_is_subscribed_to(
    database, queue, workspace_id
):
    new = await made(database, workspace_id, ["voice.cloned"])
    sent = await database.write(
        webhook_deliveries.send_test,
        queue,
        workspace_id,
        new.webhook.id,
        "2026-01-01T00:00:00.000Z",
    )
    errand = await database.read(webhook_errands.find, sent.id)
    assert json.loads(errand.body) == {
        "event": "webhook.test",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "data": {"webhookId": new.webhook.id},
    }


async def test_pages_are_newest_first_each_with_its_own_attempts(database, queue, workspace_id):
    new, other = await made(database, workspace_id), await made(database, workspace_id)
    for _ in range(5):
        await publish(database, queue, workspace_id)
    for number, claim in enumerate(await claimed(queue)):
        error = attempt("refused", 500 + number)
        await database.write(webhook_errands.finish, queue, claim, error, None)
    seen, before = [], None
    while True:
        page = await database.read(
            webhook_deliveries.page, workspace_id, new.webhook.id, limit=2, before=before
        )
        if not page:
            break
        seen += page
        before = page[-1].number
    assert len(seen) == 5
    assert [d.number for d in seen] == sorted((d.number for d in seen), reverse=True)
    statuses = [d.attempts[0].status for d in (*seen, *await deliveries(database, other))]
    assert sorted(statuses) == list(range(500, 510))


async def test_what_was_told_is_forgotten_after_30_days(
    database, queue, workspace_id, blobs, spool
):
    new = await made(database, workspace_id)
    for _ in range(2):
        await publish(database, queue, workspace_id)
    (newest, oldest) = await deliveries(database, new)
    for claim in await claimed(queue):
        await database.write(webhook_errands.finish, queue, claim, attempt(), None)
    long_ago = now_ms() - 31 * 86_400_000
    await database.write(
        lambda tx: tx.execute(
            "UPDATE webhook_deliveries SET created_at = :at WHERE id = :id",
            at=long_ago, id=oldest.id,
        )
    )  # fmt: skip
    await Retention(database, queue, blobs, spool).sweep()
    assert [d.id for d in await deliveries(database, new)] == [newest.id]
    assert await count(database, "webhook_attempts") == 1
