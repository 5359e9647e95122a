"""How much is tried: what shows a guarantee in `make test`, and all there is in `make slow`.

`make slow` runs the tests that hypothesis feeds and those marked `thorough` once more, with
INTONE_TEST_THOROUGH set.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

THOROUGH = bool(os.environ.get("INTONE_TEST_THOROUGH"))

T = TypeVar("T")


def examples(most: int) -> int:
    """How many examples hypothesis is to try, of so many at most."""
    return most if THOROUGH else most // 5


def some(few: Sequence[T], *, of: Sequence[T]) -> Sequence[T]:
    """The edges and what lies typically between them, of all that is thoroughly tried."""
    assert all(one in of for one in few)
    return of if THOROUGH else few
