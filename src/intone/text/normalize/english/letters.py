"""Abbreviations, initials and Roman numerals in English."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from intone.text.normalize.english.words import MONTHS
from intone.text.normalize.rules import Group, Rule, any_of, listed, rule

if TYPE_CHECKING:
    from intone.text.normalize.english.words import Speller

__all__ = ["abbreviation_group", "initial_group", "roman_group"]

#: Before a name; never the end of a sentence.
_TITLES = {
    "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Prof.": "Professor", "Rev.": "Reverend",
    "Hon.": "Honorable", "Gen.": "General", "Col.": "Colonel", "Capt.": "Captain",
    "Lt.": "Lieutenant", "Sgt.": "Sergeant", "Maj.": "Major", "Cmdr.": "Commander",
    "Gov.": "Governor", "Sen.": "Senator", "Rep.": "Representative", "Pres.": "President",
    "Mt.": "Mount", "Messrs.": "Messieurs", "Supt.": "Superintendent", "Adm.": "Admiral",
}  # fmt: skip
#: Anywhere; the full stop stays where the sentence ends with it.
_WORDS = {
    "etc.": "et cetera", "Inc.": "Incorporated", "Ltd.": "Limited", "Corp.": "Corporation",
    "Co.": "Company", "Bros.": "Brothers", "Jr.": "Junior", "Sr.": "Senior", "Esq.": "Esquire",
    "Ave.": "Avenue", "Blvd.": "Boulevard", "Rd.": "Road", "Hwy.": "Highway", "Sq.": "Square",
    "Dept.": "Department", "dept.": "department", "Univ.": "University", "Govt.": "Government",
    "govt.": "government", "Assn.": "Association", "Intl.": "International", "et al.": "et al",
    "approx.": "approximately", "incl.": "including",
    "excl.": "excluding", "max.": "maximum", "misc.": "miscellaneous", "temp.": "temperature",
    "avg.": "average", "Ph.D.": "PhD", "M.D.": "MD", "B.A.": "BA", "M.A.": "MA", "B.Sc.": "BSc",
    "M.Sc.": "MSc", "p.s.": "PS", "P.S.": "PS", "a.m.": "AM", "p.m.": "PM", "A.M.": "AM",
    "P.M.": "PM", "w/o": "without", "w/": "with", "c/o": "care of", "n/a": "not applicable",
    "N/A": "not applicable",
}  # fmt: skip
#: Within a sentence; the full stop goes.
_LINKS = {
    "e.g.": "for example", "E.g.": "For example", "eg.": "for example", "i.e.": "that is",
    "I.e.": "That is", "vs.": "versus", "vs": "versus", "cf.": "compare", "viz.": "namely",
    "resp.": "respectively", "ca.": "circa", "esp.": "especially", "aka": "also known as",
    "a.k.a.": "also known as",
}  # fmt: skip
#: Only before a number.
_NUMBERED = {
    "No.": "number", "Nos.": "numbers", "no.": "number", "nos.": "numbers", "p.": "page",
    "pp.": "pages", "vol.": "volume", "Vol.": "Volume", "ch.": "chapter", "Ch.": "Chapter",
    "chap.": "chapter", "fig.": "figure", "Fig.": "Figure", "figs.": "figures",
    "Figs.": "Figures", "sec.": "section", "Sec.": "Section", "eq.": "equation",
    "Eq.": "Equation", "art.": "article", "Art.": "Article", "ext.": "extension",
    "est.": "established", "Est.": "Established", "c.": "circa", "§": "section",
    "§§": "sections", "ver.": "version", "para.": "paragraph", "min.": "minimum",
}  # fmt: skip
_SHORT_MONTHS = {f"{month[:3]}.": month for month in MONTHS if month != "May"} | {
    "Sept.": "September"
}
_SHORT_DAYS = {
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday",
    "Thur": "Thursday", "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday",
}  # fmt: skip

_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_NUMERAL = r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_RULERS = any_of(
    listed(
        "Henry Louis Charles George Elizabeth Edward James William Richard Paul Pius Benedict Leo "
        "Gregory Innocent Clement Urban Alexander Boniface Julius Sixtus Napoleon Philip "
        "Frederick Catherine Peter Ivan Nicholas Ramesses Ramses Ptolemy Cleopatra Darius Xerxes "
        "Otto Carlos Juan Felipe Francis Ferdinand Constantine Mary Robert Haakon Harald "
        "Christian Gustav Umberto Emmanuel Wilhelm Ludwig Leopold Albert Joseph Baldwin Mehmed "
        "Murad Thutmose Amenhotep Artaxerxes Malcolm Stephen Rama Olav Sigismund Rudolf "
        "Maximilian Pedro Isabella"
    )
)
_COUNTED = any_of(
    listed(
        "Chapter Part Volume Book Act Scene Section Article War Type Phase Class Stage Level "
        "Grade Title Bowl Fantasy Appendix Table Figure Episode Rocky Apollo Gemini Canto Psalm "
        "Division Schedule Season Corps Mark chapter part volume book act scene section type "
        "phase stage level grade"
    )
)
#: Words that begin a sentence more often than they go on after "Inc." or "U.S.".
_OPENERS = (
    r"(?:The|It|He|She|They|We|You|But|And|In|On|At|A|An|This|That|If|When|There|His|Her|Our|For)\b"
)
_COMMON_ROMAN = "II|III|VII|VIII|IX|XI|XII|XIII|XIV|XV|XVI|XVII|XVIII|XIX"


def abbreviation_group() -> Group:
    """Build the rules for abbreviations; they come before the numbers they stand beside."""

    def title(found: re.Match[str]) -> str:
        return _TITLES[found[0]]

    def word(found: re.Match[str]) -> str:
        return _WORDS[found[1]] + ("." if found[1].endswith(".") and found[2] is not None else "")

    def link(found: re.Match[str]) -> str:
        return _LINKS[found[0]]

    def numbered(found: re.Match[str]) -> str:
        return _NUMBERED[found[1]] + " "

    end = r"(?=\s*$|\s+[\"'(]?[A-Z])"
    keeps_going = "Co.|Inc.|Ltd.|Corp.|Bros."
    return Group(
        re.compile(
            # Not every full stop: most of them end a sentence.
            r"\.(?!\s+[\"'(]?[A-Z]|\s*$)|(?<![a-z])[A-Z][a-z]{0,5}\.|[/§]|\b(?:vs|aka)\b|"
            r"(?<![A-Za-z])(?:[a-z]{1,2}|etc|[a-z]{1,2}\.[a-z]|dept|govt|incl|excl|max|misc|temp|avg|esp|"
            r"approx)\.|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,3},"
        ),
        (
            rule(rf"(?<![\w.])(?:{any_of(list(_TITLES))})(?=\s?[A-Z])|(?<!\w)(?:Mrs?|Ms)\.", title),
            *_saint_rules(),
            rule(
                rf"(?<![\w.])({any_of(keeps_going.split('|'))})(?:()(?=\s*$|\s+{_OPENERS})|(?!\w))",
                word,
            ),
            rule(rf"(?<![\w./])({any_of(list(_WORDS))})(?:(){end}|(?!\w))", word),
            rule(rf"(?<![\w./])(?:{any_of(list(_LINKS))})(?!\w)", link),
            rule(rf"(?<![\w.])({any_of(list(_NUMBERED))})\s?(?=[\d½]|[IVX]+\b)", numbered),
            rule(
                rf"(?<!\w)({any_of(list(_SHORT_MONTHS))})(?!\w)(?!\s*$)",
                lambda found: _SHORT_MONTHS[found[1]],
            ),
            rule(
                rf"\b({any_of(list(_SHORT_DAYS))})(?:\.,?|,)"
                rf"(?=\ (?:\d|{'|'.join(month[:3] for month in MONTHS)}))",
                lambda found: f"{_SHORT_DAYS[found[1]]},",
            ),
        ),
    )


def _saint_rules() -> tuple[Rule, ...]:
    """Tell Doctor from Drive, Saint from Street and Fort from feet by what stands around."""
    street = r"(?<=[a-z]\ )" r"(?:(?<=\w\w\ )|(?<=\w\ ))"
    closing = r"(?=\s*$|\s*[,;:)]|\s+[a-z\d(]|\s+(?:Suite|Apt|Unit|Floor)\b)"
    return (
        rule(r"(?<!\w)(\d{1,6}(?:\ [A-Z][\w.]{0,20}){1,3}?\ )St\.", r"\1Street"),
        rule(r"(?<!\w)(\d{1,6}(?:\ [A-Z][\w.]{0,20}){1,3}?\ )Dr\.", r"\1Drive"),
        rule(rf"(?<=[a-z]\ )(?<!\b[a-z][a-z]\ )(?:(?<=\w\ ))St\.{closing}", "Street"),
        rule(rf"([A-Z]\w{{1,30}}\ )Dr\.{closing}", r"\1Drive"),
        rule(r"(?<!\w)Dr\.?(?=\s?[A-Z])", "Doctor"),
        rule(r"(?<!\w)Dr\.", "Doctor"),
        rule(r"(?<!\w)St\.?(?=\s[A-Z])", "Saint"),
        rule(r"(?<!\w)Sts\.(?=\s[A-Z])", "Saints"),
        rule(r"(?<!\w)Ft\.(?=\s[A-Z])", "Fort"),
        rule(rf"{street}St\.", "Street"),
    )


def initial_group() -> Group:
    """Build the rules for dotted initials: "U.S.A." to "USA", "J. K. Rowling" to "J K Rowling"."""

    def joined(found: re.Match[str]) -> str:
        ends = re.compile(rf"\s*$|\s+{_OPENERS}").match(found.string, found.end())
        stop = "." if ends else ""
        return found[0].replace(".", "") + stop

    return Group(
        re.compile(r"[A-Z]\."),
        (
            rule(r"(?<![\w.])(?:[A-Z]\.){2,8}(?!\w)", joined),
            rule(
                r"(?<![\w.])(?:[A-Z]\.){2,8}(?=[A-Z][a-z])",
                lambda found: found[0].replace(".", " "),
            ),
            rule(r"(?<![\w.'])([A-Z])\.(?=\ [A-Z])", r"\1"),
        ),
    )


def roman_group(say: Speller) -> Group:
    """Build the rules for Roman numerals; one letter or an unknown name is left alone."""

    def ruler(found: re.Match[str]) -> str:
        return f"{found[1]} the {say.ordinal(_value(found[2]))}"

    def counted(found: re.Match[str]) -> str:
        return f"{found[1]} {say.cardinal(_value(found[2]))}"

    def century(found: re.Match[str]) -> str:
        return f"{say.ordinal(_value(found[1]))} {found[2]}"

    return Group(
        re.compile(r"\b[IVXLCDM]{1,15}(?:st|nd|rd|th)?\b"),
        (
            rule(rf"\b({_RULERS})\ (?!I\b|V\b|X\b|C\b|D\b|M\b|L\b)({_NUMERAL})\b", ruler),
            rule(
                rf"\b({_RULERS})\ ([IVX])(?=[,;:)]|'s|\ (?:of|was|became|ruled|died|reigned)\b)",
                ruler,
            ),
            rule(rf"\b({_COUNTED})\ ({_NUMERAL})\b(?!\ (?:am|have|was|had|will|think)\b)", counted),
            rule(r"\b([IVX]{1,6})(?:st|nd|rd|th)?\ ([Cc]entur(?:y|ies))", century),
            rule(rf"\b((?!The\b|An?\b|In\b)[A-Z][a-z]{{1,30}})\ ({_COMMON_ROMAN})\b", counted),
        ),
    )


def _value(numeral: str) -> int:
    total = 0
    for here, following in zip(numeral, [*numeral[1:], "I"], strict=True):
        total += _ROMAN[here] if _ROMAN[here] >= _ROMAN[following] else -_ROMAN[here]
    return total
