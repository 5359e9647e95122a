"""For everybody: by keyboard, by ear, in every direction, colour and motion, and in safety."""

import pytest

from helpers.player_page import PLAYER
from helpers.thorough import some

pytestmark = pytest.mark.requires("chromium")

_AXE = pytest.mark.requires("client", "node")


@pytest.fixture
def post(site):
    return site.posts["rivers", 1]


async def _focus(reader, selector):
    await reader.until(f"!!find({selector!r}) && !find({selector!r}).disabled")
    await reader.js(f"find({selector!r}).focus()")


async def test_the_keyboard_does_everything_inside_the_player(reader):
    await reader.open()
    await _focus(reader, ".seek")
    await reader.press(" ")
    await reader.until("audio.currentTime > 0.1")
    await reader.press("l")
    await reader.until("audio.currentTime > 15")
    await reader.press("k")
    await reader.until("audio.paused && !audio.seeking")
    at = await reader.js("audio.currentTime")
    for key, by in (("ArrowLeft", -5), ("ArrowRight", 5), ("ArrowDown", -5), ("ArrowUp", 5),
                    ("j", -15), ("l", 15)):  # fmt: skip
        await reader.press(key)
        at += by
        await reader.until(f"Math.abs(audio.currentTime - {at}) < 0.1")
    await reader.press("Home")
    await reader.until("audio.currentTime === 0")
    await reader.press("m")
    await reader.until("audio.muted")
    await reader.press("End")
    await reader.until("audio.currentTime > 27")


async def test_keys_outside_the_player_and_in_its_menus_are_not_its_own(reader):
    await reader.open(PLAYER + '<input id="other">')
    await _focus(reader, "select")
    for key in ("k", "j", "m"):
        await reader.press(key)
    await reader.js("document.querySelector('#other').focus()")
    for key in ("k", " ", "m", "l"):
        await reader.press(key)
    assert await reader.js("document.querySelector('#other').value") == "k ml"
    assert await reader.js("audio.paused && !audio.muted && audio.currentTime === 0")


async def test_tab_goes_through_all_controls_and_out_again(reader):
    await reader.open(
        '<a id="before" href="#x">Before</a>' + PLAYER + '<a id="after" href="#y">x</a>'
    )
    await reader.click("[aria-label=Transcript]")
    await reader.until("root.querySelectorAll('.transcript button').length === 5")
    await reader.js("document.querySelector('#before').focus()")
    passed = []
    for _ in range(20):
        await reader.press("Tab")
        if await reader.js("document.activeElement.id === 'after'"):
            break
        here = "root.activeElement.getAttribute('aria-label') ?? root.activeElement.className"
        passed.append(await reader.js(f"root.activeElement ? {here} : 'nothing'"))
    assert passed == [
        "Play",
        "Position",
        "Back 15 seconds",
        "Forward 15 seconds",
        "Speed",
        "Voice",
        "Mute",
        "Volume",
        "Transcript",
        "Download",
        "",
    ]  # fmt: skip - of the transcript's lines one, and behind it the page again
    for _ in range(11):
        await reader.press("Tab", is_shifted=True)
    await reader.press("Tab", is_shifted=True)
    assert await reader.js("document.activeElement.id") == "before"


async def test_arrows_go_from_line_to_line_of_the_transcript(reader, post):
    await reader.open()
    await reader.click("[aria-label=Transcript]")
    await reader.until("root.querySelectorAll('.transcript button').length === 5")
    await _focus(reader, ".transcript button")
    await reader.press("ArrowDown")
    await reader.press("ArrowDown")
    assert (await reader.js("root.activeElement.textContent")).startswith("It stood")
    await reader.press("Enter")
    await reader.play()
    start = post.recording.lines[2]["start"]
    assert await reader.js("audio.currentTime") == pytest.approx(start, abs=1)


async def test_what_is_shown_is_said(reader):
    await reader.open()
    await reader.until("find('.end').textContent === '0:27'")
    await _focus(reader, ".seek")
    await reader.press("End")
    await reader.press("ArrowLeft")
    said = await reader.js("find('.seek').getAttribute('aria-valuetext')")
    assert said == "22 seconds of 27 seconds"
    assert await reader.js("find('.card').getAttribute('aria-label')") == (
        "Audio player: Of rivers and of bridges"
    )
    unnamed = "[...root.querySelectorAll('button, input, select, a')].filter((e) => !e.ariaLabel"
    assert await reader.js(unnamed + " && !e.textContent).length") == 0


async def test_targets_are_large_enough_and_the_focus_is_seen(reader):
    await reader.open()
    await reader.until("!find('a').hidden")
    small = (
        "[...root.querySelectorAll('.card button, .card select, .card a, .card input')]"
        ".map((each) => each.getBoundingClientRect()).filter((box) => box.width)"
        ".filter((box) => box.width < 24 || box.height < 24).length"
    )
    assert await reader.js(small) == 0
    for selector in (".go", ".seek", "select"):
        await _focus(reader, selector)
        await reader.press("Tab")
        assert await reader.js("getComputedStyle(root.activeElement).outlineStyle") == "solid"


@_AXE
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_in_any_state(reader, site, post, theme):
    await reader.open(
        f"<h1>Title</h1>{PLAYER.replace('data-post', f'data-theme={theme} data-post')}"
        '<p id="far">Text</p>'
    )
    await reader.until("find('.end').textContent === '0:27'")
    assert await reader.axe() == []  # ready
    await reader.click("[aria-label=Transcript]")
    await reader.until("root.querySelectorAll('.transcript button').length === 5")
    await reader.play()
    await reader.until("!!find('.lit')")
    assert await reader.axe() == []  # playing, with its transcript and voices
    await reader.js(
        "(host.style.marginBottom = '3000px', document.querySelector('#far').scrollIntoView())"
    )
    await reader.until("!find('.mini').hidden")
    assert await reader.axe() == []  # with the bar
    post.status, post.made = "generating", 0.4
    await reader.open(f"<h1>Title</h1>{PLAYER}")
    await reader.until("!find('.made').hidden")
    assert await reader.axe() == []  # preparing
    site.failure = 503
    await reader.open(f"<h1>Title</h1>{PLAYER}")
    assert await reader.axe() == []  # loading
    await reader.until("!find('.news').hidden")
    assert await reader.axe() == []  # in trouble


@_AXE
@pytest.mark.thorough
@pytest.mark.parametrize(
    "accent",
    some(
        ["#ffe600", "#000", "no colour at all"],
        of=["#ffe600", "#000", "#fff", "rebeccapurple", "rgb(120 120 120)", "no colour at all"],
    ),
)
async def test_any_accent_can_be_read_in_light_and_in_dark(reader, site, accent):
    for theme in ("light", "dark"):
        options = f'data-accent="{accent}" data-theme="{theme}" data-post'
        await reader.open(f"<h1>Title</h1>{PLAYER.replace('data-post', options)}")
        await reader.click("[aria-label=Transcript]")
        await reader.play()
        await reader.until("!!find('.lit')")
        assert await reader.axe() == []


async def test_dark_follows_the_system_or_is_chosen(reader):
    await reader.open()
    ground = "getComputedStyle(find('.card')).backgroundColor"
    await reader.until("!!find('.card')")
    assert await reader.js(ground) == "rgb(255, 255, 255)"
    await reader.emulate(prefers_color_scheme="dark")
    assert await reader.js(ground) == "rgb(23, 25, 31)"
    await reader.js("host.setAttribute('data-theme', 'light')")
    await reader.until(f"{ground} === 'rgb(255, 255, 255)'")


async def test_where_motion_is_not_wanted_nothing_moves(reader, post):
    post.status, post.made = "generating", 0.4
    await reader.emulate(prefers_reduced_motion="reduce")
    await reader.open()
    await reader.until("!find('.made').hidden")
    moving = (
        "[...root.querySelectorAll('*')].filter((each) => { const style = getComputedStyle(each);"
        " return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0 }).length"
    )
    assert await reader.js(moving) == 0
    await reader.emulate(prefers_reduced_motion="no-preference")
    assert await reader.js(moving) > 0


async def test_forced_colours_keep_the_controls_apart_from_the_ground(reader):
    await reader.emulate(forced_colors="active")
    await reader.open()
    await reader.until("find('.end')?.textContent === '0:27'")
    style = "getComputedStyle(find('.go'))"
    assert await reader.js(f"{style}.backgroundColor !== {style}.color")


@pytest.mark.parametrize(
    ("lang", "listen"), [("ar", "استمع إلى هذا المقال"), ("he", "האזינו לכתבה")]
)
async def test_right_to_left_the_slider_runs_the_other_way(reader, post, lang, listen):
    post.language = lang
    await reader.open(lang=f'{lang}" dir="rtl')
    await reader.until(f"find('.kicker')?.textContent === {listen!r}")
    await reader.until("!find('.seek').disabled")
    await _focus(reader, ".seek")
    await reader.press("ArrowLeft")
    await reader.until("audio.currentTime === 5 || find('.seek').value === '5'")
    box = await reader.js("find('.go').getBoundingClientRect().toJSON()")
    title = await reader.js("find('.title').getBoundingClientRect().toJSON()")
    assert box["x"] > title["x"]
    assert await reader.js("getComputedStyle(find('.seek')).direction") == "rtl"
    await reader.click(".seek")  # the middle is the same from both ends
    await reader.until("Number(find('.seek').value) > 13 && Number(find('.seek').value) < 15")


async def test_a_page_that_turns_around_turns_the_player_around(reader):
    await reader.open()
    await reader.until("find('.card')?.dir === 'ltr'")
    await reader.js("document.documentElement.dir = 'rtl'")
    await reader.until("find('.card').dir === 'rtl'")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "lang",
    some(["de", "pt-BR", "ar", "ja"], of=["de", "fr", "es", "pt-BR", "it", "nl", "ar", "he", "ja"]),
)
async def test_the_player_speaks_the_pages_language_or_english(reader, lang):
    await reader.open(lang=lang)
    await reader.until("find('.card')?.getAttribute('aria-label').includes('Of rivers')")
    known = lang[:2] if lang != "ja" else "en"
    assert await reader.js("find('.card').lang") == known
    shown = await reader.js("[...root.querySelectorAll('[aria-label]')].map((e) => e.ariaLabel)")
    assert "Back 15 seconds" in shown if known == "en" else "Back 15 seconds" not in shown
    assert not any("undefined" in label for label in shown)


async def test_under_the_strictest_policy_nothing_is_violated(reader, post):
    post.status, post.made = "generating", 0.4
    options = 'data-accent="#0a7" data-highlight="article" data-post'
    await reader.open(PLAYER.replace("data-post", options) + f"<p>{post.lines[0]['text']}</p>")
    await reader.play()
    post.status, post.made = "ready", 1.0
    await reader.until("find('.end').textContent === '0:27'")
    await reader.click("[aria-label='Forward 15 seconds']")
    await reader.click("[aria-label=Transcript]")
    await reader.until("!!find('.transcript span') && audio.currentTime > 15")
    assert (
        await reader.js("getComputedStyle(find('.go')).borderRadius") == "50%"
    )  # and it is styled
    assert await reader.complaints() == []


async def test_markup_in_a_title_is_text(reader, post):
    evil = "</script><img src=x onerror=\"window.isBroken = 1\"><b>Bold</b> &amp; 'quoted'"
    post.title = evil
    await reader.open()
    await reader.until(f"find('.title')?.textContent === {evil!r}")
    assert await reader.js("root.querySelectorAll('img, b').length") == 0
    assert await reader.js("window.isBroken") is None
    escaped = evil.replace("&", "&amp;").replace('"', "&quot;").replace("post", "past")
    await reader.open(PLAYER.replace("data-post", f'data-title="{escaped}!" data-post'))
    await reader.until(f"find('.title')?.textContent === {evil + '!'!r}")
    assert await reader.complaints() == []
