"""Plans are data: a TOML file says what each one allows."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["CHARACTERS_PER_CREDIT", "Plan", "load_plans"]

#: A credit buys this many characters (seed 001: "1 credit per 1,000 characters").
CHARACTERS_PER_CREDIT = 1000


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a workspace may do; `plans.toml` explains each field."""

    name: str
    characters_per_month: int
    posts_per_month: int
    requests_per_minute: int
    max_input_characters: int
    retention_hours: float
    features: frozenset[str]
    #: Requests a minute that readers' pages may send for one domain, and events of listening.
    public_requests_per_minute: int = 60
    public_events_per_minute: int = 200


def load_plans(path: Path | None = None) -> Mapping[str, Plan]:
    """Read the plans from `path`, or the bundled ones.

    Raises:
        InvalidInputError: The file cannot be read or a plan in it is not complete.
    """
    source = path or resources.files("intone.core").joinpath("plans.toml")
    try:
        tables = tomllib.loads(source.read_text("utf-8"))
        return {
            name: msgspec.convert({"name": name, **table}, Plan) for name, table in tables.items()
        }
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError, TypeError) as error:
        raise InvalidInputError(f"The plans file {source} cannot be used: {error}.") from error
