"""The process that learns a voice: an order on stdin, what was learnt on stdout, both msgpack."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from dataclasses import asdict

import msgspec
import numpy as np

from intone.errors import InvalidInputError
from intone.providers.cloning import SAMPLE_RATE
from intone.providers.matching.analysis import SampleProblem, analyse
from intone.providers.matching.fit import Candidate, fit
from intone.providers.matching.learner import LearnOrder, Learnt

__all__ = ["learn", "main"]

#: Seconds of samples that are read; fewer are looked at.
_MOST_S = 300
_PR_SET_PDEATHSIG = 1


def learn(order: LearnOrder) -> Learnt:
    """Look at the samples and, if they will do, learn their voice."""
    samples, left = [], _MOST_S * SAMPLE_RATE
    for path in order.samples:
        samples.append(np.fromfile(path, "<i2", count=left))
        left -= len(samples[-1])
    report = analyse(samples, SAMPLE_RATE)
    shown = {
        name: None if value is None else _rounded(value) for name, value in asdict(report).items()
    }
    if report.problem is not None:
        return Learnt(shown)
    candidates = [
        Candidate(one.local_id, np.frombuffer(one.pcm, "<i2"), SAMPLE_RATE)
        for one in order.candidates
    ]
    try:
        voice = fit(samples, SAMPLE_RATE, candidates)
    except InvalidInputError:
        return Learnt(shown | {"problem": str(SampleProblem.NOT_SPEECH)})
    return Learnt(shown, voice.base_local_id, voice.model.to_bytes())


def main() -> None:
    """Serve one order."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(5)  # whoever speaks goes first
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=LearnOrder)
    sys.stdout.buffer.write(msgspec.msgpack.encode(learn(order)))


def _rounded(value: object) -> object:
    """Figures as people read them."""
    if isinstance(value, float):
        return round(value, 3)
    return [_rounded(one) for one in value] if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    main()
