"""Bodies of the events dialect: what players say (wire.md §1, the bodies are ours)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from intone.core.post_events import LONGEST_S, EventName, PostEvent

__all__ = ["MOST_EVENTS", "EventBatch", "EventBody", "EventsBody", "PublicEventsBody", "Taken"]

#: Most events of one request.
MOST_EVENTS: Final = 100
_LANGUAGE: Final = "en"

PostId = Annotated[str, Meta(min_length=1, max_length=255, examples=["article-001"])]
Language = Annotated[str, Meta(min_length=1, max_length=35, examples=["en"])]
Domain = Annotated[str, Meta(min_length=1, max_length=300, examples=["blog.example"])]
Seconds = Annotated[float, Meta(ge=0, le=LONGEST_S)]


class _Said(Struct, frozen=True, kw_only=True):
    #: The post's language, `en` unless it is said; either name will do.
    lang: Language | None = None
    language: Language | None = None
    #: Where the player is, and how long the audio is; `progress` needs both.
    position_seconds: Seconds | None = None
    duration_seconds: Seconds | None = None
    #: What was really played since the event before; what cannot be true is cut off.
    heard_seconds: Annotated[float, Meta(ge=0)] | None = None
    #: One page view's, so that none of its milestones is counted twice; it is not kept.
    session_id: Annotated[str, Meta(max_length=128)] | None = None
    #: The page's address; it is not kept.
    url: Annotated[str, Meta(max_length=4096)] | None = None


class EventBody(_Said, frozen=True, kw_only=True):
    """An event of a player."""

    post_id: PostId
    event: EventName

    @property
    def post_event(self) -> PostEvent:
        """The event as the core has it."""
        return PostEvent(
            post_id=self.post_id.strip(),
            name=self.event,
            language=(self.language or self.lang or _LANGUAGE).strip().lower(),
            position_s=self.position_seconds,
            duration_s=self.duration_seconds,
            heard_s=self.heard_seconds or 0.0,
            session_id=self.session_id or None,
        )


class EventBatch(Struct, frozen=True, kw_only=True):
    """What is read of a body at first: whose events they are, and whether there are several."""

    domain: Domain | None = None
    events: Annotated[list[Any], Meta(min_length=1, max_length=MOST_EVENTS)] | UnsetType = UNSET


class EventsBody(_Said, frozen=True, kw_only=True):
    """An event, or in `events` up to 100 of them, each with its own `post_id` and `event`."""

    post_id: PostId | UnsetType = UNSET
    event: EventName | UnsetType = UNSET
    events: Annotated[list[EventBody], Meta(min_length=1, max_length=MOST_EVENTS)] | UnsetType = (
        UNSET
    )


class PublicEventsBody(EventsBody, frozen=True, kw_only=True):
    """The same, of a page of the domain."""

    domain: Domain


class Taken(Struct, frozen=True):
    """The events will be counted."""

    success: bool = True
    message: str = "OK"
