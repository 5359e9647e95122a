"""No markup breaks the reader, and none makes it slow."""

import html as entities
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intone.text.controls import find_forbidden
from intone.text.html import looks_like_html, read_html

TAGS = [
    "p", "div", "span", "a", "b", "i", "ul", "ol", "li", "table", "tr", "td", "th", "h1", "h2", "pre",
    "figure", "figcaption", "blockquote", "q", "sup", "abbr", "main", "article", "form", "nav",
    "script", "svg", "template", "html", "body", "dl", "dt", "dd", "br", "img",
]  # fmt: skip
PIECES = st.one_of(
    st.sampled_from(TAGS).map(lambda tag: f"<{tag}>"),
    st.sampled_from(TAGS).map(lambda tag: f"</{tag}>"),
    st.sampled_from(
        [
            "<p lang=fr>", "<a href='#fn1'>1", "<img alt='a red fox'>", "<ol start=3>", "<i lang=de",
            "<", ">", "&", "&amp", "&#0;", "&#xD800;", "&bogus;", "<!--", "-->", "<![CDATA[", "]]>",
            "\x00", "\ud800", "\u2028", "\x85", "<p hidden>", "[caption]", "\n\n", "<abbr title='x y'>",
            "<li value=7>", "<td colspan=9>", "<?x", "<!doctype html>", "word ", "two words",
        ]
    ),
    st.text(max_size=12),
)  # fmt: skip
MARKUP = st.lists(PIECES, max_size=60).map("".join)


@settings(max_examples=400, deadline=None)
@given(MARKUP, st.sampled_from(["en", "de", "zh", "", "x-y"]))
def test_any_markup_is_read_without_an_error_into_clean_text(markup, language):
    readable = read_html(markup, language)
    assert find_forbidden(readable.text) is None
    assert readable.text == readable.text.strip(" \n\t")
    end = 0
    for stretch in readable.stretches:
        assert end <= stretch.start < stretch.end <= len(readable.text)
        end = stretch.end
    looks_like_html(markup)


WORDS = st.lists(st.text("abcdefghij", min_size=2, max_size=8), min_size=1, max_size=5).map(
    " ".join
)
BLOCKS = st.tuples(st.sampled_from(["p", "div", "h2", "blockquote", "section"]), WORDS)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(BLOCKS, min_size=1, max_size=20), st.sampled_from(["b", "em", "span", "code", "mark"])
)
def test_every_visible_word_is_there_once_and_in_order(blocks, inline):
    markup = "".join(
        f"<{tag} id=hidden>\n<{inline} title=not>{words}</{inline}>\n</{tag}>"
        for tag, words in blocks
    )
    said = read_html(markup, "en").text.split()
    assert said == " ".join(words for _, words in blocks).split()


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_letters_and_digits_of_any_text_come_back_as_they_were(text):
    said = read_html(f"<p>{entities.escape(text)}</p>", "en").text
    assert find_forbidden(said) is None
    assert [c for c in said if c.isalnum()] == [c for c in text if c.isalnum()]


def test_where_the_parser_is_fed_makes_no_difference():
    filler = "x" * 4089
    for at in range(12):
        markup = (
            f"<p>{filler[at:]} caf&eacute; <b lang=fr>été</b> [caption id=1]&amp;<sup>2</sup></p>"
        )
        assert read_html(markup, "en").text == f"{filler[at:]} café été &²"


@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * 100_000 + "word" + "</div>" * 100_000,
        "<div>" * 100_000 + "word" + "</span>" * 100_000,
        "<ul><li>" * 50_000 + "word",
        "<li><dd>" * 50_000 + "word",
        "<span lang=fr>" * 50_000 + "word",
        "<table><tr><td>" * 20_000 + "word",
        "<b><i></b></i>" * 50_000 + "word",
        "".join(f"<p><b id={n}></p>" for n in range(20_000)) + "word",
        "<div " + " ".join(f"a{n}" for n in range(100_000)) + ">word",
        f"<p title='{'x' * 3_000_000}'>word",
        "word" + "<!--" * 250_000,
        "word<script>" + "<a " * 500_000,
        "word" + "[caption " * 100_000 + "]",
        " " * 500_000 + "word" + "\n" * 500_000,
    ],
    ids=range(14),
)
def test_hostile_markup_is_read_to_its_word(markup):
    """Were one of these read in the square of its length, the suite's time limit would end it."""
    assert read_html(markup, "en").text.lstrip("• ").startswith("word")
    looks_like_html(markup)


def test_words_beyond_any_depth_are_read():
    text = read_html("<div>" * 5_000 + "one <b>two</b> three", "en").text
    assert text.split() == ["one", "two", "three"]


def test_scripts_styles_and_comments_are_not_read_at_any_depth():
    unseen = "<STYLE>.a{b:c}</style><!-- <b>no</b> --><script type=x>if (a<b) no()</script >"
    text = read_html("<div>" * 5_000 + f"one {unseen} two {unseen * 500} three", "en").text
    assert text.split() == ["one", "two", "three"]
    rest = "<script>" + "<style><!-- no" * 50_000
    assert read_html("<div>" * 5_000 + "one " + rest, "en").text == "one"


def test_what_is_hidden_stays_so_at_any_depth():
    assert read_html("<p>a</p><div hidden>" + "<div>" * 5_000 + "secret", "en").text == "a"


def test_memory_stays_within_ten_times_the_input():
    markup = (
        "<p class='wp-block'>Some <em>words</em> of an <a href='/x'>article</a>, one by one.</p>\n"
        * 12_000
    )
    read_html("<p>first</p>", "en")
    tracemalloc.start()
    try:
        read_html(markup, "en")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most <= 10 * len(markup)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
def test_five_megabytes_of_markup_take_no_more_than_ten_times_that():
    """In a process of its own, so that the parser's memory counts as well."""
    code = """
import re
from intone.text.html import read_html

def kilobytes(name):
    return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1])

html = "<p>Some <em>words</em> of a <a href=/x>page</a>, one by one, until the very end.</p>" * 66_000
assert len(html) > 5_000_000
read_html("<p>x</p>", "en")
before = kilobytes("VmRSS")
assert read_html(html, "en").text.count("one by one") == 66_000
grown = (kilobytes("VmHWM") - before) * 1024
assert len(html) < grown <= 10 * len(html), grown
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
