"""What a key may do of streamed speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from intone.storage.database import Row

__all__ = ["MAX_COUNT", "MAX_MICROS", "NO_LIMITS", "KeyLimits"]

#: The largest limit, which both databases can hold in the narrowest of these columns.
MAX_COUNT = 1_000_000
#: The largest spending limit, in micro-dollars: a billion dollars.
MAX_MICROS = 10**15


def _check_limit(what: str, limit: int | None, largest: int) -> None:
    if limit is not None and not 0 < limit <= largest:
        raise InvalidInputError(
            f"A key's limit of {what} is 1 to {largest:,}; leave it out for none."
        )


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What a key may do of streamed speech; None: as much as its workspace.

    Raises:
        InvalidInputError: A limit is not above 0, or absurdly large.
    """

    requests_per_minute: int | None = None
    #: Requests at the same time.
    max_concurrency: int | None = None
    #: Millionths of a US dollar in a day (UTC).
    daily_micros: int | None = None
    #: Millionths of a US dollar in a calendar month (UTC).
    monthly_micros: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no key can be held to."""
        _check_limit("requests a minute", self.requests_per_minute, MAX_COUNT)
        _check_limit("requests at once", self.max_concurrency, MAX_COUNT)
        _check_limit("spending a day in micro-dollars", self.daily_micros, MAX_MICROS)
        _check_limit("spending a month in micro-dollars", self.monthly_micros, MAX_MICROS)

    @classmethod
    def of(cls, row: Row) -> KeyLimits:
        """The limits in a row of `keys`."""
        return cls(
            requests_per_minute=row["requests_per_minute"],
            max_concurrency=row["max_concurrency"],
            daily_micros=row["daily_micros"],
            monthly_micros=row["monthly_micros"],
        )


#: Of a key that may do as much as its workspace.
NO_LIMITS = KeyLimits()
