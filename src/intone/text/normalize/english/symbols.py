"""Signs that English says as words."""

from __future__ import annotations

import re

from intone.text.normalize.rules import Group, rule

__all__ = ["slash_group", "symbol_group"]

_SIGNS = {
    "&": "and", "@": "at", "%": "percent", "+": "plus", "=": "equals", "×": "times",
    "÷": "divided by", "±": "plus or minus", "≈": "about", "≠": "is not", "≤": "is at most",
    "≥": "is at least", "∞": "infinity", "√": "square root of", "π": "pi", "°": "degrees",
    "©": "copyright", "®": "registered", "™": "trademark", "№": "number", "§": "section",
    "µ": "micro", "Ω": "ohms", "→": "to", "←": "from", "↔": "to and from", "‰": "per mille",
    "$": "dollar", "€": "euro", "£": "pound", "¥": "yen", "∑": "sum", "∫": "integral",
    "∂": "partial", "∈": "in", "∆": "delta", "−": "minus",
}  # fmt: skip


def slash_group() -> Group:
    """Build the rules for words joined by a slash."""
    either = r"(?:he|she|his|her|him|hers|himself|herself|they|them|yes|no|Mr|Mrs|AM|PM)"
    return Group(
        re.compile("/"),
        (
            rule(r"\b([Aa])nd/or\b", r"\1nd or"),
            rule(r"\bs/he\b", "she or he"),
            rule(rf"\b({either})/(?={either}\b)", r"\1 or "),
            rule(r"(?<=[^\W\d_])/(?=[^\W\d_])", " slash "),
            rule(r"(?<=\w)/(?=\w)", " slash "),
            rule(r"\ /\ ", ", "),
            rule("/+", " "),
        ),
    )


def symbol_group() -> Group:
    """Build the rules for the signs that are still there after the numbers."""
    signs = "".join(re.escape(sign) for sign in _SIGNS)

    def sign(found: re.Match[str]) -> str:
        return f" {_SIGNS[found[0]]} "

    return Group(
        re.compile(rf"[#*^<>~_²³¹⁰⁴-⁹{signs}]"),
        (
            rule(r"\b([CFJ])\#(?!\w)", r"\1 sharp"),
            rule(r"\b([A-Za-z]+)\+\+(?!\w)", r"\1 plus plus"),
            rule(r"[®™©]", lambda found: " copyright " if found[0] == "©" else " "),
            rule(r"~\ ?(?=\w)|≈\ ?(?=\w)", "about "),
            rule(r"(?<=[A-Za-z)])[²](?!\w)", " squared"),
            rule(r"(?<=[A-Za-z)])[³](?!\w)", " cubed"),
            rule(rf"[{signs}]", sign),
            rule(r"\#(?=\w)", " number "),
            rule(r"(?<=\w)[¹⁰⁴-⁹]", ""),  # a footnote's mark
            rule(r"[#*^<>~_⁻]", " "),
        ),
    )
