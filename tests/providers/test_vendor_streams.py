"""What holds for every vendor: audio as it comes, failures told apart, nothing of theirs shown."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest

from helpers.decoding import decode, dominant_frequency
from helpers.vendors import (
    KEY,
    PRIVATE,
    TONE_HZ,
    Gate,
    connected,
    failure_of,
    pcm_of,
    speech,
    streamed,
    tone,
    whole,
)
from intone.errors import (
    ProviderAuthError,
    ProviderBusyError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderRejectedError,
    ProviderTimeoutError,
)
from intone.providers.http import HttpProvider
from loopback.cartesia import CartesiaServer
from loopback.deepgram import DeepgramServer
from loopback.elevenlabs import ElevenLabsServer
from loopback.vendor import Answer

Server = CartesiaServer | DeepgramServer | ElevenLabsServer
MP3 = tone("mp3", 44_100)
MPEG = {"Content-Type": "audio/mpeg"}


@pytest.fixture(params=[CartesiaServer, DeepgramServer, ElevenLabsServer])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with request.param() as server:
        yield server


@pytest.fixture
async def provider(server: Server) -> AsyncIterator[HttpProvider]:
    async with connected(server.kind, server) as provider:
        yield provider


async def test_every_format_it_promises_comes_as_playable_audio(
    server: Server, provider: HttpProvider
) -> None:
    assert {"mp3", "pcm"} <= set(provider.capabilities.formats)
    for form in provider.capabilities.formats:
        audio = await streamed(provider, speech(server.voice), form)
        if form == "pcm":
            assert audio == b"".join(tone("pcm", 24_000))
            continue
        heard = decode(audio)
        assert dominant_frequency(heard.samples[0], heard.sample_rate) == pytest.approx(
            TONE_HZ, abs=3
        )


async def test_the_bytes_of_the_answer_pass_through_unchanged(
    server: Server, provider: HttpProvider
) -> None:
    server.on("POST", server.speech_path, Answer(MP3, headers=MPEG))
    assert await streamed(provider, speech(server.voice), "mp3") == b"".join(MP3)


async def test_samples_come_whole_however_the_answer_is_cut(
    server: Server, provider: HttpProvider
) -> None:
    assert any(len(piece) % 2 for piece in tone("pcm", 24_000))
    pcm, sample_rate = await pcm_of(provider, speech(server.voice))
    assert sample_rate == 24_000
    assert pcm == b"".join(tone("pcm", 24_000))


async def test_without_pcm_its_mp3_is_decoded(server: Server) -> None:
    async with connected(server.kind, server, formats=["mp3"]) as provider:
        pcm, sample_rate = await pcm_of(provider, speech(server.voice))
    samples = np.frombuffer(pcm, "<i2")
    assert dominant_frequency(samples, sample_rate) == pytest.approx(TONE_HZ, abs=3)
    assert len(samples) / sample_rate == pytest.approx(0.5, abs=0.1)


async def test_a_piece_is_handed_on_before_the_next_is_sent(
    server: Server, provider: HttpProvider
) -> None:
    gate = Gate(MP3, MPEG)
    server.on("POST", server.speech_path, gate)
    async with aclosing(provider.stream(speech(server.voice), "mp3")) as chunks:
        received = b""
        while len(received) < len(MP3[0]):
            received += await anext(chunks)
        assert received == MP3[0]
        gate.is_open.set()
        assert received + await whole(chunks) == b"".join(MP3)


async def test_leaving_early_hangs_up(server: Server, provider: HttpProvider) -> None:
    server.on("POST", server.speech_path, Gate(MP3, MPEG))
    async with aclosing(provider.stream(speech(server.voice), "mp3")) as chunks:
        await anext(chunks)
        assert server.running == 1
    await asyncio.to_thread(server.wait_until, lambda: server.abandoned == 1)
    assert server.running == 0


async def test_a_cancelled_caller_hangs_up(server: Server, provider: HttpProvider) -> None:
    server.on("POST", server.speech_path, Gate(MP3, MPEG))
    reading = asyncio.create_task(streamed(provider, speech(server.voice), "mp3"))
    await asyncio.to_thread(server.wait_until, lambda: server.running == 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.to_thread(server.wait_until, lambda: server.abandoned == 1)


async def test_an_answer_that_breaks_off_is_an_error(
    server: Server, provider: HttpProvider
) -> None:
    gate = Gate(MP3, MPEG, breaks_off=True)
    gate.is_open.set()
    server.on("POST", server.speech_path, gate)
    error = await failure_of(streamed(provider, speech(server.voice), "mp3"))
    assert type(error) is ProviderError
    assert error.retryable


@pytest.mark.parametrize(
    "answer",
    [
        Answer(headers=MPEG),
        Answer((), headers=MPEG),
        Answer.json({"message": PRIVATE}),
        Answer(b'{"message": "' + PRIVATE.encode() + b'"}', headers=MPEG),
        Answer(b"<!doctype html><title>" + PRIVATE.encode(), headers={"Content-Type": "text/html"}),
        Answer(b"\x00" * 4096, headers=MPEG),
    ],
    ids=["silence", "chunked silence", "JSON", "JSON called audio", "HTML", "noise"],
)
async def test_what_is_no_audio_is_refused(
    server: Server, provider: HttpProvider, answer: Answer
) -> None:
    server.on("POST", server.speech_path, answer)
    error = await failure_of(streamed(provider, speech(server.voice), "mp3"))
    assert type(error) is ProviderInvalidResponseError


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ProviderRejectedError),
        (401, ProviderAuthError),
        (402, ProviderBusyError),
        (403, ProviderAuthError),
        (404, ProviderRejectedError),
        (408, ProviderTimeoutError),
        (413, ProviderRejectedError),
        (422, ProviderRejectedError),
        (429, ProviderBusyError),
        (500, ProviderError),
        (503, ProviderError),
        (504, ProviderTimeoutError),
        (302, ProviderInvalidResponseError),
        (204, ProviderInvalidResponseError),
    ],
)
@pytest.mark.parametrize("body", [b"", PRIVATE.encode(), b"[1, 2", b'{"detail": 7}'])
async def test_a_status_says_what_is_wrong_whatever_the_body(
    server: Server,
    provider: HttpProvider,
    status: int,
    expected: type[ProviderError],
    body: bytes,
) -> None:
    body = b"" if status == 204 else body
    server.on("POST", server.speech_path, Answer(body, status, {"Location": "/elsewhere"}))
    error = await failure_of(streamed(provider, speech(server.voice), "mp3"))
    assert type(error) is expected
    assert [request.path for request in server.requests] == [server.speech_path]


@pytest.mark.parametrize(("said", "meant"), [("7", 7.0), ("soon", None), ("99999999", 3600.0)])
async def test_the_wait_that_it_asks_for_is_told(
    server: Server, provider: HttpProvider, said: str, meant: float | None
) -> None:
    server.on("POST", server.speech_path, Answer.json({}, 429, **{"Retry-After": said}))
    error = await failure_of(streamed(provider, speech(server.voice), "mp3"))
    assert type(error) is ProviderBusyError
    assert error.retry_after == meant


async def test_a_wrong_key_is_told_apart_and_never_shown(server: Server) -> None:
    async with connected(server.kind, server, api_key="wrong") as provider:
        error = await failure_of(streamed(provider, speech(server.voice), "mp3"))
        assert type(error) is ProviderAuthError
        assert type(await failure_of(provider.list_voices())) is ProviderAuthError


async def test_without_a_key_it_cannot_be_asked(server: Server) -> None:
    async with connected(server.kind, server, api_key="") as provider:
        assert provider.unavailable == "missing_api_key"


async def test_no_server_at_all_is_an_outage(server: Server, provider: HttpProvider) -> None:
    server.stop()
    error = await failure_of(streamed(provider, speech(server.voice), "mp3"))
    assert type(error) is ProviderError
    assert error.is_outage


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"voices": 7, "data": 7, "tts": 7}'])
async def test_a_list_of_voices_in_no_known_shape_is_an_error(
    server: Server, provider: HttpProvider, body: bytes
) -> None:
    for path in ("/v2/voices", "/voices", "/v1/models"):
        server.on("GET", path, Answer(body, headers={"Content-Type": "application/json"}))
    error = await failure_of(provider.list_voices())
    assert type(error) is ProviderInvalidResponseError


async def test_the_key_stands_in_no_address(server: Server, provider: HttpProvider) -> None:
    await streamed(provider, speech(server.voice), "mp3")
    await provider.list_voices()
    assert not [request for request in server.requests if KEY in request.path_qs]


async def test_its_models_are_known_with_their_prices(provider: HttpProvider) -> None:
    assert len(provider.models) > 1
    assert all(model.nanos_per_character > 0 for model in provider.models)
