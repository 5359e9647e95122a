"""What the OpenAPI document says of generations: examples that are real requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from intone.api.described import JSON, Answer, describe, request_header
from intone.api.events import Event
from intone.api.generations.schemas import (
    CreateGeneration,
    Generation,
    GenerationEvent,
    GenerationList,
)
from intone.errors import (
    IdempotencyConflictError,
    NotFoundError,
    PlanFeatureError,
    PolicyBlockedError,
    QuotaExceededError,
)

if TYPE_CHECKING:
    from intone.api.generations.schemas import Status

__all__ = ["CREATE", "DELETE", "EVENTS", "GET", "LIST", "NO_API"]

_ID: Final = "5b2a5b7a-6c2d-4d40-9e7b-1f25c08e6a1f"
_VOICE: Final = "voice_en_us_001"
#: A failure that every operation of this API has.
NO_API: Final = PlanFeatureError(
    "public_api_requires_scale", "The plan 'starter' does not include this API."
)
NO_VOICE: Final = NotFoundError("There is no voice of that name.")
_COMMON: Final[dict[str, Any]] = {
    "id": _ID,
    "voice_id": _VOICE,
    "format": "mp3",
    "credits": 1,
    "estimated_credits": 1,
    "created_at": "2026-11-20T12:00:00.000Z",
}
_QUEUED: Final = Generation(**_COMMON, status="queued", progress_percent=0)
_URL: Final = f"http://127.0.0.1:8420/v1/downloads/{_ID.replace('-', '')}.1795255487.c2lnbmF0dXJl"
_READY: Final = Generation(
    **_COMMON,
    status="ready",
    progress_percent=100,
    completed_at="2026-11-20T12:00:01.290Z",
    duration_sec=2,
    duration_ms=1290,
    download_url=_URL,
    audio_url=_URL,
)
_KEY: Final = request_header(
    "Idempotency-Key",
    "Makes a retry safe: the same key and body are the same generation, for 24 hours.",
    "order-7311",
)

CREATE = describe(
    {202: Answer("It will be spoken.", {JSON: _QUEUED}, links={
        "getGeneration": {"generation_id": "$response.body#/id"},
    })},
    body=CreateGeneration,
    examples={
        "script": {
            "voiceId": _VOICE,
            "script": "Hello, world!",
            "format": "mp3",
            "settings": {"speed": 1.0, "pitchSemitones": 0},
        },
        "text": {"text": "Welcome to Intone.", "voiceId": _VOICE, "format": "wav"},
    },
    parameters=[_KEY],
    errors=[
        NO_API,
        NO_VOICE,
        QuotaExceededError(),
        PolicyBlockedError(),
        IdempotencyConflictError(),
    ],
)  # fmt: skip
LIST = describe(
    {200: Answer("A page.", {JSON: GenerationList(items=[_READY], next_cursor=None)})},
    errors=[NO_API, NO_VOICE],
)
GET = describe({200: Answer("It stands so.", {JSON: _READY})}, errors=[NO_API])
DELETE = describe({204: Answer("It is gone.")}, errors=[NO_API])
_LIFE: Final[tuple[tuple[Status, int], ...]] = (
    ("queued", 0),
    ("running", 0),
    ("enhancing", 100),
    ("ready", 100),
)
EVENTS = describe(
    {
        200: Answer(
            "Until it has ended.",
            {
                "text/event-stream": tuple(
                    Event("status", GenerationEvent(id=_ID, status=status, progress_percent=done))
                    for status, done in _LIFE
                )
            },
        )
    },
    errors=[NO_API],
)
