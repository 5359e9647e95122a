"""What a workspace can do about cloned voices: have one made, look at it, delete it.

A deleted voice is gone for its workspace at once. What came of it follows: recordings of jobs
that it has spoken, cached segments, and what the engine knows of it. Should this process die
amid that, or another have been rendering, a sweep does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from intone.core import cloned_voices, job_lists, post_takes, segment_rows, uploads
from intone.core.voices import looks_cloned, short_slug
from intone.errors import InvalidInputError, NotFoundError, PlanFeatureError
from intone.storage.database import now_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.core.access import Principal
    from intone.core.cloned_voices import ClonedVoice, Consent
    from intone.core.plans import Plan
    from intone.core.segment_cache import SegmentCache
    from intone.core.voices import ClonedVoices, VoiceCatalogue
    from intone.queue.base import Queue
    from intone.storage.blobs import BlobStore
    from intone.storage.database import Database, Transaction

__all__ = [
    "MAX_GIVEN_BY",
    "MAX_NAME",
    "MAX_SAMPLES",
    "MAX_VOICES",
    "CloneOrder",
    "Cloning",
    "model_folder",
    "require_cloning",
]

_log = structlog.get_logger(__name__)

#: How many samples a voice is made of at most.
MAX_SAMPLES: Final = 10
#: How many cloned voices a workspace keeps at most, failed ones included.
MAX_VOICES: Final = 100
#: Longest name of a voice, and of whoever has given consent, in characters.
MAX_NAME: Final = 100
MAX_GIVEN_BY: Final = 200
#: Milliseconds by which a client's clock may be ahead of ours.
_CLOCKS_DIFFER_MS: Final = 60_000
#: Milliseconds for which samples are kept at least for a voice that is queued.
_SAMPLES_KEPT_MS: Final = 24 * 3_600_000
#: Milliseconds after a deletion in which another process may still take on a job with the voice.
_SETTLED_MS: Final = 60_000
#: Rows of one unit of work.
_BATCH: Final = 200

_RECORDINGS = """
SELECT id FROM jobs
WHERE workspace_id = :workspace_id AND state = 'ready'
  AND (expires_at IS NULL OR expires_at > :now)
  AND spec LIKE :voice ESCAPE '!' LIMIT :limit
"""
_UNDER_WAY = """
SELECT 1 AS one FROM jobs
WHERE workspace_id = :workspace_id AND state IN ('queued', 'running', 'enhancing')
  AND spec LIKE :voice ESCAPE '!' LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class CloneOrder:
    """A voice that is to be made."""

    name: str
    #: What the upload API calls the samples, e.g. `uploads/….wav`.
    sample_paths: Sequence[str]
    consent: Consent | None = None
    #: BCP 47 tag of what it is to speak, e.g. `en-GB`; `en` for any kind of it.
    language: str = "en"


def require_cloning(plan: Plan) -> None:
    """See that the plan allows cloned voices.

    Raises:
        PlanFeatureError: It does not.
    """
    if "cloning" not in plan.features:
        raise PlanFeatureError(
            "cloning_requires_paid_plan",
            f"The plan {plan.name!r} does not include cloned voices; choose one that does.",
        )


def model_folder(voice: ClonedVoice) -> str:
    """Where in the blob store everything is that engines know of the voice."""
    return f"voices/{voice.workspace_id}/{voice.id}"


class Cloning:
    """Cloned voices, for the workspaces that have them.

    Args:
        database: Where the voices are.
        queue: Where the work goes.
        blobs: Where the engines' models are.
        catalogue: Knows which languages there are.
        clones: Is told of every change.
        segments: What is kept of spoken segments.
        requires_consent: Whether somebody must have agreed to each cloning.
    """

    def __init__(
        self,
        *,
        database: Database,
        queue: Queue,
        blobs: BlobStore,
        catalogue: VoiceCatalogue,
        clones: ClonedVoices,
        segments: SegmentCache,
        requires_consent: bool,
    ) -> None:
        self._database = database
        self._queue = queue
        self._blobs = blobs
        self._catalogue = catalogue
        self._voices = clones
        self._segments = segments
        self._requires_consent = requires_consent

    async def submit(self, principal: Principal, order: CloneOrder) -> str:
        """Have a voice be made; returns its id at once.

        Raises:
            PlanFeatureError: The plan does not allow cloned voices.
            InvalidInputError: There is no consent, a value is out of bounds, or the workspace has
                as many voices as it may.
            NotFoundError: The workspace has no such upload.
        """
        require_cloning(principal.plan)
        if order.consent is None and self._requires_consent:
            raise InvalidInputError(
                "consent: say who has agreed to this cloning (givenBy) and when (givenAt)."
            )
        _check(order)
        if not self._catalogue.speaking(order.language):
            raise InvalidInputError(
                f"language: no voice here speaks {order.language!r}; GET /v1/voices lists them."
            )
        voice_id = await self._database.write(
            submit_clone, self._queue, principal.workspace_id, order
        )
        self._voices.forget(principal.workspace_id)
        return voice_id

    async def find(self, principal: Principal, name: str) -> ClonedVoice:
        """The workspace's cloned voice of that uuid or slug, as it stands.

        Raises:
            NotFoundError: There is none.
        """
        found = looks_cloned(name) and await self._voices.find(principal.workspace_id, name)
        if not found:
            raise NotFoundError("There is no such voice.")
        return found

    async def delete(self, principal: Principal, name: str) -> None:
        """Delete a voice with everything derived from it.

        Jobs that are still to be spoken with it fail; those that are ready are gone.

        Raises:
            NotFoundError: The workspace has no cloned voice of that name.
        """
        voice = await self.find(principal, name)
        await self._database.write(cloned_voices.delete, self._queue, voice.workspace_id, voice.id)
        self._voices.forget(voice.workspace_id)
        await self._erase(voice)
        _log.info("voice.deleted", voice=voice.id)

    async def sweep(self) -> None:
        """Erase what is left of deleted voices, and forget those of which nothing can be left."""
        after = 0
        while voices := await self._database.read(cloned_voices.deleted, after, _BATCH):
            for voice in voices:
                await self._erase(voice)
                await self._database.write(_forget_if_settled, voice)
            after = voices[-1].number

    async def _erase(self, voice: ClonedVoice) -> None:
        """Erase what came of the voice; its recordings go with the next sweep of what expired."""
        self._voices.models.forget(voice.id)
        while job_ids := await self._database.read(_recordings, voice):
            await self._database.write(_expire, voice.workspace_id, job_ids)
        slug = short_slug(voice.id)
        await self._database.write(post_takes.drop_voice, self._queue, voice.workspace_id, slug)
        packs = await self._database.write(segment_rows.erase_voice, voice.workspace_id, slug)
        await self._segments.discard(packs)
        async for blob in self._blobs.list(model_folder(voice)):
            await self._blobs.delete(blob)


def submit_clone(tx: Transaction, queue: Queue, workspace_id: str, order: CloneOrder) -> str:
    """Write down a voice that is to be made and its queue entry; returns its id.

    Raises:
        NotFoundError: The workspace has no such upload.
        InvalidInputError: It has as many voices as it may.
    """
    # The row is locked, so that two that come together are counted one after the other.
    tx.execute("UPDATE workspaces SET plan = plan WHERE id = :id", id=workspace_id)
    samples = [uploads.find(tx, workspace_id, path) for path in order.sample_paths]
    if cloned_voices.count(tx, workspace_id) >= MAX_VOICES:
        raise InvalidInputError(
            f"A workspace keeps {MAX_VOICES} cloned voices, failed ones included; delete one first."
        )
    for sample in samples:
        uploads.prolong(tx, sample.id, now_ms() + _SAMPLES_KEPT_MS)
    return cloned_voices.insert(
        tx,
        queue,
        workspace_id=workspace_id,
        name=order.name,
        language=order.language,
        samples=order.sample_paths,
        consent=order.consent,
        # Whoever has much waiting goes behind whoever has little.
        priority=-cloned_voices.waiting(tx, workspace_id),
    )


def _check(order: CloneOrder) -> None:
    if not 1 <= len(order.name) <= MAX_NAME or not order.name.isprintable():
        raise InvalidInputError(f"name: 1 to {MAX_NAME} printable characters.")
    paths = order.sample_paths
    if not 1 <= len(paths) <= MAX_SAMPLES or len(set(paths)) != len(paths):
        raise InvalidInputError(f"samplePaths: name 1 to {MAX_SAMPLES} uploads, each once.")
    if order.consent is None:
        return
    by = order.consent.given_by
    if not by.strip() or len(by) > MAX_GIVEN_BY or not by.isprintable():
        raise InvalidInputError(f"consent.givenBy: 1 to {MAX_GIVEN_BY} printable characters.")
    if not 0 <= order.consent.given_at <= now_ms() + _CLOCKS_DIFFER_MS:
        raise InvalidInputError("consent.givenAt: a moment from 1970 on and not in the future.")


def _recordings(tx: Transaction, voice: ClonedVoice) -> list[str]:
    """Some jobs that the voice has spoken."""
    rows = tx.all(_RECORDINGS, **_spoken_by(voice), now=now_ms(), limit=_BATCH)
    return [row["id"] for row in rows]


def _expire(tx: Transaction, workspace_id: str, job_ids: Sequence[str]) -> None:
    for job_id in job_ids:
        job_lists.expire(tx, workspace_id, job_id)


def _forget_if_settled(tx: Transaction, voice: ClonedVoice) -> None:
    settled = voice.ended_at is not None and voice.ended_at < now_ms() - _SETTLED_MS
    if settled and tx.one(_UNDER_WAY, **_spoken_by(voice)) is None:
        cloned_voices.forget(tx, voice.id)


def _spoken_by(voice: ClonedVoice) -> dict[str, str]:
    """Parameters that match the orders of jobs which the voice speaks."""
    slug = short_slug(voice.id).replace("_", "!_")
    return {"workspace_id": voice.workspace_id, "voice": f'%"voice":"{slug}"%'}
