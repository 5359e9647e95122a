"""Routes of a workspace's own keys (`wire.md` §4).

Seed 004's service wants a session here. We take a session, or an API key or access token with
the scope `manage`, so that a set-up can be scripted; a credential that may only `speak` is
refused with `scope_required`. Creating answers 201, which the service leaves open.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from litestar import Request, Response, delete, get, post
from litestar.params import PathParameter

from intone.api.auth import SECURITY, principal_of, require
from intone.api.bodies import read_json
from intone.api.described import JSON, Answer, describe
from intone.api.moments import moment
from intone.api.speech.key_schemas import (
    ApiKey,
    CreatedKey,
    CreateKeyRequest,
    DeletedKey,
    KeyList,
)
from intone.core import keys
from intone.core.key_limits import KeyLimits
from intone.errors import NotFoundError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from intone.core.service import Core

__all__ = ["NO_STORE", "ROUTES"]

Req = Request[Any, Any, Any]

#: On every answer that holds a secret.
NO_STORE: Final = {"cache-control": "no-store"}

_COMMON: dict[str, Any] = {
    "before_request": require("manage"),
    "security": SECURITY,
    "tags": ["Keys"],
}
_KeyId = Annotated[
    str, PathParameter(description="The id that creating the key has answered.", format="uuid")
]
_EXAMPLE: Final[dict[str, Any]] = {
    "id": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "name": "reader",
    "key_suffix": "x7Kq",
    "scopes": ("speak",),
    "max_concurrency": 4,
    "requests_per_minute": 120,
    "daily_spend_micros": 5_000_000,
    "monthly_spend_micros": None,
    "created_at": "2026-11-20T12:00:00.000Z",
}
_LISTED = ApiKey(**_EXAMPLE, last_used_at="2026-11-20T12:34:00.000Z")
_CREATED = CreatedKey(**_EXAMPLE, key_value="in_live_" + "0" * 32 + "x7Kq")


@get(
    "/v1/keys",
    operation_id="listKeys",
    summary="List keys",
    opt=describe({200: Answer("The keys that work.", {JSON: KeyList(keys=[_LISTED])})}),
    **_COMMON,
)
async def list_(request: Req) -> KeyList:
    """The workspace's keys, oldest first; their values are not kept."""
    core, principal = cast("Core", request.app.state.core), principal_of(request)
    await core.admit(principal)
    found = await core.database.read(keys.list_keys, principal.workspace_id)
    now = now_ms()
    return KeyList(keys=[ApiKey(**_shown(key)) for key in found if key.active(now)])


@post(
    "/v1/keys",
    operation_id="createKey",
    summary="Create a key",
    opt=describe(
        {201: Answer("The key; its value is shown this once.", {JSON: _CREATED})},
        body=CreateKeyRequest,
        examples={
            "name alone": {"name": "reader"},
            "with limits": {
                "name": "reader",
                "scopes": ["speak"],
                "maxConcurrency": 4,
                "requestsPerMinute": 120,
                "dailySpendMicros": 5_000_000,
            },
        },
    ),
    **_COMMON,
)
async def create(request: Req) -> Response[CreatedKey]:
    """Make a key, with limits of its own if they are given."""
    core, principal = cast("Core", request.app.state.core), principal_of(request)
    await core.admit(principal)
    wanted = (await read_json(request, CreateKeyRequest)).value
    limits = KeyLimits(
        requests_per_minute=wanted.requests_per_minute,
        max_concurrency=wanted.max_concurrency,
        daily_micros=wanted.daily_spend_micros,
        monthly_micros=wanted.monthly_spend_micros,
    )
    new = await core.database.write(
        keys.create, principal.workspace_id, wanted.name, wanted.scopes, limits=limits
    )
    body = CreatedKey(**_shown(new.key), key_value=new.secret)
    return Response(body, status_code=201, headers=NO_STORE)


@delete(
    "/v1/keys/{key_id:str}",
    status_code=200,
    operation_id="deleteKey",
    summary="Delete a key",
    opt=describe({200: Answer("It opens nothing any more.", {JSON: DeletedKey()})}),
    **_COMMON,
)
async def delete_(request: Req, key_id: _KeyId) -> DeletedKey:
    """End a key, within a second everywhere; a key may end itself."""
    core, principal = cast("Core", request.app.state.core), principal_of(request)
    await core.admit(principal)
    try:
        canonical = str(uuid.UUID(key_id))
    except ValueError:
        raise NotFoundError("There is no such key, or it was deleted.") from None
    await core.database.write(keys.delete, principal.workspace_id, canonical)
    return DeletedKey()


def _shown(key: keys.Key) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": key.id,
        "name": key.name,
        "key_suffix": key.suffix,
        "scopes": tuple(cast("list[keys.Scope]", sorted(key.scopes))),
        "max_concurrency": key.limits.max_concurrency,
        "requests_per_minute": key.limits.requests_per_minute,
        "daily_spend_micros": key.limits.daily_micros,
        "monthly_spend_micros": key.limits.monthly_micros,
        "created_at": moment(key.created_at),
    }
    if key.last_used_at is not None:
        shown["last_used_at"] = moment(key.last_used_at)
    if key.expires_at is not None:
        shown["expires_at"] = moment(key.expires_at)
    return shown


ROUTES = [list_, create, delete_]
