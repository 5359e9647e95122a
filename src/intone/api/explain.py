"""What was wrong with a value, in words for people."""

from __future__ import annotations

import re
from enum import Enum
from functools import cache
from typing import Any

from msgspec import inspect

__all__ = ["explain"]

_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "uuid": "a UUID",
}
_COMPARISONS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_PLACE = re.compile(r" - at `(?:key` in `)?\$\.?(.*?)`$")
_TYPES = re.compile(r"`([a-z]+(?: \| [a-z]+)*)`")
_BOUND = re.compile(r"`(\w+)`( of length)? (>=|<=|>|<) (\S+)$")
_MISSING = re.compile(r"^Object missing required field `(.+)`$")
_NOT_ALLOWED = re.compile(r"^Invalid enum value (.*)$", re.DOTALL)
#: Longest quotation of what the caller sent, in characters.
_LONGEST_QUOTE = 80


def explain(message: str, wanted: type | None = None) -> str:
    """Turn msgspec's message into a sentence that names the field.

    Args:
        message: The text of a `msgspec.ValidationError`.
        wanted: The Struct that was wanted; with it, the allowed values of a choice are listed.

    Returns:
        For example `output.format: expected one of 'pcm_s16le', got 'opus'.`
    """
    place = _PLACE.search(message)
    path = place.group(1) if place else ""
    message = _PLACE.sub("", message)
    if missing := _MISSING.match(message):
        where = f"{path}.{missing.group(1)}" if path else missing.group(1)
        return f"{where}: this field is required."
    if (refused := _NOT_ALLOWED.match(message)) and wanted is not None:
        allowed = ", ".join(map(repr, _choices(wanted, path)))
        message = f"expected one of {allowed}, got {_short(refused.group(1))}"
    else:
        message = _in_words(message)
    return f"{path or 'The body'}: {message}."


def _in_words(message: str) -> str:
    def bound(match: re.Match[str]) -> str:
        kind, length, sign, number = match.groups()
        what = _WORDS.get(kind, kind) + (" with a length" if length else "")
        return f"{what} of {_COMPARISONS[sign]} {number}"

    def types(match: re.Match[str]) -> str:
        return " or ".join(_WORDS.get(name, name) for name in match.group(1).split(" | "))

    message = _TYPES.sub(types, _BOUND.sub(bound, message))
    return _short(message[:1].lower() + message[1:], 3 * _LONGEST_QUOTE)


def _short(text: str, length: int = _LONGEST_QUOTE) -> str:
    return text if len(text) <= length else text[:length] + "…"


@cache
def _choices(wanted: type, path: str) -> tuple[Any, ...]:
    """The values allowed at a dotted path below a type."""
    found: list[inspect.Type] = [inspect.type_info(wanted)]
    for step in filter(None, re.split(r"[.\[]", path)):
        found = [child for kind in found for child in _children(_plain(kind), step)]
    return tuple(value for kind in found for value in _values(_plain(kind)))


def _plain(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _children(kind: inspect.Type, step: str) -> list[inspect.Type]:
    if isinstance(kind, inspect.UnionType):
        return [child for member in kind.types for child in _children(_plain(member), step)]
    if isinstance(kind, inspect.StructType):
        return [field.type for field in kind.fields if field.encode_name == step]
    if isinstance(kind, inspect.ListType):
        return [kind.item_type]
    return [kind.value_type] if isinstance(kind, inspect.DictType) else []


def _values(kind: inspect.Type) -> list[Any]:
    if isinstance(kind, inspect.UnionType):
        return [value for member in kind.types for value in _values(_plain(member))]
    if isinstance(kind, inspect.LiteralType):
        return list(kind.values)
    if isinstance(kind, inspect.EnumType):
        return [member.value if isinstance(member, Enum) else member for member in kind.cls]
    return []
