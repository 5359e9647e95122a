"""HTTP/1.1 for uvicorn: our envelope where a request cannot be parsed, and a limit to its head."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from intone.api.cycle import Cycle
from intone.api.dialect import RequestContext, neutral_envelope
from intone.core.ids import new_id
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    import asyncio

__all__ = ["BODY_IS_HERE", "EXCHANGE", "MAX_HEAD_BYTES", "EnvelopeProtocol"]

#: Longest head of a request: its first line and its headers. The parser would go on collecting,
#: in time that grows with the square of the length.
MAX_HEAD_BYTES = 64 * 1024
#: In a request's state once its body has come to its end: from then on nobody has to wait for it.
BODY_IS_HERE = "body_is_here"
#: In a request's state, who is told by its `depart` that the client has left.
EXCHANGE = "exchange"


class EnvelopeProtocol(HttpToolsProtocol):
    """For `uvicorn.Config(http=EnvelopeProtocol)`.

    What httptools refuses, a Content-Length that contradicts itself for example, never becomes a
    request, so no dialect can answer it; uvicorn alone would send a line of text. It would also
    wait for a request's head for ever; here that takes no longer than an idle connection may.
    """

    #: Whether a head is awaited, and how much of it has come.
    _awaiting_head = False
    _head_bytes = 0
    #: What ends the waiting. Most heads come in one piece and need none.
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Await the first head."""
        super().connection_made(transport)
        self._await_head()
        self._begin_patience()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come; who is being answered has left."""
        self._head_is_here()
        super().connection_lost(exc)
        if self.cycle is not None and self.cycle.disconnected:
            exchange = self.cycle.scope["state"].get(EXCHANGE)
            if exchange is not None:  # else the request has not got so far
                exchange.depart()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """A head is whole; the platform judges it from here on."""
        self._head_is_here()
        super().on_headers_complete()
        # The cycle has not begun: its task runs only when this has returned.
        if self.scope["http_version"] == "1.1" and type(self.cycle) is RequestResponseCycle:
            self.cycle.__class__ = Cycle
            cast("Cycle", self.cycle).offer()

    def on_message_complete(self) -> None:
        """A body is whole."""
        self.scope["state"][BODY_IS_HERE] = True
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Parse what comes, as long as a head in it does not grow too long."""
        super().data_received(data)
        if self._awaiting_head:
            self._begin_patience()
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(f"The request's head is longer than {MAX_HEAD_BYTES} bytes.")

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - a sentence of uvicorn's
        """Answer what cannot be parsed, and close the connection."""
        self._refuse("This is not a valid HTTP request.")

    def _await_head(self) -> None:
        self._head_is_here()
        self._awaiting_head = True

    def _head_is_here(self) -> None:
        self._awaiting_head, self._head_bytes = False, 0
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _begin_patience(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(self.timeout_keep_alive, self._out_of_patience)

    def _out_of_patience(self) -> None:
        if self._head_bytes:
            seconds = self.timeout_keep_alive
            self._refuse(f"The request's head did not arrive within {seconds} seconds.")
        else:
            self.transport.close()

    def _refuse(self, sentence: str) -> None:
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:
                cycle.keep_alive = False  # what follows a good request must not spoil its answer
                return
            if cycle.response_started or self.pipeline:
                self.transport.close()
                return
        request_id = new_id()
        envelope = neutral_envelope(InvalidInputError(sentence), RequestContext(request_id, "", ""))
        body = msgspec.json.encode(envelope.content)
        self.logger.warning("malformed request, answered with request id %s", request_id)
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            "content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-request-id: {request_id}\r\n"
            "x-content-type-options: nosniff\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
