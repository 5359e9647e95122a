"""Money, percentages and units in English."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from intone.text.normalize.english.words import BARE, END, MAGNITUDES, NUM, START
from intone.text.normalize.rules import Group, Rule, any_of, rule

if TYPE_CHECKING:
    from intone.text.normalize.english.words import Speller

__all__ = ["quantity_group"]

# sign or code -> (one, many, hundredth, hundredths)
_DOLLARS = ("dollar", "dollars", "cent", "cents")
_SIGNS = {
    "$": _DOLLARS,
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₽": ("ruble", "rubles", "kopek", "kopeks"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₺": ("lira", "lira", "kurush", "kurush"),
    "₴": ("hryvnia", "hryvnias", "kopiyka", "kopiykas"),
    "₪": ("shekel", "shekels", "agora", "agorot"),
    "₫": ("dong", "dong", "xu", "xu"),
    "₦": ("naira", "naira", "kobo", "kobo"),
    "₱": ("peso", "pesos", "centavo", "centavos"),
    "฿": ("baht", "baht", "satang", "satang"),
    "₿": ("bitcoin", "bitcoins", "bit", "bits"),
}
_DOLLAR_OF = {
    "US": "US", "A": "Australian", "AU": "Australian", "C": "Canadian", "CA": "Canadian",
    "NZ": "New Zealand", "HK": "Hong Kong", "S": "Singapore", "R": "Brazilian",
}  # fmt: skip
_CODES = {
    "USD": ("US dollar", "US dollars", "cent", "cents"),
    "EUR": _SIGNS["€"], "GBP": _SIGNS["£"], "JPY": _SIGNS["¥"], "INR": _SIGNS["₹"],
    "RUB": _SIGNS["₽"], "KRW": _SIGNS["₩"], "UAH": _SIGNS["₴"], "TRY": _SIGNS["₺"],
    "CNY": ("yuan", "yuan", "fen", "fen"), "RMB": ("yuan", "yuan", "fen", "fen"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "NZD": ("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "SEK": ("Swedish krona", "Swedish kronor", "öre", "öre"),
    "NOK": ("Norwegian krone", "Norwegian kroner", "øre", "øre"),
    "DKK": ("Danish krone", "Danish kroner", "øre", "øre"),
    "PLN": ("zloty", "zlotys", "grosz", "groszy"), "zł": ("zloty", "zlotys", "grosz", "groszy"),
    "BRL": ("Brazilian real", "Brazilian reais", "centavo", "centavos"),
    "MXN": ("Mexican peso", "Mexican pesos", "centavo", "centavos"),
    "BTC": ("bitcoin", "bitcoins", "bit", "bits"),
}  # fmt: skip
_UNITS = {
    "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "nm": "nanometer",
    "µm": "micrometer", "μm": "micrometer", "m": "meter", "mi": "mile", "yd": "yard",
    "ft": "foot", "kg": "kilogram", "g": "gram", "mg": "milligram", "µg": "microgram",
    "μg": "microgram", "mcg": "microgram", "lb": "pound", "lbs": "pound", "oz": "ounce",
    "l": "liter", "L": "liter", "ml": "milliliter", "mL": "milliliter", "cl": "centiliter",
    "dl": "deciliter", "gal": "gallon", "KB": "kilobyte", "kB": "kilobyte", "MB": "megabyte",
    "GB": "gigabyte", "TB": "terabyte", "PB": "petabyte", "KiB": "kibibyte", "MiB": "mebibyte",
    "GiB": "gibibyte", "kbps": "kilobit per second", "Mbps": "megabit per second",
    "Mbit/s": "megabit per second", "Gbps": "gigabit per second", "Gbit/s": "gigabit per second",
    "MB/s": "megabyte per second", "GB/s": "gigabyte per second", "Hz": "hertz",
    "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "W": "watt", "kW": "kilowatt",
    "MW": "megawatt", "GW": "gigawatt", "Wh": "watt hour", "kWh": "kilowatt hour",
    "MWh": "megawatt hour", "GWh": "gigawatt hour", "V": "volt", "mV": "millivolt",
    "kV": "kilovolt", "mA": "milliamp", "mAh": "milliamp hour", "mph": "mile per hour",
    "kph": "kilometer per hour", "km/h": "kilometer per hour", "kmh": "kilometer per hour",
    "m/s": "meter per second", "mpg": "mile per gallon", "Pa": "pascal", "hPa": "hectopascal",
    "kPa": "kilopascal", "MPa": "megapascal", "psi": "psi", "kJ": "kilojoule", "J": "joule",
    "cal": "calorie", "kcal": "kilocalorie", "s": "second", "sec": "second", "secs": "second",
    "ms": "millisecond", "µs": "microsecond", "μs": "microsecond", "ns": "nanosecond",
    "min": "minute", "mins": "minute", "h": "hour", "hr": "hour", "hrs": "hour",
    "ha": "hectare", "dB": "decibel", "rpm": "rpm", "fps": "frame per second", "bpm": "bpm",
    "ppm": "ppm", "Ω": "ohm", "kΩ": "kilohm", "m²": "square meter", "km²": "square kilometer",
    "cm²": "square centimeter", "m³": "cubic meter", "cm³": "cubic centimeter",
    "sq ft": "square foot", "sq km": "square kilometer", "sq m": "square meter",
    "sq mi": "square mile", "°C": "degree Celsius", "°F": "degree Fahrenheit",
    "ºC": "degree Celsius", "ºF": "degree Fahrenheit", "° C": "degree Celsius",
    "° F": "degree Fahrenheit", "℃": "degree Celsius", "℉": "degree Fahrenheit", "°": "degree",
}  # fmt: skip
_SAME = {"hertz", "kilohertz", "megahertz", "gigahertz", "psi", "rpm", "bpm", "ppm"}
_PER = {
    "h": "hour", "hr": "hour", "s": "second", "sec": "second", "min": "minute", "d": "day",
    "day": "day", "wk": "week", "mo": "month", "yr": "year", "kg": "kilogram", "km": "kilometer",
    "lb": "pound", "oz": "ounce", "g": "gram", "l": "liter", "L": "liter", "ml": "milliliter",
    "dl": "deciliter", "m": "meter",
    "m²": "square meter", "m³": "cubic meter", "GB": "gigabyte", "kWh": "kilowatt hour",
}  # fmt: skip
_RANGE = rf"(?:\s?[-–]\s?|\ to\ )({BARE})"
_MAGNITUDE = rf"(?:\ ?({any_of(list(MAGNITUDES))})(?![\w²³]))"
_PER_WORD = r"(?:\s?/\s?([A-Za-z]{1,12}[²³]?)(?![\w/]))?"


def quantity_group(say: Speller) -> Group:
    """Build the rules for money, percentages and units."""
    return Group(re.compile(r"\d"), (*_money_rules(say), *_unit_rules(say)))


def _plural(unit: str) -> str:
    if unit in _SAME:
        return unit
    head, per, tail = unit.partition(" per ")
    first, _, last = head.rpartition(" ")
    if head.startswith("degree "):
        return head.replace("degree", "degrees", 1) + per + tail
    last = {"foot": "feet"}.get(last, last + "s")
    return f"{first} {last}".lstrip() + per + tail


def _per(word: str | None) -> str:
    return f" per {_PER.get(word, word)}" if word else ""


def _amount(say: Speller, number: str, magnitude: str | None, names: tuple[str, ...]) -> str:
    """Say a sum: "five dollars and one cent", "three million pounds"."""
    one, many, cent, cents = names
    minus = "minus " if number[0] in "-−" else ""
    number = number.lstrip("-−")
    whole, _, fraction = number.partition(".")
    if magnitude:
        return f"{minus}{say.number(number)} {MAGNITUDES[magnitude]} {many}"
    if len(fraction) != 2:  # noqa: PLR2004
        return f"{minus}{say.number(number)} {one if number == '1' else many}"
    parts = []
    if whole.strip("0,") or fraction == "00":
        parts.append(f"{say.number(whole or '0')} {one if whole == '1' else many}")
    if fraction != "00":
        parts.append(f"{say.cardinal(int(fraction))} {cent if fraction == '01' else cents}")
    return minus + " and ".join(parts)


def _money_rules(say: Speller) -> tuple[Rule, ...]:
    signs = "[" + "".join(_SIGNS) + "]"

    def before(found: re.Match[str]) -> str:
        minus, country, sign, number, second, magnitude, per = found.groups()
        names: tuple[str, ...] = _SIGNS[sign]
        if country:
            names = tuple(
                f"{_DOLLAR_OF[country]} {name}" if at < 2 else name  # noqa: PLR2004
                for at, name in enumerate(
                    ("real", "reais", "centavo", "centavos") if country == "R" else names
                )
            )
        first = f"{say.number(number)} to " if second else ""
        said = _amount(say, second or number, magnitude, names)
        return ("minus " if minus else "") + first + said + _per(per)

    def after(found: re.Match[str]) -> str:
        number, second, magnitude, sign, per = found.groups()
        first = f"{say.number(number)} to " if second else ""
        names = _SIGNS.get(sign) or _CODES[sign]
        return first + _amount(say, second or number, magnitude, names) + _per(per)

    def code(found: re.Match[str]) -> str:
        return _amount(say, found[2], found[3], _CODES[found[1]])

    def cents(found: re.Match[str]) -> str:
        return f"{say.number(found[1])} {'cent' if found[1] == '1' else 'cents'}"

    country = any_of(list(_DOLLAR_OF))
    return (
        rule(
            rf"(?<![\w.,])([-−])?(?:({country})(?=\$))?({signs})\ ?([-−]?{BARE}){END}"
            rf"(?:\s?[-–]\s?{signs}?({BARE}){END})?{_MAGNITUDE}?{_PER_WORD}",
            before,
        ),
        rule(
            rf"{START}({NUM}){END}(?:{_RANGE}{END})?{_MAGNITUDE}?\ ?"
            rf"({signs}(?!\d)|(?:{any_of(list(_CODES))})\b){_PER_WORD}",
            after,
        ),
        rule(rf"\b({any_of(list(_CODES))})\ ?({NUM}){END}{_MAGNITUDE}?(?!\w)", code),
        rule(rf"{START}({BARE})\ ?¢", cents),
    )


def _unit_rules(say: Speller) -> tuple[Rule, ...]:
    def metre(unit: str) -> str:
        if not say.british:
            return unit
        return re.sub(r"(met|lit)er\b", r"\1re", unit)

    def measured(found: re.Match[str]) -> str:
        number, second, magnitude, joint, symbol, per = found.groups()
        unit = metre(_UNITS[symbol])
        first = f"{say.number(number)} to " if second else ""
        number = second or number
        if joint == "-":
            return f"{first}{say.number(number)}-{unit}"
        scale = f" {MAGNITUDES[magnitude]}" if magnitude else ""
        many = magnitude or first or number.lstrip("-−") != "1"
        unit = _plural(unit) if many else unit
        return f"{first}{say.number(number)}{scale} {unit}{metre(_per(per))}"

    def percent(found: re.Match[str]) -> str:
        first = f"{say.number(found[1])} to " if found[2] else ""
        sign = "percent" if found[3] == "%" else "per mille"
        return f"{first}{say.number(found[2] or found[1])} {sign}"

    def feet(found: re.Match[str]) -> str:
        inches = (
            f" {say.number(found[2])} {'inch' if found[2] == '1' else 'inches'}" if found[2] else ""
        )
        return f"{say.number(found[1])} {'foot' if found[1] == '1' else 'feet'}{inches}"

    units = any_of(list(_UNITS))
    return (
        rule(rf"(?<=\d)(\ ?(?:{units}))\ ?[-–]\ ?(?=\d{{1,9}}(?:\.\d{{1,9}})?\1\b)", r"\1 to "),
        rule(r"(?<=\d)\ ?[x×]\ ?(?=\d{1,9}(?:\.\d{1,9})?\ ?(?:[ckm]?m|ft)\b)", " by "),
        rule(rf"{START}({NUM}){END}%?(?:\s?[-–]\s?({BARE}))?\ ?([%‰])", percent),
        rule(rf"{START}(\d{{1,2}})'\ ?(\d{{1,2}}(?:\.\d)?)(?:\"|'')", feet),
        rule(
            rf"{START}(?<![A-Za-z]-)({NUM}){END}(?:{_RANGE})?"
            r"(?:\ (hundred|thousand|million|billion))?(-|\ ?)"
            rf"({units})(?![\w²³&'+*^]|-\d){_PER_WORD}(?!/)",
            measured,
        ),
    )
