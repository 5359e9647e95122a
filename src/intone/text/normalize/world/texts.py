"""Dates, times, money, units, ordinals and numbers by a language's table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from intone.text.normalize.rules import Rule, any_of, rule

if TYPE_CHECKING:
    from intone.text.normalize.world.numbers import Speller
    from intone.text.normalize.world.tables import Language

__all__ = ["Writer"]

#: Number words that count a million or more, as they are written behind figures.
_MILLIONS = (
    r"(?:mill[oó]n(?:es)?|millions?|milliards?|billions?|Mio\.?|Mrd\.?|Million(?:en)?|"
    r"Milliarden?|milh(?:ão|ões)|mil milh(?:ão|ões)|bilh(?:ão|ões)|milion[ei]|miliard[oi]|"
    r"miljoen|miljard|mil|mille|tausend|duizend)"
)


class Writer:
    """The rules for whatever holds a digit."""

    def __init__(self, language: Language, say: Speller, decimal: str) -> None:
        self._language = language
        self._say = say
        self._decimal = decimal
        point = re.escape(decimal)
        group = re.escape("." if decimal == "," else ",")
        bare = (
            rf"(?:\d{{1,3}}(?:{group}\d{{3}}){{1,4}}(?:{point}\d{{1,20}})?|"
            rf"\d{{1,3}}(?:\ \d{{3}}){{1,4}}(?!\d)(?:{point}\d{{1,20}})?|"
            rf"\d{{1,15}}(?:[.,]\d{{1,20}})?)"
        )
        self._start = r"(?<![\w.,])"
        self._number = rf"((?<![\w)])[-−]?{bare}|{bare})"
        self._bare = rf"({bare})"
        self._end = r"(?!\d|[.,]\d)"

    def rules(self) -> tuple[Rule, ...]:
        """Build the rules in their order."""
        start, end, number = self._start, self._end, self._number
        rules = [rule(r"(?<!\d)\d{16,}+", lambda found: f" {self._say.whole(found[0])} ")]
        if self._language.months:
            rules += self._dates()
        if self._language.currencies:
            rules += self._money()
        rules += [
            rule(rf"{start}{number}{end}(?:\s?[-–]\s?{self._bare}{end})?\s?%", self._percent),
            rule(rf"(?<!\w)%\s?{self._bare}{end}", self._percent_first),
            rule(
                r"(?<![\w.,])(?!\d{1,3}(?:\.\d{3})++(?![.\d]))\d{1,9}(?:\.\d{1,9}){2,}+(?![\w,])",
                self._dotted,
            ),
        ]
        if self._language.units:
            units = any_of(list(self._language.units))
            rules.append(rule(rf"{start}{number}{end}\s?({units})(?![\w/²³])", self._unit))
        if self._language.ordinals:
            marks = any_of(list(self._language.ordinals))
            rules.append(rule(rf"(?<![\w.,])(\d{{1,6}})({marks})(?!\w)", self._ordinal))
        if self._language.to:
            rules.append(rule(rf"{start}{self._bare}\s?–\s?{self._bare}(?!\w){end}", self._span))
        return (
            *rules,
            rule(r"(?<![\w.,])(?:1[1-9]\d\d|20\d\d)(?![\w:/]|[.,]\d)", self._year),
            rule(rf"{start}{number}(?!\w|[.,:/]\d)", self._plain),
            # Versions, scores and lists, part by part; what is glued to letters stays.
            rule(r"(?<![\w])\d{1,12}(?!\w)", lambda found: self._say.whole(found[0])),
        )

    def _read(self, written: str) -> str:
        """Turn a number as written here into one as Python writes it."""
        written = written.replace("−", "-").replace(" ", "")
        other = "." if self._decimal == "," else ","
        if re.fullmatch(rf"-?\d{{1,3}}(?:{re.escape(other)}\d{{3}})+(?:\D.*)?", written):
            written = written.replace(other, "")
        return written.replace(",", ".")

    def _count(self, written: str, names: tuple[str, str]) -> str:
        """Say a number of things: "one euro" has its own words, and Spanish shortens "uno"."""
        number = self._read(written)
        one, many = names
        if number.lstrip("-") == "1":
            return f"{self._say.minus} {one}" if number[0] == "-" else one
        said = self._say.number(number)
        if "." not in number:
            said = self._agree(said, feminine=one.startswith("una "))
        return f"{said} {many}"

    def _agree(self, said: str, *, feminine: bool) -> str:
        if self._say.code != "es":
            return said
        said = re.sub(r"veintiuno$", "veintiuna" if feminine else "veintiún", said)
        return re.sub(r"\buno$", "una" if feminine else "un", said)

    def _plain(self, found: re.Match[str]) -> str:
        said = self._say.number(self._read(found[1]))
        things = re.compile(r"\s\w{2,30}?([ao]?)s\b").match(found.string, found.end())
        if things and "." not in self._read(found[1]):
            return self._agree(said, feminine=things[1] == "a")
        return said

    def _dotted(self, found: re.Match[str]) -> str:
        web = self._language.web
        dot = f" {web.dot} " if web else " "
        return dot.join(self._say.whole(part) for part in found[0].split("."))

    def _percent_first(self, found: re.Match[str]) -> str:
        return f"{self._language.percent} {self._say.number(self._read(found[1]))}"

    def _year(self, found: re.Match[str]) -> str:
        return self._say.year(int(found[0]))

    def _span(self, found: re.Match[str]) -> str:
        first, second = (self._say.number(self._read(part)) for part in found.groups())
        return f"{first} {self._language.to} {second}"

    def _percent(self, found: re.Match[str]) -> str:
        language = self._language
        said = self._say.number(self._read(found[2] or found[1]))
        if found[2]:
            said = f"{self._say.number(self._read(found[1]))} {language.to or '-'} {said}"
        if language.percent == "yüzde":  # Turkish says it first
            return f"{language.percent} {said}"
        return f"{said} {language.percent}"

    def _unit(self, found: re.Match[str]) -> str:
        return self._count(found[1], self._language.units[found[2]])

    def _ordinal(self, found: re.Match[str]) -> str:
        said = self._say.ordinal(int(found[1]))
        ending = self._language.ordinals[found[2]]
        if self._say.code == "fr" and found[1] == "1" and ending == "re":
            return "première"
        if self._say.code == "fr" and ending in ("nd", "nde"):
            return f"seco{ending}"
        if ending == "a":  # es, pt, it: every word of it agrees
            return re.sub(r"o\b", "a", said)
        if ending == "er":
            return re.sub(r"(prim|terc)ero$", r"\1er", said)
        return said

    def _dates(self) -> list[Rule]:
        language, say = self._language, self._say
        months = any_of(list(language.months))

        def date(day: int, month: int, year: str, before: str = "") -> str:
            said = say.cardinal(day)
            if language.ordinal_days == "all":
                # "der dritte", "am dritten", "dritter"
                ending = "" if before.lower() == "der " else "n"
                said = say.ordinal(day) + (ending if before else "r")
            elif language.ordinal_days == "first" and day == 1:
                said = say.ordinal(1)
            text = language.date.format(
                day=said, month=language.months[month - 1], year=say.year(int(year)) if year else ""
            )
            return before + (text if year else re.sub(r"( de)? $", "", text))

        def written(found: re.Match[str]) -> str:
            day, month = int(found[2]), int(found[3])
            if not (1 <= day <= 31 and 1 <= month <= 12):  # noqa: PLR2004
                return found[0]
            return date(day, month, found[4], found[1] or "")

        def iso(found: re.Match[str]) -> str:
            return date(int(found[4]), int(found[3]), found[2], found[1] or "")

        def named(found: re.Match[str]) -> str:
            return date(
                int(found[2]), language.months.index(found[3]) + 1, found[4] or "", found[1] or ""
            )

        def time(found: re.Match[str]) -> str:
            hour, minute = self._hour(int(found[1])), found[2]
            if not minute or minute == "00":
                said = language.full_hour.format(hour=hour)
            else:
                said = language.time.format(hour=hour, minute=say.cardinal(int(minute)))
            return re.sub(r"\bune heures", "une heure", said)

        # German declines the day after these words.
        before = (
            r"(\b(?:[Aa]m|[Vv]om|[Zz]um|dem|[Dd]en|[Dd]er|[Ss]eit|[Aa]b|[Bb]is|beim)\ )?"
            if language.ordinal_days == "all"
            else "()"
        )
        dot = r"\." if language.ordinal_days == "all" else r"(?:er|º|°)?"
        link = r"\ (?:de\ )?" if " de " in language.date else r"\ "
        hour = r"([01]?\d|2[0-4])"
        return [
            rule(
                rf"{before}(?<![\w.,/-])(\d{{4}})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?![\w-])",
                iso,
            ),
            rule(
                rf"{before}(?<![\w.,/-])(\d{{1,2}})[./-](\d{{1,2}})[./-](\d{{4}})(?![\w-])", written
            ),
            rule(
                rf"{before}(?<![\w.,])([12]?\d|3[01]){dot}{link}({months})\b(?:{link}(\d{{4}})\b)?",
                named,
            ),
            rule(
                rf"(?<![\w.,:]){hour}[:h]([0-5]\d)(?![\w:])(?:\ ?(?:Uhr|uur|hrs?\.?|h)(?!\w))?",
                time,
            ),
            rule(rf"(?<![\w.,:]){hour}(?:\ ()(?:Uhr|uur)\b|()h(?!\w))", time),
        ]

    def _hour(self, hour: int) -> str:
        said = self._say.cardinal(hour)
        if self._say.code in {"fr", "es"}:
            return (
                re.sub(r"un$", "une", said)
                if self._say.code == "fr"
                else re.sub("uno$", "una", said)
            )
        if self._say.code.startswith("pt"):
            return re.sub(r"dois$", "duas", re.sub(r"um$", "uma", said))
        return "ein" if said == "eins" else said

    def _money(self) -> list[Rule]:
        language = self._language
        signs = any_of(list(language.currencies))

        def amount(number: str, millions: str | None, sign: str) -> str:
            one, many, cent, cents = language.currencies[sign]
            if millions:
                of = "" if millions in ("mil", "mille", "tausend", "duizend") else language.of
                if self._say.code == "fr" and of and many[0] in "aeiouy":
                    of = "d'"
                return f"{self._say.number(self._read(number))} {millions} {of}{many}"
            read = self._read(number)
            whole, _, fraction = read.partition(".")
            if len(fraction) != 2:  # noqa: PLR2004
                return self._count(number, (one, many))
            parts = []
            if whole.strip("-0") or fraction == "00":
                parts.append(self._count(whole, (one, many)))
            if fraction != "00":
                parts.append(self._count(str(int(fraction)), (cent, cents)))
            return f" {language.link} ".join(parts)

        def after(found: re.Match[str]) -> str:
            return amount(found[1], found[2], found[3])

        def before(found: re.Match[str]) -> str:
            return amount((found[1] or "") + found[3], found[4], found[2])

        tail = r"(?!\w)"
        return [
            rule(
                rf"(?<![\w.,])([-−]?)({signs})\s?{self._bare}{self._end}(?:\ ({_MILLIONS}))?{tail}",
                before,
            ),
            rule(
                rf"{self._start}{self._number}{self._end}(?:\ ({_MILLIONS}))?"
                rf"\s?(?:de\ )?({signs}){tail}",
                after,
            ),
        ]
