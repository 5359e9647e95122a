"""Request bodies: strict JSON into a typed Struct.

Litestar's own `data:` parameter turns `"1.5"` into a number and keeps the last of two
equal keys, and a handler cannot see what was ignored. So a handler asks for its body
itself, `body = await read_json(request, CreateJob)`, and documents it with
`opt=describe(body=CreateJob, …)`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

import msgspec

from intone.api.explain import explain
from intone.api.headers import header_values
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from litestar import Request

__all__ = ["JsonBody", "decode_json", "read_body", "read_json"]

T = TypeVar("T", bound=msgspec.Struct)

_JSON = "application/json"
#: Deepest nesting a body may have; our deepest schema needs four.
_MAX_DEPTH = 32
#: Bytes of a body that takes longer to decode than others should have to wait.
_LARGE = 1024 * 1024
#: No 64-bit integer has more characters.
_LONGEST_INTEGER = 20
_INT64 = range(-(2**63), 2**63)
#: Integers up to here are doubles too, so that 1.0 and 1 mean the same.
_EXACT = 2**53
#: For `bytes.translate`: any digit is a nought. Integers of fewer than 19 have 64 bits.
_NOUGHTS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19
_TOO_DEEP = "The body is nested too deeply."
_CONTAINERS = (dict, list)


@dataclass(frozen=True, slots=True)
class JsonBody(Generic[T]):
    """A request body that fits its Struct."""

    value: T
    #: SHA-256 of the parsed body: equal for bodies that differ only in the order of their keys,
    #: in white space, in escapes or in how a number is written (1 and 1.0).
    fingerprint: bytes
    #: Dotted names of fields that the Struct does not have and that were ignored, sorted.
    unknown_fields: tuple[str, ...]


async def read_json(request: Request[Any, Any, Any], struct: type[T]) -> JsonBody[T]:
    """Read a request's body as JSON.

    Raises:
        InvalidInputError: The Content-Type is not application/json, the body is not strict JSON in
            UTF-8, or it does not fit the Struct; the message names the field.
        PayloadTooLargeError: It is larger than this server accepts.
    """
    body = await read_body(request)
    if len(body) <= _LARGE:
        return decode_json(body, struct)
    return await asyncio.to_thread(decode_json, body, struct)


def decode_json(body: bytes, struct: type[T]) -> JsonBody[T]:
    """Decode a body that was read already; raises as `read_json` does."""
    document, canonical = _parse_fast(body) or _parse(body)
    try:
        value = msgspec.convert(document, struct)
    except msgspec.ValidationError as error:
        raise InvalidInputError(explain(str(error), struct)) from error
    unknown = tuple(sorted(_unknown(document, value, "")))
    return JsonBody(value, hashlib.sha256(canonical).digest(), unknown)


async def read_body(
    request: Request[Any, Any, Any], media_types: Sequence[str] = (_JSON,)
) -> bytes:
    """Read a request's body as it is; the platform's `receive` limits it.

    Args:
        request: The request.
        media_types: Of which its Content-Type has to be one, in UTF-8.

    Raises:
        InvalidInputError: It is another, or the client leaves.
        PayloadTooLargeError: The body is larger than this server accepts.
    """
    _check_content_type(header_values(request, b"content-type"), media_types)
    parts, more = [], True
    while more:
        message: Any = await request.receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _check_content_type(values: list[str], media_types: Sequence[str]) -> None:
    if len(values) == 1 and values[0] in media_types:
        return
    wanted = " or ".join(media_types)
    if not values:
        raise InvalidInputError(f"The Content-Type header is missing; it must be {wanted}.")
    media_type, _, parameters = values[0].lower().partition(";")
    charset = "".join(parameters.split()).replace('"', "")
    fits = media_type.strip() in media_types and charset in {"", "charset=utf-8"}
    if not fits or len(values) > 1:
        raise InvalidInputError(f"The Content-Type must be {wanted} in UTF-8.")


def _parse_fast(body: bytes) -> tuple[Any, bytes] | None:
    """What `_parse` answers, where it is sure to answer that, at an eighth of the time; or None."""
    long_number = _LONG_NUMBER in body.translate(_NOUGHTS)
    if long_number or b"\\u003" in body or _brackets(body) > _MAX_DEPTH:
        return None
    try:
        document = _FAST_DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, InvalidInputError):
        return None
    canonical = _ENCODER.encode(document)
    # The decoder keeps the last of equal names in silence, and with each it loses a colon: those
    # of the text are as many as before, because none of them was an escape (\u003a).
    return (document, canonical) if canonical.count(b":") == body.count(b":") else None


def _parse(body: bytes) -> tuple[Any, bytes]:
    """The document and its canonical form; strict, and plain about what is wrong."""
    document = _decode(body)
    try:
        # The encoder refuses what has no UTF-8: half of a surrogate pair.
        return document, _ENCODER.encode(document)
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            "The body contains half of a surrogate pair (\\ud800 to \\udfff), which is no text."
        ) from error
    except RecursionError as error:
        raise InvalidInputError(_TOO_DEEP) from error


def _brackets(body: bytes) -> int:
    return body.count(b"[") + body.count(b"{")


def _decode(body: bytes) -> Any:
    if not body:
        raise InvalidInputError("The body is empty; it must be a JSON object.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"The body is not valid UTF-8 (byte {error.start}).") from error
    try:
        document = _DECODER.decode(text)
        if _brackets(body) > _MAX_DEPTH:  # else it cannot be deeper
            _check_depth(document, _MAX_DEPTH)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInputError(f"The body is not valid JSON: {error.msg} ({where}).") from error
    except RecursionError as error:
        raise InvalidInputError(_TOO_DEEP) from error
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInputError(f"The body names {twice[:80]!r} more than once.")
    return found


def _integer(text: str) -> float | int:
    if len(text) <= _LONGEST_INTEGER and (number := int(text)) in _INT64:
        return number
    return _float(text)  # as good as what most readers of JSON keep of it


def _float(text: str) -> float | int:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidInputError(f"The number {text[:20]} is too large.")
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


def _constant(text: str) -> NoReturn:
    raise InvalidInputError(f"The body is not valid JSON: {text} is not a JSON value.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
_FAST_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=_float)
_ENCODER = msgspec.json.Encoder(order="deterministic")


def _check_depth(value: Any, left: int) -> None:
    if type(value) not in _CONTAINERS:
        return
    if not left:
        raise InvalidInputError(_TOO_DEEP)
    for child in value.values() if type(value) is dict else value:
        _check_depth(child, left - 1)


def _unknown(document: Any, value: Any, path: str) -> list[str]:
    """The names in a parsed body that the decoded value has no field for."""
    if type(document) is list:
        pairs = zip(document, value, strict=True) if isinstance(value, Sequence) else ()
        return [name for item, child in pairs for name in _unknown(item, child, f"{path}[]")]
    if not isinstance(value, msgspec.Struct):
        return []
    prefix = f"{path}." if path else ""
    fields, found = _fields(type(value)), []
    for name, child in document.items():
        if name not in fields:
            found.append(f"{prefix}{name}")
        elif type(child) in _CONTAINERS:
            found += _unknown(child, getattr(value, fields[name]), f"{prefix}{name}")
    return found


@cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The names of a Struct's fields on the wire, with those of its attributes."""
    fields = {field.encode_name: field.name for field in msgspec.structs.fields(struct)}
    tag = struct.__struct_config__.tag_field
    return fields if tag is None else {**fields, tag: "__class__"}
