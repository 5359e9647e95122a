"""The engine process: `python -m intone.providers.engines.host espeak`.

Native code that crashes, hangs or leaks does it here, where it costs one request and
never the server. Resampling is done here too, so that it uses all cores.
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np
import soxr

from intone.errors import ProviderRejectedError
from intone.providers.engines.protocol import (
    Cancel,
    Chunk,
    End,
    Failure,
    FromChild,
    Ready,
    Speak,
    decode_to_child,
    encode,
    read_frame,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.providers.base import WordMark

__all__ = ["Emit", "Engine", "Host", "main"]

#: Fast engines are gathered into frames of about this many bytes of audio …
_FRAME_BYTES = 64 << 10
#: … but no audio is held back longer than this, in seconds; the first goes out at once.
_GATHER_S = 0.005

_PR_SET_PDEATHSIG = 1


class Emit(Protocol):
    """Takes what an engine has made."""

    def __call__(self, pcm: bytes, sample_rate: int, words: Sequence[WordMark] = (), /) -> bool:
        """Take audio in its order; False says that nobody wants more.

        Args:
            pcm: Mono s16le samples.
            sample_rate: In Hz, always the same.
            words: Where words begin; those of this audio or of the audio around it.
        """


class Engine(Protocol):
    """What turns text into audio in an engine process."""

    def speak(
        self,
        text: str,
        voice: dict[str, Any],
        rate: float,
        emit: Emit,
    ) -> None:
        """Speak a text, handing out audio as it comes.

        Args:
            text: What to say.
            voice: The engine's own settings.
            rate: Speed multiplier, 0.5–2.0.
            emit: Takes the audio, until it returns False.

        Raises:
            ProviderRejectedError: The request can never succeed.
        """


class Host:
    """Serves an engine's audio over two streams of frames."""

    def __init__(self, engine: Engine, source: BinaryIO, sink: BinaryIO) -> None:
        self._engine = engine
        self._source = source
        self._sink = sink
        self._requests: queue.SimpleQueue[Speak] = queue.SimpleQueue()
        self._cancelled = 0

    def run(self) -> None:
        """Serve until the parent closes its end."""
        threading.Thread(target=self._listen, daemon=True).start()
        self.send(Ready())
        while True:
            self.send(self._serve(self._requests.get()))

    def send(self, message: FromChild) -> None:
        """Write one frame; waits while the parent does not read."""
        try:
            self._sink.write(encode(message))
            self._sink.flush()
        except BrokenPipeError:
            os._exit(0)

    def is_cancelled(self, request: Speak) -> bool:
        """Whether nobody wants the rest of it."""
        return request.id <= self._cancelled

    def _listen(self) -> None:
        while (frame := read_frame(self._source)) is not None:
            message = decode_to_child(frame)
            if isinstance(message, Cancel):
                self._cancelled = message.id
            else:
                self._requests.put(message)
        # The parent is gone, and the engine may be deep in native code: leave at once.
        os._exit(0)

    def _serve(self, request: Speak) -> End | Failure:
        stream = _Stream(self, request)
        try:
            self._engine.speak(request.text, request.voice, request.rate, stream.feed)
            if not self.is_cancelled(request):
                stream.finish()
        except ProviderRejectedError as error:
            return Failure(request.id, "rejected", error.message, _resident_bytes())
        except Exception as error:  # noqa: BLE001 - whatever an engine raises, the parent hears it
            traceback.print_exc()
            message = f"{type(error).__name__}: {error}"
            return Failure(request.id, "failed", message, _resident_bytes())
        return End(request.id, _resident_bytes())


class _Stream:
    """The audio of one request: gathered, resampled and sent."""

    def __init__(self, host: Host, request: Speak) -> None:
        self._host = host
        self._request = request
        self._pending = bytearray()
        self._words: list[WordMark] = []
        self._due = 0.0
        self._sample_rate = 0
        self._resampler: soxr.ResampleStream | None = None

    def feed(self, pcm: bytes, sample_rate: int, words: Sequence[WordMark] = (), /) -> bool:
        if self._host.is_cancelled(self._request):
            return False
        if not self._sample_rate:
            self._begin(sample_rate)
        self._pending += pcm
        self._words += words
        if len(self._pending) >= _FRAME_BYTES or time.monotonic() >= self._due:
            self._flush(last=False)
            self._due = time.monotonic() + _GATHER_S
        return True

    def finish(self) -> None:
        if self._sample_rate:
            self._flush(last=True)

    def _begin(self, sample_rate: int) -> None:
        wanted = self._request.sample_rate or sample_rate
        if wanted != sample_rate:
            self._resampler = soxr.ResampleStream(sample_rate, wanted, 1, dtype="int16")
        self._sample_rate = wanted

    def _flush(self, *, last: bool) -> None:
        pcm = bytes(self._pending)
        self._pending.clear()
        if self._resampler is not None:
            samples = np.frombuffer(pcm, dtype=np.int16)
            pcm = self._resampler.resample_chunk(samples, last=last).tobytes()
        if pcm:
            words, self._words = tuple(self._words), []
            self._host.send(Chunk(self._request.id, pcm, self._sample_rate, words))


def main() -> None:
    """Open the engine named on the command line and serve it on stdin and stdout."""
    # A Ctrl-C or a stop of the whole service reaches this process as well, but the parent may
    # still need it for the jobs it finishes; it ends this process itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    source, sink = _take_streams()
    try:
        engine = _open(sys.argv[1])
    except Exception as error:  # noqa: BLE001 - the parent is told, whatever it is
        failure = Failure(0, "failed", f"{type(error).__name__}: {error}", _resident_bytes())
        sink.write(encode(failure))
        sink.flush()
        sys.exit(1)
    Host(engine, source, sink).run()


def _open(name: str) -> Engine:
    if name == "espeak":
        from intone.providers.engines.espeak import Espeak

        return Espeak()
    if name == "matching":
        from intone.providers.engines.matching import Matching

        return Matching()
    raise ValueError(f"There is no engine called {name!r}.")


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Stdin and stdout for frames alone: what native code prints goes to stderr instead."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def _resident_bytes() -> int:
    if sys.platform == "linux":
        with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - read after every request
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
