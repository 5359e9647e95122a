"""What a query string may not be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from litestar import Request

__all__ = ["refuse_repeated"]


def refuse_repeated(request: Request[Any, Any, Any]) -> None:
    """See that no parameter is given twice: nobody could say which of the two was meant.

    Raises:
        InvalidInputError: One is.
    """
    for name, values in request.query_params.dict().items():
        if len(values) > 1:
            raise InvalidInputError(f"{name[:100]}: this parameter was given twice; give it once.")
