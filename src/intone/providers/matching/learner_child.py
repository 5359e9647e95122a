"""The process that learns a voice: an order on stdin, what was learnt on stdout, both msgpack."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from intone.providers.cloning import SAMPLE_RATE
from intone.providers.matching.analysis import analyse
from intone.providers.matching.fit import Candidate, fit
from intone.providers.matching.learner import LearnOrder, Learnt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["learn", "main"]

#: Seconds of all samples together that are read: as many as `fit` looks at. More would not be
#: heard, and a second of them costs 1.5 MB of memory.
_MOST_S = 60
_PR_SET_PDEATHSIG = 1


def learn(order: LearnOrder) -> Learnt:
    """Learn a voice from samples, or without presets see whether they will do."""
    samples = _read(order.samples)
    if not order.candidates:
        report = asdict(analyse(samples, SAMPLE_RATE))
        return Learnt(report={name: _shown(value) for name, value in report.items()})
    candidates = [
        Candidate(one.local_id, np.frombuffer(one.pcm, "<i2"), SAMPLE_RATE)
        for one in order.candidates
    ]
    voice = fit(samples, SAMPLE_RATE, candidates)
    return Learnt(base_local_id=voice.base_local_id, model=voice.model.to_bytes())


def main() -> None:
    """Serve one order."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(5)  # whoever speaks goes first
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=LearnOrder)
    sys.stdout.buffer.write(msgspec.msgpack.encode(learn(order)))


def _read(paths: Sequence[str]) -> list[NDArray[np.int16]]:
    """The beginnings of all samples; what a short one leaves is for those after it."""
    samples, left = [], _MOST_S * SAMPLE_RATE
    for number, path in enumerate(paths):
        samples.append(np.fromfile(path, "<i2", count=left // (len(paths) - number)))
        left -= len(samples[-1])
    return samples


def _shown(value: Any) -> Any:
    """A figure as people read it, of JSON's types."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, tuple):
        return [_shown(one) for one in value]
    return None if value is None else str(value)


if __name__ == "__main__":
    main()
