"""The core as dialects see it: one object, a method for each thing a client can ask."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intone.core import job_lists, jobs, ledger
from intone.core.idempotency import recall
from intone.core.submission import submit
from intone.errors import IntoneError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from intone.core.access import Access, Principal
    from intone.core.analytics import Analytics
    from intone.core.captions import Captions
    from intone.core.cloning import Cloning
    from intone.core.egress import Egress
    from intone.core.idempotency import StoredReply
    from intone.core.jobs import Job, JobState
    from intone.core.ledger import Balance, Meter
    from intone.core.limits import RateLimiter
    from intone.core.listening import Listening
    from intone.core.listings import Catalogue
    from intone.core.policy import Policy
    from intone.core.posts import Posts
    from intone.core.signing import Signer
    from intone.core.speech import Speech
    from intone.core.submission import Submission
    from intone.core.uploading import Uploads
    from intone.core.voices import CatalogueVoice, VoiceCatalogue
    from intone.core.watch import Watchers
    from intone.queue.base import Queue
    from intone.storage.database import Database

__all__ = ["Core"]

#: Seconds between two looks at a watched job that another process may be rendering.
_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Core:
    """Everything a dialect needs; built once by the runtime."""

    database: Database
    queue: Queue
    access: Access
    limiter: RateLimiter
    policy: Policy
    voices: VoiceCatalogue
    watchers: Watchers
    listening: Listening
    captions: Captions
    listings: Catalogue
    signer: Signer
    uploads: Uploads
    speech: Speech
    cloning: Cloning
    egress: Egress
    posts: Posts
    analytics: Analytics

    async def admit(self, principal: Principal) -> None:
        """Count a request of the workspace.

        Raises:
            RateLimitedError: The plan's requests of this minute are used up.
        """
        if principal.plan.requests_per_minute:
            await self.limiter.hit(
                f"workspace:{principal.workspace_id}", principal.plan.requests_per_minute
            )

    async def submit(self, principal: Principal, submission: Submission) -> StoredReply:
        """Accept a job: limits, policy, quota, then the queue.

        Raises:
            InvalidInputError: The text is longer than the plan allows.
            PolicyBlockedError: The text is not allowed; nothing was stored.
            QuotaExceededError: The workspace cannot pay for it.
            IdempotencyConflictError: The key was used with another body.
            StorageFullError: There is no room to write it down.
        """
        try:
            await self._allow(principal, submission)
        except IntoneError:
            # A request accepted before keeps its reply, whatever the rules have become since.
            key, workspace_id = submission.idempotency, submission.workspace_id
            if key and (earlier := await self.database.read(recall, workspace_id, key)):
                return earlier
            raise
        return await self.database.write(submit, self.queue, submission)

    async def _allow(self, principal: Principal, submission: Submission) -> None:
        text, longest = submission.order.text, submission.max_characters
        if longest is None:
            longest = principal.plan.max_input_characters
        if len(text) > longest:
            raise InvalidInputError(
                f"The text has {len(text):,} characters; at most {longest:,} are allowed here."
            )
        await self.policy.check(text)

    async def job(self, principal: Principal, job_id: str) -> Job:
        """The workspace's job of that id.

        Raises:
            NotFoundError: There is none, or it has expired.
        """
        return await self.database.read(jobs.find, principal.workspace_id, job_id)

    async def find_voice(self, principal: Principal, name: str) -> CatalogueVoice:
        """The voice of that name with which the workspace can speak now.

        Raises:
            NotFoundError: There is none.
            VoiceNotReadyError: It is still being made, or could not be made.
        """
        return await self.voices.find(principal.workspace_id, name)

    async def list_jobs(
        self,
        principal: Principal,
        dialect: str,
        *,
        limit: int,
        before: int | None = None,
        states: Sequence[JobState] = (),
        voice: str | None = None,
    ) -> list[Job]:
        """The workspace's jobs that came by a dialect, newest first; see `job_lists.page`."""
        return await self.database.read(
            job_lists.page,
            principal.workspace_id,
            dialect,
            limit=limit,
            before=before,
            states=states,
            voice=voice,
        )

    async def cancel(self, principal: Principal, job_id: str) -> Job:
        """End a job that has not ended; returns it as it then stands.

        Raises:
            NotFoundError: There is none, or it has expired.
        """
        job = await self.database.write(jobs.cancel, self.queue, principal.workspace_id, job_id)
        self.watchers.publish(job_id)
        return job

    async def erase(self, principal: Principal, job_id: str) -> None:
        """End a job that has not ended, and have it be gone with its audio.

        Raises:
            NotFoundError: There is none, or it has expired.
        """
        await self.cancel(principal, job_id)
        await self.database.write(job_lists.expire, principal.workspace_id, job_id)

    async def watch(self, principal: Principal, job_id: str) -> AsyncIterator[Job]:
        """The job now, and again at each change of state or progress, until it has ended.

        Raises:
            NotFoundError: There is none, or it has expired.
        """
        seen: tuple[str, int] | None = None
        async with aclosing(self.watchers.changes(job_id, _LOOK_AGAIN_S)) as changes:
            async for _ in changes:
                job = await self.job(principal, job_id)
                if (job.state, job.progress) != seen:
                    seen = (job.state, job.progress)
                    yield job
                if job.state in jobs.ENDED:
                    return

    async def balance(self, principal: Principal, meter: Meter) -> Balance:
        """How the workspace stands on a meter."""
        return await self.database.read(ledger.balance, principal.workspace_id, meter)
