"""Cloned voices in tests: samples that somebody has uploaded, and an engine that does as told."""

from __future__ import annotations

import asyncio
import io
import wave

from helpers.speech import ARTICLE, speak
from intone.core.access import Principal
from intone.core.clone_models import CloneModels
from intone.core.cloned_voices import CLONE, Consent
from intone.core.cloner import Cloner
from intone.core.cloning import CloneOrder, Cloning
from intone.core.plans import load_plans
from intone.core.segment_cache import SegmentCache
from intone.core.signing import Signer
from intone.core.uploading import Uploads
from intone.core.voices import ClonedVoices, VoiceCatalogue
from intone.providers.cloning import SAMPLE_RATE, PreparedVoice

CONSENT = Consent("Ada Lovelace", 1_760_000_000_000)
BASE = "voice_en_us_002"
SCALE = load_plans()["scale"]


def wav(pcm, rate):
    """A WAV file of mono s16le."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm)
    return file.getvalue()


def spoken_sample(text=ARTICLE, voice="en-us"):
    """A WAV file in which somebody reads."""
    rate, pcm = speak(text, voice)
    return wav(pcm, rate)


async def once(data):
    yield data


class Engine:
    """Learns nothing; does with the samples what a test wants.

    Its model is how long the samples are, so that a test sees they have come.
    """

    name = "matching"

    def __init__(self):
        self.errors = []
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()

    def available(self):
        return True

    async def prepare(self, samples, language):
        self.language = language
        self.asked.set()
        seconds = [path.stat().st_size / 2 / SAMPLE_RATE for path in samples]
        await self.open.wait()
        if self.errors:
            raise self.errors.pop(0)
        return PreparedVoice(repr(seconds).encode(), BASE, {"seconds": round(sum(seconds), 1)})


class Workshop:
    """Everything that has to do with cloned voices, over one database."""

    def __init__(self, database, queue, blobs, spool, provider, workspace_id, engine=None):
        self.database, self.queue, self.blobs, self.spool = database, queue, blobs, spool
        self.workspace_id = workspace_id
        self.models = CloneModels(blobs)
        self.cloned = ClonedVoices(database, self.models)
        self.voices = VoiceCatalogue([provider], self.cloned)
        self.uploads = Uploads(database, blobs, Signer(database), spool)
        self.engine = engine or Engine()
        self.told = []
        self.cloner = self.new_cloner()
        self.cloning = self.new_cloning()

    def new_cloning(self, *, requires_consent=True):
        return Cloning(
            database=self.database,
            queue=self.queue,
            blobs=self.blobs,
            catalogue=self.voices,
            clones=self.cloned,
            segments=SegmentCache(self.database, self.blobs),
            requires_consent=requires_consent,
        )

    def new_cloner(self, announce=None):
        return Cloner(
            database=self.database,
            queue=self.queue,
            blobs=self.blobs,
            uploads=self.uploads,
            voices=self.cloned,
            engines=[self.engine],
            spool=self.spool,
            announce=announce or (lambda _, voice: self.told.append((voice.id, voice.state))),
        )

    def principal(self, workspace_id=None, plan=SCALE):
        workspace_id = workspace_id or self.workspace_id
        return Principal(workspace_id, "w", plan, frozenset({"speak"}), None, "test")

    async def upload(self, data=None, workspace_id=None):
        """Upload a sample; returns its path."""
        data = spoken_sample() if data is None else data
        sent = await self.uploads.accept(workspace_id or self.workspace_id, "a.wav", once(data))
        return sent.path

    async def submit(self, *paths, cloning=None, principal=None, **changes):
        order = CloneOrder(**{"name": "Ada", "sample_paths": paths, "consent": CONSENT} | changes)
        return await (cloning or self.cloning).submit(principal or self.principal(), order)

    async def claim(self):
        """The next voice to make; waits for a delayed one."""
        async with asyncio.timeout(30):
            while not (claims := await self.queue.claim([CLONE], limit=1, lease_ms=60_000)):
                await asyncio.sleep(0.01)
        return claims[0]

    async def make(self, *paths):
        """Have a voice made; returns its id."""
        voice_id = await self.submit(*(paths or [await self.upload()]))
        await self.cloner.run(await self.claim())
        return voice_id

    async def find(self, voice_id):
        return await self.cloning.find(self.principal(), voice_id)

    async def kept(self, folder="voices"):
        return {path async for path in self.blobs.list(folder)}
