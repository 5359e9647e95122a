"""Bodies about money (wire.md §4); micros are millionths of a US dollar."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

__all__ = [
    "Activity",
    "ActivityRow",
    "Credits",
    "ErrorUse",
    "ProviderUseRow",
    "RecentCall",
    "UsageSummary",
    "UsageTotals",
]

Moment = Annotated[
    str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-11-20T12:00:00.000Z"])
]
Count = Annotated[int, Meta(ge=0)]
Micros = Annotated[int, Meta(ge=0, description="Millionths of a US dollar.")]


class Credits(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the wallet holds; what can be spent is the difference."""

    balance_micros: Micros
    reserved_micros: Annotated[
        int, Meta(ge=0, description="Set aside for calls that have not ended, in micro-dollars.")
    ]


class ActivityRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """One change of what the wallet can spend."""

    id: str
    kind: Annotated[
        Literal["topup", "reservation", "commit", "refund"],
        Meta(
            description="`reservation`: set aside for a call; `commit`: the call was charged and"
            " the rest came back; `refund`: it cost nothing and all came back."
        ),
    ]
    micros_delta: int
    micros_balance_after: Annotated[int, Meta(description="What could be spent after it.")]
    reservation_id: str | None
    source: Annotated[str, Meta(description="Who brought it about.", examples=["speech"])]
    metadata: Annotated[
        dict[str, str | int],
        Meta(description="Of the call: `provider`, `model`, `characters`, `costMicros`, `status`."),
    ]
    created_at: Moment


class Activity(Struct, frozen=True, kw_only=True):
    """Changes of the wallet, newest first."""

    rows: list[ActivityRow]


class UsageTotals(Struct, frozen=True, kw_only=True, rename="camel"):
    """All calls of the time asked for."""

    requests: Count
    cost_micros: Micros
    error_count: Count


class ProviderUseRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """The calls of one provider."""

    provider: str
    requests: Count
    cost_micros: Micros


class ErrorUse(Struct, frozen=True, kw_only=True):
    """How often a failure happened."""

    code: str
    count: Count


class RecentCall(Struct, frozen=True, kw_only=True, rename="camel"):
    """One call."""

    id: str
    created_at: Moment
    status: Annotated[
        Literal["ok", "failed", "cancelled"], Meta(description="`cancelled`: the client left.")
    ]
    cost_micros: Micros
    provider: str
    code: Annotated[str | UnsetType, Meta(description="Why it failed.")] = UNSET


class UsageSummary(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the calls of some days add up to."""

    totals: UsageTotals
    by_provider: list[ProviderUseRow]
    by_error_code: list[ErrorUse]
    recent: Annotated[list[RecentCall], Meta(description="The latest calls, newest first.")]
