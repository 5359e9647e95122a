"""Does the alternative text of a picture tell a listener anything?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["alternative", "is_inline", "is_told", "says_the_same"]

_WORDS = re.compile(r"\w+")
_LETTER = re.compile(r"[^\W\d_]")
_FILE = re.compile(
    r"\S+\.(?:jpe?g|png|gif|webp|svg|avif|bmp|tiff?|heic)$"  # its name
    # a camera's
    r"|(?:img|dscn?|pxl|image|photo|screenshot|bildschirmfoto|capture)[\d_ .:-]+$"
    r"|(?=\S*[\d_-])(?=\S*[_-])\S+$"  # words_joined-like-this
    r"|https?://",
    re.IGNORECASE,
)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: What says only that there is a picture, in the main languages.
_NOTHING = _names(
    "image images img picture pic photo photograph figure graphic graphics illustration logo icon"
    " avatar thumbnail banner screenshot placeholder spacer bullet alt untitled diagram chart"
    " featured post hero cover bild foto grafik abbildung symbol photographie illustration figure"
    " icône imagen fotografía ilustración figura icono immagine fotografia illustrazione icona"
    " imagem ilustração ícone afbeelding plaatje figuur pictogram"
    # signs that stand beside a box whose words say it anyway
    " note tip warning caution important info"
)
#: A file's, in characters.
_LONGEST_NAME = 200
#: Longer alternatives break a sentence that they stand in.
_INLINE_WORDS = 4
#: So much of a caption is compared with each of its pictures.
_COMPARED = 1000
#: Pictures of this height in pixels are signs within a line.
_LINE_HEIGHT = 40


def alternative(attributes: Mapping[str, str]) -> str:
    """Return a picture's alternative text, empty where it tells nothing.

    Left out are decorations, file names, words that only name the kind of thing, and pictures of a
    pixel.
    """
    if attributes.get("role", "").strip().lower() in {"presentation", "none"}:
        return ""
    if attributes.get("width") in {"0", "1"} or attributes.get("height") in {"0", "1"}:
        return ""
    text = " ".join(attributes.get("alt", "").split())
    words = _words(text)
    if not words or not _LETTER.search(text):
        return ""
    if len(text) <= _LONGEST_NAME and _FILE.match(text):
        return ""
    telling = [word for word in words if word not in _NOTHING and not word.isdigit()]
    return text if telling else ""


def is_told(text: str) -> bool:
    """Whether an alternative text is enough to be read by itself: one word is a logo's."""
    return not text.isascii() or len(text.split()) > 1


def is_inline(attributes: Mapping[str, str], text: str) -> bool:
    """Whether a picture within a line is read as a word of that line."""
    height = attributes.get("height", "").removesuffix("px")
    if height.isascii() and height.isdigit() and int(height[:6]) <= _LINE_HEIGHT:
        return True
    return len(text.split()) <= _INLINE_WORDS


def says_the_same(text: str, caption: str) -> bool:
    """Whether a caption says what the alternative text says, so that one of them is enough."""
    words, others = _words(text), _words(caption[:_COMPARED])
    if not words or not others:
        return False
    known = set(others)
    return sum(word in known for word in words) >= 0.8 * len(words)


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORDS.findall(text)]
