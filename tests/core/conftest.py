"""What tests of the core's rooms share."""

from collections.abc import AsyncIterator

import pytest

from helpers.work import make_workspace
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
