"""A vendor's bad day: the right error, nothing of the vendor's or of the key in it, no connection left."""

import asyncio
import io
import logging
import time
import traceback
from contextlib import aclosing

import pytest

from helpers.decoding import decode
from helpers.vendors import KEY, PRIVATE, speech, whole
from intone.errors import (
    ProviderAuthError,
    ProviderBusyError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderTimeoutError,
)
from intone.logs import set_up_logging
from intone.providers.openai import OpenAIProvider
from intone.providers.settings import ProviderSettings, TimeoutSettings
from loopback import faults
from loopback.faults import AUDIO, FAULTS, GARBAGE
from loopback.faulty import FaultyServer

#: What each fault is, in our words.
MEANINGS = {
    "hanging_up": ProviderError,
    "error_500": ProviderError,
    "endless_500": ProviderError,
    "busy_429": ProviderBusyError,
    "unauthorized_401": ProviderAuthError,
    "redirect": ProviderInvalidResponseError,
    "html_page": ProviderInvalidResponseError,
    "json_error": ProviderInvalidResponseError,
    "mislabelled_json": ProviderInvalidResponseError,
    "wav_for_mp3": ProviderInvalidResponseError,
    "empty": ProviderInvalidResponseError,
    "garbage": ProviderInvalidResponseError,
    "unlabelled_garbage": ProviderInvalidResponseError,
    "header_bomb": ProviderInvalidResponseError,
    "many_headers": ProviderInvalidResponseError,
    "not_http": ProviderInvalidResponseError,
    "gzip_bomb": ProviderInvalidResponseError,
    "not_gzip": ProviderError,
    "truncated_chunk": ProviderError,
    "missing_last_chunk": ProviderError,
    "short_body": ProviderError,
    "reset_after_1_kb": ProviderError,
}
#: Faults that are a whole answer, after which the connection may be used again.
WHOLE = {
    *("error_500", "busy_429", "unauthorized_401", "redirect", "empty", "gzip_bomb", "not_gzip"),
    *("html_page", "json_error", "mislabelled_json", "wav_for_mp3"),
}
#: Faults that only a deadline ends; the router has those.
ENDLESS = {"silent", "silent_body", "one_byte_a_second", "stalling", "broken_chunk"}


@pytest.fixture
def log(monkeypatch):
    """All that is logged at any level, ours and that of libraries."""
    captured = io.StringIO()
    monkeypatch.setattr("sys.stderr", captured)
    set_up_logging("debug", "json")
    logging.getLogger().setLevel(logging.DEBUG)
    yield captured
    logging.basicConfig(level=logging.WARNING, force=True)


class Caller:
    """A provider on one faulty server."""

    def __init__(self, base_url, **timeouts):
        self.provider = OpenAIProvider(
            "vendor",
            ProviderSettings(
                type="openai", base_url=base_url, api_key=KEY, timeouts=TimeoutSettings(**timeouts)
            ),
            (),
        )

    async def __aenter__(self):
        await self.provider.start()
        return self

    async def __aexit__(self, *_):
        await self.provider.close()

    def stream(self):
        return self.provider.stream(speech("alloy", model="tts-1"), "mp3")

    async def failure(self):
        """The error that a call ends with, and what had come before it."""
        got = b""
        try:
            async for piece in self.stream():
                got += piece
        except ProviderError as error:
            return error, got
        raise AssertionError("it did not fail")


def hears_nothing_private(error, log):
    shown = "\n".join(
        [str(error), repr(error), error.message, *traceback.format_exception(error), log.getvalue()]
    )
    assert PRIVATE not in shown
    assert KEY not in shown


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - ENDLESS))
async def test_a_fault_is_told_in_our_words_and_leaves_no_connection(name, log):
    with FaultyServer(FAULTS[name]) as server:
        async with Caller(server.base_url) as caller:
            error, got = await caller.failure()
            assert type(error) is MEANINGS[name]
            assert AUDIO.startswith(got)
            hears_nothing_private(error, log)
            if name not in WHOLE:
                await asyncio.to_thread(server.wait_until_left)
        await asyncio.to_thread(server.wait_until_left)
        assert len(server.requests) == 1, "it asks once"


@pytest.mark.parametrize("name", sorted(ENDLESS))
async def test_giving_up_on_a_vendor_closes_its_connection(name, log):
    with FaultyServer(FAULTS[name]) as server:
        async with Caller(server.base_url) as caller:
            reading = asyncio.create_task(whole(caller.stream()))
            while not server.requests:
                await asyncio.sleep(0.005)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await asyncio.to_thread(server.wait_until_left)


@pytest.mark.parametrize("name", ["garbage", "unlabelled_garbage", "header_bomb", "many_headers"])
async def test_what_is_no_audio_is_not_read_to_its_end(name):
    with FaultyServer(FAULTS[name]) as server:
        async with Caller(server.base_url) as caller:
            await caller.failure()
            await asyncio.to_thread(server.wait_until_left)
            assert server.sent < GARBAGE


async def test_a_busy_vendor_says_for_how_long():
    with FaultyServer(faults.busy_429) as server:
        async with Caller(server.base_url) as caller:
            error, _ = await caller.failure()
    assert error.retry_after == 7


async def test_a_redirect_is_not_followed():
    with FaultyServer(faults.redirect) as server:
        async with Caller(server.base_url) as caller:
            await caller.failure()
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["truncated_chunk", "missing_last_chunk", "short_body"])
async def test_an_answer_that_breaks_off_is_never_silently_short(name):
    with FaultyServer(FAULTS[name]) as server:
        async with Caller(server.base_url) as caller:
            error, got = await caller.failure()
    assert AUDIO.startswith(got)
    assert "broke off" in error.message


@pytest.mark.parametrize("fault", [faults.http_1_0, faults.gzip_answer])
async def test_an_unusual_answer_is_as_good_as_any(fault):
    with FaultyServer(fault) as server:
        async with Caller(server.base_url) as caller:
            assert decode(await whole(caller.stream())).duration > 0.4


async def test_a_server_that_is_down_cannot_be_reached(log):
    with faults.refusing() as base_url:
        async with Caller(base_url) as caller:
            error, _ = await caller.failure()
    assert type(error) is ProviderError
    assert error.message == "vendor could not be reached."
    hears_nothing_private(error, log)


async def test_a_server_that_is_slow_to_connect_is_given_up_in_time(log):
    with faults.full_backlog() as base_url:
        async with Caller(base_url, connect_s=0.2) as caller:
            error, _ = await caller.failure()
    assert type(error) is ProviderTimeoutError


async def test_an_address_that_does_not_exist_cannot_be_found(log):
    async with Caller("http://nowhere.invalid/v1") as caller:
        error, _ = await caller.failure()
    assert type(error) is ProviderError
    assert "address" in error.message
    hears_nothing_private(error, log)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (faults.garbled_tls, "handshake"),
        (faults.untrusted_tls, "certificate"),
        (lambda: faults.untrusted_tls(expired=True), "certificate"),
    ],
)
async def test_a_connection_that_cannot_be_trusted_is_not_used(make, word, log):
    with make() as server:
        async with Caller(server.base_url) as caller:
            error, _ = await caller.failure()
        await asyncio.to_thread(server.wait_until_left)
    assert type(error) is ProviderError
    assert word in error.message
    assert server.requests == []
    hears_nothing_private(error, log)


async def test_a_handshake_that_never_ends_is_given_up_in_time():
    with FaultyServer(faults.silent) as server:
        base_url = server.base_url.replace("http:", "https:")
        async with Caller(base_url, connect_s=0.2) as caller:
            error, _ = await caller.failure()
        await asyncio.to_thread(server.wait_until_left)
    assert type(error) is ProviderTimeoutError


async def test_a_kept_connection_that_has_gone_stale_is_replaced_and_the_call_made_again():
    with FaultyServer(faults.gone_stale) as server:
        async with Caller(server.base_url) as caller:
            for _ in range(3):
                assert await whole(caller.stream()) == AUDIO
            assert server.accepted == 3
            assert len(server.requests) > 3, "an old connection was tried"


async def test_a_new_connection_that_is_cut_is_not_made_again():
    with FaultyServer(faults.hanging_up) as server:
        async with Caller(server.base_url) as caller:
            await caller.failure()
    assert len(server.requests) == 1


async def test_a_call_is_not_made_again_once_a_part_of_the_answer_has_come():
    async def begins_and_cuts(exchange):
        if exchange.earlier:
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-")
            exchange.close()
        else:
            await exchange.whole("200 OK", AUDIO, {})

    with FaultyServer(begins_and_cuts) as server:
        async with Caller(server.base_url) as caller:
            await whole(caller.stream())
            await caller.failure()
    assert len(server.requests) == 2


async def test_a_connection_is_used_again():
    async def well(exchange):
        await exchange.whole("200 OK", AUDIO, {"Content-Type": "audio/mpeg"})

    with FaultyServer(well) as server:
        async with Caller(server.base_url) as caller:
            for _ in range(5):
                await whole(caller.stream())
        assert (server.accepted, len(server.requests)) == (1, 5)


async def test_leaving_a_stream_cuts_its_connection():
    with FaultyServer(faults.stalling) as server:
        async with Caller(server.base_url) as caller:
            async with aclosing(caller.stream()) as pieces:
                await anext(pieces)
                assert server.open == 1
            left = time.monotonic()
            await asyncio.to_thread(server.wait_until_left)
            assert time.monotonic() - left < 1, "within a second, whatever else"


async def test_a_list_is_refused_where_it_is_garbage_without_end():
    async def endless(exchange):
        await exchange.head(content_type="application/json")
        while True:
            await exchange.send(b"[" * 1_000_000)

    with FaultyServer(endless) as server:
        async with Caller(server.base_url) as caller:
            with pytest.raises(ProviderInvalidResponseError):
                await caller.provider.list_voices()
            await asyncio.to_thread(server.wait_until_left)


async def test_a_list_that_never_comes_is_given_up_in_time():
    with FaultyServer(faults.silent) as server:
        async with Caller(server.base_url, first_byte_s=0.2) as caller:
            with pytest.raises(ProviderTimeoutError):
                await caller.provider.list_voices()
            await asyncio.to_thread(server.wait_until_left)
