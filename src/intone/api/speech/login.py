"""Routes of logins and of who is calling (`wire.md` §4; RFC 8628 for devices).

A device begins a login, shows its code and polls; a person approves it on the page, with a key
that may `manage`, and the next poll gets a session.

Whoever begins or approves a login has no credential yet, so what they can do is counted by
address. Behind a proxy that is the proxy's, and its callers share what one may do: no header
that a caller could write itself is believed.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Annotated, Any, Final, cast
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.params import QueryParameter
from msgspec import UNSET

from intone.api.addresses import server_url
from intone.api.auth import SECURITY, credential_of, principal_of, require
from intone.api.bodies import read_json
from intone.api.described import JSON, Answer, describe
from intone.api.moments import moment
from intone.api.speech.key_schemas import (
    DeviceCode,
    LoggedOut,
    PollRequest,
    SessionToken,
    Whoami,
)
from intone.api.speech.keys import NO_STORE
from intone.api.speech.login_page import approved_page, form_page, problem_page, read_form
from intone.core import logins, sessions
from intone.errors import (
    AuthorizationPendingError,
    DeviceCodeExpiredError,
    ForbiddenError,
    IntoneError,
    InvalidDeviceCodeError,
    RateLimitedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from intone.core.access import Principal
    from intone.core.service import Core

__all__ = ["ROUTES"]

Req = Request[Any, Any, Any]

#: What one address may do in a minute. Ten devices of one office can log in at once; a guesser
#: of user codes, of which there are 2^34, gets nowhere.
_STARTS, _POLLS, _APPROVALS = 10, 120, 10

_COMMON: dict[str, Any] = {"tags": ["Login"]}
_WORKSPACE_ID: Final = "5f0c7a52-2d0f-4c7b-9f57-0a7f64a1c1de"
_STARTED: Final = DeviceCode(
    device_code="q8Vh3mO0ZJtYxw1iK5sXcLr7uN2bGd9pFeA4yQoTjRk",
    user_code="BCDF-GHJK",
    verification_uri="https://speech.example.org/v1/auth/device",
    verification_uri_complete="https://speech.example.org/v1/auth/device?user_code=BCDF-GHJK",
    expires_in=logins.LIFETIME_S,
    interval=logins.INTERVAL_S,
)
_SESSION: Final = SessionToken(
    session_token="vr_session_" + "0" * 36,
    expires_at="2027-02-18T12:00:00.000Z",
    user_id=_WORKSPACE_ID,
)
_CALLER: Final = Whoami(
    user_id=_WORKSPACE_ID, auth="api_key", workspace="default", scopes=("manage", "speak")
)


def _core(request: Req) -> Core:
    return cast("Core", request.app.state.core)


@get(
    "/v1/auth/whoami",
    before_request=require(),
    security=SECURITY,
    operation_id="getWhoami",
    summary="Who is calling",
    opt=describe({200: Answer("What the credential opens.", {JSON: _CALLER})}),
    **_COMMON,
)
async def whoami(request: Req) -> Whoami:
    """Who the credential belongs to, whatever it may do."""
    principal = principal_of(request)
    await _core(request).admit(principal)
    return Whoami(
        user_id=_user_id(principal),
        auth=principal.kind,
        workspace=principal.workspace_name,
        scopes=tuple(sorted(principal.scopes)),
        expires_at=UNSET if principal.expires_at is None else moment(principal.expires_at),
    )


@post(
    "/v1/auth/device-code",
    status_code=200,
    operation_id="startDeviceCode",
    summary="Begin a login",
    opt=describe(
        {200: Answer("The login has begun.", {JSON: _STARTED})},
        errors=[RateLimitedError(), UnavailableError()],
    ),
    **_COMMON,
)
async def start(request: Req) -> Response[DeviceCode]:
    """Get a code to poll with, and one for a person to approve."""
    core = _core(request)
    await core.limiter.hit(f"login.start:{_address(request)}", _STARTS)
    login = await core.database.write(logins.start)
    page = _page_url(request)
    body = DeviceCode(
        device_code=login.device_code,
        user_code=login.user_code,
        verification_uri=page,
        verification_uri_complete=f"{page}?user_code={quote(login.user_code)}",
        expires_in=logins.LIFETIME_S,
        interval=logins.INTERVAL_S,
    )
    return Response(body, status_code=200, headers=NO_STORE)


@post(
    "/v1/auth/poll",
    status_code=200,
    operation_id="pollDeviceCode",
    summary="Ask whether a login is approved",
    opt=describe(
        {200: Answer("It is; this is its session, given this once.", {JSON: _SESSION})},
        body=PollRequest,
        errors=[
            AuthorizationPendingError(),
            InvalidDeviceCodeError(),
            DeviceCodeExpiredError(),
            RateLimitedError(),
            UnavailableError(),
        ],
    ),
    **_COMMON,
)
async def poll(request: Req) -> Response[SessionToken]:
    """Exchange an approved code for a session, exactly once."""
    core = _core(request)
    await core.limiter.hit(f"login.poll:{_address(request)}", _POLLS)
    code = (await read_json(request, PollRequest)).value.device_code
    await core.database.read(logins.check, code)  # waiting costs no writes
    new = await core.database.write(logins.redeem, code)
    body = SessionToken(
        session_token=new.token,
        expires_at=moment(new.session.expires_at),
        user_id=new.session.workspace_id,
    )
    return Response(body, status_code=200, headers=NO_STORE)


@post(
    "/v1/auth/logout",
    status_code=200,
    security=SECURITY,
    operation_id="logout",
    summary="End a session",
    opt=describe({200: Answer("It has ended.", {JSON: LoggedOut(revoked=True)})}),
    **_COMMON,
)
async def logout(request: Req) -> LoggedOut:
    """End the session that calls; where it has ended before, or a key calls, nothing changes."""
    core, credential = _core(request), credential_of(request)
    if not sessions.looks_valid(credential):
        await core.admit(await core.access.authenticate(credential))
        return LoggedOut(revoked=False)
    begun = await core.database.read(sessions.find, credential)  # a guess costs no write
    return LoggedOut(revoked=bool(begun) and await core.database.write(sessions.end, credential))


@get("/v1/auth/device", include_in_schema=False)
async def show_form(
    request: Req, user_code: Annotated[str, QueryParameter(max_length=200)] = ""
) -> Response[str]:
    """The page on which a login is approved."""
    return form_page(request.scope["path"], user_code)


@post("/v1/auth/device", include_in_schema=False)
async def approve(request: Req) -> Response[str]:
    """Let the device in, if the form's key may do that."""
    user_code, path = "", request.scope["path"]
    try:
        user_code, key = await read_form(request)
        principal = await _approve(request, user_code, key)
    except IntoneError as error:
        return problem_page(path, user_code, error)
    return approved_page(principal.workspace_name)


async def _approve(request: Req, user_code: str, key: str) -> Principal:
    core = _core(request)
    await core.limiter.hit(f"login.approve:{_address(request)}", _APPROVALS)
    principal = await core.access.authenticate(key)
    if "manage" not in principal.scopes:
        raise ForbiddenError("This key does not have the scope 'manage'.")
    await core.database.write(logins.approve, user_code, principal.workspace_id)
    return principal


def _user_id(principal: Principal) -> str:
    is_foreign = principal.kind == "access_token"
    return principal.subject if is_foreign else principal.workspace_id


def _page_url(request: Req) -> str:
    """The page's address, below the prefix that the caller has used."""
    return server_url(request) + request.scope["path"].replace("device-code", "device")


def _address(request: Req) -> str:
    """Where the request comes from; of an IPv6 address the part that its owner cannot choose."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a Unix socket has none
        return host
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


ROUTES = [whoami, start, poll, logout, show_form, approve]
