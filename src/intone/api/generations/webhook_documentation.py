"""What the OpenAPI document says of webhooks: examples that are real requests."""

from __future__ import annotations

from typing import Any, Final

from intone.api.described import JSON, Answer, describe
from intone.api.generations.documentation import NO_API
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
from intone.errors import InvalidInputError

__all__ = [
    "CREATE",
    "DELETE",
    "DELIVERIES",
    "DELIVERY_ID",
    "GET",
    "LIST",
    "REPLAY",
    "ROTATE",
    "TEST",
    "UPDATE",
    "WEBHOOK_ID",
]

WEBHOOK_ID: Final = "8a5f6f1c-0a54-4d0e-9f3a-6f2f8f1f9b11"
DELIVERY_ID: Final = "3d6cf5a7-54a7-4bb8-8b0e-0a5a2a6a7c21"
_URL: Final = "https://app.example/hooks/speech"
_COMMON: Final[dict[str, Any]] = {
    "id": WEBHOOK_ID,
    "url": _URL,
    "events": ["generation.ready", "generation.failed"],
    "enabled": True,
    "disabled_reason": None,
    "old_secret_expires_at": None,
    "created_at": "2026-11-20T12:00:00.000Z",
}
_WEBHOOK: Final = WebhookBody(**_COMMON)
_CREATED: Final = CreatedWebhook(**_COMMON, secret="whsec_" + "A" * 43 + "=")
_DELIVERY: Final = WebhookDelivery(
    id=DELIVERY_ID,
    event="generation.ready",
    message_id="c0d1b7a4-40ac-4b3b-9c94-0f3a8d1f0e55",
    status="delivered",
    created_at="2026-11-20T12:00:00.000Z",
    ended_at="2026-11-20T12:00:00.080Z",
    next_attempt_at=None,
    attempts=[
        WebhookAttempt(
            at="2026-11-20T12:00:00.010Z", took_ms=68, status=200, error=None, answer="ok"
        )
    ],
)
_PENDING: Final = WebhookDelivery(
    id=DELIVERY_ID,
    event="webhook.test",
    message_id="c0d1b7a4-40ac-4b3b-9c94-0f3a8d1f0e55",
    status="pending",
    created_at="2026-11-20T12:00:00.000Z",
    ended_at=None,
    next_attempt_at="2026-11-20T12:00:00.000Z",
    attempts=[],
)
_ID: Final = {"webhook_id": "$response.body#/id"}

CREATE = describe(
    {
        201: Answer(
            "It is told of events from now on.",
            {JSON: _CREATED},
            links={"getWebhook": _ID, "testWebhook": _ID, "listWebhookDeliveries": _ID},
        )
    },
    body=CreateWebhook,
    examples={"generations": {"url": _URL, "events": ["generation.ready", "generation.failed"]}},
    errors=[NO_API],
)
LIST = describe(
    {200: Answer("All of them.", {JSON: WebhookList(items=[_WEBHOOK])})}, errors=[NO_API]
)
GET = describe({200: Answer("It stands so.", {JSON: _WEBHOOK})}, errors=[NO_API])
UPDATE = describe(
    {200: Answer("It stands so now.", {JSON: _WEBHOOK})},
    body=UpdateWebhook,
    examples={
        "events": {"events": ["generation.completed"]},
        "turn off": {"enabled": False},
    },
    errors=[NO_API],
)
DELETE = describe({204: Answer("It is gone.")}, errors=[NO_API])
ROTATE = describe(
    {200: Answer("It signs with the new secret.", {JSON: _CREATED})},
    body=RotateSecret,
    examples={"a day": {"overlapHours": 24}, "at once": {"overlapHours": 0}},
    errors=[NO_API],
)
TEST = describe(
    {
        202: Answer(
            "It will be sent.",
            {JSON: _PENDING},
            links={
                "replayWebhookDelivery": {
                    "webhook_id": "$request.path.webhook_id",
                    "delivery_id": "$response.body#/id",
                }
            },
        )
    },
    errors=[InvalidInputError("This webhook is turned off; turn it on first."), NO_API],
)
DELIVERIES = describe(
    {200: Answer("A page.", {JSON: DeliveryList(items=[_DELIVERY], next_cursor=None)})},
    errors=[NO_API],
)
REPLAY = describe({202: Answer("It will be sent again.", {JSON: _PENDING})}, errors=[NO_API])
