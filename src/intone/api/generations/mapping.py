"""Between this dialect's words and the core's."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, cast

from intone.api.generations.schemas import Generation, GenerationFailure, ReusedSegments
from intone.api.moments import moment
from intone.core.plans import CHARACTERS_PER_CREDIT
from intone.errors import InternalError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from intone.api.generations.schemas import Form, Format, Status
    from intone.core.jobs import Job, JobState, Order

__all__ = [
    "DIALECT",
    "STATES",
    "credits_for",
    "form_of",
    "generation_body",
    "generation_id",
    "job_id_of",
    "status_word",
    "status_word_of_new",
    "voice_name",
]

#: What the core calls jobs that came by this API.
DIALECT: Final = "generations"
#: What stands before the id in the words of seed 001.
_SHORT: Final = "gen_"

_WORDS: Final[Mapping[Form, Mapping[JobState, Status]]] = {
    "script": {
        "queued": "queued",
        "running": "running",
        "enhancing": "enhancing",
        "ready": "ready",
        "failed": "failed",
        "cancelled": "failed",
    },
    "text": {
        "queued": "processing",
        "running": "processing",
        "enhancing": "processing",
        "ready": "completed",
        "failed": "failed",
        "cancelled": "failed",
    },
}
#: The core's states that a status, of either form, stands for.
STATES: Final[Mapping[str, Sequence[JobState]]] = {
    word: [state for words in _WORDS.values() for state, own in words.items() if own == word]
    for words in _WORDS.values()
    for word in words.values()
}


def form_of(job: Job) -> Form:
    """By which form a generation was asked for; it is kept as the job's tag."""
    return cast("Form", job.tag or "script")


def status_word(job: Job, state: JobState | None = None) -> Status:
    """The status, in the words of the form that the generation was asked for by."""
    return _WORDS[form_of(job)][state or job.state]


def status_word_of_new(form: Form) -> Status:
    """The status of a generation that has just been asked for."""
    return _WORDS[form]["queued"]


def generation_id(job_id: str, form: Form) -> str:
    """What clients call a job."""
    return job_id if form == "script" else _SHORT + job_id.replace("-", "")


def job_id_of(name: str) -> str:
    """The job that clients call by this name, in either form.

    Raises:
        NotFoundError: There can be none of this name.
    """
    try:
        return str(uuid.UUID(name.removeprefix(_SHORT)))
    except ValueError:
        raise NotFoundError("There is no such generation, or it has expired.") from None


def voice_name(order: Order, form: Form) -> str:
    """What clients call the voice: seed 002 by its uuid, seed 001 by its slug."""
    # Jobs of older versions have no uuid.
    return (form == "script" and order.voice_uuid) or order.voice


def credits_for(text: str) -> int:
    """One credit for each 1,000 characters begun (seeds 001 and 002)."""
    return -(-len(text) // CHARACTERS_PER_CREDIT)


def generation_body(job: Job, download_url: str | None) -> Generation:
    """A generation as the dialect shows it.

    Args:
        job: The core's job.
        download_url: Where its audio is; None where there is none.
    """
    recording, cost = job.recording, credits_for(job.order.text)
    done: dict[str, Any] = {}
    if job.segments is not None:
        total, reused = job.segments
        done["reused"] = ReusedSegments(segments=reused, of=total)
    if recording is not None:
        done |= {
            "duration_ms": recording.duration_ms,
            "duration_sec": -(-recording.duration_ms // 1000),
            "download_url": download_url,
            "audio_url": download_url,
        }
    return Generation(
        id=generation_id(job.id, form_of(job)),
        status=status_word(job),
        voice_id=voice_name(job.order, form_of(job)),
        format=cast("Format", job.order.format),
        credits=cost,
        estimated_credits=cost,
        progress_percent=job.progress,
        created_at=moment(job.created_at),
        completed_at=None if job.ended_at is None else moment(job.ended_at),
        error=_failure(job),
        **done,
    )


def _failure(job: Job) -> GenerationFailure | None:
    if job.state == "cancelled":
        return GenerationFailure(code="cancelled", message="It was cancelled.")
    if job.error_code is None:
        return None
    message = job.error_message or InternalError().message
    return GenerationFailure(code=job.error_code, message=message)
