"""Routes about money: the wallet, its history, and what was used (wire.md §4)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from litestar import Request, get
from litestar.params import QueryParameter
from msgspec import UNSET

from intone.api.auth import SECURITY, principal_of, require
from intone.api.described import JSON, Answer, describe
from intone.api.moments import moment
from intone.api.queries import refuse_repeated
from intone.api.speech.errors import wire_code
from intone.api.speech.wallet_schemas import (
    Activity,
    ActivityRow,
    Credits,
    ErrorUse,
    ProviderUseRow,
    RecentCall,
    UsageSummary,
    UsageTotals,
)
from intone.core.usage import activity, usage
from intone.errors import NotFoundError

if TYPE_CHECKING:
    from intone.core.access import Principal
    from intone.core.service import Core
    from intone.core.usage import Entry, PastCall, Usage

__all__ = ["WALLET_ROUTES"]

Req = Request[Any, Any, Any]

_COMMON: dict[str, Any] = {"security": SECURITY, "tags": ["Wallet"]}

_CALL: Final = "5b2a5b7a-6c2d-4d40-9e7b-1f25c08e6a1f"
_SPENT: Final = ActivityRow(
    id=f"{_CALL}:commit",
    kind="commit",
    micros_delta=120,
    micros_balance_after=9_999_805,
    reservation_id=_CALL,
    source="speech",
    metadata={
        "provider": "openai",
        "model": "tts-1",
        "characters": 13,
        "costMicros": 195,
        "status": "ok",
    },
    created_at="2026-11-20T12:00:01.250Z",
)
_SET_ASIDE: Final = ActivityRow(
    id=_CALL,
    kind="reservation",
    micros_delta=-315,
    micros_balance_after=9_999_685,
    reservation_id=_CALL,
    source="speech",
    metadata=_SPENT.metadata,
    created_at="2026-11-20T12:00:00.000Z",
)
_TOPPED_UP: Final = ActivityRow(
    id="0f8e4f0c-54a5-4f44-8a04-1d1c6f3f8a55",
    kind="topup",
    micros_delta=10_000_000,
    micros_balance_after=10_000_000,
    reservation_id=None,
    source="cli",
    metadata={},
    created_at="2026-11-19T08:30:00.000Z",
)
_SUMMARY: Final = UsageSummary(
    totals=UsageTotals(requests=2, cost_micros=195, error_count=1),
    by_provider=[ProviderUseRow(provider="openai", requests=2, cost_micros=195)],
    by_error_code=[ErrorUse(code="provider_timeout", count=1)],
    recent=[
        RecentCall(
            id="c9d0a7f5-8a34-4d5c-9d3e-8c2a9d1b7e10",
            created_at="2026-11-20T12:03:00.000Z",
            status="failed",
            cost_micros=0,
            provider="openai",
            code="provider_timeout",
        ),
        RecentCall(
            id=_CALL,
            created_at="2026-11-20T12:00:01.250Z",
            status="ok",
            cost_micros=195,
            provider="openai",
        ),
    ],
)


async def _admitted(request: Req) -> tuple[Core, Principal]:
    """The core and the caller, whose request counts from here on."""
    core, principal = cast("Core", request.app.state.core), principal_of(request)
    await core.admit(principal)
    refuse_repeated(request)
    return core, principal


@get(
    "/v1/credits",
    before_request=require("speak"),
    operation_id="getCredits",
    summary="Get the wallet",
    opt=describe(
        {
            200: Answer(
                "The wallet as it stands.",
                {JSON: Credits(balance_micros=9_999_805, reserved_micros=0)},
            )
        }
    ),
    **_COMMON,
)
async def credits_(request: Req) -> Credits:
    """Balance and reservations of the workspace, in millionths of a US dollar."""
    core, principal = await _admitted(request)
    with suppress(NotFoundError):
        wallet = await core.balance(principal, "wallet")
        return Credits(balance_micros=wallet.remaining + wallet.held, reserved_micros=wallet.held)
    return Credits(balance_micros=0, reserved_micros=0)


@get(
    "/v1/credits/activity",
    before_request=require("speak"),
    operation_id="listCreditsActivity",
    summary="List changes of the wallet",
    opt=describe(
        {200: Answer("The latest.", {JSON: Activity(rows=[_SPENT, _SET_ASIDE, _TOPPED_UP])})}
    ),
    **_COMMON,
)
async def credits_activity(
    request: Req,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="How many, at most.")] = 50,
) -> Activity:
    """Every change of what can be spent, newest first; together they add up to it."""
    core, principal = await _admitted(request)
    entries = await core.database.read(activity, principal.workspace_id, limit)
    return Activity(rows=[_row(entry) for entry in entries])


@get(
    "/v1/usage",
    before_request=require("manage"),
    operation_id="getUsage",
    summary="Get the use of streamed speech",
    opt=describe({200: Answer("Sums and the latest calls.", {JSON: _SUMMARY})}),
    **_COMMON,
)
async def get_usage(
    request: Req,
    days: Annotated[int, QueryParameter(ge=1, le=365, description="How far back to look.")] = 30,
    limit: Annotated[
        int,
        QueryParameter(ge=1, le=1000, description="How many single calls; sums count all."),
    ] = 100,
) -> UsageSummary:
    """What the workspace's calls cost, by provider and by failure, and the latest of them."""
    core, principal = await _admitted(request)
    return _summary(await core.database.read(usage, principal.workspace_id, days, limit))


def _row(entry: Entry) -> ActivityRow:
    return ActivityRow(
        id=entry.id,
        kind=entry.kind,
        micros_delta=entry.micros_delta,
        micros_balance_after=entry.micros_balance_after,
        reservation_id=entry.reservation_id,
        source=entry.source,
        metadata=dict(entry.metadata),
        created_at=moment(entry.created_at),
    )


def _summary(used: Usage) -> UsageSummary:
    return UsageSummary(
        totals=UsageTotals(
            requests=used.requests, cost_micros=used.cost_micros, error_count=used.error_count
        ),
        by_provider=[
            ProviderUseRow(
                provider=one.provider, requests=one.requests, cost_micros=one.cost_micros
            )
            for one in used.by_provider
        ],
        by_error_code=[
            ErrorUse(code=wire_code(code), count=count) for code, count in used.by_error_code
        ],
        recent=[_recent(call) for call in used.recent],
    )


def _recent(call: PastCall) -> RecentCall:
    return RecentCall(
        id=call.id,
        created_at=moment(call.created_at),
        status=call.status,
        cost_micros=call.cost_micros,
        provider=call.provider,
        code=UNSET if call.error_code is None else wire_code(call.error_code),
    )


WALLET_ROUTES = [credits_, credits_activity, get_usage]
