"""Bodies of webhooks; the seeds name no more than that there are HTTPS endpoints and a secret."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from intone.api.moments import Moment  # noqa: TC001 - msgspec reads it
from intone.core.egress import LONGEST_URL
from intone.core.webhook_deliveries import DeliveryState, Outcome  # noqa: TC001 - msgspec reads it
from intone.core.webhooks import (
    MAX_OVERLAP_HOURS,
    DisabledReason,
    EventName,
)

__all__ = [
    "CreateWebhook",
    "CreatedWebhook",
    "DeliveryList",
    "RotateSecret",
    "UpdateWebhook",
    "WebhookAttempt",
    "WebhookBody",
    "WebhookDelivery",
    "WebhookList",
]

_Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_URL,
        description="Where events are sent: an https address of the public internet.",
        examples=["https://app.example/hooks/speech"],
    ),
]
_Events = Annotated[
    list[EventName], Meta(min_length=1, max_length=20, description="What to be told of.")
]


class CreateWebhook(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A webhook to register."""

    url: _Url
    events: _Events


class UpdateWebhook(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What to change of a webhook; what is not there stays."""

    url: _Url | UnsetType = UNSET
    events: _Events | UnsetType = UNSET
    enabled: Annotated[
        bool | UnsetType, Meta(description="Turned off, it gives up what it has pending.")
    ] = UNSET


class RotateSecret(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How to change over to a new secret."""

    overlap_hours: Annotated[
        float,
        Meta(
            ge=0,
            le=MAX_OVERLAP_HOURS,
            description="Hours for which `webhook-signature` also has a signature by the old one.",
        ),
    ] = MAX_OVERLAP_HOURS


class WebhookBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A webhook."""

    id: str
    url: str
    events: list[EventName]
    enabled: bool
    disabled_reason: Annotated[
        DisabledReason | None,
        Meta(
            description="`owner`; `gone`: its receiver answered 410; `failing`: nothing was"
            " delivered for as long as an event is tried."
        ),
    ]
    old_secret_expires_at: Annotated[
        Moment | None, Meta(description="Until when the secret before this one signs as well.")
    ]
    created_at: Moment


class CreatedWebhook(WebhookBody, frozen=True, kw_only=True, rename="camel"):
    """A webhook with a fresh secret."""

    secret: Annotated[str, Meta(description="What signs its events; shown this once.")]


class WebhookList(msgspec.Struct, frozen=True, kw_only=True):
    """The webhooks of the workspace, oldest first."""

    items: list[WebhookBody]


class WebhookAttempt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One try of a delivery."""

    at: Moment
    took_ms: int
    status: Annotated[int | None, Meta(description="HTTP's; null where there was no answer.")]
    error: Annotated[Outcome | None, Meta(description="Why it failed; null where it did not.")]
    answer: Annotated[str, Meta(description="The beginning of what the receiver said.")]


class WebhookDelivery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One event for one webhook."""

    id: str
    event: EventName | Literal["webhook.test"]
    message_id: Annotated[
        str, Meta(description="The `webhook-id` header; tries and replays of an event share it.")
    ]
    status: DeliveryState
    created_at: Moment
    ended_at: Moment | None
    next_attempt_at: Moment | None
    attempts: list[WebhookAttempt]


class DeliveryList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Deliveries, newest first."""

    items: list[WebhookDelivery]
    #: Sent as `cursor`, it leads to those after; null where there are none.
    next_cursor: str | None
