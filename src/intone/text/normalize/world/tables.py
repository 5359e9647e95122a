"""What the rules know of each language, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from intone.text.normalize.web import WebWords

__all__ = ["LANGUAGES", "Language"]


@dataclass(frozen=True, slots=True)
class Language:
    """A language's way of writing and saying numbers."""

    #: What is said for the decimal sign.
    point: str
    minus: str
    percent: str
    #: The decimal sign; dot or comma, whichever it is not, parts thousands.
    decimal: str = ","
    #: "10–20"
    to: str = ""
    #: Between a sum and its hundredths, and before the currency after a million.
    link: str = ""
    of: str = ""
    #: sign -> "one euro", "euros", "one cent", "cents"
    currencies: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    #: symbol -> "one kilometre", "kilometres"
    units: dict[str, tuple[str, str]] = field(default_factory=dict)
    signs: dict[str, str] = field(default_factory=dict)
    abbreviations: dict[str, str] = field(default_factory=dict)
    months: tuple[str, ...] = ()
    #: With {day}, {month} and {year}; the day is a cardinal unless `ordinal_days`.
    date: str = ""
    #: Which days are said as ordinals: none, the first or all.
    ordinal_days: str = "none"
    #: Times of day, with {hour} and {minute}, and at the full hour.
    time: str = ""
    full_hour: str = ""
    #: Marks behind digits that make an ordinal -> ending put in place of its last letters.
    ordinals: dict[str, str] = field(default_factory=dict)
    web: WebWords | None = None


def _units(*names: str) -> dict[str, tuple[str, str]]:
    symbols = "km m cm mm kg g mg l ml km/h °C ° GB MB h min s".split()  # noqa: SIM905
    pairs = (name.split("|") for name in names)
    return {symbol: (pair[0], pair[-1]) for symbol, pair in zip(symbols, pairs, strict=True)}


def _money(euro: str, dollar: str, pound: str, yen: str) -> dict[str, tuple[str, str, str, str]]:
    table: dict[str, tuple[str, str, str, str]] = {}
    for marks, names in (("€ EUR", euro), ("$ USD", dollar), ("£ GBP", pound), ("¥ JPY", yen)):
        one, many, cent, cents = names.split("|")
        table.update(dict.fromkeys(marks.split(), (one, many, cent, cents)))
    return table


LANGUAGES: Final[dict[str, Language]] = {
    "es": Language(
        point="coma", minus="menos", percent="por ciento", to="a", link="con", of="de ",
        currencies=_money(
            "un euro|euros|un céntimo|céntimos", "un dólar|dólares|un centavo|centavos",
            "una libra|libras|un penique|peniques", "un yen|yenes|un sen|senes",
        ),
        units=_units(
            "un kilómetro|kilómetros", "un metro|metros", "un centímetro|centímetros",
            "un milímetro|milímetros", "un kilogramo|kilogramos", "un gramo|gramos",
            "un miligramo|miligramos", "un litro|litros", "un mililitro|mililitros",
            "un kilómetro por hora|kilómetros por hora", "un grado Celsius|grados Celsius",
            "un grado|grados", "un gigabyte|gigabytes", "un megabyte|megabytes",
            "una hora|horas", "un minuto|minutos", "un segundo|segundos",
        ),
        signs={"&": "y", "+": "más", "=": "igual a", "×": "por", "÷": "entre", "%": "por ciento",
               "@": "arroba", "€": "euros", "$": "dólares", "№": "número"},
        abbreviations={"Sr.": "señor", "Sra.": "señora", "Srta.": "señorita", "Dr.": "doctor",
                       "Dra.": "doctora", "etc.": "etcétera", "p. ej.": "por ejemplo",
                       "p.ej.": "por ejemplo", "EE. UU.": "Estados Unidos",
                       "EE.UU.": "Estados Unidos", "Ud.": "usted", "Uds.": "ustedes",
                       "n.º": "número", "nº": "número", "pág.": "página"},
        months=("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto",
                "septiembre", "octubre", "noviembre", "diciembre"),
        date="{day} de {month} de {year}", time="{hour} {minute}", full_hour="{hour} en punto",
        ordinals={".º": "", "º": "", ".ª": "a", "ª": "a", ".er": "er"},
        web=WebWords("punto", "barra", "arroba", "guion", "guion bajo", "dos puntos",
                     "almohadilla", "barra invertida", "más"),
    ),
    "fr": Language(
        point="virgule", minus="moins", percent="pour cent", to="à", link="et", of="de ",
        currencies=_money(
            "un euro|euros|un centime|centimes", "un dollar|dollars|un cent|cents",
            "une livre|livres|un penny|pence", "un yen|yens|un sen|sen",
        ),
        units=_units(
            "un kilomètre|kilomètres", "un mètre|mètres", "un centimètre|centimètres",
            "un millimètre|millimètres", "un kilogramme|kilogrammes", "un gramme|grammes",
            "un milligramme|milligrammes", "un litre|litres", "un millilitre|millilitres",
            "un kilomètre par heure|kilomètres par heure", "un degré Celsius|degrés Celsius",
            "un degré|degrés", "un gigaoctet|gigaoctets", "un mégaoctet|mégaoctets",
            "une heure|heures", "une minute|minutes", "une seconde|secondes",
        ),
        signs={"&": "et", "+": "plus", "=": "égale", "×": "fois", "÷": "divisé par",
               "%": "pour cent", "@": "arobase", "€": "euros", "$": "dollars", "№": "numéro"},
        abbreviations={"M.": "Monsieur", "Mme": "Madame", "Mlle": "Mademoiselle",
                       "MM.": "Messieurs", "Dr": "Docteur", "Pr": "Professeur",
                       "etc.": "et cetera", "p. ex.": "par exemple", "c.-à-d.": "c'est-à-dire",
                       "n°": "numéro", "nº": "numéro", "av. J.-C.": "avant Jésus-Christ"},
        months=("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août",
                "septembre", "octobre", "novembre", "décembre"),
        date="{day} {month} {year}", ordinal_days="first",
        time="{hour} heures {minute}", full_hour="{hour} heures",
        ordinals={"er": "", "re": "re", "ère": "re", "ème": "", "e": "", "eme": "", "nd": "nd",
                  "nde": "nde"},
        web=WebWords("point", "barre oblique", "arobase", "tiret", "tiret bas", "deux-points",
                     "dièse", "barre inverse"),
    ),
    "de": Language(
        point="Komma", minus="minus", percent="Prozent", to="bis", link="und",
        currencies=_money(
            "ein Euro|Euro|ein Cent|Cent", "ein Dollar|Dollar|ein Cent|Cent",
            "ein Pfund|Pfund|ein Penny|Pence", "ein Yen|Yen|ein Sen|Sen",
        ),
        units=_units(
            "ein Kilometer|Kilometer", "ein Meter|Meter", "ein Zentimeter|Zentimeter",
            "ein Millimeter|Millimeter", "ein Kilogramm|Kilogramm", "ein Gramm|Gramm",
            "ein Milligramm|Milligramm", "ein Liter|Liter", "ein Milliliter|Milliliter",
            "ein Kilometer pro Stunde|Kilometer pro Stunde", "ein Grad Celsius|Grad Celsius",
            "ein Grad|Grad", "ein Gigabyte|Gigabyte", "ein Megabyte|Megabyte",
            "eine Stunde|Stunden", "eine Minute|Minuten", "eine Sekunde|Sekunden",
        ),
        signs={"&": "und", "+": "plus", "=": "gleich", "×": "mal", "÷": "geteilt durch",
               "%": "Prozent", "@": "at", "€": "Euro", "$": "Dollar", "§": "Paragraf",
               "№": "Nummer"},
        abbreviations={"z. B.": "zum Beispiel", "z.B.": "zum Beispiel", "usw.": "und so weiter",
                       "d. h.": "das heißt", "d.h.": "das heißt", "bzw.": "beziehungsweise",
                       "ca.": "circa", "Dr.": "Doktor", "Prof.": "Professor", "Nr.": "Nummer",
                       "u. a.": "unter anderem", "u.a.": "unter anderem", "Mio.": "Millionen",
                       "Mrd.": "Milliarden", "Std.": "Stunden", "Str.": "Straße",
                       "vgl.": "vergleiche", "inkl.": "inklusive", "evtl.": "eventuell"},
        months=("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August",
                "September", "Oktober", "November", "Dezember"),
        date="{day} {month} {year}", ordinal_days="all",
        time="{hour} Uhr {minute}", full_hour="{hour} Uhr",
        web=WebWords("Punkt", "Schrägstrich", "at", "Bindestrich", "Unterstrich", "Doppelpunkt",
                     "Hashtag", "Backslash"),
    ),
    "pt": Language(
        point="vírgula", minus="menos", percent="por cento", to="a", link="e", of="de ",
        currencies=_money(
            "um euro|euros|um cêntimo|cêntimos", "um dólar|dólares|um centavo|centavos",
            "uma libra|libras|um péni|pence", "um iene|ienes|um sen|sen",
        ) | dict.fromkeys(("R$", "BRL"), ("um real", "reais", "um centavo", "centavos")),
        units=_units(
            "um quilómetro|quilómetros", "um metro|metros", "um centímetro|centímetros",
            "um milímetro|milímetros", "um quilograma|quilogramas", "um grama|gramas",
            "um miligrama|miligramas", "um litro|litros", "um mililitro|mililitros",
            "um quilómetro por hora|quilómetros por hora", "um grau Celsius|graus Celsius",
            "um grau|graus", "um gigabyte|gigabytes", "um megabyte|megabytes",
            "uma hora|horas", "um minuto|minutos", "um segundo|segundos",
        ),
        signs={"&": "e", "+": "mais", "=": "igual a", "×": "vezes", "÷": "dividido por",
               "%": "por cento", "@": "arroba", "€": "euros", "$": "dólares", "№": "número"},
        abbreviations={"Sr.": "senhor", "Sra.": "senhora", "Dr.": "doutor", "Dra.": "doutora",
                       "etc.": "etcétera", "p. ex.": "por exemplo", "p.ex.": "por exemplo",
                       "n.º": "número", "nº": "número", "pág.": "página"},
        months=("janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto",
                "setembro", "outubro", "novembro", "dezembro"),
        date="{day} de {month} de {year}", time="{hour} e {minute}", full_hour="{hour} horas",
        ordinals={".º": "", "º": "", ".ª": "a", "ª": "a"},
        web=WebWords("ponto", "barra", "arroba", "hífen", "sublinhado", "dois pontos",
                     "hashtag", "barra invertida", "mais"),
    ),
    "it": Language(
        point="virgola", minus="meno", percent="per cento", to="a", link="e", of="di ",
        currencies=_money(
            "un euro|euro|un centesimo|centesimi", "un dollaro|dollari|un centesimo|centesimi",
            "una sterlina|sterline|un penny|pence", "uno yen|yen|un sen|sen",
        ),
        units=_units(
            "un chilometro|chilometri", "un metro|metri", "un centimetro|centimetri",
            "un millimetro|millimetri", "un chilogrammo|chilogrammi", "un grammo|grammi",
            "un milligrammo|milligrammi", "un litro|litri", "un millilitro|millilitri",
            "un chilometro orario|chilometri orari", "un grado Celsius|gradi Celsius",
            "un grado|gradi", "un gigabyte|gigabyte", "un megabyte|megabyte",
            "un'ora|ore", "un minuto|minuti", "un secondo|secondi",
        ),
        signs={"&": "e", "+": "più", "=": "uguale a", "×": "per", "÷": "diviso",
               "%": "per cento", "@": "chiocciola", "€": "euro", "$": "dollari", "№": "numero"},
        abbreviations={"Sig.": "signor", "Sig.ra": "signora", "Dott.": "dottor",
                       "Dott.ssa": "dottoressa", "Prof.": "professor", "ecc.": "eccetera",
                       "n°": "numero", "p. es.": "per esempio", "pag.": "pagina"},
        months=("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto",
                "settembre", "ottobre", "novembre", "dicembre"),
        date="{day} {month} {year}", ordinal_days="first",
        time="{hour} e {minute}", full_hour="ore {hour}",
        ordinals={"º": "", "°": "", "ª": "a"},
        web=WebWords("punto", "barra", "chiocciola", "trattino", "trattino basso", "due punti",
                     "hashtag", "barra rovesciata", "più"),
    ),
    "nl": Language(
        point="komma", minus="min", percent="procent", to="tot", link="en",
        currencies=_money(
            "één euro|euro|één cent|cent", "één dollar|dollar|één cent|cent",
            "één pond|pond|één penny|pence", "één yen|yen|één sen|sen",
        ),
        units=_units(
            "één kilometer|kilometer", "één meter|meter", "één centimeter|centimeter",
            "één millimeter|millimeter", "één kilogram|kilogram", "één gram|gram",
            "één milligram|milligram", "één liter|liter", "één milliliter|milliliter",
            "één kilometer per uur|kilometer per uur", "één graad Celsius|graden Celsius",
            "één graad|graden", "één gigabyte|gigabyte", "één megabyte|megabyte",
            "één uur|uur", "één minuut|minuten", "één seconde|seconden",
        ),
        signs={"&": "en", "+": "plus", "=": "is", "×": "keer", "÷": "gedeeld door",
               "%": "procent", "@": "apenstaartje", "€": "euro", "$": "dollar", "№": "nummer"},
        abbreviations={"bijv.": "bijvoorbeeld", "bv.": "bijvoorbeeld", "enz.": "enzovoort",
                       "dhr.": "de heer", "mevr.": "mevrouw", "d.w.z.": "dat wil zeggen",
                       "o.a.": "onder andere", "ca.": "circa", "nr.": "nummer",
                       "blz.": "bladzijde", "Dr.": "dokter", "Prof.": "professor"},
        months=("januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus",
                "september", "oktober", "november", "december"),
        date="{day} {month} {year}", time="{hour} uur {minute}", full_hour="{hour} uur",
        ordinals={"e": "", "ste": "", "de": ""},
        web=WebWords("punt", "schuine streep", "apenstaartje", "streepje", "laag streepje",
                     "dubbele punt", "hashtag", "backslash"),
    ),
    # Known less well: cardinals, decimals and percentages only.
    "ca": Language("coma", "menys", "per cent"),
    "cs": Language("celá", "minus", "procent"),
    "da": Language("komma", "minus", "procent"),
    "fi": Language("pilkku", "miinus", "prosenttia"),
    "id": Language("koma", "minus", "persen"),
    "no": Language("komma", "minus", "prosent"),
    "pl": Language("przecinek", "minus", "procent"),
    "ro": Language("virgulă", "minus", "la sută"),
    "ru": Language("запятая", "минус", "процентов"),
    "sv": Language("komma", "minus", "procent"),
    "tr": Language("virgül", "eksi", "yüzde"),
    "uk": Language("кома", "мінус", "відсотків"),
    "vi": Language("phẩy", "âm", "phần trăm"),
}  # fmt: skip
