"""SSML that a text cannot break out of (https://www.w3.org/TR/speech-synthesis11/)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ssml"]

#: What XML 1.0 has no way to write, not even as a reference (its production 2, `Char`).
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def ssml(text: str, *elements: tuple[str, Mapping[str, str]]) -> str:
    """A document that speaks a text as it is, whatever is in it.

    Args:
        text: What to speak; characters that XML forbids are left out.
        elements: What it stands within, the root first: names as the vendor prints them, with
            their prefixes, and attributes.
    """
    builder = ET.TreeBuilder()
    for name, attributes in elements:
        builder.start(name, {key: _allowed(value) for key, value in attributes.items()})
    builder.data(_allowed(text))
    for name, _ in reversed(elements):
        builder.end(name)
    return ET.tostring(builder.close(), "unicode")


def _allowed(text: str) -> str:
    return _FORBIDDEN.sub("", text)
