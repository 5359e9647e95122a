"""Routes of webhooks (wire.md §2, §5): where a workspace is told of what has happened.

The seeds promise "HTTPS endpoints", events and a signature; paths and bodies are ours. All of
them need the scope `manage`: a webhook says where a workspace's data goes.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from litestar import Request, Response, delete, get, patch, post
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter
from msgspec import UNSET

from intone.api.auth import SECURITY, require
from intone.api.bodies import read_json
from intone.api.generations import webhook_documentation as documentation
from intone.api.generations.gate import admit, core_of
from intone.api.generations.webhook_schemas import (
    CreatedWebhook,
    CreateWebhook,
    DeliveryList,
    RotateSecret,
    UpdateWebhook,
    WebhookAttempt,
    WebhookBody,
    WebhookDelivery,
    WebhookList,
)
from intone.api.moments import moment
from intone.api.queries import cursor_number, refuse_repeated
from intone.core import webhook_deliveries, webhooks
from intone.errors import NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from intone.core.service import Core
    from intone.core.webhook_deliveries import Delivery
    from intone.core.webhooks import NewWebhook, Webhook

__all__ = ["WEBHOOK_ROUTES"]

Req = Request[Any, Any, Any]

#: On every answer that holds a secret.
_NO_STORE: Final = {"cache-control": "no-store"}
#: Deliveries on a page, unless the caller asks for more or fewer; and the most there are.
_USUAL, _MOST = 20, 50
_HTTP_PORTS: Final = {"http": 80, "https": 443}

_COMMON: dict[str, Any] = {
    "before_request": require("manage"),
    "security": SECURITY,
    "tags": ["Webhooks"],
}
WebhookId = Annotated[
    str,
    PathParameter(
        description="The id that registering the webhook has answered.",
        examples=[Example(value=documentation.WEBHOOK_ID)],
    ),
]
DeliveryId = Annotated[
    str,
    PathParameter(
        description="The id of one of its deliveries.",
        examples=[Example(value=documentation.DELIVERY_ID)],
    ),
]


@post(
    "/v1/webhooks",
    status_code=201,
    operation_id="createWebhook",
    summary="Register a webhook",
    opt=documentation.CREATE,
    **_COMMON,
)
async def create(request: Req) -> Response[CreatedWebhook]:
    """Be told of events at an address; its secret is shown this once."""
    principal, core = await admit(request), core_of(request)
    wanted = (await read_json(request, CreateWebhook)).value
    await _check(core, wanted.url)
    new = await core.database.write(
        webhooks.create, principal.workspace_id, wanted.url, wanted.events
    )
    return _with_secret(new, 201)


@get(
    "/v1/webhooks",
    operation_id="listWebhooks",
    summary="List webhooks",
    opt=documentation.LIST,
    **_COMMON,
)
async def list_(request: Req) -> WebhookList:
    """The workspace's webhooks, oldest first; their secrets are not shown again."""
    principal, core = await admit(request), core_of(request)
    found = await core.database.read(webhooks.list_webhooks, principal.workspace_id)
    return WebhookList(items=[WebhookBody(**_shown(webhook)) for webhook in found])


@get(
    "/v1/webhooks/{webhook_id:str}",
    operation_id="getWebhook",
    summary="Get a webhook",
    opt=documentation.GET,
    **_COMMON,
)
async def get_(request: Req, webhook_id: WebhookId) -> WebhookBody:
    """A webhook as it stands."""
    principal, core = await admit(request), core_of(request)
    found = await core.database.read(webhooks.find, principal.workspace_id, _id(webhook_id))
    return WebhookBody(**_shown(found))


@patch(
    "/v1/webhooks/{webhook_id:str}",
    operation_id="updateWebhook",
    summary="Change a webhook",
    opt=documentation.UPDATE,
    **_COMMON,
)
async def update(request: Req, webhook_id: WebhookId) -> WebhookBody:
    """Change its address or events, or turn it off or on."""
    principal, core = await admit(request), core_of(request)
    wanted = (await read_json(request, UpdateWebhook)).value
    await core.database.read(webhooks.find, principal.workspace_id, _id(webhook_id))
    if wanted.url is not UNSET:
        await _check(core, wanted.url)
    changed = await core.database.write(
        webhooks.update,
        principal.workspace_id,
        _id(webhook_id),
        url=None if wanted.url is UNSET else wanted.url,
        events=None if wanted.events is UNSET else wanted.events,
        enabled=None if wanted.enabled is UNSET else wanted.enabled,
    )
    return WebhookBody(**_shown(changed))


@delete(
    "/v1/webhooks/{webhook_id:str}",
    status_code=204,
    operation_id="deleteWebhook",
    summary="Delete a webhook",
    opt=documentation.DELETE,
    **_COMMON,
)
async def delete_(request: Req, webhook_id: WebhookId) -> None:
    """Remove a webhook with its deliveries; what was pending is not sent any more."""
    principal, core = await admit(request), core_of(request)
    await core.database.write(webhooks.delete, principal.workspace_id, _id(webhook_id))


@post(
    "/v1/webhooks/{webhook_id:str}/rotate-secret",
    status_code=200,
    operation_id="rotateWebhookSecret",
    summary="Rotate a webhook's secret",
    opt=documentation.ROTATE,
    **_COMMON,
)
async def rotate(request: Req, webhook_id: WebhookId) -> Response[CreatedWebhook]:
    """Get a new secret; both sign while receivers change over.

    `X-Voiceproductionai-Signature` has room for one signature: it is by the new secret at once.
    """
    principal, core = await admit(request), core_of(request)
    wanted = (await read_json(request, RotateSecret)).value
    new = await core.database.write(
        webhooks.rotate_secret, principal.workspace_id, _id(webhook_id), wanted.overlap_hours
    )
    return _with_secret(new, 200)


@post(
    "/v1/webhooks/{webhook_id:str}/test",
    status_code=202,
    operation_id="testWebhook",
    summary="Send a test event",
    opt=documentation.TEST,
    **_COMMON,
)
async def test(request: Req, webhook_id: WebhookId) -> WebhookDelivery:
    """Send the event `webhook.test`, signed and tried as all are."""
    principal, core = await admit(request), core_of(request)
    await core.database.read(webhooks.find, principal.workspace_id, _id(webhook_id))
    made = await core.database.write(
        webhook_deliveries.send_test,
        core.queue,
        principal.workspace_id,
        _id(webhook_id),
        moment(now_ms()),
    )
    return _delivery(made)


@get(
    "/v1/webhooks/{webhook_id:str}/deliveries",
    operation_id="listWebhookDeliveries",
    summary="List a webhook's deliveries",
    opt=documentation.DELIVERIES,
    **_COMMON,
)
async def deliveries(
    request: Req,
    webhook_id: WebhookId,
    limit: Annotated[int, QueryParameter(ge=1, le=_MOST, description="Most on a page.")] = _USUAL,
    cursor: Annotated[
        str | None, QueryParameter(description="The `nextCursor` of the page before.")
    ] = None,
) -> DeliveryList:
    """What was sent in the last 30 days and what came of each try, newest first."""
    principal, core = await admit(request), core_of(request)
    refuse_repeated(request)
    await core.database.read(webhooks.find, principal.workspace_id, _id(webhook_id))
    found = await core.database.read(
        webhook_deliveries.page,
        principal.workspace_id,
        _id(webhook_id),
        limit=limit + 1,
        before=cursor_number(cursor),
    )
    more = str(found[limit - 1].number) if len(found) > limit else None
    return DeliveryList(items=[_delivery(one) for one in found[:limit]], next_cursor=more)


@post(
    "/v1/webhooks/{webhook_id:str}/deliveries/{delivery_id:str}/replay",
    status_code=202,
    operation_id="replayWebhookDelivery",
    summary="Replay a delivery",
    opt=documentation.REPLAY,
    **_COMMON,
)
async def replay(request: Req, webhook_id: WebhookId, delivery_id: DeliveryId) -> WebhookDelivery:
    """Send an event once more: the same body and `webhook-id`, so that receivers can tell."""
    principal, core = await admit(request), core_of(request)
    await core.database.read(webhooks.find, principal.workspace_id, _id(webhook_id))
    made = await core.database.write(
        webhook_deliveries.replay,
        core.queue,
        principal.workspace_id,
        _id(webhook_id),
        _id(delivery_id),
    )
    return _delivery(made)


async def _check(core: Core, url: str) -> None:
    """Refuse an address that would be refused at each delivery; a name may get an address yet."""
    from yarl import URL

    core.egress.check_url(url)
    target = URL(url)
    with suppress(OSError):
        await core.egress.resolve(target.host or "", target.port or _HTTP_PORTS[target.scheme])


def _id(name: str) -> str:
    """An id from a path, as it is stored.

    Raises:
        NotFoundError: Nothing has such an id.
    """
    try:
        return str(uuid.UUID(name))
    except ValueError:
        raise NotFoundError("There is nothing with this id.") from None


def _with_secret(new: NewWebhook, status: int) -> Response[CreatedWebhook]:
    body = CreatedWebhook(**_shown(new.webhook), secret=new.secret)
    return Response(body, status_code=status, headers=_NO_STORE)


def _shown(webhook: Webhook) -> dict[str, Any]:
    until = webhook.old_secret_expires_at
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "enabled": webhook.disabled_at is None,
        "disabled_reason": webhook.disabled_reason,
        "old_secret_expires_at": None if until is None or until <= now_ms() else moment(until),
        "created_at": moment(webhook.created_at),
    }


def _delivery(delivery: Delivery) -> WebhookDelivery:
    return WebhookDelivery(
        id=delivery.id,
        event=cast("Any", delivery.event),  # nothing else is ever stored
        message_id=delivery.message_id,
        status=delivery.state,
        created_at=moment(delivery.created_at),
        ended_at=None if delivery.ended_at is None else moment(delivery.ended_at),
        next_attempt_at=None if delivery.next_at is None else moment(delivery.next_at),
        attempts=[
            WebhookAttempt(
                at=moment(attempt.created_at),
                took_ms=attempt.took_ms,
                status=attempt.status,
                error=attempt.error,
                answer=attempt.answer.decode("utf-8", "replace"),
            )
            for attempt in delivery.attempts
        ],
    )


WEBHOOK_ROUTES = [create, list_, get_, update, delete_, rotate, test, deliveries, replay]
