"""What reading Debian's documentation taught; the pages here are small ones of our own."""

from intone.text.html import Rules, read_html

PAGE = "<!DOCTYPE html><html><head><title>T</title></head><body>{}</body></html>"


def read(body: str) -> str:
    return read_html(PAGE.format(body), "en").text


def test_main_is_read_of_a_page_that_has_one():
    page = (
        "<header>Site</header><div>Ads</div><main><h1>Hi</h1><p>Text</p></main><aside>More</aside>"
    )
    assert read(page) == "Hi\n\nText"
    assert read("<header>Site</header><div role=main class=x></div><p>Text</p>").endswith("Text")


def test_the_only_article_is_read_with_its_own_header():
    article = "<article><header><h1>Hi</h1><p>By Ann</p></header><p>Text</p><footer>Tags</footer></article>"
    assert read(f"<header>Site</header>{article}<div>Other</div>") == "Hi\n\nBy Ann\n\nText"
    assert read("<article>One</article><article>Two</article>") == "One\n\nTwo"


def test_an_empty_main_gives_way_to_the_rest():
    assert read("<main></main><p>Text</p>") == "Text"


def test_lines_above_the_title_of_an_old_page_are_not_its_text():
    assert read("<p>Version 2.4 &gt; Modules</p><h1>Title</h1><p>Text</p>") == "Title\n\nText"
    long = "A whole paragraph of text. " * 20
    assert read(f"<p>{long}</p><h2>Later</h2>").startswith(long[:40])


def test_links_to_the_next_pages_at_the_end_are_left_out():
    ways = "<ul class=docnav><li><a href=p.html>Prev</a><li><a href='#'>Up</a><li><a href=n.html>Next: B</a></ul>"
    assert read(f"{ways}<h1>A</h1><p>Text</p>{ways}") == "A\n\nText"


def test_a_list_of_links_amid_the_text_is_read():
    links = "<ul><li><a href=a>One guide</a><li><a href=b>Two guides</a></ul>"
    assert (
        read(f"<h1>A</h1><p>See:</p>{links}<p>End</p>")
        == "A\n\nSee:\n\n• One guide\n• Two guides\n\nEnd"
    )


def test_a_table_of_contents_goes_with_its_heading():
    contents = (
        "<h2>Contents</h2><ul><li><a href=#a>Aa</a><li><a href=#b>Bb</a><li><a href=#c>Cc</a></ul>"
    )
    assert read(f"<h1>T</h1>{contents}<h2>Aa</h2><p>Text</p>") == "T\n\n\nAa\n\nText"


def test_a_chapter_keeps_its_title_when_its_contents_are_left_out():
    chapter = "<h2>Appendix A</h2><div class=toc><dl><dt>A.1</dl></div><p>Text</p>"
    assert read(chapter) == "Appendix A\n\nText"
    assert (
        read(f"<h1>T</h1><p>x</p>{chapter.replace('Appendix A', 'Chapter 2. More')}")
        == "T\n\nx\n\n\nChapter 2. More\n\nText"
    )


def test_a_heading_with_only_code_beneath_is_not_read_alone():
    page = PAGE.format(
        "<h1>tool</h1><h2>SYNOPSIS</h2><pre>tool -x</pre><h2>DESCRIPTION</h2><p>Text</p>"
    )
    assert read_html(page, "en").text == "tool\n\n\nDESCRIPTION\n\nText"
    announced = read_html(page, "en", Rules(code_blocks="announce")).text
    assert "SYNOPSIS\n\nCode block left out." in announced


def test_a_heading_above_code_and_then_words_is_read():
    assert (
        read("<h1>t</h1><h2>Example</h2><pre>x</pre><p>This prints.</p>")
        == "t\n\n\nExample\n\nThis prints."
    )


def test_signs_that_link_to_their_own_heading_are_left_out():
    for sign in ("¶", "#", "§", "🔗", "\ue9cb"):
        assert read(f"<h1>Title<a href='#title'>{sign}</a></h1><p>Text</p>") == "Title\n\nText"


def test_a_note_drawn_as_a_table_is_read_without_its_sign():
    note = "<div class=note><table><tr><td rowspan=2><img alt='[Note]'><th>Note<tr><td><p>Take care.</table></div>"
    assert read(f"<h1>T</h1>{note}") == "T\n\nNote\n\nTake care."


def test_a_logo_of_one_word_is_no_text():
    assert (
        read("<h1>T</h1><p><a href=/><img alt=SQLite src=logo.png></a></p><p>Text</p>")
        == "T\n\nText"
    )


def test_a_form_around_the_whole_page_is_no_form():
    assert read("<form><h1>T</h1><p>Text</p><input value=no></form>") == "T\n\nText"


def test_a_footer_with_the_date_of_the_page_is_left_out():
    assert read("<h1>T</h1><p>Text</p><div id=footer>Last updated 2024</div>") == "T\n\nText"


def test_a_footnote_drawn_with_its_number_in_brackets_leaves_no_brackets():
    note = "<dl class='footnote brackets'><dt><span>[</span><a href='#id1'>1</a><span>]</span></dt><dd>Aside.</dd></dl>"
    assert (
        read(f"<h1>T</h1><p>Text <a class='footnote-reference' href='#id2'>1</a></p>{note}")
        == "T\n\nText"
    )
