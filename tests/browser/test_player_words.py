"""The words light up as they are spoken, in the transcript and in the article."""

import pytest

from helpers.player_page import PLAYER

pytestmark = pytest.mark.requires("chromium")

#: The measure of the issue, in seconds.
_TOLERANCE = 0.15
#: Collects [the sound's second, the lit word's caption] on every frame, until a second.
_WATCH = """new Promise((resolve) => {
  const seen = [];
  const look = () => {
    const lit = LIT;
    if (lit !== null) seen.push([audio.currentTime, lit]);
    if (audio.currentTime < UNTIL && !audio.ended) requestAnimationFrame(look);
    else resolve(seen);
  };
  look();
})"""
_ARTICLE = PLAYER.replace("data-post", 'data-highlight="article" data-post')


def _watch(lit, until):
    return _WATCH.replace("LIT", lit).replace("UNTIL", str(until))


def _late(seen, words):
    """By how many seconds each lit word missed the time in which it is spoken."""
    spans = [(word["text"], word["start"], word["end"]) for word in words]
    late = []
    for second, text in seen:
        near = [max(start - second, second - end, 0) for word, start, end in spans if word == text]
        assert near, f"{text!r} is lit, and no word of the captions"
        late.append(min(near))
    return late


@pytest.fixture
def words(site):
    lines = site.posts["rivers", 1].recording.lines
    return [word for line in lines for word in line["words"]]


async def test_the_transcripts_words_are_lit_while_they_are_spoken(reader, words):
    await reader.open()
    await reader.click("[aria-label=Transcript]")
    await reader.until("root.querySelectorAll('.transcript button').length === 5")
    await reader.play()
    seen = await reader.js(_watch("find('.lit')?.textContent ?? null", 6))
    late = _late(seen, words)
    assert max(late) <= _TOLERANCE
    lit = list(dict.fromkeys(text for _, text in seen))
    spoken = list(dict.fromkeys(word["text"] for word in words if word["end"] < 5.5))
    assert lit[: len(spoken)] == spoken  # every one of them, in their order


async def test_at_double_speed_and_after_a_seek_the_light_keeps_up(reader, words):
    await reader.open()
    await reader.click("[aria-label=Transcript]")
    await reader.play()
    await reader.js(
        "(find('select').value = '2', find('select').dispatchEvent(new Event('change')))"
    )
    await reader.click("[aria-label='Forward 15 seconds']")
    await reader.until("audio.currentTime > 15 && !audio.seeking")
    seen = await reader.js(_watch("find('.lit')?.textContent ?? null", 23))
    assert len({text for _, text in seen}) > 10
    assert max(_late(seen, words)) <= _TOLERANCE


async def test_the_articles_own_words_are_lit_and_its_elements_are_not_touched(
    reader, article, words
):
    paragraphs = "".join(f"<p>{line}</p>" for line in article.splitlines())
    marked = paragraphs.replace("every bridge", "every <em>bri<b>dge</b></em>")
    page = (
        "<nav>Every river wants a bridge</nav><article><h1>Not read aloud</h1>"
        f"{_ARTICLE}<aside data-intone-skip>Every river wants a boat</aside>{marked}</article>"
    )
    await reader.open(page)
    before = await reader.js("document.querySelector('article').innerHTML")
    await reader.play()
    lit = "[...(CSS.highlights.get('intone-word') ?? [])].map(String)[0] ?? null"
    seen = await reader.js(_watch(lit, 6))
    # Of a word the page's letters are lit, its punctuation is not.
    bare = [{**word, "text": word["text"].rstrip(".,")} for word in words]
    assert max(_late(seen, bare)) <= _TOLERANCE
    texts = list(dict.fromkeys(text for _, text in seen))
    assert texts[:5] == ["Every", "river", "wants", "a", "bridge"]
    line = await reader.js("[...CSS.highlights.get('intone-line')].map(String)[0]")
    assert line in [each.rstrip(".") for each in article.splitlines()]
    inside = (
        "[...CSS.highlights.get('intone-word')].every((range) =>"
        " range.startContainer.parentElement.closest('p'))"
    )
    assert await reader.js(inside)
    assert await reader.js("document.querySelector('article').innerHTML") == before
    await reader.js("host.remove()")
    await reader.until("!CSS.highlights.has('intone-word')")


async def test_words_that_only_one_side_has_are_passed_over(reader, article):
    """The page says more than is read, and what is read is not all on the page."""
    lines = article.splitlines()
    lines[1] = lines[1].replace("1874", "<s>1873</s> eighteen hundred and seventy-four")
    lines[2] = lines[2].replace("until the ice came down", "until, as we know, it all came down")
    paragraphs = "<p>Advertisement: bridges, cheap.</p>".join(f"<p>{line}</p>" for line in lines)
    await reader.open(f"<article>{_ARTICLE}{paragraphs}</article>")
    await reader.play()
    lit = "[...(CSS.highlights.get('intone-word') ?? [])].map(String)[0] ?? null"
    texts = dict.fromkeys(text for _, text in await reader.js(_watch(lit, 17)))
    assert {"town", "Falls", "iron", "stood", "eleven", "came", "down", "night"} <= set(texts)
    assert not {"1873", "eighteen", "Advertisement", "cheap", "1874", "ice"} & set(texts)


async def test_without_highlights_in_the_browser_it_just_plays(reader, article):
    await reader.page.call(
        "Page.addScriptToEvaluateOnNewDocument", source="delete window.Highlight"
    )
    await reader.open(f"<article>{_ARTICLE}<p>{article}</p></article>")
    await reader.play()
    await reader.until("audio.currentTime > 1")
    assert await reader.complaints() == []


async def test_a_click_on_a_word_goes_there(reader, words):
    await reader.open()
    await reader.click("[aria-label=Transcript]")
    await reader.until("!!find('.transcript span')")
    word = next(word for word in words if word["text"] == "stone,")
    await reader.js(
        "[...root.querySelectorAll('span')].find((e) => e.textContent === 'stone,').click()"
    )
    await reader.play()
    assert await reader.js("audio.currentTime") == pytest.approx(word["start"], abs=0.5)


async def test_lines_come_while_the_rest_is_still_rendering(reader, site):
    post = site.posts["rivers", 1]
    post.status, post.made = "generating", 0.5
    await reader.open()
    await reader.click("[aria-label=Transcript]")
    await reader.until("root.querySelectorAll('.transcript button').length === 2")
    post.made = 0.7
    await reader.until("root.querySelectorAll('.transcript button').length === 3")
    post.made, post.status = 1.0, "ready"
    await reader.until("root.querySelectorAll('.transcript button').length === 5")
    assert "/v1/public/audio/files/rivers.1.json?after=2" in site.asked
    asked = await reader.js("root.querySelector('.transcript').textContent")
    assert asked == "".join(line["text"] for line in post.recording.lines)


async def test_switched_off_there_is_no_transcript_and_nothing_is_fetched(reader, site):
    await reader.open(PLAYER.replace("data-post", 'data-highlight="off" data-post'))
    await reader.play()
    await reader.until("audio.currentTime > 1")
    assert await reader.js("find('[aria-label=Transcript].tool').hidden")
    assert site.count("/v1/public/audio/files/rivers.1.json") == 0


async def test_a_page_is_told_of_each_word(reader, words):
    await reader.open()
    await reader.js(
        "(window.told = [], addEventListener('intone:word', (event) => told.push(event.detail)))"
    )
    await reader.play()
    await reader.until("told.length >= 5")
    told = await reader.js("told.slice(0, 5)")
    assert [word["text"] for word in told] == [word["text"] for word in words[:5]]
    assert told[0]["postId"] == "rivers"
