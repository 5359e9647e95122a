"""Numbers in English that are neither dates nor quantities: phones, fractions, scores, codes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from intone.text.normalize.english.words import BARE, END, MAGNITUDES, NUM, START, digits
from intone.text.normalize.rules import Group, Rule, rule

if TYPE_CHECKING:
    from intone.text.normalize.english.words import Speller

__all__ = ["last_group", "number_group", "phone_group"]

_FRACTIONS = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5),
    "⅗": (3, 5), "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅐": (1, 7), "⅛": (1, 8), "⅜": (3, 8),
    "⅝": (5, 8), "⅞": (7, 8), "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_OPERATORS = {
    "+": "plus", "×": "times", "*": "times", "·": "times", "÷": "divided by", "=": "equals",
    "−": "minus", "-": "minus", "–": "minus", "/": "divided by",
    "<": "is less than", ">": "is greater than", "≤": "is at most", "≥": "is at least",
    "≠": "is not", "≈": "is about", "±": "plus or minus", "→": "to",
    "<=": "is at most", ">=": "is at least", "==": "equals", "!=": "is not", "x": "times",
}  # fmt: skip
#: Names before dotted numbers whose parts are counted: section 4.12 is not four point one two.
_NUMBERED = (
    r"(?:[Vv]ersions?|[Rr]elease|[Bb]uild|[Cc]hapters?|[Ss]ections?|[Ff]igures?|[Tt]ables?|Python|"
    r"PHP|Java|Node|Ruby|Rust|Go|iOS|iPadOS|macOS|Android|Ubuntu|Debian|Windows|Linux|Django)"
)


def number_group(say: Speller) -> Group:
    """Build the rules that come after dates and quantities."""
    return Group(
        re.compile(r"[\d½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒]"),
        (*_code_rules(say), *_fraction_rules(say), *_relation_rules(say)),
    )


def phone_group() -> Group:
    """Build the rules for phone numbers and other long codes; they come before dates."""

    def spoken(number: str) -> str:
        said = ", ".join(digits(part) for part in re.findall(r"\d+", number))
        return f"plus {said}" if number.startswith("+") else said

    def groups(found: re.Match[str]) -> str:
        return spoken(found[0])

    def called(found: re.Match[str]) -> str:
        return found[1] + spoken(found[2])

    country = r"(?:\+\d{1,3}[ .-]?)?"
    return Group(
        re.compile(r"\d"),
        (
            rule(r"(?<!\d)\d{16,}+", lambda found: f" {digits(found[0])} "),
            rule(r"(?<![\w.,+-])\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){1,6}(?![\w-])", groups),
            rule(
                rf"(?<![\w.,$€£-]){country}(?:\(\d{{3}}\)\ ?|\d{{3}}[-.])"
                r"\d{3}[-. ]\d{4}(?![\w-]|\.\d)",
                groups,
            ),
            rule(
                r"(?<![\w.,+-])[1-9]\d{0,2}(?:(?:\ \d{3}){2,5}|\ 000)(?![\w-])",
                lambda found: found[0].replace(" ", ","),
            ),
            rule(r"(?<![\w.,$€£-])555-\d{4}(?![\w-])", groups),
            rule(
                r"(\b(?:[Cc]all|[Dd]ial|[Pp]hone|[Tt]el|[Tt]elephone|[Ff]ax|[Tt]ext|[Mm]obile)"
                r"(?:\ us)?(?:\ at|\ on|\ number)?[.:]?\ )(\d{3,5}(?:[ -]\d{2,5}){0,4})(?![\w-])",
                called,
            ),
            rule(r"(?<![\w.,$€£-])0\d{2,4}\ \d{3,4}\ \d{3,4}(?!\w)", groups),
            rule(r"(?<![\w.,$€£/-])\d{1,7}(?:-\d{1,7}){3,5}(?![\w-])", groups),
            rule(r"(?<![\w.,$€£/-])\d{3}-\d{2}-\d{4}(?![\w-])", groups),
        ),
    )


def _code_rules(say: Speller) -> tuple[Rule, ...]:
    def parts(text: str) -> str:
        return " point ".join(say.whole(part) for part in text.split("."))

    def version(found: re.Match[str]) -> str:
        return f"version {parts(found[1])}"

    def numbered(found: re.Match[str]) -> str:
        return f"{found[1]} {parts(found[2])}"

    dotted = r"\d{1,9}(?:\.\d{1,9}){1,9}"
    return (
        rule(rf"(?<![\w.])[vV](?:er)?\.?\ ?({dotted}|\d{{1,4}})(?!\w)", version),
        rule(rf"\b({_NUMBERED})\ [vV]?({dotted})(?!\w)", numbered),
        rule(
            r"(?<![\w.,])\d{1,9}(?:\.\d{1,9}){2,}+(?!\w)",
            lambda found: parts(found[0]),
        ),
        rule(
            r"\b(7|10|14|21)([24680]0)p\b",
            lambda found: f"{say.whole(found[1])} {say.whole(found[2])} p",
        ),
        rule(r"(?<!\w)<(?=\d)", "less than "),
        rule(r"(?<!\w)>(?=\d)", "more than "),
        rule(r"\b24/7(?:/365)?\b", "twenty-four seven"),
        rule(r"(?<![\w/.])9/11(?![\w/])", "nine eleven"),
        rule(r"(?<![\w/.])50[/-]50(?![\w/])", "fifty-fifty"),
        rule(r"(?<![\w/.])(?:20/20)(?![\w/])", "twenty twenty"),
        rule(r"(?:\#|№\ ?)(?=\d)", "number "),
        rule(r"\bN[or]s?\.\ ?(?=\d)", "number "),
    )


def _fraction_rules(say: Speller) -> tuple[Rule, ...]:
    def fraction(top: int, bottom: int) -> str:
        if bottom == 2:  # noqa: PLR2004
            return f"{say.cardinal(top)} {'half' if top == 1 else 'halves'}"
        part = "quarter" if bottom == 4 else say.ordinal(bottom)  # noqa: PLR2004
        return f"{say.cardinal(top)} {part}{'' if top == 1 else 's'}"

    def mixed(whole: str, top: int, bottom: int) -> str:
        said = "a half" if (top, bottom) == (1, 2) else fraction(top, bottom)
        return f"{say.number(whole)} and {said}"

    def sign(found: re.Match[str]) -> str:
        top, bottom = _FRACTIONS[found[2]]
        return (mixed(found[1], top, bottom) if found[1] else fraction(top, bottom)) + (
            " " if found[0][-1] in _FRACTIONS else ""
        )

    def mixed_slash(found: re.Match[str]) -> str:
        top, bottom = int(found[2]), int(found[3])
        return mixed(found[1], top, bottom) if 0 < top < bottom <= 64 else found[0]  # noqa: PLR2004

    def slash(found: re.Match[str]) -> str:
        top, bottom = int(found[1]), int(found[2])
        if bottom in (10, 100) and top > 1:
            return f"{say.cardinal(top)} out of {say.cardinal(bottom)}"
        if top > 0 and 2 <= bottom <= 20 and "0" not in (found[1][0], found[2][0]):  # noqa: PLR2004
            return fraction(top, bottom)
        return f"{say.whole(found[1])} over {say.whole(found[2])}"

    signs = "".join(_FRACTIONS)
    alone = r"(?<![\w./,])"
    return (
        rule(rf"(?:{START}(\d{{1,9}})[ ]?)?([{signs}])", sign),
        rule(rf"{alone}(\d{{1,9}})[ -](\d)/(\d{{1,2}})(?![\w/]|\.\d)", mixed_slash),
        rule(rf"{alone}(\d{{1,9}})/(\d{{1,9}})(?![\w/]|\.\d)", slash),
    )


def _relation_rules(say: Speller) -> tuple[Rule, ...]:
    def power(found: re.Match[str]) -> str:
        exponent = (found[2] or found[1]).translate(_SUPERSCRIPTS)
        if exponent in ("2", "3"):
            return " squared" if exponent == "2" else " cubed"
        return f" to the power of {say.number(exponent)}"

    def by(found: re.Match[str]) -> str:
        sides = [side for side in found.groups() if side]
        return " by ".join(say.number(side) for side in sides)

    def multiple(found: re.Match[str]) -> str:
        return f"{say.number(found[1])} times"

    def operator(found: re.Match[str]) -> str:
        return f" {_OPERATORS[found[1]]} "

    def span(found: re.Match[str]) -> str:
        return f"{say.number(found[1])} to {say.number(found[2])}"

    def chain(found: re.Match[str]) -> str:
        return ", ".join(say.whole(part) for part in found[0].split("-"))

    number = rf"({BARE})"
    return (
        rule(r"(?<=[\w)])(?:\^([-−]?\d{1,9})|([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]{1,9}))(?=\W|$)", power),
        rule(
            rf"{START}{number}(?:\ ?x\ ?|×){number}(?:(?:\ ?x\ ?|×){number})?(?!\ ?=|\w){END}",
            by,
        ),
        rule(rf"{START}{number}[x×](?!\w)", multiple),
        rule(r"(?<=[\w)])\ (<=|>=|==|!=|[+×*·÷=−<>≤≥≠≈±→])\ (?=[-(\w√.])", operator),
        rule(r"(?<=\d)(<=|>=|==|!=|[+×*÷=<>≤≥≠≈±→])(?=[-(\d√.])", operator),
        rule(r"(?<=\d)\ ([-–/x])\ (?=[\d.]{1,20}\ (?:=|equals))", operator),
        rule(r"(?<=\d)([-–])(?=[\d.]{1,20}\ (?:=|equals))", operator),
        rule(r"(?<![\w.,-])\d{1,9}(?:-\d{1,9}){2}(?![\w-])", chain),
        rule(rf"{START}{number}(?:\s?[-–—]\s?){number}(?![\w-]){END}", span),
        rule(rf"{START}{number}–{number}(?=-)", span),
    )


def last_group(say: Speller) -> Group:
    """Build the rules for every digit that is still there."""

    def ordinal(found: re.Match[str]) -> str:
        return say.ordinal(int(found[1].replace(",", "")))

    def magnitude(found: re.Match[str]) -> str:
        return f"{say.number(found[1])} {MAGNITUDES[found[2]]}"

    def number(found: re.Match[str]) -> str:
        return say.number(found[0])

    def several(found: re.Match[str]) -> str:
        return f"{say.number(found[1])}s"

    def listed(found: re.Match[str]) -> str:
        return ", ".join(say.whole(part) for part in found[0].split(","))

    def code(found: re.Match[str]) -> str:
        before = found.string[found.start() - 1 : found.start()]
        after = found.string[found.end() : found.end() + 1]
        left = " " if before.isalpha() else ""
        plural = re.compile(r"s\b").match(found.string, found.end())
        right = " " if after.isalpha() and not plural else ""
        return left + say.code(found[0]) + right

    return Group(
        re.compile(r"\d"),
        (
            rule(rf"{START}(\d{{1,3}}(?:,\d{{3}}){{1,10}}|\d{{1,15}})(?:st|nd|rd|th)\b", ordinal),
            rule(
                r"(?<![\w,.])\d{1,9}(?:,\d{1,2}(?!\d)){2,}+|(?<![\w,.])\d{1,2}(?:,\d{1,2}(?!\d))",
                listed,
            ),
            rule(r"(?<=[A-Za-z])-(?=\d)", " "),
            rule(rf"(?<![\w.,])({BARE})(bn|mn|tn)\b", magnitude),
            rule(r"(?<![\w.,])(\d{1,2}0)s\b", several),
            rule(rf"(?<![\w.,]){NUM}(?!\d|\.\d|[A-Za-z])", number),
            rule(r"(?<=[A-Za-z])-(?=\d)|(?<=\d)-(?=\d)", " "),
            rule(r"\d{1,15}", code),
        ),
    )
