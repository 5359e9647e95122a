"""English: the rules in the order in which they are applied."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from intone.text.normalize.english.dates import date_group, year_group
from intone.text.normalize.english.letters import abbreviation_group, initial_group, roman_group
from intone.text.normalize.english.numbers import last_group, number_group, phone_group
from intone.text.normalize.english.quantities import quantity_group
from intone.text.normalize.english.symbols import slash_group, symbol_group
from intone.text.normalize.english.words import Speller
from intone.text.normalize.web import WebWords, web_group

if TYPE_CHECKING:
    from intone.text.normalize.rules import Group

__all__ = ["rules_for"]

#: Where dates are written month first and "and" is left out of numbers.
_AMERICAN = {None, "US", "CA", "PH"}

_WEB = WebWords("dot", "slash", "at", "dash", "underscore", "colon", "hashtag", "backslash")


def rules_for(region: str | None) -> tuple[Group, ...]:
    """Return the rules for a region's English; American where none is named."""
    return _rules(region not in _AMERICAN)


@cache
def _rules(british: bool) -> tuple[Group, ...]:
    say = Speller(british)
    return (
        web_group(_WEB, say.code),
        phone_group(),
        abbreviation_group(),
        date_group(say),
        quantity_group(say),
        number_group(say),
        year_group(say),
        roman_group(say),
        initial_group(),
        last_group(say),
        slash_group(),
        symbol_group(),
    )
