"""Numbers in words by num2words, cached and made fit for speech."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

__all__ = ["Speller"]

#: More digits than this are read one by one; no language runs out of names below.
_LONGEST = 12
# num2words writes commas and joined words that an engine would stumble over.
_TIDY = str.maketrans({",": "", "\xad": ""})


@lru_cache(maxsize=8192)
def _say(n: int, code: str, kind: str) -> str:
    from num2words import num2words  # 0.2 s: only where a text needs it

    return cast("str", num2words(n, lang=code, to=kind)).translate(_TIDY)


@dataclass(frozen=True, slots=True)
class Speller:
    """Says numbers in one language of num2words."""

    code: str
    minus: str
    point: str

    def cardinal(self, n: int) -> str:
        """Say a whole number that is not negative."""
        return _say(n, self.code, "cardinal")

    def ordinal(self, n: int) -> str:
        """Say an ordinal, masculine where there is a choice."""
        return _say(n, self.code, "ordinal")

    def year(self, n: int) -> str:
        """Say a year, by hundreds where the language does so."""
        if self.code in ("de", "nl", "da", "no") and 1100 <= n <= 1999:  # noqa: PLR2004
            return _say(n, self.code, "year")
        if self.code == "sv" and 1100 <= n <= 1999:  # noqa: PLR2004
            rest = self.cardinal(n % 100) if n % 100 else ""
            return f"{self.cardinal(n // 100)}hundra{rest}"
        return self.cardinal(n)

    def whole(self, written: str) -> str:
        """Say a run of digits as a number, digit by digit where it is a code."""
        if (written[0] == "0" and len(written) > 1) or len(written) > _LONGEST:
            return " ".join(self.cardinal(int(digit)) for digit in written)
        return self.cardinal(int(written))

    def number(self, written: str) -> str:
        """Say a plain number as written in Python: `-1250.75`."""
        whole, _, fraction = written.lstrip("-").partition(".")
        said = self.whole(whole or "0")
        if fraction:
            said += f" {self.point} {self._fraction(fraction)}"
        return f"{self.minus} {said}" if written[0] == "-" else said

    def _fraction(self, written: str) -> str:
        # "3,14" is "three comma fourteen" in Romance languages, digit by digit elsewhere.
        by_number = self.code[:2] in (
            "es",
            "fr",
            "pt",
            "it",
            "ca",
            "ro",
            "tr",
            "pl",
            "cs",
            "ru",
            "uk",
        )
        if by_number and len(written) <= 2 and written[0] != "0":  # noqa: PLR2004
            return self.cardinal(int(written))
        return " ".join(self.cardinal(int(digit)) for digit in written)
