"""Engine processes: crashes, hangs, leaks, slow listeners and orphans, with real processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from intone.errors import EngineCrashedError, ProviderError, ProviderTimeoutError
from intone.providers.base import AudioChunk
from intone.providers.engines.espeak_voices import load_voices
from intone.providers.engines.pool import EnginePool, PoolLimits

EMMA = msgspec.structs.asdict(load_voices()["en-us.emma"].neutral)
#: Some minutes of audio, far more than all buffers on the way hold.
LONG = "The weather is fine today, and we are walking to the park together. " * 70
SHORT = "Good morning."


@asynccontextmanager
async def running(
    size: int = 1, limits: PoolLimits | None = None, engine: str = "espeak"
) -> AsyncIterator[EnginePool]:
    pool = EnginePool(engine, size=size, limits=limits)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


def speaking(pool: EnginePool, text: str = SHORT):
    return aclosing(pool.speak(text, EMMA, rate=1.0, sample_rate=None))


async def spoken(pool: EnginePool, text: str = SHORT) -> bytes:
    async with speaking(pool, text) as chunks:
        return b"".join([chunk.pcm async for chunk in chunks])


async def drain(chunks: AsyncIterator[AudioChunk], into: bytearray | None = None) -> None:
    async for chunk in chunks:
        if into is not None:
            into += chunk.pcm


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    with suppress(FileNotFoundError):
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    return not Path("/proc/self").exists()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_requests_made_at_once_wait_for_the_first_child() -> None:
    async with running(size=2) as pool:
        assert pool.pids == []
        everything = await asyncio.gather(*(spoken(pool) for _ in range(5)))
        assert all(len(pcm) > 10_000 for pcm in everything)


async def test_the_first_chunk_of_a_long_text_comes_long_before_its_last() -> None:
    async with running() as pool, speaking(pool, LONG) as chunks:
        first = await anext(chunks)
        assert 0 < len(first.pcm) < 100_000
        rest = sum([len(chunk.pcm) async for chunk in chunks])
        assert rest > 5_000_000


async def test_a_slow_listener_keeps_the_child_waiting_instead_of_filling_the_parent() -> None:
    async with running() as pool, speaking(pool, LONG) as chunks:
        await anext(chunks)
        await asyncio.sleep(0.5)
        os.kill(pool.pids[0], signal.SIGKILL)
        buffered = bytearray()
        with pytest.raises(EngineCrashedError):
            await drain(chunks, into=buffered)
        assert len(buffered) < 500_000


async def test_a_killed_child_fails_its_request_alone_and_is_replaced() -> None:
    async with running() as pool:
        async with speaking(pool, LONG) as chunks:
            await anext(chunks)
            (victim,) = pool.pids
            os.kill(victim, signal.SIGKILL)
            with pytest.raises(EngineCrashedError) as crash:
                await drain(chunks)
        assert crash.value.retryable
        assert await spoken(pool)
        assert pool.pids
        assert victim not in pool.pids


async def test_a_child_killed_while_idle_is_replaced() -> None:
    async with running() as pool:
        await spoken(pool)
        (victim,) = pool.pids
        os.kill(victim, signal.SIGKILL)
        await until(lambda: bool(pool.pids) and victim not in pool.pids)
        assert await spoken(pool)


async def test_closing_the_iterator_early_frees_the_same_child() -> None:
    async with running() as pool:
        async with speaking(pool, 30 * LONG) as chunks:  # which would take many seconds
            await anext(chunks)
            pids = pool.pids
        assert await spoken(pool)
        assert pool.pids == pids


async def test_cancelling_the_caller_at_any_moment_leaves_a_child_that_works() -> None:
    whole = await _whole_of_short()
    async with running() as pool:
        await spoken(pool)
        pids = pool.pids
        for steps in range(40):
            task = asyncio.create_task(spoken(pool, 30 * LONG))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert len(await spoken(pool)) == pytest.approx(len(whole), rel=0.02)
        assert pool.pids == pids


async def _whole_of_short() -> bytes:
    async with running() as pool:
        return await spoken(pool)


async def test_a_child_that_does_not_stop_when_told_is_killed() -> None:
    async with running(limits=PoolLimits(cancel_s=0.2)) as pool:
        async with speaking(pool, LONG) as chunks:
            await anext(chunks)
            (frozen,) = pool.pids
            os.kill(frozen, signal.SIGSTOP)
        assert await spoken(pool)
        await until(lambda: not is_alive(frozen))


async def test_a_hanging_child_is_a_timeout_and_is_replaced() -> None:
    async with running(limits=PoolLimits(silence_s=2)) as pool:
        await spoken(pool)
        (frozen,) = pool.pids
        os.kill(frozen, signal.SIGSTOP)
        with pytest.raises(ProviderTimeoutError) as timeout:
            await spoken(pool)
        assert timeout.value.retryable
        await until(lambda: not is_alive(frozen))
        await until(lambda: bool(pool.pids))
        async with speaking(pool) as chunks:
            assert await anext(chunks)


async def test_a_child_that_has_grown_is_replaced_after_its_request() -> None:
    async with running(limits=PoolLimits(resident_bytes=1)) as pool:
        seen = set()
        for _ in range(3):
            async with speaking(pool) as chunks:
                first = await anext(chunks)
                seen.update(pool.pids)
                rest = [chunk.pcm async for chunk in chunks]
            assert first.pcm
            assert rest
        assert len(seen) == 3
        await until(lambda: not any(is_alive(pid) for pid in seen - set(pool.pids)))


async def test_callers_are_served_in_their_order() -> None:
    async with running() as pool:
        served = []

        async def call(number: int) -> None:
            await spoken(pool)
            served.append(number)

        async with speaking(pool, LONG) as chunks:
            await anext(chunks)
            calls = []
            for number in range(6):
                calls.append(asyncio.create_task(call(number)))
                await asyncio.sleep(0)
            calls.pop(2).cancel()
        await asyncio.gather(*calls)
        assert served == [0, 1, 3, 4, 5]


async def test_a_caller_that_leaves_as_its_turn_comes_leaves_a_child_that_works() -> None:
    """The child has begun by then: its caller's audio must not become that of the next."""
    async with running(size=1) as pool:
        short = await spoken(pool)
        chunks = pool.speak(SHORT, EMMA, rate=1.0, sample_rate=None)
        await anext(chunks)
        leaving = asyncio.create_task(spoken(pool, LONG))
        staying = asyncio.create_task(spoken(pool))
        await asyncio.sleep(0)
        async for _ in chunks:
            pass
        leaving.cancel()  # its turn has come, and it has not woken yet
        assert len(await staying) == pytest.approx(len(short), rel=0.1)
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert len(await spoken(pool)) == pytest.approx(len(short), rel=0.1)


async def test_whoever_is_listened_to_goes_first_but_nobody_waits_for_ever() -> None:
    served: list[str] = []

    async def ask(pool: EnginePool, name: str, *, urgent: bool) -> None:
        chunks = pool.speak(SHORT, EMMA, rate=1.0, sample_rate=None, urgent=urgent)
        async with aclosing(chunks):
            async for _ in chunks:
                if name not in served:
                    served.append(name)

    async with running(size=1) as pool:
        await spoken(pool)
        first = asyncio.create_task(ask(pool, "first", urgent=False))
        await asyncio.sleep(0)  # it has the only child now
        others = [asyncio.create_task(ask(pool, f"job {n}", urgent=False)) for n in range(2)]
        await asyncio.sleep(0)
        listeners = [asyncio.create_task(ask(pool, f"live {n}", urgent=True)) for n in range(5)]
        await asyncio.gather(first, *others, *listeners)
    assert served == [
        "first", "live 0", "live 1", "live 2", "job 0", "live 3", "live 4", "job 1"
    ]  # fmt: skip


async def test_signals_meant_for_the_server_do_not_end_a_child() -> None:
    async with running() as pool:
        await spoken(pool)
        pids = pool.pids
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pids[0], number)
        assert await spoken(pool)
        assert pool.pids == pids


async def test_closing_ends_all_children_and_turns_callers_away() -> None:
    async with running(size=2) as pool:
        stream = pool.speak(LONG, EMMA, rate=1.0, sample_rate=None)
        await anext(stream)
        await until(lambda: len(pool.pids) == 2)
        pids = pool.pids
        await pool.close()
        await pool.close()
        assert not any(is_alive(pid) for pid in pids)
        with pytest.raises(ProviderError):
            await spoken(pool)
        with pytest.raises(EngineCrashedError):
            await drain(stream)


async def test_an_engine_that_cannot_be_opened_is_an_error_and_not_a_wait() -> None:
    async with running(engine="no-such-engine") as pool:
        with pytest.raises(ProviderError, match="no-such-engine"):
            await spoken(pool)
        with pytest.raises(ProviderError, match="no-such-engine"):
            await spoken(pool)


PARENT = """
import asyncio, msgspec
from intone.providers.engines.espeak_voices import load_voices
from intone.providers.engines.pool import EnginePool

async def main():
    pool = EnginePool("espeak", size=2)
    await pool.start()
    voice = msgspec.structs.asdict(load_voices()["en-us.emma"].neutral)
    stream = pool.speak("word, " * 800, voice, rate=1.0, sample_rate=None)
    await anext(stream)
    while len(pool.pids) < 2:
        await asyncio.sleep(0.01)
    print(*pool.pids, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_children_do_not_outlive_a_parent_killed_by_force() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    try:
        line = await asyncio.to_thread(parent.stdout.readline)
        pids = [int(word) for word in line.split()]
        assert len(pids) == 2
        assert all(is_alive(pid) for pid in pids)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    await until(lambda: not any(is_alive(pid) for pid in pids))


def test_what_native_code_prints_does_not_get_between_the_frames() -> None:
    code = (
        "import os\n"
        "from intone.providers.engines.host import _take_streams\n"
        "source, sink = _take_streams()\n"
        "os.write(1, b'noise')\n"
        "sink.write(source.read())\n"
        "sink.flush()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"frame", capture_output=True)
    assert (done.stdout, done.stderr) == (b"frame", b"noise")


def test_the_pool_does_the_same_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def scenario() -> AudioChunk:
        async with running(limits=PoolLimits(silence_s=10)) as pool:
            async with speaking(pool, LONG) as chunks:
                await anext(chunks)
                pids = pool.pids
            assert await spoken(pool)
            assert pool.pids == pids
            async with speaking(pool, LONG) as chunks:
                await anext(chunks)
                os.kill(pids[0], signal.SIGKILL)
                with pytest.raises(EngineCrashedError):
                    await drain(chunks)
            async with speaking(pool, LONG) as chunks:
                return await anext(chunks)

    assert uvloop.run(scenario()).pcm


async def test_a_process_is_told_none_of_our_settings(monkeypatch):
    """Native code is not to be trusted with keys."""
    monkeypatch.setenv("INTONE_BOOTSTRAP_KEY", "in_live_secret")
    monkeypatch.setenv("SOMETHING_ELSE", "kept")
    async with running() as pool:
        await spoken(pool)
        environment = Path(f"/proc/{pool.pids[0]}/environ").read_bytes()
    assert b"SOMETHING_ELSE=kept" in environment
    assert b"INTONE_" not in environment
