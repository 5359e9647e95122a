"""Bodies of keys and logins; `wire.md` §4 names the fields, those beyond it are additions.

Keys are spelled in camel case and logins in snake case, as seed 004's service does.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from intone.api.moments import Moment  # noqa: TC001 - msgspec reads it
from intone.core.key_limits import MAX_COUNT, MAX_MICROS
from intone.core.keys import Scope  # noqa: TC001 - msgspec reads it

__all__ = [
    "ApiKey",
    "CreateKeyRequest",
    "CreatedKey",
    "DeletedKey",
    "DeviceCode",
    "KeyList",
    "LoggedOut",
    "PollRequest",
    "SessionToken",
    "Whoami",
]

_Count = Annotated[int, Meta(ge=1, le=MAX_COUNT)]
_Micros = Annotated[int, Meta(ge=1, le=MAX_MICROS)]
_MaxConcurrency = Annotated[
    _Count | None, Meta(description="Requests at the same time; null: no limit.")
]
_RequestsPerMinute = Annotated[
    _Count | None, Meta(description="Requests in any 60 seconds; null: no limit.")
]
_DailySpend = Annotated[
    _Micros | None,
    Meta(description="Millionths of a US dollar in a day (UTC); null: no limit."),
]
_MonthlySpend = Annotated[
    _Micros | None,
    Meta(description="Millionths of a US dollar in a month (UTC); null: no limit."),
]
_UserId = Annotated[
    str,
    Meta(description="The workspace's id; for an access token, its subject."),
]


class CreateKeyRequest(Struct, frozen=True, kw_only=True, rename="camel"):
    """A key to make."""

    name: Annotated[
        str,
        Meta(description="What people call it.", min_length=1, max_length=100, examples=["reader"]),
    ]
    scopes: Annotated[
        tuple[Scope, ...],
        Meta(description="`speak` makes audio; `manage` is for keys and settings.", min_length=1),
    ] = ("speak",)
    max_concurrency: _MaxConcurrency = None
    requests_per_minute: _RequestsPerMinute = None
    daily_spend_micros: _DailySpend = None
    monthly_spend_micros: _MonthlySpend = None


class ApiKey(Struct, frozen=True, kw_only=True, rename="camel"):
    """What may be shown of a key."""

    id: str
    name: str
    key_suffix: Annotated[str, Meta(description="The key's last four characters.")]
    scopes: tuple[Scope, ...]
    max_concurrency: _MaxConcurrency
    requests_per_minute: _RequestsPerMinute
    daily_spend_micros: _DailySpend
    monthly_spend_micros: _MonthlySpend
    created_at: Moment
    last_used_at: Annotated[
        Moment | UnsetType, Meta(description="To the minute; missing where it was never used.")
    ] = UNSET
    expires_at: Annotated[
        Moment | UnsetType, Meta(description="Missing where it does not end by itself.")
    ] = UNSET


class CreatedKey(ApiKey, frozen=True, kw_only=True, rename="camel"):
    """A key just made."""

    key_value: Annotated[str, Meta(description="The key itself, shown this once.")]


class KeyList(Struct, frozen=True, kw_only=True):
    """The keys of the workspace."""

    keys: list[ApiKey]


class DeletedKey(Struct, frozen=True, kw_only=True):
    """The key opens nothing any more."""

    deleted: bool = True


class Whoami(Struct, frozen=True, kw_only=True):
    """Who a credential turned out to be."""

    user_id: _UserId
    auth: Literal["api_key", "session", "access_token"]
    workspace: Annotated[str, Meta(description="Its name.")]
    scopes: tuple[str, ...]
    expires_at: Annotated[
        Moment | UnsetType, Meta(description="Missing where it does not end by itself.")
    ] = UNSET


class DeviceCode(Struct, frozen=True, kw_only=True):
    """A login that has begun."""

    device_code: Annotated[str, Meta(description="What the device polls with.")]
    user_code: Annotated[str, Meta(description="What a person types on the page.")]
    verification_uri: Annotated[str, Meta(description="The page.")]
    verification_uri_complete: Annotated[str, Meta(description="The page, with the code in it.")]
    expires_in: Annotated[int, Meta(description="Seconds until the codes expire.")]
    interval: Annotated[int, Meta(description="Seconds to wait between two polls.")]


class PollRequest(Struct, frozen=True, kw_only=True):
    """Which login to ask about."""

    device_code: Annotated[str, Meta(min_length=1, max_length=200)]


class SessionToken(Struct, frozen=True, kw_only=True):
    """The session that the login has become."""

    session_token: Annotated[str, Meta(description="Shown this once.")]
    expires_at: Moment
    user_id: _UserId


class LoggedOut(Struct, frozen=True, kw_only=True):
    """Whether there was a session to end."""

    revoked: bool
