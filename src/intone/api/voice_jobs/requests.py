"""Reading a create request: from HTTP to a submission the core can accept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from intone.api.voice_jobs.schemas import JobCreated
from intone.core.idempotency import IdempotencyKey, StoredReply
from intone.core.jobs import Order
from intone.core.submission import Submission
from intone.errors import InvalidInputError, NotFoundError
from intone.text.controls import refuse_controls

if TYPE_CHECKING:
    from intone.api.bodies import JsonBody
    from intone.api.voice_jobs.mapping import Version
    from intone.api.voice_jobs.schemas import CreateVoiceJobRequest, CreateVoiceJobRequestV2
    from intone.core.access import Principal
    from intone.core.ledger import Balance
    from intone.core.voices import CatalogueVoice, VoiceCatalogue

__all__ = ["DIALECT", "UUID_V4", "idempotency_key", "submission"]

#: The dialect's name in logs, jobs and idempotency scopes.
DIALECT = "voice_jobs"

#: A UUID of version 4 as a regular expression, also for the OpenAPI document.
UUID_V4 = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-4[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}"


def idempotency_key(values: list[str]) -> str:
    """The request's Idempotency-Key, in lower case.

    Raises:
        InvalidInputError: It is missing, empty, given twice or not a UUID v4.
    """
    if len(values) != 1 or not re.fullmatch(UUID_V4, values[0].strip()):
        raise InvalidInputError(
            "Send an Idempotency-Key header with a UUID v4, a new one for each new job"
            " and the same one for each retry."
        )
    return values[0].strip().lower()


async def submission(
    body: JsonBody[CreateVoiceJobRequest | CreateVoiceJobRequestV2],
    *,
    principal: Principal,
    voices: VoiceCatalogue,
    version: Version,
    key: str,
) -> Submission:
    """What the core is asked to accept.

    Raises:
        InvalidInputError: There is no such voice or style, the voice is not ready, or a text has
            characters that cannot be spoken.
    """
    request = body.value
    voice = await _voice(voices, principal, request.voice.profile_id)
    if request.voice.style not in voice.styles:
        raise InvalidInputError(
            f"voice.style: {voice.name} speaks in these styles: {', '.join(voice.styles)}."
        )
    tag = None if request.client is None else request.client.request_tag
    refuse_controls("input.content", request.input.content)
    refuse_controls("client.request_tag", tag or "")
    return Submission(
        workspace_id=principal.workspace_id,
        dialect=DIALECT,
        order=Order(
            text=request.input.content,
            voice=voice.slug,
            language=voice.languages[0],
            retention_hours=principal.plan.retention_hours,
            style=request.voice.style,
            rate=request.voice.rate,
            format="pcm",
            sample_rate=request.audio.sample_rate_hz,
            channels=request.channels,
        ),
        characters=len(request.input.content),
        reply=_created,
        idempotency=IdempotencyKey(f"{DIALECT}/{version}", key, body.fingerprint),
        tag=tag,
    )


def _created(job_id: str, balance: Balance) -> StoredReply:
    return StoredReply(
        status=201,
        headers={
            "X-Quota-Limit": str(balance.limit),
            "X-Quota-Remaining": str(balance.remaining),
        },
        body=msgspec.json.encode(JobCreated(job_id=job_id)),
    )


async def _voice(voices: VoiceCatalogue, principal: Principal, profile_id: str) -> CatalogueVoice:
    try:
        return await voices.find(principal.workspace_id, profile_id)
    except NotFoundError:
        raise InvalidInputError(
            "voice.profile_id: there is no such voice profile; GET /v1/voice/profiles lists them."
        ) from None
