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


def cursor_number(cursor: str | None) -> int | None:
    """The number of the row that a page of a list ended with; None where there was no page before.

    Raises:
        InvalidInputError: No page can have had that as its `nextCursor`.
    """
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or not 0 < int(cursor[:20]) < _LARGEST:
        raise InvalidInputError("cursor: this is not the `nextCursor` of a page.")
    return int(cursor)
