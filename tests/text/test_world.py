"""What other languages say for what they write; what is not known is left to the engine."""

import pytest

from intone.text.normalize import speak

CASES = {
    "es": [
        (
            "Cuesta 1.250,75 € hoy",
            "Cuesta mil doscientos cincuenta euros con setenta y cinco céntimos hoy",
        ),
        ("21 euros y 21 libros, 21 casas", "veintiún euros y veintiún libros, veintiuna casas"),
        ("1 €", "un euro"),
        (
            "El 21/11/2026 a las 14:30",
            "El veintiuno de noviembre de dos mil veintiséis a las catorce treinta",
        ),
        ("El 1 de mayo de 1999", "El uno de mayo de mil novecientos noventa y nueve"),
        ("3,14 y 50 %", "tres coma catorce y cincuenta por ciento"),
        ("5 km a 20 °C", "cinco kilómetros a veinte grados Celsius"),
        ("1.º y 2ª", "primero y segunda"),
        ("-5 grados", "menos cinco grados"),
        ("1.000.000 de personas", "un millón de personas"),
        ("ana@ejemplo.com", "ana arroba ejemplo punto com"),
        ("10–20 personas", "diez a veinte personas"),
        ("$5", "cinco dólares"),
        ("El Sr. López, etc.", "El señor López, etcétera."),
        ("€1,5 millones", "uno coma cinco millones de euros"),
        ("3 + 4 = 7", "tres más cuatro igual a siete"),
        ("9:00", "nueve en punto"),
        ("2.1.3", "dos punto uno punto tres"),
        ("007", "cero cero siete"),
    ],
    "fr": [
        (
            "Ça coûte 1 250,75 €",
            "Ça coûte mille deux cent cinquante euros et soixante-quinze centimes",
        ),
        ("le 1er mai 1999", "le premier mai mille neuf cent quatre-vingt-dix-neuf"),
        (
            "21/11/2026 à 14h30",
            "vingt et un novembre deux mille vingt-six à quatorze heures trente",
        ),
        ("2e et 3ème, 1re", "deuxième et troisième, première"),
        ("3,14 et 50 %", "trois virgule quatorze et cinquante pour cent"),
        ("1,5 million €", "un virgule cinq million d'euros"),
        ("20 °C", "vingt degrés Celsius"),
        ("M. Dupont et Mme Durand", "Monsieur Dupont et Madame Durand"),
        ("https://exemple.fr/a", "exemple point FR barre oblique a"),
        ("1:00", "une heure"),
        ("71 et 80 et 99", "soixante et onze et quatre-vingts et quatre-vingt-dix-neuf"),
        ("-5", "moins cinq"),
        ("3 × 4 = 12", "trois fois quatre égale douze"),
        ("10–20", "dix à vingt"),
    ],
    "de": [
        (
            "Das kostet 1.250,75 €.",
            "Das kostet eintausendzweihundertfünfzig Euro und fünfundsiebzig Cent.",
        ),
        ("am 3. Oktober 1990", "am dritten Oktober neunzehnhundertneunzig"),
        (
            "Der 21.11.2026 um 14:30 Uhr",
            "Der einundzwanzigste November zweitausendsechsundzwanzig um vierzehn Uhr dreißig",
        ),
        ("3,14 und 50 %", "drei Komma eins vier und fünfzig Prozent"),
        ("z. B. 5 km", "zum Beispiel fünf Kilometer"),
        ("3 Mio. €", "drei Millionen Euro"),
        ("1 €", "ein Euro"),
        ("-5 °C", "minus fünf Grad Celsius"),
        ("um 9 Uhr", "um neun Uhr"),
        ("Seit 1999", "Seit neunzehnhundertneunundneunzig"),
        ("www.beispiel.de", "beispiel Punkt DE"),
        ("2026-11-21", "einundzwanzigster November zweitausendsechsundzwanzig"),
        ("10–20 Leute", "zehn bis zwanzig Leute"),
        ("1.000 und 2,5", "eintausend und zwei Komma fünf"),
        ("§ 5", "Paragraf fünf"),
    ],
    "pt": [
        ("Custa R$ 1.250,75", "Custa mil duzentos e cinquenta reais e setenta e cinco centavos"),
        ("16 horas", "dezasseis horas"),
        ("21/11/2026", "vinte e um de novembro de dois mil e vinte e seis"),
        ("1º e 2ª", "primeiro e segunda"),
        ("3,14", "três vírgula catorze"),
        ("às 14:30", "às catorze e trinta"),
        ("50%", "cinquenta por cento"),
        ("5 km", "cinco quilómetros"),
        ("-5", "menos cinco"),
        ("O Sr. Silva", "O senhor Silva"),
        ("1 €", "um euro"),
    ],
    "it": [
        ("Costa 1.250,75 €", "Costa milleduecentocinquanta euro e settantacinque centesimi"),
        ("il 1 maggio 1999", "il primo maggio millenovecentonovantanove"),
        ("3,14 e 50%", "tre virgola quattordici e cinquanta per cento"),
        ("1º", "primo"),
        ("21/11/2026 alle 14:30", "ventuno novembre duemilaventisei alle quattordici e trenta"),
        ("5 km", "cinque chilometri"),
        ("-5", "meno cinque"),
        ("ecc.", "eccetera."),
        ("1.000.000", "un milione"),
        ("10–20", "dieci a venti"),
    ],
    "nl": [
        ("Het kost € 1.250,75", "Het kost duizendtweehonderdvijftig euro en vijfenzeventig cent"),
        (
            "21 november 2026 om 14:30 uur",
            "eenentwintig november tweeduizendzesentwintig om veertien uur dertig",
        ),
        ("2e en 1ste", "tweede en eerste"),
        ("1999", "negentien honderd negenennegentig"),
        ("50%", "vijftig procent"),
        ("5 km", "vijf kilometer"),
        ("-5", "min vijf"),
        ("bijv. 3", "bijvoorbeeld drie"),
        ("1 €", "één euro"),
        ("10–20", "tien tot twintig"),
    ],
    "es-MX": [
        ("1,250.75 y 3.5", "mil doscientos cincuenta punto setenta y cinco y tres punto cinco"),
    ],
    "pt-BR": [
        ("16 e 1.999", "dezesseis e mil novecentos e noventa e nove"),
    ],
    "pl": [
        ("21,5% i 1000 ludzi", "dwadzieścia jeden przecinek pięć procent i tysiąc ludzi"),
    ],
    "ru": [
        ("5% и 12", "пять процентов и двенадцать"),
    ],
    "sv": [
        ("1999 och 3,5", "nittonhundranittionio och tre komma fem"),
    ],
    "tr": [
        ("%5 ve 3,14", "yüzde beş ve üç virgül ondört"),
    ],
    "nb": [
        ("21", "tjueen"),
    ],
    "ja": [
        ("2026年 https://www.a.jp/x", "2026年 a.jp/x"),
    ],
    "zh": [
        ("价格是500元。", "价格是500元。"),
    ],
}


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [(language, *case) for language, cases in CASES.items() for case in cases],
)
def test_each_language_says_its_numbers(language, written, spoken):
    assert speak(written, language) == spoken


@pytest.mark.parametrize("language", ["xx", "ja", "zh-Hant-TW", "ar", "am", "te", ""])
def test_languages_that_are_not_known_keep_their_digits(language):
    assert speak("1,234 a 5%", language) == "1,234 a 5%"
