"""From a request to what the core is asked to accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from intone.api.generations.mapping import (
    DIALECT,
    credits_for,
    generation_id,
    status_word_of_new,
    voice_name,
)
from intone.api.generations.schemas import LONGEST_SCRIPT, Generation
from intone.api.moments import moment
from intone.core.idempotency import IdempotencyKey, StoredReply
from intone.core.jobs import Order
from intone.core.plans import CHARACTERS_PER_CREDIT
from intone.core.submission import Submission
from intone.errors import InvalidInputError
from intone.storage.database import now_ms
from intone.text.controls import refuse_controls

if TYPE_CHECKING:
    from intone.api.bodies import JsonBody
    from intone.api.generations.schemas import CreateGeneration, Form
    from intone.core.access import Principal
    from intone.core.ledger import Balance
    from intone.core.voices import CatalogueVoice

__all__ = ["idempotency_key", "submission"]

_LONGEST_KEY = 255


def idempotency_key(values: list[str]) -> str | None:
    """The request's Idempotency-Key, if it has one.

    Raises:
        InvalidInputError: There are several, or it is too long.
    """
    if not values:
        return None
    key = values[0].strip()
    if len(values) > 1 or not 1 <= len(key) <= _LONGEST_KEY:
        raise InvalidInputError(
            f"An Idempotency-Key is one value of 1 to {_LONGEST_KEY} characters."
        )
    return key


def submission(
    body: JsonBody[CreateGeneration],
    *,
    principal: Principal,
    voice: CatalogueVoice,
    key: str | None,
) -> Submission:
    """What the core is asked to accept.

    Raises:
        InvalidInputError: There is no text, there are two, or it has characters that nobody can
            speak.
    """
    wanted = body.value
    form, text = _text(wanted)
    refuse_controls(form, text)
    cost = credits_for(text)
    order = Order(
        text=text,
        voice=voice.slug,
        voice_uuid=voice.uuid,
        language=voice.languages[0],
        retention_hours=principal.plan.retention_hours,
        rate=wanted.settings.speed,
        pitch=wanted.settings.pitch_semitones,
        format=wanted.format,
        reuse=True,
    )

    def reply(job_id: str, balance: Balance) -> StoredReply:  # noqa: ARG001 - its protocol
        answer = Generation(
            id=generation_id(job_id, form),
            status=status_word_of_new(form),
            voice_id=voice_name(order, form),
            format=wanted.format,
            credits=cost,
            estimated_credits=cost,
            progress_percent=0,
            created_at=moment(now_ms()),
        )
        return StoredReply(status=202, headers={}, body=msgspec.json.encode(answer))

    return Submission(
        workspace_id=principal.workspace_id,
        dialect=DIALECT,
        order=order,
        characters=cost * CHARACTERS_PER_CREDIT,
        reply=reply,
        idempotency=IdempotencyKey(DIALECT, key, body.fingerprint) if key else None,
        tag=form,
        max_characters=LONGEST_SCRIPT,
    )


def _text(wanted: CreateGeneration) -> tuple[Form, str]:
    """The text, and the field that carried it."""
    if wanted.script is UNSET and wanted.text is UNSET:
        raise InvalidInputError("There is no text; send it as `script`.")
    if wanted.script is UNSET or wanted.text is UNSET:
        form: Form = "text" if wanted.script is UNSET else "script"
        return form, str(wanted.text if form == "text" else wanted.script)
    if wanted.script != wanted.text:
        raise InvalidInputError("`script` and `text` differ; send one of them.")
    return "script", str(wanted.script)
