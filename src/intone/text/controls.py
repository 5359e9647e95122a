"""Characters that no plain text should hold."""

from __future__ import annotations

import re

__all__ = ["CONTROLS", "find_forbidden"]

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
