"""How English says a number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from intone.text.normalize.rules import listed

__all__ = ["BARE", "END", "MAGNITUDES", "MONTHS", "NUM", "START", "Speller", "digits"]

_ONES = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = listed(
    "- thousand million billion trillion quadrillion quintillion sextillion septillion "
    "octillion nonillion decillion"
)
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
_HUNDRED, _THOUSAND = 100, 1000
_LONGEST = 33  # digits that have a scale

MONTHS = listed(
    "January February March April May June July August September October November December"
)
MAGNITUDES = {
    "k": "thousand", "K": "thousand", "thousand": "thousand", "hundred": "hundred",
    "m": "million", "M": "million", "mn": "million", "mm": "million", "million": "million",
    "b": "billion", "B": "billion", "bn": "billion", "Bn": "billion", "billion": "billion",
    "t": "trillion", "T": "trillion", "tn": "trillion", "trillion": "trillion",
}  # fmt: skip

#: Where a number may begin and end; "1,2,3" and "3.14.15" are lists, not numbers.
START = r"(?<![\w.,])"
END = r"(?!\d|[.,]\d)"
#: A number without sign or guards: 1,250.75 or 12 or .5
BARE = r"(?:\d{1,3}(?:,\d{3}){1,10}(?:\.\d{1,20})?|\d{1,15}(?:\.\d{1,20})?|\.\d{1,20})"
#: A number with an optional minus.
NUM = rf"(?:[-−]?{BARE})"


def digits(text: str) -> str:
    """Read digit by digit; other characters are skipped."""
    return " ".join(_ONES[int(c)] for c in text if c.isdecimal())


@lru_cache(maxsize=8192)
def _cardinal(n: int, with_and: bool) -> str:
    if n < len(_ONES):
        return _ONES[n]
    if n < _HUNDRED:
        tens, ones = divmod(n, 10)
        return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    if n < _THOUSAND:
        hundreds, rest = divmod(n, 100)
        link = " and " if with_and else " "
        return f"{_ONES[hundreds]} hundred" + (link + _cardinal(rest, with_and) if rest else "")
    below = n % 1000
    parts = [_cardinal(below, with_and)] if below else []
    if with_and and 0 < below < _HUNDRED and n > below:
        parts[0] = f"and {parts[0]}"
    for power, scale in enumerate(_SCALES[1:], 1):
        group = n // 1000**power % 1000
        if group:
            parts.append(f"{_cardinal(group, with_and)} {scale}")
    return " ".join(reversed(parts))


@dataclass(frozen=True, slots=True)
class Speller:
    """Says numbers in American English, or in British English."""

    #: "one hundred and five" and day before month.
    british: bool = False

    def cardinal(self, n: int) -> str:
        """Say a whole number below 10^33."""
        return ("minus " if n < 0 else "") + _cardinal(abs(n), self.british)

    def ordinal(self, n: int) -> str:
        """Say 21 as "twenty-first"."""
        head, last = re.fullmatch(r"(.*?)(\w+)", self.cardinal(n)).groups()  # type: ignore[union-attr]
        if last in _ORDINALS:
            return head + _ORDINALS[last]
        return head + (last[:-1] + "ieth" if last.endswith("y") else last + "th")

    def year(self, n: int) -> str:
        """Say 1999 as "nineteen ninety-nine" and 1905 as "nineteen oh five"."""
        century, rest = divmod(n, 100)
        if n < 1000 or n > 9999 or n % 1000 < 10:  # noqa: PLR2004 - 2000 to 2009
            return self.cardinal(n)
        if rest == 0:
            return f"{self.cardinal(century)} hundred"
        return f"{self.cardinal(century)} {'oh ' if rest < 10 else ''}{self.cardinal(rest)}"  # noqa: PLR2004

    def number(self, written: str) -> str:
        """Say a number as `NUM` finds it: sign, grouping commas, decimals, leading zeros."""
        sign = "minus " if written[0] in "-−" else ""
        whole, _, fraction = written.lstrip("-−").replace(",", "").partition(".")
        said = self.whole(whole) if whole else ""
        if fraction:
            said = f"{said} point {digits(fraction)}".lstrip()
        return sign + said

    def whole(self, written: str) -> str:
        """Say a run of digits as a number, digit by digit where it is a code ("007")."""
        if (written[0] == "0" and len(written) > 1) or len(written) > _LONGEST:
            return digits(written)
        return self.cardinal(int(written))

    def code(self, written: str) -> str:
        """Say digits within a name or an address: "F-16", "BA2490"."""
        if len(written) <= 2:  # noqa: PLR2004
            return self.whole(written)
        if len(written) == 4 and written[:2] in ("19", "20"):  # noqa: PLR2004
            return self.year(int(written))
        return digits(written)
