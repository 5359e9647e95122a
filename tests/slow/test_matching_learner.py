"""Learning matched voices in a process: what comes of good samples and of bad ones, and when."""

import asyncio
import re
import subprocess
import sys

import msgspec
import numpy as np
import pytest
import soxr

from helpers.speech import ARTICLE, speak
from intone.errors import (
    EngineCrashedError,
    ProviderRejectedError,
    SampleSilentError,
    SampleTooShortError,
)
from intone.providers.base import SpeechRequest
from intone.providers.cloning import SAMPLE_RATE, ResolvedClone
from intone.providers.matching import learner as learner_module
from intone.providers.registry import create_clone_engines, create_providers

#: Learns, and then says what there is to know of its process.
MEASURED = """
import sys
from intone.providers.matching.learner_child import main
main()
sys.stderr.write(open("/proc/self/status").read())
"""


@pytest.fixture
async def clones():
    """By id, what it stands for."""
    return {}


@pytest.fixture
async def providers(clones):
    found = create_providers(processes=1, clones=clones.__getitem__)
    for provider in found.values():
        await provider.start()
    yield found
    for provider in found.values():
        await provider.close()


@pytest.fixture
def learner(providers):
    (engine,) = create_clone_engines(providers)
    return engine


def sample(folder, samples, name="sample"):
    path = folder / f"{name}.pcm"
    path.write_bytes(np.asarray(samples).astype("<i2").tobytes())
    return path


def read(text):
    """What a voice reads, at the rate of samples."""
    rate, pcm = speak(text)
    return soxr.resample(np.frombuffer(pcm, "<i2"), rate, SAMPLE_RATE)


async def test_a_voice_is_learnt_and_then_spoken(providers, learner, clones, tmp_path):
    learnt = await learner.prepare([sample(tmp_path, read(ARTICLE))], "en-GB")
    base = next(v for v in providers["espeak"].voices() if v.slug == learnt.base_voice)
    assert base.languages[0].startswith("en")
    assert learnt.analysis["speech_seconds"] > 5
    model = tmp_path / "model"
    model.write_bytes(learnt.model)
    clones["mine"] = ResolvedClone(base.local_id, model)
    request = SpeechRequest(text="Good morning.", voice="mine", language="en", sample_rate=24_000)
    pcm = b"".join([chunk.pcm async for chunk in providers["matching"].synthesize(request)])
    assert np.abs(np.frombuffer(pcm, "<i2")).max() > 2000


async def test_samples_that_will_not_do_come_with_what_was_found(learner, tmp_path):
    with pytest.raises(SampleSilentError) as silent:
        await learner.prepare([sample(tmp_path, np.zeros(10 * SAMPLE_RATE))], "en")
    assert silent.value.analysis["seconds"] == pytest.approx(10)
    with pytest.raises(SampleTooShortError) as short:
        await learner.prepare([sample(tmp_path, read("Hello there."))], "en")
    assert 0 < short.value.analysis["speech_seconds"] < 5


async def test_of_many_long_samples_each_is_heard(learner, tmp_path):
    """A silent first one does not use up what is listened to."""
    first = sample(tmp_path, np.zeros(90 * SAMPLE_RATE), "first")
    learnt = await learner.prepare([first, sample(tmp_path, read(ARTICLE), "second")], "en")
    assert learnt.analysis["speech_seconds"] > 5


async def test_learning_from_the_longest_samples_takes_less_than_200_mb(
    learner, tmp_path, monkeypatch
):
    orders, learn = [], learner_module._learn
    monkeypatch.setattr(
        learner_module, "_learn", lambda order: orders.append(order) or learn(order)
    )
    await learner.prepare([sample(tmp_path, np.tile(read(ARTICLE), 10))], "en")
    assert [len(order.candidates) for order in orders] == [0, 8]
    assert all(peak_mb(order) < 200 for order in orders)


def peak_mb(order):
    """What memory a process takes at most to carry out an order."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED],
        input=msgspec.msgpack.encode(order),
        capture_output=True,
        check=True,
    )
    return int(re.search(rb"VmHWM:\s*(\d+) kB", done.stderr)[1]) / 1024


async def test_a_process_that_dies_can_be_tried_again(learner, tmp_path, monkeypatch):
    monkeypatch.setattr(learner_module, "_ENVIRONMENT", {"PYTHONHOME": str(tmp_path)})
    with pytest.raises(EngineCrashedError) as died:
        await learner.prepare([sample(tmp_path, read(ARTICLE))], "en")
    assert died.value.retryable


async def test_nobody_speaks_with_clones_before_the_first_request_or_after_the_end(
    providers, clones, tmp_path
):
    matching = providers["matching"]
    assert matching.pool.pids == []
    request = SpeechRequest(text="Hello.", voice="nobody", language="en")
    with pytest.raises(ProviderRejectedError):
        [_ async for _ in matching.synthesize(request)]
    clones["gone"] = ResolvedClone("en-us.emma", tmp_path / "gone")
    request = SpeechRequest(text="Hello.", voice="gone", language="en")
    with pytest.raises(ProviderRejectedError):
        [_ async for _ in matching.synthesize(request)]
    assert len(matching.pool.pids) == 1
    await matching.close()
    await asyncio.sleep(0)
    assert matching.pool.pids == []
