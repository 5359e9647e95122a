"""`POST /v1/audio/speech`: one streaming endpoint for every voice (seed 004, wire.md §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from litestar import Request, post
from litestar.response.base import ASGIResponse  # noqa: TC002 - Litestar reads annotations

from intone.api.auth import SECURITY, principal_of, require
from intone.api.bodies import read_json
from intone.api.direct import DIRECT
from intone.api.exchange import Departure
from intone.api.openapi import operation_id
from intone.api.speech import documentation
from intone.api.speech.schemas import CreateSpeech, VoiceId, Wanted
from intone.api.speech.streams import SpeechResponse
from intone.core.delivery import Utterance
from intone.core.models import Wish
from intone.errors import InvalidInputError
from intone.text.controls import refuse_controls

if TYPE_CHECKING:
    from intone.core.service import Core

__all__ = ["SPEAK_ROUTES"]


@post(
    ["/v1/audio/speech", "/audio/speech", "/openai/v1/audio/speech"],
    status_code=200,
    before_request=require("speak"),
    security=SECURITY,
    tags=["Speech"],
    opt={**documentation.SPEECH, DIRECT: True},
    operation_id=operation_id("createSpeech"),
    summary="Generate speech from text",
    media_type="audio/mpeg",
)
async def create_speech(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Speak a text, and stream the audio while it is being made."""
    core, principal = cast("Core", request.app.state.core), principal_of(request)
    await core.admit(principal)
    body = (await read_json(request, CreateSpeech)).value
    utterance = _utterance(body)
    departure = Departure(request)
    speaking = await departure.unless(core.speech.begin(principal, utterance))
    return SpeechResponse(speaking, departure, events=body.stream_format == "sse")


def _utterance(body: CreateSpeech) -> Utterance:
    """What the body asks for, in the core's words.

    Raises:
        InvalidInputError: The text or a name has characters that nobody can speak or print.
    """
    refuse_controls("input", body.input)
    refuse_controls("instructions", body.instructions or "")
    wanted = body.model if isinstance(body.model, list) else [body.model]
    wishes = tuple(_wish(one, body.voice) for one in wanted)
    for wish in wishes:
        _check_name("model", wish.model)
        _check_name("voice", wish.voice)
    return Utterance(
        text=body.input,
        wishes=wishes,
        form=body.response_format,
        rate=body.speed,
        instructions=body.instructions or "",
        options=body.provider_options or {},
        resumes=body.resume,
    )


def _check_name(field: str, name: str) -> None:
    """Names are written down, logged, sent on and sent back in headers: no line breaks, no NUL."""
    if not name.isprintable():
        raise InvalidInputError(f"{field}: only printable characters are accepted in a name.")


def _wish(wanted: str | Wanted, voice: str | VoiceId) -> Wish:
    if isinstance(wanted, Wanted):
        return Wish(wanted.model, _voice(wanted.voice or voice))
    return Wish(wanted, _voice(voice))


def _voice(voice: str | VoiceId) -> str:
    return voice if isinstance(voice, str) else voice.id


SPEAK_ROUTES = [create_speech]
