"""HTML: what a good reader reads aloud of it, in order, and nothing else."""

import pytest

from intone.text.html import Readable, Rules, Stretch, read_html
from intone.text.segments import split


def read(html: str, language: str = "en", **rules: str) -> str:
    return read_html(html, language, Rules(**rules)).text


def test_headings_paragraphs_and_lists_have_their_pauses():
    text = read("<h1>Title</h1><p>One.</p><p>Two.</p><h2>Next</h2><ul><li>bread<li>milk</ul>End")
    assert text == "Title\n\nOne.\n\nTwo.\n\n\nNext\n\n• bread\n• milk\n\nEnd"
    pauses = {s.text: s.pause_ms for s in split(text, "en")}
    assert pauses["Two."] > pauses["Title"] == pauses["One."] > 0


def test_items_of_lists_are_spoken_as_sentences_of_their_own():
    spoken = " ".join(s.spoken for s in split(read("<ul><li>two eggs<li>some milk</ul>"), "en"))
    assert spoken == "two eggs. some milk"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ol><li>a<li>b</ol>", "1. a\n2. b"),
        ("<ol start=3><li>a<li value=9>b<li>c</ol>", "3. a\n9. b\n10. c"),
        ("<ol reversed start=2><li>a<li>b</ol>", "2. a\n1. b"),
        ("<ol reversed><li>a<li>b</ol>", "• a\n• b"),
        ("<ol style='list-style: none'><li>a</ol>", "• a"),
        ("<ol start=x><li value=99999999999999999999>a</ol>", "1. a"),
        ("<ol><li>a<ul><li>b</ul><li>c</ol>", "1. a\n• b\n2. c"),
        ("<ol><li><p>a</p><li><p>b</p></ol>", "1. a\n\n2. b"),
        ("<ol><li></li><li><img src=x.png></li></ol>x", "x"),
    ],
)
def test_ordered_lists_say_their_numbers(html, text):
    assert read(html) == text


def test_definitions_quotations_and_details_are_paragraphs():
    html = (
        "<dl><dt>Term<dd>Meaning</dl><blockquote><p>Be brief.</p><footer>— A. Uthor</footer>"
        "</blockquote><details><summary>More</summary>Much more</details>"
    )
    assert read(html).split("\n\n") == [
        "Term", "Meaning", "Be brief.", "— A. Uthor", "More", "Much more",
    ]  # fmt: skip


def test_line_breaks_rules_and_white_space():
    assert (
        read("<p>a\n   b<br>c<br><br>d<hr>e  <b> f</b> g&nbsp;h</p>")
        == "a b\nc\n\nd\n\n\ne f g\xa0h"
    )


def test_what_is_written_passes_through_unchanged():
    written = "“Don’t” — it’s 5\u00a0€… co\u00adop\u200b 🙂 ½ naïve"
    assert read(f"<p>{written}</p>") == written
    assert read("<p>&ldquo;A &amp; B&rdquo; &lt;c&gt; &#x1F642; &eacute;</p>") == "“A & B” <c> 🙂 é"


@pytest.mark.parametrize(
    "html",
    [
        "<nav>no</nav>", "<div role=navigation>no</div>", "<script>no</script>", "<style>no</style>",
        "<noscript>no</noscript>", "<template><p>no</p></template>", "<form><p>no</p><input></form>",
        "<button>no</button>", "<select><option>no</select>", "<textarea>no</textarea>",
        "<svg><text>no</text></svg>", "<iframe>no</iframe>", "<video>no</video>", "<del>no</del>",
        "<s>no</s>", "<p hidden>no</p>", "<p aria-hidden=true>no<b>no</b></p>", "<!-- no -->",
        "<p style='color:red; DISPLAY : none'>no</p>", "<p style='visibility:hidden'>no</p>",
        "<p data-intone-skip>no <i>no</i></p>", "<span class='screen-reader-text'>no</span>",
        "<div class='sharedaddy sd-sharing'>no</div>", "<div class=wp-block-buttons><a>no</a></div>",
        "<a class='skip-link' href='#main'>no</a>", "<section class=footnotes><ol><li>no</ol></section>",
        "<footer>no</footer>", "<dialog>no</dialog>", "<pre>no</pre>", "<div id=comments>no</div>",
        "<a href='#top'>↑</a>", "<math><mi>no</mi></math>", "<math alttext='\\frac{no}{no}'></math>",
        "<table><tr><th>no<th>no<tr><td>no<td>no</table>", "<title>no</title>", "<object>no</object>",
        "<?php echo 'no' ?>", "[gallery ids='1,2' no='no']", "[embed width=1]https://no[/embed]",
    ],
)  # fmt: skip
def test_what_is_no_text_of_the_article_is_left_out(html):
    assert read(f"<p>yes</p>{html}<p>yes</p>") == "yes\n\nyes"


def test_attributes_that_say_no_hide_nothing():
    html = "<p aria-hidden=false>a</p><p data-intone-skip=false>b</p><p style='display:block'>c</p>"
    assert read(html) == "a\n\nb\n\nc"


def test_a_class_of_the_article_itself_leaves_nothing_out():
    assert read("<article class='toc menu'><p>Text</p></article>") == "Text"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Water<sup><a href='#fn1'>1</a></sup> flows.", "Water flows."),
        ("Water<a href='#fn:1'><sup>1</sup></a> flows.", "Water flows."),
        ("Water<sup class=reference><a href='#cite_note-3'>[3]</a></sup> flows.", "Water flows."),
        ("Water<a href='/post#fn-2'>2</a> flows.", "Water flows."),
        ("Water<sup>[4]</sup> and ice<sup>*</sup>.", "Water and ice."),
        (
            "<p>Water.<sup>12</sup> <q>Ice,</q><sup>3</sup> (a + b)<sup>2</sup></p>",
            "Water. “Ice,” (a + b)²",
        ),
        ("<p>The note. <a href='#fnref1'>↩</a></p>", "The note."),
        (
            "10<sup>6</sup> m<sup>2</sup>, the 1<sup>st</sup>, H<sub>2</sub>O",
            "10⁶ m², the 1st, H2O",
        ),
        (
            "see <a href='#section-2'>section 2</a>, page <a href='#p3'>3</a>",
            "see section 2, page 3",
        ),
    ],
)
def test_marks_of_notes_are_left_out_and_exponents_stay(html, text):
    assert read(html) == text


def test_an_abbreviation_is_read_by_its_title_the_first_time():
    who = "<abbr title='World Health Organization'>WHO</abbr>"
    assert read(f"The {who} said. {who} again.") == "The World Health Organization said. WHO again."
    assert read("On <abbr title='2024-05-01T10:00'>1 May</abbr>") == "On 1 May"


def test_short_quotations_get_the_marks_that_browsers_draw():
    assert read("She said <q>go <q>now</q></q>.") == "She said “go “now””."
    assert read("<q></q>nothing") == "nothing"


def test_ruby_is_read_by_its_base_and_formulas_by_their_words():
    assert read("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字", "ja") == "漢字"
    assert read("As <math alttext='x squared'><mi>x</mi></math> grows") == "As x squared grows"


def test_only_other_languages_become_stretches_each_where_it_stands():
    html = (
        "<html lang=de><body><p>He said <i lang=fr>Bonjour <b>à <span lang=en>you</span></b></i>"
        " <i lang=en-GB>colour</i> <i lang=xx>x</i> <i lang='<'>y</i> <i lang=und>z</i>"
        " <i xml:lang=pt_BR>saudade</i></p>"
    )
    readable = read_html(html, "en-US")
    assert readable.text == "He said Bonjour à you colour x y z saudade"
    words = [(readable.text[s.start : s.end], s.language) for s in readable.stretches]
    assert words == [("Bonjour à", "fr"), ("saudade", "pt-BR")]


def test_variants_of_one_language_do_not_switch():
    assert read_html("<p lang=nb-NO>Hei</p><p lang=nn>Hei</p>", "no").stretches == ()


def test_a_stretch_covers_its_paragraphs_and_none_of_the_numbers_said_beside():
    readable = read_html("<div lang=it><p>Uno.</p><p>Due.</p></div><ol lang=it><li>Tre</ol>", "en")
    assert readable == Readable(
        "Uno.\n\nDue.\n\n1. Tre", (Stretch(0, 10, "it"), Stretch(15, 18, "it"))
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<img src=a.jpg alt='A fox in the snow'><p>x", "Image: A fox in the snow\n\nx"),
        ("<img alt=''><img><img alt='IMG_2034.jpg'><img alt='red-fox-2'><img alt='photo 3'>x", "x"),
        ("<img alt='Fig. 1'>x", "Image: Fig. 1\n\nx"),
        ("<img alt='A fox here' role=presentation><img alt='A dot here' width=1 height=1>x", "x"),
        ("<a href=/><img alt=Company></a>x", "x"),
        ("Press <img alt='the Enter key'> now", "Press the Enter key now"),
        ("<figure><img alt='A fox in snow'><figcaption>A fox, in deep snow.</figcaption></figure>", "A fox, in deep snow."),
        ("<figure><img alt='A fox in snow'><figcaption>Alaska, 2021</figcaption></figure>", "Image: A fox in snow\n\nAlaska, 2021"),
        ("<div class=wp-caption><img alt='A fox'><p class=wp-caption-text>A fox at night</p></div>", "A fox at night"),
        ("[caption id=\"x\" width=\"300\"]<img alt='A fox'> A fox at night[/caption]", "Image: A fox\n\nA fox at night"),
        ("So <img class=wp-smiley alt='🙂'> nice", "So nice"),
    ],
)  # fmt: skip
def test_alternative_text_is_read_where_it_tells_something(html, text):
    assert read(html) == text


def test_pictures_are_announced_in_the_language_of_the_text():
    html = "<p lang=en><img alt='Ein roter Fuchs'></p>"
    assert read(html, "de-AT") == "Bild: Ein roter Fuchs"
    assert read(html, "fi") == "Ein roter Fuchs"


def test_code_and_tables_are_announced_by_rules():
    html = "<p>a</p><pre><code>x = 1</code></pre><table><caption>Sales</caption><tr><td>1<td>2</table><p>b</p>"
    assert read(html) == "a\n\nb"
    both = {"code_blocks": "announce", "data_tables": "announce"}
    assert read(html, **both) == "a\n\nCode block left out.\n\nTable: Sales\n\nb"
    assert read(html, "de", **both) == "a\n\nProgrammcode ausgelassen.\n\nTabelle: Sales\n\nb"
    assert read(html, "fi", **both) == "a\n\nb"


def test_a_figure_whose_table_is_left_out_goes_with_its_caption():
    html = "<figure><table><tr><td>1<td>2</table><figcaption>Sales</figcaption></figure>x"
    assert read(html) == "x"
    assert read(html, data_tables="announce") == "Table: Sales\n\nx"


def test_tables_that_lay_out_text_are_read():
    assert read("<table role=presentation><tr><td>a<td>b</table>") == "a\n\nb"
    assert read("<table><tr><td><table><tr><td>a</table><td>b</table>") == "a\n\nb"
    assert read("<table><tr><td><h2>Big</h2>a<td>b</table>") == "Big\n\na\n\nb"
    assert (
        read("<table><tr><td><img><td>Tip<tr><td colspan=2>Read on.</table>") == "Tip\n\nRead on."
    )


def test_inline_code_and_keys_are_read():
    assert (
        read("Run <code>make test</code>, press <kbd>Ctrl</kbd>+<kbd>C</kbd>.")
        == "Run make test, press Ctrl+C."
    )


def test_a_verse_keeps_its_lines():
    html = "<pre class=wp-block-verse>Roses are red\n  Violets are blue\n\nSugar</pre>x"
    assert read(html) == "Roses are red\nViolets are blue\n\nSugar\n\nx"


def test_without_tags_for_paragraphs_blank_lines_make_them():
    assert read("One\ntwo\n\n<b>three</b>\n \nfour") == "One two\n\nthree\n\nfour"
    assert read("<p>One\n\ntwo</p>") == "One two"


def test_nothing_to_read_gives_an_empty_text():
    for html in (
        "",
        " \n",
        "<table><tr><td>1<td>2</table>",
        "<img src='data:image/png;base64,iVBORw0KGgo='>",
        "<p>&nbsp;</p>".replace("&nbsp;", " "),
    ):
        assert read_html(html, "en") == Readable("", ())
