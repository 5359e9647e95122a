"""HTTP/1.1 for uvicorn, with our envelope where a request cannot even be parsed."""

from __future__ import annotations

import uuid

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from intone.api.dialect import RequestContext, neutral_envelope
from intone.errors import InvalidInputError

__all__ = ["EnvelopeProtocol"]


class EnvelopeProtocol(HttpToolsProtocol):
    """For `uvicorn.Config(http=EnvelopeProtocol)`.

    What httptools refuses, a Content-Length that contradicts itself for example, never becomes a
    request, so no dialect can answer it; uvicorn alone would send a line of text.
    """

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, and close the connection."""
        request_id = str(uuid.uuid4())
        error = InvalidInputError(f"This is not a valid HTTP request: {msg}")
        envelope = neutral_envelope(error, RequestContext(request_id, "", ""))
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
