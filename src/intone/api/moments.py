"""Times on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

__all__ = ["Moment", "moment"]

#: RFC 3339 in UTC, to the millisecond.
Moment = Annotated[
    str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-11-20T12:00:00.000Z"])
]


def moment(at_ms: int) -> str:
    """A stored time as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
