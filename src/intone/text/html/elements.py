"""Which elements a good reader passes over, and which ones part the text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from intone.text.language import primary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["BLOCKS", "HEADINGS", "LISTS", "foreign_language", "is_left_out"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


HEADINGS = _names("h1 h2 h3 h4 h5 h6")
LISTS = _names("ul ol menu dir")
#: Parted from what is around them by a paragraph's pause.
BLOCKS = HEADINGS | _names(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset"
    " figcaption figure footer header hgroup legend main p pre search section summary table"
    " tbody td"
    " tfoot th thead tr"
)

_LEFT_OUT = _names(
    # what is no text of the page's
    "head title script style template noscript noframes noembed svg canvas object embed iframe"
    " audio video map applet"
    # what one uses, and does not read
    " nav search button input select textarea label legend option optgroup datalist output progress"
    " meter dialog"
    # what was taken back, and what helps to read what is read anyway
    " del s strike rt rp rtc"
    # code
    " xmp listing plaintext"
)
_LEFT_OUT_ROLES = _names(
    "navigation search banner contentinfo button menu menubar toolbar tablist dialog alertdialog"
    " doc-toc doc-index doc-pagelist doc-pagebreak doc-noteref doc-backlink doc-endnotes"
    " doc-footnote"
)
#: Classes and ids that documentation tools and publishing systems use for what is no article.
_LEFT_OUT_NAMES = _names(
    # contents, places, ways
    "toc ez-toc-container lwptoc toctree-wrapper table-of-contents tableofcontents contents-list"
    " breadcrumb breadcrumbs navheader navfooter navbar navbox nav-links navigation post-navigation"
    " pagination page-links pager sphinxsidebar sidebar menu"
    # what stands around a page
    " footer site-footer page-footer footer-text site-header masthead colophon copyright"
    # for the eye alone, or for none
    " headerlink header-anchor anchor-link anchorjs-link heading-anchor mw-editsection editsection"
    " screen-reader-text screen-reader-only sr-only visually-hidden visuallyhidden skip-link"
    " skiplink skip-to-content noprint linenos line-numbers copy-button"
    # notes
    " footnote footnotes endnotes wp-block-footnotes reflist footnote-ref footnote-backref"
    " footnote-reference footnote-anchor reversefootnote noteref"
    # sharing, advertising, subscribing
    " sharedaddy share-buttons social-share social-links wp-block-social-links"
    " addtoany_share_save_container addtoany_content jp-relatedposts related-posts yarpp-related"
    " wp-block-button wp-block-buttons kg-button-card kg-signup-card kg-bookmark-card"
    " kg-cta-card btn advertisement"
    " adsbygoogle newsletter-signup subscribe-form cookie-notice cookie-banner"
    # talk below the article
    " comments comments-area comment-list comment-respond respond"
    # players, code and formulas drawn for the eye
    " wp-block-embed kg-embed-card kg-audio-card kg-video-card kg-file-card katex-html"
    " crayon-syntax syntaxhighlighter gist"
)
#: Elements that hold everything: a theme's class there says nothing about the text.
_NEVER_BY_NAME = _names("html body main article")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)", re.IGNORECASE)
#: Whether a value of the attribute leaves its element out.
_STEERING: dict[str, Callable[[str], bool]] = {
    "hidden": lambda _: True,
    "data-intone-skip": lambda value: value.strip().lower() != "false",
    "aria-hidden": lambda value: value.strip().lower() == "true",
    "role": lambda value: value.strip().lower() in _LEFT_OUT_ROLES,
    "style": lambda value: _HIDDEN.search(value) is not None,
}

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{1,8})*", re.IGNORECASE)
#: ISO 639-1.
_LANGUAGES = _names(
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu"
    " cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi"
    " ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks"
    " ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl"
    " nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk"
    " sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz"
    " ve vi vo wa wo xh yi yo za zh zu"
)
#: Tags of three letters that name no language.
_NO_LANGUAGES = _names("und zxx mul mis")
_SAME = {"nb": "no", "nn": "no", "iw": "he", "in": "id", "ji": "yi", "mo": "ro", "fil": "tl"}


def is_left_out(tag: str, attributes: Mapping[str, str]) -> bool:
    """Whether an element is read neither itself nor with what is in it."""
    if tag in _LEFT_OUT:
        return True
    if not attributes:
        return False
    names = ""
    for name, value in attributes.items():
        if name in {"class", "id"}:
            names += f" {value}"
        elif name in _STEERING and _STEERING[name](value):
            return True
    if not names or tag in _NEVER_BY_NAME:
        return False
    return not _LEFT_OUT_NAMES.isdisjoint(names.lower().split())


def foreign_language(tag: str, own: str) -> str | None:
    """Judge a `lang` attribute beside the language of the text.

    Args:
        tag: The attribute's value, whatever it is.
        own: BCP 47 tag of the text.

    Returns:
        The tag where it names another language; empty where it names the text's own, of whatever
        region; `None` where it names none.
    """
    tag = tag.strip().replace("_", "-")
    if not _LANGUAGE.fullmatch(tag):
        return None
    code, mine = _primary(tag), _primary(own)
    if code == mine:
        return ""
    if code in _NO_LANGUAGES or (len(code) == 2 and code not in _LANGUAGES):  # noqa: PLR2004 - ISO 639-1
        return None
    return tag


def _primary(tag: str) -> str:
    code = primary(tag)
    return _SAME.get(code, code)
