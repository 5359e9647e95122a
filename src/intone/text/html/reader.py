"""What a parser's events mean to somebody who reads aloud."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from intone.text.html import blocks, boxes, inline, lists, notes
from intone.text.html.elements import BLOCKS, HEADINGS, foreign_language, is_left_out
from intone.text.html.page import Open, Page, Rules, is_a
from intone.text.html.script import Pause, Readable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Reader"]

#: Shortcodes of WordPress that nobody expanded.
_SHORTCODE = re.compile(
    r"\[embed\b[^\[\]]*+\][^\[\]]*+\[/embed\]"
    r"|\[/?(?:caption|wp_caption|gallery|playlist|audio|video|embed|contact-form|contact-form-7"
    r"|(?:vc|et_pb|fusion|su|av|elementor)[_-][\w-]+)\b[^\[\]]*+\]",
    re.IGNORECASE,
)
#: What stands before a page's title is not its text, if it is no longer than this.
_LONGEST_HEAD = 400

_START = blocks.START | lists.START | inline.START | boxes.START
_END = blocks.END | lists.END | inline.END | boxes.END
#: Elements that are remembered while they are open.
_REMEMBERED = frozenset(_END) | {"blockquote"}


class Reader:
    """The target of an HTML parser: `start`, `data`, `end` and `close` are its events."""

    def __init__(self, language: str, rules: Rules, *, blank_lines: bool) -> None:
        """Begin.

        Args:
            language: BCP 47 tag of the text.
            rules: What to announce.
            blank_lines: Whether they part paragraphs, for want of tags that do.
        """
        self._page = Page(language, rules, blank_lines)
        self._data: list[str] = []

    @property
    def depth(self) -> int:
        """How many elements are open."""
        return len(self._page.open) + self._page.passed_over

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element."""
        page = self._page
        if page.passed_over:
            page.passed_over += 1
            return
        if self._data:
            self._flush()
        if is_left_out(tag, attributes):
            if attributes and notes.has_label(attributes):
                page.drop_label()
            page.passed_over = 1
            return
        if tag in BLOCKS:
            page.script.pause(Pause.PARAGRAPH)
            if tag in HEADINGS:
                page.drop_idle_heading(tag)
        element = self._remember(tag, attributes)
        page.open.append(element)
        begin = _START.get(tag)
        if begin:
            begin(page, attributes)
        elif element and is_a("wp-caption", attributes):
            boxes.start_figure(page, attributes)

    def end(self, tag: str) -> None:
        """End the element that was begun last."""
        page = self._page
        if page.passed_over:
            page.passed_over -= 1
            return
        if self._data:
            self._flush()
        element = page.open.pop()
        if element:
            finish = _END.get(tag)
            if finish:
                finish(page, element)
            elif is_a("wp-caption", element.attributes):
                boxes.end_figure(page, element)
            elif is_a("wp-caption-text", element.attributes):
                boxes.end_figcaption(page, element)
            page.script.language = element.language
        if tag in BLOCKS:
            page.script.pause(Pause.PARAGRAPH)

    def data(self, text: str) -> None:
        """Take some text, which may not be all that stands there."""
        if not self._page.passed_over:
            self._data.append(text)

    def close(self) -> None:
        """End the document."""
        if self._data:
            self._flush()
        self._page.drop_idle_heading("")

    def result(self, *, whole_page: bool) -> Readable:
        """Return what is to be read.

        Args:
            whole_page: Whether there is more around the article than the article.
        """
        page, script = self._page, self._page.script
        if not whole_page:
            return script.read()
        inner = page.mains or (page.articles if len(page.articles) == 1 else [])
        for start, end in inner:
            readable = script.read(start, end)
            if readable.text:
                return readable
        # An old page: lists of links end it, and a few lines of the same stand before its title.
        start, end = page.ways
        if start > 0 and end == len(script):
            script.drop(start)
        title = page.title or 0
        return script.read(title if len(script.words(0, title)) <= _LONGEST_HEAD else 0)

    def _remember(self, tag: str, attributes: Mapping[str, str]) -> Open | None:
        """Return what its end will need, and go on in the element's language."""
        script = self._page.script
        named = ""
        if attributes:
            named = attributes.get("lang") or attributes.get("xml:lang") or ""
        if not (named or tag in _REMEMBERED or "wp-caption" in attributes.get("class", "")):
            return None
        element = Open(tag, len(script), script.said, script.language, attributes)
        # Themes set the page's own language, often wrongly; who sends a text knows it.
        if named and tag not in {"html", "body"}:
            language = foreign_language(named, self._page.language)
            if language is not None:
                script.language = language
        return element

    def _flush(self) -> None:
        page, text = self._page, "".join(self._data)
        self._data.clear()
        if "[" in text:
            text = _SHORTCODE.sub(" ", text)
        if page.is_verse:
            for line in text.splitlines(keepends=True):
                page.script.say(line)
                if line.endswith("\n"):
                    page.script.break_line()
        elif page.blank_lines:
            page.script.say_paragraphs(text)
        else:
            page.script.say(text)
