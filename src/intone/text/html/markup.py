"""Is it HTML? And what has to be mended in it before a parser sees it."""

from __future__ import annotations

import html as entities
import re

__all__ = ["has_paragraphs", "is_page", "looks_like_html", "mend", "words_only"]

_NAMES = (
    "a|abbr|acronym|address|article|aside|audio|b|big|blockquote|body|br|button|caption|center|cite"
    "|code|dd|del|details|dfn|div|dl|dt|em|embed|figcaption|figure|font|footer|form|h[1-6]|head"
    "|header|hr|html|i|iframe|img|input|ins|kbd|label|li|link|main|mark|menu|meta|nav|noscript|ol|p"
    "|picture|pre|q|ruby|s|samp|script|section|small|source|span|strike|strong|style|sub|summary|sup"
    "|svg|table|tbody|td|template|tfoot|th|thead|time|title|tr|tt|u|ul|var|video|wbr"
)
#: An attribute has a value, or is one of those that never have: `if a <b and c> d` holds no tag.
_ATTRIBUTE = (
    r"\s++(?:[\w:.@-]++\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s\"'<>=`]++)"
    r"|hidden|open|reversed|itemscope|download|data-[\w-]++)"
)
_MARKUP = re.compile(
    rf"<(?:(?:{_NAMES})(?:{_ATTRIBUTE})*+\s*+/?>|/(?:{_NAMES})\s*+>|!--|!doctype\s|!\[CDATA\[)",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")

_PAGE = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_PARAGRAPHS = re.compile(r"<(?:p|br|div|section|article|td)\b", re.IGNORECASE)

_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_UNSPEAKABLE = re.compile("[\x00\ud800-\udfff]")
_TAG = re.compile(r"<[^<>]*+>?")
#: Where what nobody sees begins or ends; a tag's name is the group.
_UNSEEN = re.compile(
    r"<!--|-->|</?(script|style|template|noscript|textarea|svg)\b[^<>]*+>?", re.IGNORECASE
)


def looks_like_html(content: str) -> bool:
    """Tell HTML from plain text, which may hold a stray `<` or `&`.

    One tag that HTML knows, one comment or one character reference makes it HTML.

    Args:
        content: A text of any length; the time taken is linear in it.
    """
    if "<" in content and _MARKUP.search(content):
        return True
    if "&" not in content:
        return False
    return any(entities.unescape(found[0]) != found[0] for found in _ENTITY.finditer(content))


def is_page(html: str) -> bool:
    """Whether this is a whole page, with what stands around an article, and no fragment of one."""
    return _PAGE.search(html) is not None


def has_paragraphs(html: str) -> bool:
    """Whether tags make the paragraphs; else blank lines do, as in an editor's raw content."""
    return _PARAGRAPHS.search(html) is not None


def mend(html: str) -> str:
    """Take out what no parser agrees about: NUL, lone surrogates, marks of CDATA sections."""
    if _UNSPEAKABLE.search(html):
        html = _UNSPEAKABLE.sub("", html)
    return _CDATA.sub("", html) if "<![CDATA[" in html else html


def words_only(html: str) -> str:
    """Leave out whatever stands in angle brackets, with scripts, styles and comments."""
    seen: list[str] = []
    start, unseen = 0, ""
    for found in _UNSEEN.finditer(html):
        mark = (found[1] or "--").lower()
        is_end = found[0].startswith(("</", "-->"))
        if not unseen and not is_end:
            seen.append(html[start : found.start()])
            unseen = mark
        elif is_end and mark == unseen:
            start, unseen = found.end(), ""
    if not unseen:
        seen.append(html[start:])
    return _TAG.sub(" ", " ".join(seen))
