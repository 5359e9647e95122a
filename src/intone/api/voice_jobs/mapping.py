"""Between the voice jobs dialect's words and the core's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from intone.api.moments import moment
from intone.api.voice_jobs.errors import job_error
from intone.api.voice_jobs.schemas import (
    AudioOutput,
    Output,
    OutputV2,
    Quota,
    Voice,
    VoiceJob,
    VoiceJobV2,
    VoiceProfile,
)

if TYPE_CHECKING:
    from intone.api.voice_jobs.schemas import Status
    from intone.core.jobs import Job, JobState
    from intone.core.ledger import Balance
    from intone.core.voices import CatalogueVoice

__all__ = ["Version", "job_body", "profile_body", "quota_body", "status_word"]

#: Version of the API, from the path.
Version = Literal["v1", "v2"]

_STATUS: Final[dict[JobState, Status]] = {
    "queued": "pending",
    "running": "processing",
    "enhancing": "processing",
    "ready": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}


def status_word(job: Job) -> Status:
    """The dialect's word for the job's state."""
    return _STATUS[job.state]


def job_body(job: Job, version: Version) -> VoiceJob | VoiceJobV2:
    """A job as the dialect shows it."""
    order, recording = job.order, job.recording
    common: dict[str, Any] = {
        "job_id": job.id,
        "status": status_word(job),
        "progress_percent": job.progress,
        "request_tag": job.tag,
        "created_at": _moment(job.created_at),
        "started_at": _moment(job.started_at),
        "completed_at": _moment(job.ended_at),
        "expires_at": _moment(job.expires_at),
        "voice": Voice(profile_id=order.voice, style=order.style, rate=order.rate),
        "duration_ms": None if recording is None else recording.duration_ms,
        "error": job_error(job),
    }
    rate: Any = order.sample_rate
    if version == "v1":
        return VoiceJob(**common, output=Output(format="pcm_s16le", sample_rate_hz=rate))
    channels: Any = order.channels
    audio = AudioOutput(format="pcm_s16le", sample_rate_hz=rate, channels=channels)
    return VoiceJobV2(**common, output=OutputV2(audio=audio))


def profile_body(voice: CatalogueVoice) -> VoiceProfile:
    """A voice as the dialect shows it."""
    return VoiceProfile(
        profile_id=voice.slug,
        name=voice.name,
        language=voice.languages[0],
        gender=voice.gender,
        styles=voice.styles,
        default_style=voice.styles[0],
        description=voice.description,
    )


def quota_body(balance: Balance) -> Quota:
    """A balance as the dialect shows it."""
    return Quota(
        limit=balance.limit,
        remaining=balance.remaining,
        used=balance.spent + balance.held,
        unit="characters",
        period_start=_moment(balance.period_start) or "",
        period_end=_moment(balance.period_end) or "",
    )


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else moment(at_ms)
