"""Text as written to words as spoken: numbers, dates, money, symbols, addresses.

A language is an ordered list of small rules, each a compiled pattern and a function; what
one rule has turned into words, the later ones leave alone. Patterns start only at the
beginning of a token and their repetitions are bounded or possessive, so that every rule is
linear in the length of the text.
"""

from __future__ import annotations

from intone.text.language import primary, region
from intone.text.normalize.clean import finish, prepare
from intone.text.normalize.rules import apply

__all__ = ["speak"]


def speak(text: str, language: str) -> str:
    """Spell out what a speech engine would misread.

    English is spelled out in full (American, or British where the region says so); for other
    languages numbers, percentages, the main currencies and web addresses are, as far as the
    language is known; the rest is left to the engine. In every language the result is in NFC
    and free of control, zero-width and bidirectional characters, emoji and repeated white
    space.

    Args:
        text: A sentence or more of plain text.
        language: BCP 47 tag.

    Returns:
        The words as they will be spoken; empty where nothing can be.
    """
    text = prepare(text)
    if primary(language) == "en":
        from intone.text.normalize.english import rules_for

        groups = rules_for(region(language))
    else:
        from intone.text.normalize.world import rules_for as world_rules_for

        groups = world_rules_for(primary(language), region(language))
    return finish(apply(groups, text))
