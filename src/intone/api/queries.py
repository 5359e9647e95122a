"""What a query string may be, and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from litestar import Request

__all__ = ["cursor_number", "refuse_repeated"]

#: No row's number is larger.
_LARGEST: Final = 2**62


def refuse_repeated(request: Request[Any, Any, Any]) -> None:
    """See that no parameter is given twice: nobody could say which of the two was meant.

    Raises:
        InvalidInputError: One is.
    """
    for name, values in request.query_params.dict().items():
        if len(values) > 1:
            raise InvalidInputError(f"{name[:100]}: this parameter was given twice; give it once.")


def cursor_number(cursor: str | None, *, given_as: str = "nextCursor") -> int | None:
    """The number of the row that a page of a list ended with; None where there was no page before.

    Args:
        cursor: As the request says it.
        given_as: What the dialect calls it on the page before.

    Raises:
        InvalidInputError: No page can have given that.
    """
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or not 0 < int(cursor[:20]) < _LARGEST:
        raise InvalidInputError(f"cursor: this is not the `{given_as}` of a page.")
    return int(cursor)
