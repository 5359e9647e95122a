"""A file in a form (RFC 7578), read piece by piece: nothing of it is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from intone.api.headers import header_values
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from litestar import Request

__all__ = ["FormFile", "body_of", "content_type", "read_file"]

#: Parts that a form may have, and bytes of all that are no file together.
_MOST_PARTS: Final = 16
_MOST_FIELDS: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form."""

    #: As the sender calls it.
    name: str | None
    #: Its bytes. It raises `InvalidInputError` where the form is torn, or has a second file.
    body: AsyncIterator[bytes]


def content_type(request: Request[Any, Any, Any]) -> tuple[str, dict[str, str]]:
    """The media type of a request's body and its parameters.

    Raises:
        InvalidInputError: There is no Content-Type, or more than one.
    """
    values = header_values(request, b"content-type")
    if len(values) != 1:
        raise InvalidInputError("The request must have one Content-Type header.")
    kind, parameters = parse_options_header(values[0])
    return kind, parameters


async def body_of(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """A request's body as it comes; the platform limits it and raises where the client leaves."""
    more = True
    while more:
        message: Any = await request.receive()
        if piece := message.get("body", b""):
            yield piece
        more = message.get("more_body", False)


async def read_file(request: Request[Any, Any, Any], field: str) -> FormFile:
    """The file that a form has in a field; other fields are stepped over.

    Args:
        request: Its body is `multipart/form-data` and has not been read.
        field: The field's name.

    Raises:
        InvalidInputError: It is no form, has no such file, or has a file in another field.
    """
    kind, parameters = content_type(request)
    boundary = parameters.get("boundary", "")
    if kind != "multipart/form-data" or not boundary.isascii() or not 1 <= len(boundary) <= 70:  # noqa: PLR2004 - RFC 2046
        raise InvalidInputError("The Content-Type must be multipart/form-data with its boundary.")
    events = _events(request, boundary)
    async for segment in _fields(events, field):
        if segment.name == field:
            return FormFile(segment.filename, _content(events, field))
    raise InvalidInputError(f"There is no file in the form; send it as the field {field!r}.")


async def _content(
    events: AsyncGenerator[MultipartSegment | bytes | None, None], field: str
) -> AsyncGenerator[bytes, None]:
    """The bytes of the file that the form has come to, and then a look at what follows it."""
    async for event in events:
        if not isinstance(event, bytes | bytearray):
            break
        yield bytes(event)
    async for segment in _fields(events, field):
        if segment.name == field:
            raise InvalidInputError("There is more than one file in the form; send one.")


async def _fields(
    events: AsyncGenerator[MultipartSegment | bytes | None, None], field: str
) -> AsyncGenerator[MultipartSegment, None]:
    """The parts that follow, by their heads."""
    size = 0
    async for event in events:
        if isinstance(event, MultipartSegment):
            if event.filename is not None and event.name != field:
                raise InvalidInputError(f"The file must be the form's field {field!r}.")
            yield event
        elif event is not None:
            size += len(event)
            if size > _MOST_FIELDS:
                raise InvalidInputError("The form's other fields are too long.")


async def _events(
    request: Request[Any, Any, Any], boundary: str
) -> AsyncGenerator[MultipartSegment | bytes | None, None]:
    """What the parser sees: a part's head, its bytes, and None at its end."""
    try:
        with PushMultipartParser(boundary, max_segment_count=_MOST_PARTS) as parser:
            async for piece in body_of(request):
                for event in parser.parse(piece):
                    yield event
    except MultipartError as error:
        raise InvalidInputError(
            "The form cannot be read: it is no valid multipart/form-data, or it ends too early."
        ) from error
