"""Telling HTML from plain text."""

import pytest

from intone.text.html import looks_like_html


@pytest.mark.parametrize(
    "content",
    [
        "<p>Hello</p>", "Hello<br>you", "Hello<BR/>you", "a <b>b</b>", "</div>", "<!-- note -->x",
        "Fish &amp; chips", "caf&eacute;", "&#8220;Hi&#8221;", "&#x41;", "<!DOCTYPE html>",
        "<img src=a.png alt='a > b'>", 'x <a href="/y" download>y</a>', "<![CDATA[<x>]]>",
        "<p hidden>x", "<h2 class='a b' data-x>T",
    ],
)  # fmt: skip
def test_tags_comments_and_character_references_are_markup(content):
    assert looks_like_html(content)


@pytest.mark.parametrize(
    "content",
    [
        "", "Hello.", "1 < 2 and 3 > 2", "a<b and b>c", "if x <y then z>w", "AT&T", "fish & chips",
        "R&D; and more", "List<String>", "Vec<T>", "<3 you", "a <b and c> d", "me <me@example.org>",
        "-> <- <-> <=>", "&nosuchthing;", "x &;", "<", "&", "5 &lt 6",
    ],
)  # fmt: skip
def test_a_stray_sign_is_no_markup(content):
    assert not looks_like_html(content)
