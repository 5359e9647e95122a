"""What targets say in their samples, and what is spoken with the clones, by language."""

from __future__ import annotations

from typing import Final

__all__ = ["SAMPLES", "UNSEEN"]

SAMPLES: Final = {
    "en": (
        "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background."
        " It is easy to tell the depth of a well. These days a chicken leg is a rare dish."
        " Rice is often served in round bowls. The juice of lemons makes fine punch."
        " The box was thrown beside the parked truck. The hogs were fed chopped corn and garbage."
        " Four hours of steady work faced us. A large size in stockings is hard to sell."
    ),
    "it": (
        "Ieri mattina siamo andati al mercato con i bambini e abbiamo comprato pane fresco,"
        " formaggio e qualche bottiglia di vino rosso. Poi siamo tornati a casa sotto una pioggia"
        " leggera. Mio nonno raccontava sempre storie di quando era giovane e lavorava nelle"
        " campagne vicino al fiume."
    ),
    "cs": (
        "Včera ráno jsme šli na trh a koupili jsme čerstvý chléb, sýr a několik lahví vína. Potom"
        " jsme se vrátili domů pod lehkým deštěm. Můj dědeček vždycky vyprávěl příběhy o tom, jak"
        " byl mladý a pracoval na poli blízko řeky."
    ),
    "fi": (
        "Eilen aamulla menimme torille ja ostimme tuoretta leipää, juustoa ja muutaman pullon"
        " viiniä. Sitten palasimme kotiin kevyessä sateessa. Isoisä kertoi aina tarinoita siitä,"
        " kun hän oli nuori ja työskenteli pelloilla lähellä jokea."
    ),
}
UNSEEN: Final = {
    "en": (
        "A boy was there when the sun rose. A rod is used to catch pink salmon. The source of the"
        " huge river is the clear spring. Kick the ball straight and follow through. Help the woman"
        " get back to her feet. A pot of tea helps to pass the evening. Smoky fires lack flame and"
        " heat. The soft cushion broke the man's fall."
    ),
    "it": (
        "La biblioteca apre alle nove e chiude nel tardo pomeriggio. Chi cerca un libro antico deve"
        " chiedere al custode, che conosce ogni scaffale."
    ),
    "cs": (
        "Knihovna otevírá v devět hodin a zavírá pozdě odpoledne. Kdo hledá starou knihu, musí se"
        " zeptat správce, který zná každou polici."
    ),
    "fi": (
        "Kirjasto avataan yhdeksältä ja suljetaan myöhään iltapäivällä. Joka etsii vanhaa kirjaa,"
        " kysyy vartijalta, joka tuntee jokaisen hyllyn."
    ),
}
