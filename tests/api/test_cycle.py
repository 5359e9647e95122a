"""A head goes with its body, or before it where that is late; fields after it where announced."""

import asyncio
import contextlib

import pytest
import uvicorn

from intone.api.cycle import TRAILERS
from intone.api.protocol import EnvelopeProtocol

BODY, LAST = {"type": "http.response.body"}, {"type": TRAILERS, "more_trailers": False}


CUT_OFF = asyncio.Event()
GO_ON = asyncio.Event()
ASKED = []


async def endless(receive, send):
    """Sends until the client has gone."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    gone = asyncio.create_task(receive())
    while not gone.done():
        await send({**BODY, "body": bytes(65536), "more_body": True})
        await asyncio.sleep(0)
    assert gone.result()["type"] == "http.disconnect"
    CUT_OFF.set()


async def app(scope, receive, send):
    """Answers `/plain` without trailers, and all else with them where it may."""
    if scope["path"] == "/endless":
        await receive()
        await endless(receive, send)
        return
    ASKED.append(scope["path"])
    if scope["path"] == "/whole":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({**BODY, "body": b"all of it"})
        return
    if scope["path"] in {"/late", "/never"}:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/late":
            await GO_ON.wait()
            await send({**BODY, "body": b"at last"})
        return
    trails = scope["path"] != "/plain" and TRAILERS in scope.get("extensions", {})
    headers = [(b"x-may", str(TRAILERS in scope.get("extensions", {})).encode())]
    await send(
        {"type": "http.response.start", "status": 200, "headers": headers, "trailers": trails}
    )
    await send({**BODY, "body": b"one", "more_body": True})
    await send({**BODY, "body": b"two", "more_body": False})
    if trails:
        await send({**LAST, "headers": [(b"x-end", b"known at last")]})


@pytest.fixture
async def port():
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, http=EnvelopeProtocol, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


async def ask(port, *requests):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(requests))
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


def request(path, version=b"1.1", connection=b"keep-alive"):
    return b"GET %b HTTP/%b\r\nHost: x\r\nConnection: %b\r\n\r\n" % (path, version, connection)


async def test_trailers_follow_the_last_chunk_and_the_connection_lives_on(port):
    answer = await ask(port, request(b"/"), request(b"/plain", connection=b"close"))
    first, second = answer.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert first.endswith(b"\r\n3\r\none\r\n3\r\ntwo\r\n0\r\nx-end: known at last\r\n\r\n")
    assert second.endswith(b"\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


async def test_a_client_of_http_1_0_is_offered_none(port):
    answer = await ask(port, request(b"/", version=b"1.0", connection=b"close"))
    assert b"x-may: False" in answer
    assert b"x-end" not in answer


async def test_the_connection_is_closed_behind_the_trailers_where_the_client_wants_it(port):
    answer = await ask(port, request(b"/", connection=b"close"))
    assert answer.endswith(b"0\r\nx-end: known at last\r\n\r\n")


async def test_a_client_that_takes_nothing_is_cut_off(port, monkeypatch):
    monkeypatch.setattr("intone.api.cycle._STUCK_S", 0.2)
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(request(b"/endless"))
    async with asyncio.timeout(20):
        await CUT_OFF.wait()  # the application is told, although nobody has closed anything
    writer.close()


async def test_a_head_does_not_wait_for_a_body_that_is_late(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(b"/late", connection=b"close"))
    async with asyncio.timeout(20):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        GO_ON.set()
        assert await reader.read() == b"7\r\nat last\r\n0\r\n\r\n"
    writer.close()


async def test_a_whole_answer_ends_the_connection_where_the_client_wants_it(port):
    ASKED.clear()
    answer = await ask(port, request(b"/whole", connection=b"close"), request(b"/plain"))
    assert answer.endswith(b"\r\n\r\n9\r\nall of it\r\n0\r\n\r\n")
    assert ASKED == ["/whole"]  # what came behind it is not done


async def test_an_answer_that_breaks_off_before_its_body_ends_the_connection(port):
    answer = await ask(port, request(b"/never"), request(b"/plain"))
    assert b"\r\n0\r\n" not in answer
    assert b"500" not in answer
