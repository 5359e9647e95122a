"""Changing how fast audio is spoken, and not its pitch, while it is arriving."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from intone.audio.formats import BYTES_PER_SAMPLE, FrameAligner
from intone.errors import InvalidInputError

if TYPE_CHECKING:
    from av.filter import Graph

__all__ = ["FASTEST", "SLOWEST", "TempoChanger"]

SLOWEST, FASTEST = 0.25, 4.0
#: The slowest FFmpeg's filter goes by itself; below, two in a row share the work. Above 2, one
#: is better than two: it keeps the pitch of fast speech within 1 %, two only within 3 %.
_SLOWEST_OF_ONE = 0.5
#: PCM goes to the filter in pieces of this length: of a longer one it would hold back as much,
#: and of the shortest it could not make a whole sample.
_BLOCK_S = 0.01
#: Silence that drives the last of the audio out of the filter, longer than what it holds back.
_RUN_OUT_S = 0.3


class TempoChanger:
    """Stretches or shortens one stream of mono PCM, by FFmpeg's `atempo` (WSOLA).

    The result is exactly n / factor samples long (rounded), and a sound in it lies where it
    should or up to 60 ms of input earlier. It comes at most 0.2 s of input late and does not
    depend on how the input is chunked. With a factor of 1 it is the input.

    Args:
        sample_rate: Of the PCM, in Hz.
        factor: Above 1 is faster; `SLOWEST` to `FASTEST`.

    Raises:
        InvalidInputError: The factor is out of range.
    """

    def __init__(self, sample_rate: int, factor: float) -> None:
        if not SLOWEST <= factor <= FASTEST:
            raise InvalidInputError(
                f"The speed must be between {SLOWEST:g} and {FASTEST:g}, not {factor:g}."
            )
        self._rate, self._factor = sample_rate, factor
        self._block = math.ceil(sample_rate * _BLOCK_S) * BYTES_PER_SAMPLE
        self._aligner = FrameAligner()
        self._waiting = bytearray()
        #: Samples that came in, that went into the filter, and that were returned.
        self._fed = self._pushed = self._returned = 0
        self._graph = None if factor == 1.0 else _graph(sample_rate, factor)

    def feed(self, pcm: bytes) -> bytes:
        """Take in more PCM and return what is ready of the result, perhaps nothing."""
        pcm = self._aligner.feed(pcm)
        if self._graph is None:
            return pcm
        self._fed += len(pcm) // BYTES_PER_SAMPLE
        result = self._change(self._graph, pcm)
        self._returned += len(result) // BYTES_PER_SAMPLE
        return result

    def finish(self) -> bytes:
        """Return the last samples; no call may follow."""
        if self._graph is None:
            return b""
        silence = bytes(math.ceil(self._rate * _RUN_OUT_S) * BYTES_PER_SAMPLE)
        missing = max(round(self._fed / self._factor) - self._returned, 0)
        return self._change(self._graph, silence)[: missing * BYTES_PER_SAMPLE]

    def _change(self, graph: Graph, pcm: bytes) -> bytes:
        """Put PCM through the filter in whole blocks and return what has come out."""
        self._waiting += pcm
        whole = len(self._waiting) - len(self._waiting) % self._block
        ready = bytes(self._waiting[:whole])
        del self._waiting[:whole]
        blocks = (ready[begin : begin + self._block] for begin in range(0, whole, self._block))
        return b"".join([self._push(graph, block) for block in blocks])

    def _push(self, graph: Graph, pcm: bytes) -> bytes:
        import av
        import numpy as np

        samples = np.frombuffer(pcm, "<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = self._rate, self._pushed
        self._pushed += len(pcm) // BYTES_PER_SAMPLE
        graph.push(frame)
        ready: list[bytes] = []
        while True:
            try:
                ready.append(graph.pull().to_ndarray().tobytes())
            except av.BlockingIOError:
                return b"".join(ready)


def _graph(sample_rate: int, factor: float) -> Graph:
    import av.filter

    graph = av.filter.Graph()
    last = graph.add_abuffer(sample_rate=sample_rate, format="s16", layout="mono")
    filters = 1 if factor >= _SLOWEST_OF_ONE else 2
    for _ in range(filters):
        tempo = graph.add("atempo", f"{math.pow(factor, 1 / filters):.9f}")
        last.link_to(tempo)
        last = tempo
    last.link_to(graph.add("abuffersink"))
    graph.configure()
    return graph
