"""Characters that no plain text should hold."""

from __future__ import annotations

import re

from intone.errors import InvalidInputError

__all__ = ["CONTROLS", "find_forbidden", "refuse_controls"]

#: For a class in a regular expression: NUL and the other C0 controls but tab, newline and carriage
#: return; DEL; and the C1 controls (a sign of text decoded with the wrong table).
CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"

# Lone surrogates as well, which UTF-8 cannot carry.
_FORBIDDEN = re.compile(rf"[{CONTROLS}\ud800-\udfff]")


def find_forbidden(text: str) -> int | None:
    """Find the first character that a text to be spoken must not hold.

    Forbidden are the C0 controls except tab, newline and carriage return, DEL, the C1
    controls (U+0080 to U+009F) and lone surrogates. Everything else is accepted; what
    cannot be spoken (emoji, zero-width and bidirectional marks) is left out in normalising.

    Returns:
        The character's index, or `None` where there is none.
    """
    found = _FORBIDDEN.search(text)
    return found.start() if found else None


def refuse_controls(field: str, text: str) -> None:
    """Refuse a text that holds such a character.

    Raises:
        InvalidInputError: It does; the message names the field and the place.
    """
    at = find_forbidden(text)
    if at is not None:
        raise InvalidInputError(
            f"{field}: character {at + 1} (U+{ord(text[at]):04X}) is a control character;"
            " only tab, newline and carriage return are accepted."
        )
