"""Read a page aloud, as far as its words go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intone.text.html.markup import has_paragraphs, is_page, mend, words_only
from intone.text.html.page import Rules
from intone.text.html.reader import Reader

if TYPE_CHECKING:
    from intone.text.html.script import Readable

__all__ = ["Rules", "read_html"]

#: Characters that the parser gets at once. Between two helpings we see how deep it is.
_HELPING = 4096
#: Open elements, as in browsers. Deeper, an end tag is looked for in all of them, and a page made
#: of such tags would take the square of its length.
_DEPTH = 512

_NO_RULES = Rules()


def read_html(html: str, language: str, rules: Rules = _NO_RULES) -> Readable:
    """Turn HTML into the text that a good reader would read aloud.

    Paragraphs are parted by one blank line, what begins with a heading by two, list items and line
    breaks by none. Of a whole page its `main` is read where it has one, else its only `article`.
    Words come in the page's order and as they are written there; what is said beside them are
    the numbers of ordered lists, "Image:", and what `rules` announce. `docs/reading-html.md` tells
    what is left out.

    It never fails, needs time in proportion to the input and keeps no tree of it.

    Args:
        html: A page or a fragment, however broken.
        language: BCP 47 tag of the text; parts that say to be in another language become stretches.
        rules: What to do with code and tables.

    Returns:
        The text, empty where there is nothing to read.
    """
    # Late, as it is a large library and most processes speak plain text only.
    from lxml import etree

    html = mend(html)
    reader = Reader(language, rules, blank_lines=not has_paragraphs(html))
    # Without it huge attributes and texts end the document.
    parser = etree.HTMLParser(target=reader, huge_tree=True, remove_comments=True, remove_pis=True)
    parser.feed("<body>")
    for at in range(0, len(html), _HELPING):
        if reader.depth > _DEPTH:
            parser.feed(words_only(html[at:]))
            break
        parser.feed(html[at : at + _HELPING])
    parser.close()
    return reader.result(whole_page=is_page(html))
