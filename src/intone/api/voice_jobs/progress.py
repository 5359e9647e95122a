"""A job's life as server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from intone.api.events import Event
from intone.api.voice_jobs.errors import job_error
from intone.api.voice_jobs.mapping import status_word
from intone.api.voice_jobs.schemas import JobEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from intone.core.jobs import Job

__all__ = ["job_events"]


async def job_events(changes: AsyncIterator[Job]) -> AsyncIterator[Event]:
    """`status` when the job's status has changed, `progress` when only its progress has."""
    told: str | None = None
    async for job in changes:
        word = status_word(job)
        data = JobEvent(
            job_id=job.id,
            status=word,
            progress_percent=job.progress,
            duration_ms=UNSET if job.recording is None else job.recording.duration_ms,
            error=job_error(job) or UNSET,
        )
        yield Event("progress" if word == told else "status", data)
        told = word
