"""Dates, times of day, years and decades in English."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from intone.text.normalize.english.words import END, MONTHS, START
from intone.text.normalize.rules import Group, Rule, any_of, listed, rule

if TYPE_CHECKING:
    from intone.text.normalize.english.words import Speller

__all__ = ["date_group", "year_group"]

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    r"Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?|"
    rf"{'|'.join(month.upper() for month in MONTHS)})"
)
_OCLOCK = "o'clock"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:1\d{3}|20\d{2})"
_AM_PM = r"(?:\s?([AaPp])\.?\s?[Mm]\b(?:(\.)(?=\s*$|\s+[A-Z\"(])|\.)?)"
# After these words a number from 1100 to 2099 counts things, whatever it looks like.
_COUNTED = any_of(
    listed(
        "people persons men women children students users words characters pages items times "
        "copies points members employees workers soldiers troops jobs homes houses cars companies "
        "votes seats tons tonnes meters metres miles feet years days hours minutes seconds "
        "calories dollars euros pounds cases deaths steps lines rows files bytes pixels species "
        "books photos animals patients of more units tickets followers stars customers requests"
    )
)
_DECADE_CUES = "the|his|her|their|my|our|your|its|[Ee]arly|[Mm]id|[Ll]ate"


def date_group(say: Speller) -> Group:
    """Build the rules for dates and times."""
    return Group(
        re.compile(r"\d"),
        (*_date_rules(say), *_span_rules(say), *_time_rules(say), *_clock_rules(say)),
    )


def _spoken_date(say: Speller, year: str, month: int, day: int) -> str:
    ordinal = say.ordinal(day)
    said = (
        f"the {ordinal} of {MONTHS[month - 1]}" if say.british else f"{MONTHS[month - 1]} {ordinal}"
    )
    return f"{said}, {say.year(int(year))}" if year else said


def _month(name: str) -> str:
    return next(month for month in MONTHS if month.lower().startswith(name[:3].lower()))


def _full_year(year: str) -> str:
    if len(year) == 2:  # noqa: PLR2004
        return ("20" if int(year) < 70 else "19") + year  # noqa: PLR2004 - as POSIX reads them
    return year


def _date_rules(say: Speller) -> tuple[Rule, ...]:
    def iso(found: re.Match[str]) -> str:
        time = f" at {found[4]}" if found[4] else ""
        return _spoken_date(say, found[1], int(found[2]), int(found[3])) + time

    def numeric(found: re.Match[str]) -> str:
        first, second = int(found[1]), int(found[3])
        month, day = (second, first) if say.british or found[2] == "." else (first, second)
        if month > 12:  # noqa: PLR2004
            month, day = day, month
        if month > 12 or not month or not day:  # noqa: PLR2004
            return found[0]
        return _spoken_date(say, _full_year(found[4]), month, day)

    def short(found: re.Match[str]) -> str:
        first, second = int(found[2]), int(found[3])
        month, day = (second, first) if say.british else (first, second)
        if not 1 <= month <= 12:  # noqa: PLR2004
            return found[0]
        return found[1] + _spoken_date(say, "", month, day)

    def day_first(found: re.Match[str]) -> str:
        the = found[1] or ("" if found[0][0].isalpha() else "the ")
        until = f" to {say.ordinal(int(found[3]))}" if found[3] else ""
        year = f", {say.year(int(found[5]))}" if found[5] else ""
        return f"{the}{say.ordinal(int(found[2]))}{until} of {_month(found[4])}{year}"

    def month_first(found: re.Match[str]) -> str:
        until = f" to {say.ordinal(int(found[3]))}" if found[3] else ""
        year = f", {say.year(int(found[4]))}" if found[4] else ""
        return f"{_month(found[1])} {say.ordinal(int(found[2]))}{until}{year}"

    def month_year(found: re.Match[str]) -> str:
        return f"{_month(found[1])} {say.year(int(found[2]))}"

    ordinal = r"(?:st|nd|rd|th)?"
    return (
        rule(
            rf"{START}({_YEAR})[-/.](0[1-9]|1[0-2])[-/.](0[1-9]|[12]\d|3[01])"
            r"(?:[T ](\d{2}:\d{2})(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\w/-])",
            iso,
        ),
        rule(
            rf"{START}(\d{{1,2}})([/.-])(\d{{1,2}})\2({_YEAR}|(?<=/)\d{{2}})(?![\w/-]){END}",
            numeric,
        ),
        rule(
            r"\b((?:on|by|since|before|after|until|from)\ )(\d{1,2})/"
            rf"({_DAY})(?![\w/%]){END}(?!\ of)",
            short,
        ),
        rule(
            rf"{START}(the\ )?({_DAY}){ordinal}(?:\s?[-–]\s?({_DAY}){ordinal})?\ (?:of\ )?"
            rf"({_MONTH})\b\.?(?:,?\ ({_YEAR})\b)?(?!\w)",
            day_first,
        ),
        rule(
            rf"\b({_MONTH})\.?\ ({_DAY}){ordinal}(?:\s?[-–]\s?({_DAY}){ordinal})?(?![\w:%]){END}"
            rf"(?:,?\ ({_YEAR})\b(?![:.,]\d))?",
            month_first,
        ),
        rule(
            rf"{START}(0?[1-9]|1[0-2])/((?:19|20)\d\d)(?![\w/]){END}",
            lambda found: f"{MONTHS[int(found[1]) - 1]} {say.year(int(found[2]))}",
        ),
        rule(rf"\b({_MONTH})\.?,?\ ({_YEAR})(?!\w){END}", month_year),
    )


def _minutes(say: Speller, written: str) -> str:
    if written == "00":
        return ""
    return f" {'oh ' if written[0] == '0' else ''}{say.cardinal(int(written))}"


def _time_rules(say: Speller) -> tuple[Rule, ...]:
    minutes = partial(_minutes, say)

    def half(letter: str, stop: str | None) -> str:
        return f" {letter.upper()}M{stop or ''}"

    def twelve(found: re.Match[str]) -> str:
        hour, minute, second = found[1], found[2] or "00", found[3]
        seconds = f" and {say.cardinal(int(second))} seconds" if second else ""
        return say.cardinal(int(hour)) + minutes(minute) + seconds + half(found[4], found[5])

    def twelve_range(found: re.Match[str]) -> str:
        first = say.cardinal(int(found[1])) + minutes(found[2] or "00")
        second = say.cardinal(int(found[3])) + minutes(found[4] or "00")
        return f"{first} to {second}{half(found[5], found[6])}"

    hour12, minute = r"(?:0?[1-9]|1[0-2])", r"[0-5]\d"
    return (
        rule(r"(?:(?<=\d\ [AP]M)|(?<=\d[AaPp][Mm]))\ ?[-–]\ ?(?=\d)", " to "),
        rule(
            rf"{START}({hour12})(?:[:.]({minute}))?\s?[-–]\s?({hour12})(?:[:.]({minute}))?{_AM_PM}",
            twelve_range,
        ),
        rule(rf"{START}({hour12})(?:[:.]({minute}))?(?::({minute}))?{_AM_PM}", twelve),
        rule(rf"(?<=\d)[-–](?=(?:[01]?\d|2[0-4]):{minute})", " to "),
    )


def _clock_rules(say: Speller) -> tuple[Rule, ...]:
    minutes = partial(_minutes, say)

    def full_clock(found: re.Match[str]) -> str:
        hour = "hour" if found[1] in ("1", "01") else "hours"
        hours = f" {hour}" if found[2] == "00" else ""
        rest = f"{minutes(found[2])} and {say.cardinal(int(found[3]))} seconds"
        return say.cardinal(int(found[1])) + hours + rest

    def clock(found: re.Match[str]) -> str:
        hour = int(found[1])
        if found[2] != "00":
            return say.cardinal(hour) + minutes(found[2])
        if hour == 0:
            return "midnight"
        return f"{say.cardinal(hour)} {'hundred' if hour > 12 else _OCLOCK}"  # noqa: PLR2004

    def ratio(found: re.Match[str]) -> str:
        return f"{say.number(found[1])} to {say.number(found[2])}"

    clock_time = r"([01]?\d|2[0-4]):([0-5]\d)"
    return (
        rule(rf"(?<![\w.,:]){clock_time}:([0-5]\d)(?![\w:])", full_clock),
        rule(rf"(?<![\w.,:]){clock_time}(?![\w:])(?:\ ?h(?:rs?|ours)?\b)?", clock),
        rule(r"(?<![\w.,:])(\d{1,4}):(\d{1,4})(?![\w:]|[.,]\d)", ratio),
    )


def _span_rules(say: Speller) -> tuple[Rule, ...]:
    def decade(found: re.Match[str]) -> str:
        named = found.groupdict("")
        before, century, tens = named.get("cue", ""), named.get("century"), 10 * int(named["tens"])
        if tens == 0:
            said = (
                "two thousand"
                if century in ("20", None)
                else f"{say.cardinal(int(century))} hundred"
            )
            return f"{before}{said}s"
        name = "tens" if tens == 10 else say.cardinal(tens).removesuffix("y") + "ies"  # noqa: PLR2004
        return before + (f"{say.cardinal(int(century))} {name}" if century else name)

    def years(found: re.Match[str]) -> str:
        first, second = found[1], found[2]
        last = say.year(int(second)) if len(second) == 4 else say.cardinal(int(second))  # noqa: PLR2004
        return f"{say.year(int(first))} to {last}"

    return (
        rule(r"(?<![\w.,'])(?P<century>1\d|20)(?P<tens>\d)0'?s\b", decade),
        rule(rf"(?P<cue>\b(?:{_DECADE_CUES})[ -])'?(?P<tens>\d)0'?s\b", decade),
        rule(r"(?<!\w)'(?P<tens>\d)0s\b", decade),
        rule(rf"{START}({_YEAR})\s?[-–/]\s?({_YEAR}|[1-9]\d|0[1-9])(?![\w%/-]){END}", years),
    )


def year_group(say: Speller) -> Group:
    """Build the rules for years; they come after quantities and ranges."""

    def year(found: re.Match[str]) -> str:
        return say.year(int(found[0]))

    def short_year(found: re.Match[str]) -> str:
        return ("oh " if found[1][0] == "0" else "") + say.cardinal(int(found[1]))

    return Group(
        re.compile(r"\d"),
        (
            rule(r"(?<!\w)'(\d{2})\b(?!\.?\d|')", short_year),
            rule(
                rf"{START}(?<!\bover\ )(?<!\bthan\ )(?<!\bonly\ )(?:1[1-9]\d{{2}}|20\d{{2}})"
                rf"(?![\w%]){END}(?!\s(?:{_COUNTED})\b)",
                year,
            ),
        ),
    )
