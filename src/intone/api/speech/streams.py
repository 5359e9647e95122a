"""Answers that carry speech while it is being made.

The seed's answer is the audio itself; OpenAI's other form is server-sent events whose deltas are
slices of it. Either ends visibly broken where the speech broke off: the connection is cut before
its last chunk, after an `error` event where there are events.
"""

from __future__ import annotations

import base64
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import structlog
from litestar.response.base import ASGIResponse

from intone.api.cycle import TRAILERS
from intone.api.events import Event, frame
from intone.api.speech.errors import code_of
from intone.api.speech.schemas import AudioDelta, AudioDone, StreamError, SwitchNote, Usage
from intone.audio.formats import FORMATS
from intone.errors import IntoneError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from litestar.types import Receive, Scope, Send

    from intone.api.exchange import Departure
    from intone.core.speech import Speaking

__all__ = ["SpeechResponse"]

_log = structlog.get_logger(__name__)

#: PCM's is the seed's: 16 bits, little-endian, 24 kHz, one channel.
_MEDIA_TYPES: Final = {name: form.media_type.encode() for name, form in FORMATS.items()} | {
    "pcm": b"audio/l16"
}
_ANNOUNCED = ((b"trailer", b"x-intone-resumed"),)
_PCM_HEADERS = ((b"x-sample-rate-hz", b"24000"), (b"x-channels", b"1"))
_PCM_BYTES_PER_S = 48_000


class SpeechResponse(ASGIResponse):
    """The answer that carries a stream of speech.

    Args:
        speaking: What is sent; its first audio is there.
        departure: Watches the client from here on to the end.
        events: Whether the audio is sent in events.
    """

    __slots__ = ("_departure", "_events", "_speaking")

    def __init__(self, speaking: Speaking, departure: Departure, *, events: bool) -> None:
        # Not an ASGIResponse's own: it would prepare a head and a body, and this sends others.
        self._speaking, self._departure, self._events = speaking, departure, events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - its signature
        """Send the head, the audio as it comes, and the end if all of it came."""
        speaking = self._speaking
        try:
            await self._send(send, may_trail=TRAILERS in (scope.get("extensions") or {}))
        except IntoneError as error:
            # An answer without its end makes the server cut the connection.
            provider = speaking.candidate.provider.name
            _log.warning("speech.broken_off", provider=provider, error=error.code)
        except BaseException as error:
            if not self._departure.is_why(error):
                raise
        finally:
            self._departure.over()
            await speaking.close()

    async def _send(self, send: Any, *, may_trail: bool) -> None:
        speaking = self._speaking
        trails = may_trail and speaking.may_switch and not self._events
        head = [*self._head(), *(_ANNOUNCED if trails else ())]
        await send(
            {"type": "http.response.start", "status": 200, "headers": head, "trailers": trails}
        )
        stream = _frames(speaking) if self._events else speaking.chunks()
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        if trails:
            await send({"type": TRAILERS, "headers": _resumed(speaking), "more_trailers": False})

    def _head(self) -> list[tuple[bytes, bytes]]:
        speaking = self._speaking
        kind = b"text/event-stream; charset=utf-8" if self._events else _MEDIA_TYPES[speaking.form]
        provider = speaking.candidate.provider.name.encode("latin-1", "replace")
        head = [
            (b"content-type", kind),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            (b"x-voxrouter-provider", provider),
            (b"x-intone-provider", provider),
        ]
        if speaking.form == "pcm":
            head += _PCM_HEADERS
        return head


def _resumed(speaking: Speaking) -> list[tuple[bytes, bytes]]:
    """Who has gone on reading, and from which character on."""
    switches = (f"{one.provider}/{one.model};at={one.at}" for one in speaking.switches)
    value = ", ".join(switches) or "none"
    return [(b"x-intone-resumed", value.encode("latin-1", "replace"))]


async def _frames(speaking: Speaking) -> AsyncGenerator[bytes, None]:
    """The audio in events, and at the end what it took."""
    try:
        async with aclosing(speaking.chunks()) as chunks:
            async for chunk in chunks:
                yield frame(Event(None, AudioDelta(base64.b64encode(chunk).decode("ascii"))))
    except IntoneError as error:
        yield frame(Event(None, StreamError({"code": code_of(error), "message": error.message})))
        raise
    spoken, sound = speaking.characters, _twentieths(speaking)
    done = AudioDone(
        usage=Usage(spoken, sound, spoken + sound),
        provider=speaking.candidate.provider.name,
        model=speaking.candidate.model.id,
        resumed=[SwitchNote(s.provider, s.model, s.at) for s in speaking.switches],
    )
    yield frame(Event(None, done))


def _twentieths(speaking: Speaking) -> int:
    return -(-20 * speaking.size // _PCM_BYTES_PER_S) if speaking.form in {"pcm", "wav"} else 0
