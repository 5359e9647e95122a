"""What a handler says of itself to the OpenAPI document, beyond its signature.

`opt=describe({200: Answer(…)}, …)` on a handler; `intone.api.openapi` reads it. What can be
read off the route itself, its security and its parameters is not said here again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from litestar.openapi.spec import OpenAPIHeader, OpenAPIType, Parameter, Schema

from intone.text.controls import CONTROLS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

    from intone.api.events import Event
    from intone.errors import IntoneError

__all__ = ["JSON", "PLAIN_TEXT", "Answer", "Described", "describe", "header", "request_header"]

JSON = "application/json"
#: The schema of a text without control characters; only for the document, as the check itself
#: (`intone.text.controls`) names the character.
PLAIN_TEXT = {"pattern": f"^[^{CONTROLS}]*$"}
_KEY = "described"


@dataclass(frozen=True, slots=True)
class Answer:
    """A success of an operation."""

    #: When this is the answer.
    description: str
    #: By media type, an example: a Struct is sent as JSON, and its class is the schema; a text
    #: stands for itself, a tuple for a stream of events, None for bytes.
    content: Mapping[str, msgspec.Struct | str | tuple[Event, ...] | None] = field(
        default_factory=dict
    )
    headers: Mapping[str, OpenAPIHeader] = field(default_factory=dict)
    #: By the id of an operation that can follow: its parameters, as runtime expressions.
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Described:
    """What a handler has said."""

    answers: Mapping[int, Answer] = field(default_factory=dict)
    body: type[msgspec.Struct] | None = None
    #: By name, bodies that work as they stand.
    examples: Mapping[str, Any] = field(default_factory=dict)
    #: By media type, the JSON Schema of a body that is not JSON.
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Parameters that the handler reads by hand.
    parameters: Sequence[Parameter] = ()
    #: Failures that only this operation has.
    errors: Sequence[IntoneError] = ()

    @classmethod
    def by(cls, opt: Mapping[str, Any]) -> Described:
        """What the `opt` of a handler says."""
        described: Described = opt.get(_KEY) or cls()
        return described


def describe(
    answers: Mapping[int, Answer] | None = None,
    *,
    body: type[msgspec.Struct] | None = None,
    examples: Mapping[str, Any] | None = None,
    files: Mapping[str, Mapping[str, Any]] | None = None,
    parameters: Sequence[Parameter] = (),
    errors: Sequence[IntoneError] = (),
) -> dict[str, Any]:
    """The `opt` of a handler.

    Args:
        answers: Its successes by status; without, what its return annotation says.
        body: The Struct that it gives to `read_json`.
        examples: By name, bodies that work as they stand.
        files: By media type, the JSON Schema of a body that is not JSON.
        parameters: What it reads from the request by hand, beside the body.
        errors: An example of each failure beyond those that every operation of its kind has.
    """
    return {_KEY: Described(answers or {}, body, examples or {}, files or {}, parameters, errors)}


def header(description: str, example: str | int, *, required: bool = True) -> OpenAPIHeader:
    """A header of an answer.

    Args:
        description: What it says.
        example: A value; its type is the header's.
        required: Whether it is always there.
    """
    kind = OpenAPIType.INTEGER if isinstance(example, int) else OpenAPIType.STRING
    return OpenAPIHeader(
        description=description, schema=Schema(type=kind), example=example, required=required
    )


def request_header(
    name: str, description: str, example: str, *, required: bool = False, pattern: str | None = None
) -> Parameter:
    """A header that a handler reads by hand.

    Args:
        name: Its name.
        description: What it does.
        example: A value that works.
        required: Whether a request without it is refused.
        pattern: What its value must look like, as a regular expression.
    """
    return Parameter(
        name=name,
        param_in="header",
        description=description,
        schema=Schema(type=OpenAPIType.STRING, pattern=pattern),
        example=example,
        required=required,
    )
