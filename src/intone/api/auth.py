"""Who is calling: the credential of a request, and the guard in front of a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from intone.api.headers import header_values
from intone.errors import ForbiddenError, UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from litestar.connection import ASGIConnection
    from litestar.openapi.spec import SecurityRequirement

    from intone.core.access import Access, Principal

__all__ = ["SECURITY", "credential_of", "principal_of", "require"]

#: For `security=` of a dialect's router: either header opens every dialect.
SECURITY: Sequence[SecurityRequirement] = [{"bearer": []}, {"apiKey": []}]

_PRINCIPAL = "principal"


def credential_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The credential from `Authorization: Bearer` or `X-API-Key`.

    Raises:
        UnauthenticatedError: There is none, its scheme is another, or two differ.
    """
    found = {key.strip() for key in header_values(connection, b"x-api-key")}
    for value in header_values(connection, b"authorization"):
        scheme, _, token = value.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise UnauthenticatedError("The Authorization header must be 'Bearer' and a key.")
        found.add(token.strip())
    if len(found) > 1:
        raise UnauthenticatedError("The request carries two different credentials; send one.")
    credential = found.pop() if found else ""
    if not credential:
        raise UnauthenticatedError(
            "There is no credential; send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."
        )
    return credential


def require(scope: str | None = None) -> Callable[..., Coroutine[Any, Any, None]]:
    """For a handler's `before_request`: lets only principals with this scope through.

    It runs before the request's body is read. The handler asks `principal_of` who it was. Not
    one of Litestar's `guards`: for those it copies the whole route handler at every request.

    Args:
        scope: `speak` or `manage`; without, every principal passes.
    """

    async def guard(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        access = cast("Access", connection.app.state.core.access)
        principal = await access.authenticate(credential_of(connection))
        connection.scope["state"][_PRINCIPAL] = principal
        if scope is not None and scope not in principal.scopes:
            raise ForbiddenError(f"This key does not have the scope {scope!r}.")

    return guard


def principal_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Principal:
    """Who is calling, as the core's `authenticate` answered; the handler has a `require` guard."""
    return cast("Principal", connection.scope["state"][_PRINCIPAL])
