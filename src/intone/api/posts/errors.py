"""The posts envelope: `{"success": false, "message", "errors": {field: [text]}}` (seed 000)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from litestar import Response
from msgspec import Struct, field

from intone.api.dialect import (
    STATUSES,
    MethodNotAllowedError,
    RangeNotSatisfiableError,
    status_of,
)
from intone.errors import (
    ForbiddenError,
    IntoneError,
    InvalidInputError,
    PayloadTooLargeError,
    PlanFeatureError,
    QuotaExceededError,
    StorageFullError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from intone.api.dialect import RequestContext

__all__ = ["InvalidFieldsError", "PostsEnvelope", "SubscriptionInactiveError", "posts_envelope"]

#: What a sentence about a field begins with.
_FIELD: Final = re.compile(r"([a-z][a-z0-9_.\[\]]{0,99}): ")


class InvalidFieldsError(InvalidInputError):
    """Some fields are not valid.

    Args:
        errors: By field, what is wrong with it; at least one.
    """

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        first, *more = [sentence for sentences in errors.values() for sentence in sentences]
        count = f" (and {len(more)} more error{'s' if len(more) > 1 else ''})" if more else ""
        super().__init__(first + count)
        self.errors = errors


class SubscriptionInactiveError(ForbiddenError):
    """Subscription inactive."""

    code: ClassVar[str] = "subscription_inactive"


_STATUSES: Final[Mapping[type[IntoneError], int]] = {
    **STATUSES,
    InvalidInputError: 422,
    MethodNotAllowedError: 405,
    PayloadTooLargeError: 413,
    RangeNotSatisfiableError: 416,
    # By key, what the subscription does not allow is 401; a month's limits are 403 (seed 000).
    PlanFeatureError: 401,
    QuotaExceededError: 403,
    SubscriptionInactiveError: 402,
    StorageFullError: 503,
}


class PostsEnvelope(Struct, frozen=True, kw_only=True):
    """An error of this API."""

    success: Literal[False] = False
    #: What is wrong and what to do, for people.
    message: str
    #: By field of the request, what is wrong with it.
    errors: dict[str, list[str]] = field(default_factory=dict)


def posts_envelope(error: IntoneError, _: RequestContext) -> Response[PostsEnvelope]:
    """Status and envelope of an error."""
    body = PostsEnvelope(message=error.message, errors=_by_field(error))
    return Response(body, status_code=status_of(error, _STATUSES))


def _by_field(error: IntoneError) -> dict[str, list[str]]:
    if isinstance(error, InvalidFieldsError):
        return {name: list(sentences) for name, sentences in error.errors.items()}
    named = _FIELD.match(error.message) if isinstance(error, InvalidInputError) else None
    return {named[1]: [error.message[named.end() :]]} if named else {}
