"""What the OpenAPI document says of the voice jobs routes: examples that are real requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from intone.api.described import JSON, Answer, describe, header, request_header
from intone.api.dialect import RangeNotSatisfiableError
from intone.api.events import Event
from intone.api.voice_jobs.requests import UUID_V4
from intone.api.voice_jobs.schemas import (
    AudioOutput,
    Client,
    CreateVoiceJobRequest,
    CreateVoiceJobRequestV2,
    Input,
    JobCreated,
    JobEvent,
    Output,
    OutputV2,
    ProfileList,
    Quota,
    Voice,
    VoiceJob,
    VoiceJobV2,
    VoiceProfile,
)
from intone.errors import (
    IdempotencyConflictError,
    PolicyBlockedError,
    QuotaExceededError,
    StorageFullError,
)

if TYPE_CHECKING:
    from intone.api.voice_jobs.schemas import Status

__all__ = [
    "AUDIO",
    "CANCEL_V1",
    "CANCEL_V2",
    "CREATE_V1",
    "CREATE_V2",
    "EVENTS",
    "JOB_V1",
    "JOB_V2",
    "PROFILE",
    "PROFILES",
    "PROFILE_ID",
    "QUOTA",
]

PROFILE_ID: Final = "voice_en_us_001"

_INPUT = Input(content="Hello, world.", content_type="text/plain")
_VOICE = Voice(profile_id=PROFILE_ID, style="neutral", rate=1.0)
_OUTPUT = Output(format="pcm_s16le", sample_rate_hz=24000)
_OUTPUT_V2 = OutputV2(audio=AudioOutput(format="pcm_s16le", sample_rate_hz=24000, channels=1))
_CLIENT = Client(request_tag="msg-001")
_REQUEST_V1 = CreateVoiceJobRequest(input=_INPUT, voice=_VOICE, output=_OUTPUT, client=_CLIENT)
_REQUEST_V2 = CreateVoiceJobRequestV2(input=_INPUT, voice=_VOICE, output=_OUTPUT_V2, client=_CLIENT)
_CREATED = JobCreated(job_id="5b2a5b7a-6c2d-4d40-9e7b-1f25c08e6a1f")

_JOB: dict[str, Any] = {
    "job_id": _CREATED.job_id,
    "progress_percent": 100,
    "request_tag": _CLIENT.request_tag,
    "created_at": "2026-11-20T12:00:00.000Z",
    "started_at": "2026-11-20T12:00:00.004Z",
    "completed_at": "2026-11-20T12:00:00.041Z",
    "expires_at": "2026-11-21T12:00:00.041Z",
    "voice": _VOICE,
    "error": None,
}
_COMPLETED: dict[str, Any] = {**_JOB, "status": "completed", "duration_ms": 1290}
_CANCELLED: dict[str, Any] = {
    **_JOB, "status": "cancelled", "duration_ms": None, "started_at": None, "progress_percent": 0
}  # fmt: skip


def _event(name: str, status: Status, percent: int, **end: Any) -> Event:
    job_id = _CREATED.job_id
    return Event(name, JobEvent(job_id=job_id, status=status, progress_percent=percent, **end))


_LIFE = (
    _event("status", "pending", 0),
    _event("status", "processing", 0),
    _event("progress", "processing", 60),
    _event("status", "completed", 100, duration_ms=1290),
)
_PROFILE = VoiceProfile(
    profile_id=PROFILE_ID,
    name="Amelia",
    language="en-US",
    gender="female",
    styles=("neutral", "calm", "bright", "whisper"),
    default_style="neutral",
    description="English (America), female.",
)

_KEY = request_header(
    "Idempotency-Key",
    "UUID v4: a new one for each job, the same one for each retry. Kept for 24 hours.",
    "8b3f1c8e-3f2b-4ad2-9ef0-2a8c9b2a4f19",
    required=True,
    pattern=f"^{UUID_V4}$",
)
_CREATED_HEADERS = {
    "X-Quota-Limit": header("Characters of the current billing period.", 100_000),
    "X-Quota-Remaining": header("What is left of them after this request.", 99_987),
    "Idempotent-Replayed": header(
        "This is the first answer again; nothing was charged.", "true", required=False
    ),
    "X-Intone-Ignored-Fields": header(
        "Fields of the body that are unknown and were ignored.", "voice.pitch", required=False
    ),
}
_CREATE_ERRORS = (
    QuotaExceededError(),
    PolicyBlockedError(),
    IdempotencyConflictError(),
    StorageFullError(),
)


def _follow_ups(version: str) -> dict[str, dict[str, str]]:
    """The operations that a created job's id is for."""
    names = ("getVoiceJob", "watchVoiceJob", "getVoiceJobAudio", "cancelVoiceJob")
    return {f"{name}{version}": {"job_id": "$response.body#/job_id"} for name in names}


CREATE_V1 = describe(
    {
        201: Answer(
            "The job was accepted.", {JSON: _CREATED}, _CREATED_HEADERS, links=_follow_ups("")
        )
    },
    body=CreateVoiceJobRequest,
    examples={"hello": _REQUEST_V1},
    parameters=[_KEY],
    errors=_CREATE_ERRORS,
)
CREATE_V2 = describe(
    {
        201: Answer(
            "The job was accepted.", {JSON: _CREATED}, _CREATED_HEADERS, links=_follow_ups("V2")
        )
    },
    body=CreateVoiceJobRequestV2,
    examples={"hello": _REQUEST_V2},
    parameters=[_KEY],
    errors=_CREATE_ERRORS,
)
JOB_V1 = describe(
    {200: Answer("The job as it stands.", {JSON: VoiceJob(**_COMPLETED, output=_OUTPUT)})}
)
JOB_V2 = describe(
    {200: Answer("The job as it stands.", {JSON: VoiceJobV2(**_COMPLETED, output=_OUTPUT_V2)})}
)
CANCEL_V1 = describe(
    {200: Answer("The job as it now stands.", {JSON: VoiceJob(**_CANCELLED, output=_OUTPUT)})}
)
CANCEL_V2 = describe(
    {200: Answer("The job as it now stands.", {JSON: VoiceJobV2(**_CANCELLED, output=_OUTPUT_V2)})}
)
EVENTS = describe(
    {200: Answer("What happens, until the job has ended.", {"text/event-stream": _LIFE})}
)

_ETAG = '"9f86d081884c7d659a2feaa0c55ad015"'
_BYTES: dict[str, None] = dict.fromkeys(("application/octet-stream", "audio/wav", "audio/mpeg"))
_SOUND = {
    "X-Sample-Rate-Hz": header("Samples a second.", 24000),
    "X-Channels": header("Channels, interleaved.", 1),
}
_RANGE = {"Content-Range": header("Which bytes, and of how many.", "bytes 0-1023/61920")}


def _etag(*, required: bool = True) -> Any:
    return {"ETag": header("Names these bytes and no others.", _ETAG, required=required)}


AUDIO = describe(
    {
        200: Answer(
            "The whole audio, or with `live=true` the audio as it is rendered.",
            _BYTES,
            {**_SOUND, **_etag(required=False)},
        ),
        206: Answer("The bytes that `Range` asks for.", _BYTES, {**_SOUND, **_RANGE, **_etag()}),
        304: Answer("`If-None-Match` names what there is.", headers={**_SOUND, **_etag()}),
    },
    parameters=[
        request_header("Range", "A part of the audio.", "bytes=0-1023"),
        request_header("If-Range", "Ask for the part only if the audio is still this.", _ETAG),
        request_header("If-None-Match", "Ask for the audio only if it is not this.", _ETAG),
    ],
    errors=[RangeNotSatisfiableError(total=61920)],
)
PROFILES = describe({200: Answer("All voices.", {JSON: ProfileList(profiles=[_PROFILE])})})
PROFILE = describe({200: Answer("The voice.", {JSON: _PROFILE})})
QUOTA = describe(
    {
        200: Answer(
            "The quota as it stands.",
            {
                JSON: Quota(
                    limit=100_000,
                    remaining=99_987,
                    used=13,
                    unit="characters",
                    period_start="2026-11-01T00:00:00.000Z",
                    period_end="2026-12-01T00:00:00.000Z",
                )
            },
        )
    }
)
