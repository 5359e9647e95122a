"""Routes of players' events (wire.md §1; the bodies are ours).

A page sends them with `sendBeacon`, whose text/plain asks for no preflight while it is being left.
Of several events in one body all are taken or, where one is not valid, none: so a body can be sent
again as it is once it is mended. Events of posts that the site does not have are left out; only
where all of them are, the answer is 404.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import msgspec
from litestar import Request, post
from msgspec import UNSET

from intone.api.auth import SECURITY, principal_of
from intone.api.bodies import decode_json, read_body
from intone.api.explain import explain
from intone.api.headers import header_values
from intone.api.posts import figures_documentation as documentation
from intone.api.posts.cors import allow_origin
from intone.api.posts.errors import InvalidFieldsError
from intone.api.posts.event_schemas import EventBatch, EventBody, Taken
from intone.api.posts.gate import (
    TRACKED_PER_MINUTE,
    admit_domain,
    by_key,
    core_of,
    key_site,
)
from intone.errors import ForbiddenError, IntoneError
from intone.text.controls import find_forbidden, refuse_controls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from intone.core.plans import Plan
    from intone.core.post_events import PostEvent
    from intone.core.sites import Site

__all__ = ["EVENT_ROUTES", "require_figures"]

Req = Request[Any, Any, Any]

_MEDIA_TYPES: Final = ("application/json", "text/plain")
_FEATURE: Final = "analytics"


@post(
    "/v1/public/events",
    status_code=202,
    operation_id="sendPublicEvents",
    summary="Tell what happened in a page's player",
    tags=["Figures"],
    opt=documentation.PUBLIC_EVENTS,
)
async def public(request: Req) -> Taken:
    """Count one event, or up to 100, of a page of one of the site's domains."""
    core = core_of(request)
    try:
        body = await read_body(request, _MEDIA_TYPES)
        batch = decode_json(body, EventBatch).value
    except IntoneError:
        await allow_origin(request, core, None)  # so that the page may read why
        raise
    site = await admit_domain(request, batch.domain or "", "public_events")
    _refuse_strangers(request, site)
    await core.analytics.count(site.id, _events(body, batch))
    return Taken()


@post(
    "/v1/events/track",
    status_code=202,
    before_request=by_key(per_minute=TRACKED_PER_MINUTE, bucket="track"),
    security=SECURITY,
    operation_id="trackEvents",
    summary="Tell what happened in a player of your own",
    tags=["Figures"],
    opt=documentation.TRACK,
)
async def track(request: Req) -> Taken:
    """Count one event, or up to 100, of the key's site, or of the one that `domain` names."""
    require_figures(principal_of(request).plan)
    body = await read_body(request)
    batch = decode_json(body, EventBatch).value
    if batch.domain is not None:
        refuse_controls("domain", batch.domain)
    site = await key_site(request, site=batch.domain)
    await core_of(request).analytics.count(site.id, _events(body, batch))
    return Taken()


def require_figures(plan: Plan) -> None:
    """See that a plan has figures.

    Raises:
        ForbiddenError: It has not.
    """
    if _FEATURE not in plan.features:
        raise ForbiddenError(f"The plan {plan.name!r} does not include analytics.")


def _refuse_strangers(request: Req, site: Site) -> None:
    """Refuse what a browser says comes from a page of another site.

    Raises:
        ForbiddenError: It does.
    """
    if not all(map(site.is_at, header_values(request, b"origin"))):
        raise ForbiddenError("This page is not on a domain of the site that it names.")


def _events(body: bytes, batch: EventBatch) -> Sequence[PostEvent]:
    """The events of a body.

    Raises:
        InvalidFieldsError: Some of them are not valid: which, and why.
        InvalidInputError: It holds a single one, which is none.
    """
    if batch.events is UNSET:
        event = decode_json(body, EventBody).value.post_event
        faults = {field: [sentence] for field, sentence in _faults(event)}
        events = [event]
    else:
        faults, events = _checked(batch.events)
    if faults:
        raise InvalidFieldsError(faults)
    return events


def _checked(said: Sequence[Any]) -> tuple[dict[str, list[str]], list[PostEvent]]:
    """What is wrong with events, by index and field (`events.3.event`), and those that fit."""
    faults, events = defaultdict[str, list[str]](list), []
    for index, one in enumerate(said):
        try:
            event = msgspec.convert(one, EventBody).post_event
        except msgspec.ValidationError as error:
            field, _, sentence = explain(str(error), EventBody).partition(": ")
            name = f"events.{index}" if field == "The body" else f"events.{index}.{field}"
            faults[name].append(sentence[:1].upper() + sentence[1:])
            continue
        for field, sentence in _faults(event):
            faults[f"events.{index}.{field}"].append(sentence)
        events.append(event)
    return faults, events


def _faults(event: PostEvent) -> Iterator[tuple[str, str]]:
    for field, text in (("post_id", event.post_id), ("lang", event.language)):
        if find_forbidden(text) is not None:
            yield field, "This holds a control character."
    yield from event.faults().items()


EVENT_ROUTES = [public, track]
