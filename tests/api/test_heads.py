"""Heads of requests: too long, too slow, or followed by nonsense."""

import json

GOOD = b"GET /health HTTP/1.1\r\nHost: x\r\n"


def _message(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 "), answer
    assert b"\r\nconnection: close" in head
    return json.loads(body)["error"]["message"]


async def test_a_head_that_does_not_end_is_refused_when_patience_does(live_app):
    answer = await live_app.raw(GOOD[:-4])
    assert _message(answer) == "The request's head did not arrive within 1 seconds."


async def test_a_head_that_trickles_is_refused_as_well(live_app):
    answer = await live_app.raw(GOOD, 0.4, b"X", 0.4, b"-", 0.4, b"Y")
    assert "did not arrive within 1 seconds" in _message(answer)


async def test_a_connection_that_says_nothing_is_closed_without_a_word(live_app):
    assert await live_app.raw() == b""


async def test_a_slow_second_head_is_refused_after_the_first_answer(live_app):
    answer = await live_app.raw(GOOD + b"\r\n", 0.2, GOOD)
    first, _, second = answer.partition(b"\r\n\r\nOK")
    assert first.startswith(b"HTTP/1.1 200")
    assert "did not arrive" in _message(second)


async def test_a_slow_answer_is_no_slow_head(live_app):
    async with live_app.http.get("/v1/small/events/2") as answer:
        assert (await answer.text()).endswith("event: done\ndata: {}\n\n")


async def test_a_long_head_wears_the_dialects_envelope_where_it_could_be_read(live_app):
    headers = {"X-Big": "a" * 8000} | {f"X-{n}": "a" * 8000 for n in range(8)}
    async with live_app.http.get("/v1/small/orders/1", headers=headers) as answer:
        assert answer.status == 400
        envelope = (await answer.json())["small"]
    assert envelope["message"] == "The request's head is longer than 65536 bytes."


async def test_a_head_just_below_the_limit_is_read(live_app):
    headers = {f"X-{n}": "a" * 8000 for n in range(8)}
    async with live_app.http.get("/v1/small/orders/1", headers=headers) as answer:
        assert answer.status == 200
