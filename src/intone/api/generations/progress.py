"""A generation's life as server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intone.api.events import Event
from intone.api.generations.mapping import form_of, generation_id, status_word
from intone.api.generations.schemas import GenerationEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from intone.core.jobs import Job, JobState

__all__ = ["generation_events"]

#: What a job passes through, in this order.
_WAY: Final[Sequence[JobState]] = ("queued", "running", "enhancing", "ready")


async def generation_events(changes: AsyncIterator[Job]) -> AsyncIterator[Event]:
    """`status` at each state that the generation passes through, `progress` in between.

    A short text may pass through several states between two looks; each of them is told.
    """
    told: JobState | None = None
    async for job in changes:
        if job.state == told:
            yield _event("progress", job, job.state)
            continue
        for state in _passed(told, job):
            yield _event("status", job, state)
        told = job.state


def _passed(told: JobState | None, job: Job) -> Iterator[JobState]:
    """The states since the one told last, the present one included."""
    if told in _WAY and job.state in _WAY[_WAY.index(told) :]:
        yield from _WAY[_WAY.index(told) + 1 : _WAY.index(job.state) + 1]
    elif told == "queued" and job.state == "failed" and job.started_at is not None:
        yield from ("running", "failed")
    else:
        yield job.state


def _event(name: str, job: Job, state: JobState) -> Event:
    data = GenerationEvent(
        id=generation_id(job.id, form_of(job)),
        status=status_word(job, state),
        progress_percent=job.progress,
    )
    return Event(name, data)
