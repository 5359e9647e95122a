"""The few words that are said of a page and do not stand in it."""

from __future__ import annotations

from typing import NamedTuple

from intone.text.language import primary

__all__ = ["Phrases", "phrases"]


class Phrases(NamedTuple):
    """In one language; empty where it is not known, and then nothing is said."""

    code: str = ""
    table: str = ""
    #: Before the table's caption.
    table_of: str = ""
    #: Before a picture's alternative text.
    picture: str = ""


_PHRASES = {
    "en": Phrases("Code block left out.", "Table left out.", "Table: ", "Image: "),
    "de": Phrases("Programmcode ausgelassen.", "Tabelle ausgelassen.", "Tabelle: ", "Bild: "),
    "fr": Phrases("Bloc de code omis.", "Tableau omis.", "Tableau : ", "Image : "),
    "es": Phrases("Bloque de código omitido.", "Tabla omitida.", "Tabla: ", "Imagen: "),
    "it": Phrases("Blocco di codice omesso.", "Tabella omessa.", "Tabella: ", "Immagine: "),
    "pt": Phrases("Bloco de código omitido.", "Tabela omitida.", "Tabela: ", "Imagem: "),
    "nl": Phrases("Codeblok weggelaten.", "Tabel weggelaten.", "Tabel: ", "Afbeelding: "),
}


def phrases(language: str) -> Phrases:
    """Return what is said in that language, a BCP 47 tag."""
    return _PHRASES.get(primary(language), Phrases())
