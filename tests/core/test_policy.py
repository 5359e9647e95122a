"""The content policy: what is blocked however it is dressed up, what is not, and how it fails."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest
from structlog.testing import capture_logs

from intone.core.blocklist import BlockList
from intone.core.policy import ModerationClient, Policy, create_policy
from intone.errors import InvalidInputError, PolicyBlockedError, UnavailableError
from loopback.moderation import BROKEN, ModerationService


class Clock:
    """Monotonic seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def rules(tmp_path):
    """Writes a block list and returns what checks it."""

    def write(*lines: str, **options) -> BlockList:
        path = tmp_path / "blocked.txt"
        path.write_text("\n".join(lines), "utf-8")
        return BlockList(path, **options)

    return write


@pytest.fixture
async def service():
    async with ModerationService() as running:
        yield running


@pytest.fixture
async def policy(service):
    made = []

    def make(blocklist=None, *, fail_open: bool = False, **options) -> Policy:
        client = ModerationClient(service.url, **options)
        made.append(Policy(blocklist, client, fail_open=fail_open))
        return made[-1]

    yield make
    for each in made:
        await each.close()


# --- phrases ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "this is bad",
        "BAD!",
        "(bad)",
        "«Bäd»",
        "ba\u0301d",  # a combining accent
        "b\u200ba\u200dd",  # zero-width space and joiner
        "b\u00ada\u2060d",  # soft hyphen, word joiner
        "b\u034fa\ufe0fd",  # grapheme joiner, variation selector
        "b\u115fa\u3164d",  # Hangul fillers: letters nobody sees
        "\u202ebad\u202c",  # direction overrides
        "b\U000e0061ad",  # a tag character
        "\uff42\uff41\uff44",  # full width
        "\U0001d41b\U0001d41a\U0001d41d",  # mathematical bold
        "\u24d1\u24d0\u24d3",  # circled
        "b a d",
        "so b.a.d, really",
        "B-A-D",
        "b_a_d",
        "b \u200b a  d",
        "x y b a d z",
        "one\nbad\ntwo",
        "foo_bad_bar",
    ],
)
def test_a_word_is_found_however_it_is_dressed_up(rules, text):
    assert rules("bad").blocks(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "badge",
        "forbad",
        "bad2",
        "b ad",
        "ba d",
        "b a",
        "I am a dab hand",
        "дbad",
        "   ",
        "\u200b",
    ],
)
def test_part_of_another_word_is_not_that_word(rules, text):
    assert not rules("bad").blocks(text)


@pytest.mark.parametrize(
    "text",
    [
        "very bad thing",
        "VERY\u00a0bad\tthing",
        "very, bad... thing",
        "very very bad thing",
        "v e r y b a d t h i n g",
        "say:very\r\nbad\u3000thing",
    ],
)
def test_a_phrase_is_found_across_any_space_and_punctuation(rules, text):
    assert rules("Very bad  thing").blocks(text)


@pytest.mark.parametrize("text", ["very bad", "bad thing", "very thing bad", "very bad nothing"])
def test_words_of_a_phrase_alone_are_not_the_phrase(rules, text):
    assert not rules("very bad thing").blocks(text)


def test_words_written_together_are_another_word(rules):
    assert not rules("the rapist").blocks("My therapist is kind.")


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("straße", "STRASSE"),
        ("İstanbul", "istanbul"),
        ("smorrebrod", "Smørrebrød"),
        ("Łódź", "lodz"),
        ("ΚΌΣΜΟΣ", "κοσμος"),
        ("坏话", "这是坏话吗"),
        ("坏话", "坏 \u200b话"),
        ("ばか", "おまえはばかだ"),
        ("ไม่ดี", "มันไม่ดีเลย"),
        ("나쁜", "나쁜 말"),
        ("שלום", "שָׁלוֹם"),
        ("كلب", "كَلْب"),
        ("C3PO", "c3po"),
    ],
)
def test_phrases_work_in_other_languages(rules, phrase, text):
    assert rules(phrase).blocks(text)


@pytest.mark.parametrize(("phrase", "text"), [("कल", "कुल"), ("がき", "かき"), ("나쁜", "나쁜말")])
def test_marks_that_make_another_word_do_count(rules, phrase, text):
    assert not rules(phrase).blocks(text)


def test_every_phrase_of_a_long_list_is_found_wherever_it_stands(rules):
    names = [f"{a}{b}{c}x" for a in "bcdfg" for b in "aeiou" for c in "klmnp"]
    phrases = [f"{first} {second}" for first in names[:80] for second in names]
    blocklist = rules(*phrases)
    filler = "words " * 5000  # several pieces long
    for cut in (0, 1, 2, 8189, 8190, 8191, 8192, 8193, 16384, 24000):
        for phrase in (phrases[0], phrases[len(phrases) // 2], phrases[-1]):
            assert blocklist.blocks(f"{filler[:cut]} {phrase} {filler[cut:]}")
    assert not blocklist.blocks(filler)


def test_a_long_text_without_a_space_is_read_whole(rules):
    blocklist = rules("bad")
    assert blocklist.blocks("x" * 20_000 + "\u200b-bad")
    assert blocklist.blocks("字" * 20_000 + "bad" + "字" * 10)
    assert not blocklist.blocks("x" * 20_000 + "bad")


def test_comments_empty_lines_and_a_byte_order_mark_are_no_rules(rules):
    blocklist = rules("\ufeff# bad", "", "   ", "  # worse", "real")
    assert not blocklist.blocks("bad worse #")
    assert blocklist.blocks("real")
    assert not rules("").blocks("anything")


@pytest.mark.parametrize("line", ["!!!", "\u200b", "🔪", "re: (", "re:[z-a]"])
def test_a_line_that_is_no_rule_is_refused_with_its_number(rules, line):
    with pytest.raises(InvalidInputError, match="Line 2 "):
        rules("fine", line)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(InvalidInputError):
        BlockList(tmp_path / "missing.txt")
    (tmp_path / "latin").write_bytes("café".encode("latin-1"))
    with pytest.raises(InvalidInputError):
        BlockList(tmp_path / "latin")


# --- regular expressions ----------------------------------------------------------------------


def test_a_regular_expression_sees_the_text_without_tricks(rules):
    blocklist = rules(r"re: \bcard\s+\d{4}\b", "re:🔪")
    assert blocklist.blocks("my CARD  １２３４")
    assert blocklist.blocks("my c\u200bard 1234")
    assert blocklist.blocks("a 🔪!")
    assert not blocklist.blocks("my card 12345")


async def test_a_regular_expression_that_takes_too_long_ends_and_blocks_nobody_else(
    rules, monkeypatch
):
    monkeypatch.setattr("intone.core.blocklist._PATTERN_BUDGET_S", 0.1)
    policy = Policy(rules("fine", "re: (a+)+$"), None)
    text = "a" * 5000 + "b"
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.01)

    task = asyncio.create_task(others())
    with capture_logs() as logs, pytest.raises(UnavailableError):
        await policy.check(text)
    task.cancel()
    assert turns > 3
    assert [log["line"] for log in logs] == [2]
    assert "aaaa" not in repr(logs)


# --- reloading --------------------------------------------------------------------------------


def rewrite(blocklist: BlockList, text: str) -> None:
    blocklist._path.write_text(text, "utf-8")
    os.utime(blocklist._path, ns=(1, len(text)))  # a coarse clock must not hide the change


async def test_a_changed_file_counts_from_the_next_look_on(rules):
    clock = Clock()
    blocklist = rules("old", clock=clock)
    policy = Policy(blocklist, None)
    rewrite(blocklist, "brand new")
    await policy.check("brand new")  # within the same second nobody looks
    clock.now += 1.5
    with pytest.raises(PolicyBlockedError):
        await policy.check("brand new")
    await policy.check("old")


@pytest.mark.parametrize("spoil", ["broken", "missing"])
async def test_a_file_spoiled_later_leaves_the_old_rules_and_tells_the_operator(rules, spoil):
    clock = Clock()
    blocklist = rules("old", clock=clock)
    policy = Policy(blocklist, None)
    if spoil == "broken":
        rewrite(blocklist, "re: (")
    else:
        blocklist._path.unlink()
    with capture_logs() as logs:
        for _ in range(3):
            clock.now += 1.5
            with pytest.raises(PolicyBlockedError):
                await policy.check("old")
    assert [log["event"] for log in logs] == ["block_list_not_reloaded"]
    rewrite(blocklist, "mended")
    clock.now += 1.5
    with pytest.raises(PolicyBlockedError):
        await policy.check("mended")


async def test_reading_the_file_and_long_texts_happen_off_the_event_loop(rules, monkeypatch):
    clock = Clock()
    blocklist = rules("bad", clock=clock)
    threads = {}

    def watch(name: str) -> None:
        real = getattr(BlockList, name)

        def spy(*arguments):
            threads[name] = threading.current_thread()
            return real(*arguments)

        monkeypatch.setattr(BlockList, name, spy)

    watch("refresh")
    watch("blocks")
    policy = Policy(blocklist, None)
    clock.now += 2
    with pytest.raises(PolicyBlockedError):
        await policy.check("good " * 10_000 + "bad")
    assert set(threads) == {"refresh", "blocks"}
    assert threading.main_thread() not in threads.values()


# --- what is told -----------------------------------------------------------------------------


async def test_a_refusal_echoes_nothing_of_the_text(rules, policy, service):
    for refused in ("say xyzzy aloud", "a murder of crows"):
        with capture_logs() as logs, pytest.raises(PolicyBlockedError) as caught:
            await policy(rules("xyzzy")).check(refused)
        told = caught.value.message + repr(caught.value.__cause__) + repr(logs)
        assert not any(word in told for word in ("xyzzy", "aloud", "murder", "crows"))


async def test_no_policy_lets_everything_pass():
    await Policy(None, None).check("anything")


async def test_settings_make_the_policy_they_describe(rules, service):
    path = rules("bad")._path
    await create_policy().check("bad murder")
    policy = create_policy(
        blocklist=path, moderation_url=service.url, moderation_key="k-1", fail_open=True
    )
    for text in ("bad", "murder"):
        with pytest.raises(PolicyBlockedError):
            await policy.check(text)
    assert service.authorizations == ["Bearer k-1"]
    service.fault = "error"
    await policy.check("murder")
    await policy.close()


# --- moderation -------------------------------------------------------------------------------


async def test_what_the_service_flags_is_refused_with_its_category(policy):
    with pytest.raises(PolicyBlockedError, match=r"\(violence\)"):
        await policy().check("a murder story")
    await policy().check("a love story")


async def test_the_request_has_the_shape_openai_documents(policy, service):
    await policy(api_key="k-1", model="omni").check("Grüße 🙂")
    await policy().check("plain")
    assert service.bodies == [{"input": "Grüße 🙂", "model": "omni"}, {"input": "plain"}]
    assert service.authorizations == ["Bearer k-1", None]


async def test_only_sane_category_names_are_passed_on(policy, service):
    service.words = {"murder": "a/b-c", " ": "<script>", "m": "x" * 200, "story": "fine_one"}
    with pytest.raises(PolicyBlockedError, match=r"\(a/b-c, fine_one\)"):
        await policy().check("a murder story")


async def test_the_block_list_comes_first_and_spares_the_service(rules, policy, service):
    with pytest.raises(PolicyBlockedError):
        await policy(rules("bad")).check("bad")
    assert service.bodies == []


@pytest.mark.parametrize("fault", [*BROKEN, "slow", "redirect", "stopped"])
async def test_a_service_that_fails_refuses_by_default_and_passes_on_request(
    policy, service, fault
):
    if fault == "stopped":
        await service.stop()
    service.fault = fault
    with capture_logs() as logs, pytest.raises(UnavailableError) as caught:
        await policy(api_key="k-secret", timeout_s=0.3).check("a quiet text")
    assert caught.value.retry_after
    assert [log["event"] for log in logs] == ["moderation_failed"]
    assert "quiet" not in repr(logs)
    assert "k-secret" not in repr(logs)
    await policy(timeout_s=0.3, fail_open=True).check("a quiet text")


async def test_failing_open_still_refuses_what_is_on_the_block_list(rules, policy, service):
    service.fault = "error"
    with pytest.raises(PolicyBlockedError):
        await policy(rules("bad"), fail_open=True).check("bad")


async def test_a_long_text_is_judged_whole_in_pieces_four_at_a_time(policy, service):
    text = " ".join(f"word{n}" for n in range(6000))
    service.fault = "slow"
    task = asyncio.create_task(policy(timeout_s=60).check(text))
    while service.running < 4:
        await asyncio.sleep(0.01)
    service.fault = None
    service.released.set()
    await task
    pieces = [body["input"] for body in service.bodies]
    assert all(len(piece) <= 4000 for piece in pieces)
    assert set().union(*map(str.split, pieces)).issuperset(text.split())
    assert service.most_running == 4


@pytest.mark.parametrize("position", [0, 3995, 3998, 4000, 7790, 30_000])
@pytest.mark.parametrize("filler", ["x", "x "])
async def test_nothing_hides_where_a_long_text_is_cut(policy, service, position, filler):
    text = (filler * 40_000)[:40_000]
    with pytest.raises(PolicyBlockedError):
        await policy().check(text[:position] + "murder" + text[position:])


async def test_judging_ends_with_the_first_piece_that_is_flagged(policy, service):
    with pytest.raises(PolicyBlockedError):
        await policy().check("murder " + "calm " * 100_000)
    assert len(service.bodies) < 20
