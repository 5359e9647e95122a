"""Server-sent events: what happens, as it happens, over one plain response."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from litestar.response.streaming import ASGIStreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from litestar.response.base import ASGIResponse

__all__ = ["Event", "event_stream", "frame"]

#: A line of this many seconds' silence keeps proxies from closing the connection.
HEARTBEAT_SECONDS = 15.0
_HEARTBEAT = b": still here\n\n"
_encode = msgspec.json.Encoder().encode


class Event(NamedTuple):
    """One event: its name, its data (sent as JSON) and its id, by which a client can resume.

    Without a name it is a `message`, as the standard calls those whose data say what they are.
    """

    event: str | None
    data: Mapping[str, Any] | msgspec.Struct
    id: str | None = None


def event_stream(
    events: AsyncIterator[Event], *, heartbeat: float = HEARTBEAT_SECONDS
) -> ASGIResponse:
    """Answer with events until the iterator ends or the client leaves.

    Args:
        events: What happens. It is closed in both cases; what it raises cuts the connection.
        heartbeat: Seconds of silence after which a comment is sent.
    """
    return ASGIStreamingResponse(
        iterator=_frames(events, heartbeat),
        headers={
            "cache-control": "no-store",
            "content-type": "text/event-stream; charset=utf-8",
            "x-accel-buffering": "no",
        },
    )


async def _frames(events: AsyncIterator[Event], heartbeat: float) -> AsyncGenerator[bytes, None]:
    following: asyncio.Future[Event] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(_next(events))
            # wait(), unlike wait_for(), leaves the iterator running when the time is up.
            done, _ = await asyncio.wait({following}, timeout=heartbeat)
            if not done:
                yield _HEARTBEAT
                continue
            try:
                event = following.result()
            except StopAsyncIteration:
                return
            following = None
            yield frame(event)
    finally:
        if following is not None and not following.done():
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        if (close := getattr(events, "aclose", None)) is not None:
            await close()


async def _next(events: AsyncIterator[Event]) -> Event:
    return await anext(events)


def frame(event: Event) -> bytes:
    """An event as it is sent."""
    identity = "" if event.id is None else f"id: {event.id}\n"
    name = "" if event.event is None else f"event: {event.event}\n"
    return f"{identity}{name}data: ".encode() + _encode(event.data) + b"\n\n"
