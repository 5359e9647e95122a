"""The parent's handle on one engine process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from intone.errors import EngineCrashedError, ProviderError, ProviderTimeoutError
from intone.providers.engines.protocol import (
    HEADER,
    MAX_FRAME,
    Cancel,
    Failure,
    FromChild,
    Ready,
    Speak,
    ToChild,
    decode_from_child,
    encode,
)

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from asyncio.subprocess import Process

__all__ = ["EngineChild", "Request"]

#: Bytes read ahead of a slow listener; beyond twice that, the child waits.
_READ_AHEAD = 64 << 10
#: Seconds for which a child may leave by itself before it is killed.
_LEAVE_S = 1.0
#: NumPy, which resampling needs, would otherwise start a thread a core for algebra.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}


def _environment() -> dict[str, str]:
    """What a child may know: everything but our settings, since those hold keys."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INTONE_")}
    return kept | _ENVIRONMENT


class Request(NamedTuple):
    """What an engine is to speak."""

    text: str
    #: The engine's own settings.
    voice: dict[str, Any]
    #: Speed multiplier, 0.5–2.0.
    rate: float
    #: Of the audio, in Hz; None leaves it to the engine.
    sample_rate: int | None


class EngineChild:
    """One engine process, which serves one request at a time."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin: StreamWriter = process.stdin
        self._stdout: StreamReader = process.stdout
        self._reading = asyncio.Lock()
        #: Of the frame whose header has been read; a caller may be cancelled between the two.
        self._frame_size: int | None = None
        self._request_id = 0
        self._over = asyncio.Event()
        self._watch = asyncio.create_task(process.wait())
        self._watch.add_done_callback(lambda _: self._over.set())
        #: How many requests it has ended.
        self.served = 0

    @classmethod
    async def start(cls, engine: str, *, timeout_s: float) -> EngineChild:
        """Start a process and wait until its engine is open.

        Raises:
            ProviderError: The engine cannot be opened.
            OSError: The process cannot be started.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "intone.providers.engines.host",
            engine,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
            limit=_READ_AHEAD,
        )
        child = cls(process)
        try:
            await child._greet(timeout_s)
        except BaseException:
            await child.close()
            raise
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether it runs and has not been sent away."""
        return not self._over.is_set()

    def begin(self, request: Request) -> None:
        """Begin a request; `receive` then gives what comes of it."""
        self._request_id += 1
        text, voice, rate, sample_rate = request
        speakable = text.encode("utf-8", "replace").decode()  # half a surrogate pair is not
        self._send(Speak(self._request_id, speakable, voice, rate, sample_rate))

    def cancel(self) -> None:
        """Ask for the request to be stopped; its last message still comes."""
        self._send(Cancel(self._request_id))

    async def receive(self, timeout_s: float) -> FromChild:
        """Wait for the next message.

        Raises:
            EngineCrashedError: The process has died.
            ProviderTimeoutError: Nothing came in that time, in seconds.
        """
        try:
            async with asyncio.timeout(timeout_s), self._reading:
                if self._frame_size is None:
                    header = await self._stdout.readexactly(HEADER.size)
                    (self._frame_size,) = HEADER.unpack(header)
                if self._frame_size > MAX_FRAME:
                    raise EngineCrashedError("The engine's process wrote nonsense.")
                body = await self._stdout.readexactly(self._frame_size)
                self._frame_size = None
        except TimeoutError:
            raise ProviderTimeoutError(
                f"The engine said nothing for {timeout_s:g} seconds."
            ) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise EngineCrashedError from None
        return decode_from_child(body)

    def retire(self) -> None:
        """Have it replaced: whoever keeps it closes it."""
        self._over.set()

    async def over(self) -> None:
        """Wait until it is dead or has been sent away."""
        await self._over.wait()

    async def close(self) -> None:
        """End the process, a request on it included, and clear up after it."""
        self._over.set()
        self._stdin.close()  # a child leaves when its parent seems gone
        try:
            async with asyncio.timeout(_LEAVE_S):
                await self._gone()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._gone()

    async def _greet(self, timeout_s: float) -> None:
        first = await self.receive(timeout_s)
        if not isinstance(first, Ready):
            reason = first.message if isinstance(first, Failure) else "it wrote nonsense"
            raise ProviderError(f"The engine cannot be opened: {reason}")

    async def _gone(self) -> None:
        # A process whose output nobody reads is never reported as ended.
        async with self._reading:
            with contextlib.suppress(ConnectionError):
                while await self._stdout.read(_READ_AHEAD):
                    pass
        await asyncio.shield(self._watch)

    def _send(self, message: ToChild) -> None:
        # Whoever reads the answer hears of a process that is dead; nothing waits in the pipe, as
        # one request is under way at a time. RuntimeError: closed on our side.
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._stdin.write(encode(message))
