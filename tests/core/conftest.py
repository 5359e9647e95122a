"""What tests of the core's rooms share."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from helpers.rendering import Wrapped
from helpers.work import make_workspace
from intone.core import rendering
from intone.core.job_metrics import JobMetrics
from intone.core.listening import Listening
from intone.core.rendering import Renderer
from intone.core.routing import Router
from intone.core.segment_cache import SegmentCache
from intone.core.synthesis import Synthesizer
from intone.core.voices import VoiceCatalogue
from intone.core.watch import Watchers
from intone.providers.engines.espeak_provider import EspeakProvider
from intone.queue.base import Queue
from intone.queue.open import open_queue
from intone.storage.blobs import BlobStore


@pytest.fixture
async def queue(database) -> AsyncIterator[Queue]:
    """The queue that goes with the database."""
    opened = open_queue(database)
    await opened.start()
    yield opened
    await opened.close()


@pytest.fixture
async def workspace_id(database) -> str:
    """A workspace with 100,000 characters."""
    return await database.write(make_workspace)


@pytest.fixture
def blobs(tmp_path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
async def provider():
    engine = EspeakProvider(processes=1)
    yield Wrapped(engine)
    await engine.close()


@pytest.fixture
def watchers():
    return Watchers()


@pytest.fixture
def renderer(database, queue, blobs, spool, provider, watchers, monkeypatch):
    monkeypatch.setattr(rendering, "_RETRY_MS", 1)
    return Renderer(
        database=database,
        queue=queue,
        blobs=blobs,
        voices=VoiceCatalogue([provider]),
        synthesizer=Synthesizer({"espeak": provider}, Router(), SegmentCache(database, blobs)),
        watchers=watchers,
        metrics=JobMetrics(CollectorRegistry()),
        spool=spool,
    )


@pytest.fixture
def listening(database, blobs, watchers, spool):
    return Listening(database, blobs, watchers, spool)
