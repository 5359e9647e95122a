"""Languages other than English: the rules in the order in which they are applied."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from intone.text.normalize.rules import Group, any_of, rule
from intone.text.normalize.web import web_group
from intone.text.normalize.world.numbers import Speller
from intone.text.normalize.world.tables import LANGUAGES
from intone.text.normalize.world.texts import Writer

if TYPE_CHECKING:
    from intone.text.normalize.world.tables import Language

__all__ = ["rules_for"]

#: Spanish as written where the decimal sign is a dot.
_DOT_SPANISH = {"MX", "US", "PR", "GT", "HN", "SV", "NI", "PA", "DO", "419"}
_ALIASES = {"nb": "no", "nn": "no"}


def rules_for(primary: str, region: str | None) -> tuple[Group, ...]:
    """Return the rules for a language; none where it is left to the engine.

    Languages that num2words lacks or says wrongly, and those whose numbers change with what
    they count in ways it does not know, are left alone: engines read their digits better.
    """
    primary = _ALIASES.get(primary, primary)
    if primary not in LANGUAGES:
        return _plain_web()
    dot = primary == "es" and region in _DOT_SPANISH
    return _rules(primary, "." if dot else ",", "pt_BR" if region == "BR" else primary)


@cache
def _plain_web() -> tuple[Group, ...]:
    # The scheme alone is dropped: nobody wants to hear it, and engines spell it out.
    return (Group(re.compile("://"), (rule(r"(?<!\w)(?:https?|ftp)://(?:www\.)?(?=\w)", ""),)),)


@cache
def _rules(primary: str, decimal: str, code: str) -> tuple[Group, ...]:
    language = LANGUAGES[primary]
    say = Speller(code, language.minus, "punto" if decimal == "." else language.point)
    writer = Writer(language, say, decimal)
    digits = Group(re.compile(r"\d"), writer.rules())
    web = (web_group(language.web, say.whole),) if language.web else _plain_web()
    return (*web, *_abbreviations(language), digits, *_signs(language))


def _abbreviations(language: Language) -> tuple[Group, ...]:
    if not language.abbreviations:
        return ()
    words = any_of(list(language.abbreviations))

    def expand(found: re.Match[str]) -> str:
        return language.abbreviations[found[1]] + ("." if found[2] is not None else "")

    ending = r"(?:(?<=\.)()(?=\s*$)|(?!\w))"
    return (
        Group(
            re.compile(rf"(?<![\w.])(?:{words})"), (rule(rf"(?<![\w.])({words}){ending}", expand),)
        ),
    )


def _signs(language: Language) -> tuple[Group, ...]:
    if not language.signs:
        return ()
    signs = "[" + "".join(re.escape(sign) for sign in language.signs) + "]"

    def say(found: re.Match[str]) -> str:
        return f" {language.signs[found[0]]} "

    return (
        Group(
            re.compile(rf"[/#*^<>~_|®™©]|{signs}"),
            (
                rule(r"[®™©]", ""),
                rule(signs, say),
                rule(r"(?<=\w)/(?=\w)", " "),
                rule(r"[\#*^<>~_]", " "),
            ),
        ),
    )
