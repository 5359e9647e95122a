"""Stored and live audio over HTTP."""

import asyncio

import aiohttp
import pytest
from structlog.testing import capture_logs

from helpers.small_dialect import AUDIO, ETAG, HEADER

SIZE = len(AUDIO)
WHOLE = "/v1/small/audio/whole"
WAV = "/v1/small/audio/wav"


async def _get(live_app, path, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with live_app.http.get(path, headers=named) as answer:
        return answer, await answer.read()


async def test_the_whole_audio_comes_with_its_headers(live_app):
    answer, body = await _get(live_app, WHOLE)
    assert (answer.status, body) == (200, AUDIO)
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["ETag"] == f'"{ETAG}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Cache-Control"] == "private"
    assert answer.headers["X-Channels"] == "1"


async def test_a_file_name_cannot_break_the_header(live_app):
    answer, _ = await _get(live_app, WHOLE)
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith('inline; filename="Gr_e_1_.wav"; ')
    assert disposition.endswith("filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%221%22.wav")


@pytest.mark.parametrize("path", [WHOLE, WAV])
@pytest.mark.parametrize("ranged", [{}, {"Range": "bytes=5-20"}])
async def test_head_says_what_get_would(live_app, path, ranged):
    got, body = await _get(live_app, path, **ranged)
    async with live_app.http.head(path, headers=ranged) as answer:
        assert await answer.read() == b""
        assert answer.status == got.status
        for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges", "Content-Range"):
            assert answer.headers.get(name) == got.headers.get(name)
        assert answer.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=9990-10010", 9990, 10011),
        ("BYTES = 5 - 9", 5, 10),
        ("bytes=102000-", 102_000, None),
        ("bytes=102000-999999", 102_000, None),
        ("bytes=-1", -1, None),
        ("bytes=-999999", 0, None),
        ("bytes=5-30", 5, 31),
        ("bytes=12-13", 12, 14),
        ("bytes=0-11", 0, 12),
    ],
)
@pytest.mark.parametrize("path", [WHOLE, WAV])
async def test_a_range_is_exactly_what_was_asked_for(live_app, path, asked, start, end):
    everything = (HEADER if path == WAV else b"") + AUDIO
    answer, body = await _get(live_app, path, Range=asked)
    assert (answer.status, body) == (206, everything[start:end])
    first = start % len(everything)
    last = first + len(body) - 1
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(everything)}"
    assert answer.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-1,5-6", "bytes=9-5", "bytes=-", "bytes=x-y", "seconds=0-1", "bytes", "bytes=1e3-"],
)
async def test_a_range_that_is_none_or_several_is_answered_with_the_whole(live_app, asked):
    answer, body = await _get(live_app, WHOLE, Range=asked)
    assert (answer.status, body) == (200, AUDIO)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
async def test_a_range_behind_the_end_is_416_in_the_envelope(live_app, asked):
    async with live_app.http.get(WHOLE, headers={"Range": asked}) as answer:
        assert answer.status == 416
        assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
        assert (await answer.json())["small"]["code"] == "range_not_satisfiable"


@pytest.mark.parametrize("tags", [f'"{ETAG}"', f'W/"{ETAG}"', f'"other", "{ETAG}"', "*"])
async def test_what_the_client_has_is_not_sent_again(live_app, tags):
    answer, body = await _get(live_app, WHOLE, If_None_Match=tags)
    assert (answer.status, body) == (304, b"")
    assert answer.headers["ETag"] == f'"{ETAG}"'


async def test_another_etag_gets_the_audio(live_app):
    answer, body = await _get(live_app, WHOLE, If_None_Match=f'"other", "{ETAG}x"')
    assert (answer.status, body) == (200, AUDIO)


@pytest.mark.parametrize(
    ("validator", "status"),
    [
        (f'"{ETAG}"', 206),
        ('"other"', 200),
        (f'W/"{ETAG}"', 200),
        ("Sat, 21 Nov 2026 07:28:00 GMT", 200),
    ],
)
async def test_a_download_goes_on_only_with_the_same_bytes(live_app, validator, status):
    answer, body = await _get(live_app, WHOLE, Range="bytes=5-", If_Range=validator)
    assert (answer.status, body) == (status, AUDIO[5:] if status == 206 else AUDIO)


async def test_audio_that_has_gone_is_404_and_not_a_broken_stream(live_app):
    answer, body = await _get(live_app, "/v1/small/audio/gone")
    assert answer.status == 404
    assert b'"not_found"' in body


async def test_a_read_that_fails_in_the_middle_breaks_the_stream_visibly(live_app):
    with capture_logs() as lines, pytest.raises(aiohttp.ClientPayloadError):
        await _get(live_app, "/v1/small/audio/breaks")
    assert [line["log_level"] for line in lines if line["event"] == "response_broken"] == ["error"]


async def test_live_audio_streams_and_ends_when_the_client_leaves(live_app):
    with capture_logs() as lines:
        async with live_app.http.get("/v1/small/live") as answer:
            assert answer.headers["Content-Type"] == "audio/mpeg"
            assert "Content-Length" not in answer.headers
            assert await answer.content.readexactly(5000) == b"sound" * 1000
            answer.close()
        await asyncio.wait_for(live_app.core.left.wait(), 10)
        async with asyncio.timeout(10):
            while not lines:
                await asyncio.sleep(0.01)
    (line,) = lines
    assert line["event"] == "request"
    assert line["client_left"]


async def test_events_come_as_they_happen_with_heartbeats_between(live_app):
    async with live_app.http.get("/v1/small/events/2") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Accel-Buffering"] == "no"
        text = await answer.text()
    first = 'id: 0\nevent: progress\ndata: {"percent":0,"line":"a\\nb"}\n\n'
    assert text.startswith(first + "id: 1\nevent: progress\n")
    assert "\n: still here\n\n" in text
    assert text.endswith("event: done\ndata: {}\n\n")
    assert live_app.core.left.is_set()


async def test_events_stop_when_the_client_leaves(live_app):
    async with live_app.http.get("/v1/small/events/0") as answer:
        await answer.content.readuntil(b"done")
        assert not live_app.core.left.is_set()
        answer.close()
    await asyncio.wait_for(live_app.core.left.wait(), 10)
