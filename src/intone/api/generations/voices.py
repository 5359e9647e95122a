"""Routes about single voices: cloning one, looking at it, deleting it (seed 002, wire.md §2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from litestar import Request, delete, get, post
from litestar.openapi.spec import Example
from litestar.params import PathParameter

from intone.api.auth import SECURITY, require
from intone.api.bodies import read_json
from intone.api.described import JSON, Answer, describe
from intone.api.generations.documentation import NO_API
from intone.api.generations.gate import admit, core_of
from intone.api.generations.voice_schemas import (
    CloneFailure,
    CloneQueued,
    CloneVoice,
    ShownConsent,
    VoiceDetail,
)
from intone.api.moments import moment
from intone.core.cloned_voices import Consent
from intone.core.cloning import CloneOrder
from intone.core.voices import short_slug
from intone.errors import NotFoundError, PlanFeatureError

if TYPE_CHECKING:
    from intone.api.generations.voice_schemas import GivenConsent
    from intone.core.cloned_voices import ClonedVoice
    from intone.core.voices import VoiceCatalogue
    from intone.providers.base import PresetVoice

__all__ = ["CLONE_ROUTES"]

Req = Request[Any, Any, Any]

_COMMON: dict[str, Any] = {
    "before_request": require("speak"),
    "security": SECURITY,
    "tags": ["Voices"],
}
_ID: Final = "8f2a1c5e-6c2d-4d40-9e7b-1f25c08e6a1f"
_NO_CLONING: Final = PlanFeatureError(
    "cloning_requires_paid_plan", "The plan 'starter' does not include cloned voices."
)
_CLONED: Final = VoiceDetail(
    id=_ID,
    slug=short_slug(_ID),
    name="Ada",
    kind="cloned",
    language="en-US",
    status="ready",
    consent=ShownConsent(given_by="Ada Lovelace", given_at="2026-11-19T09:30:00.000Z"),
    analysis={"speech_s": 12.4},
    created_at="2026-11-20T12:00:00.000Z",
    error=None,
)

VoiceId = Annotated[
    str,
    PathParameter(
        description="A voice's uuid, or its shorter `voice_…` name.",
        examples=[Example(value="voice_en_us_001")],
    ),
]


@post(
    "/v1/voices/clone",
    status_code=202,
    operation_id="cloneVoice",
    summary="Clone a voice",
    opt=describe(
        {202: Answer("It will be made.", {JSON: CloneQueued(id=_ID)})},
        body=CloneVoice,
        examples={
            "samples": {
                "samplePaths": ["uploads/sample1.wav", "uploads/sample2.wav"],
                "name": "Ada",
                "consent": {"givenBy": "Ada Lovelace", "givenAt": "2026-01-19T09:30:00Z"},
            }
        },
        errors=[NO_API, _NO_CLONING, NotFoundError("There is no such upload.")],
    ),
    **_COMMON,
)
async def clone(request: Req) -> CloneQueued:
    """Have a voice be made from samples that were uploaded; ask for it until it is ready."""
    principal, core = await admit(request, clones=True), core_of(request)
    body = (await read_json(request, CloneVoice)).value
    order = CloneOrder(body.name, body.sample_paths, _consent(body.consent), body.language)
    return CloneQueued(id=await core.cloning.submit(principal, order))


@get(
    "/v1/voices/{voice_id:str}",
    operation_id="getVoice",
    summary="Get a voice",
    opt=describe({200: Answer("The voice.", {JSON: _CLONED})}, errors=[NO_API]),
    **_COMMON,
)
async def voice(request: Req, voice_id: VoiceId) -> VoiceDetail:
    """A preset, or a cloned voice of the workspace's in whatever state it is."""
    principal, core = await admit(request), core_of(request)
    preset = core.voices.preset(voice_id)
    if preset is not None:
        return _preset_body(preset)
    return _clone_body(await core.cloning.find(principal, voice_id), core.voices)


@delete(
    "/v1/voices/{voice_id:str}",
    status_code=204,
    operation_id="deleteVoice",
    summary="Delete a cloned voice",
    opt=describe({204: Answer("It is gone.")}, errors=[NO_API]),
    **_COMMON,
)
async def delete_voice(request: Req, voice_id: VoiceId) -> None:
    """Delete a cloned voice with all that was derived from it, recordings included."""
    principal, core = await admit(request), core_of(request)
    await core.cloning.delete(principal, voice_id)


def _consent(given: GivenConsent | None) -> Consent | None:
    if given is None:
        return None
    return Consent(given.given_by, int(given.given_at.timestamp() * 1000))


def _language(cloned: ClonedVoice, voices: VoiceCatalogue) -> str:
    base = voices.preset(cloned.base_voice or "")
    return base.languages[0] if base else cloned.language


def _preset_body(preset: PresetVoice) -> VoiceDetail:
    return VoiceDetail(
        id=preset.uuid,
        slug=preset.slug,
        name=preset.name,
        kind="preset",
        language=preset.languages[0],
        status="ready",
    )


def _clone_body(cloned: ClonedVoice, voices: VoiceCatalogue) -> VoiceDetail:
    consent = error = None
    if cloned.consent is not None:
        given_at = moment(cloned.consent.given_at)
        consent = ShownConsent(given_by=cloned.consent.given_by, given_at=given_at)
    if cloned.error_code is not None:
        error = CloneFailure(code=cloned.error_code, message=cloned.error_message or "")
    return VoiceDetail(
        id=cloned.id,
        slug=short_slug(cloned.id),
        name=cloned.name,
        kind="cloned",
        language=_language(cloned, voices),
        status=cloned.state,
        consent=consent,
        analysis=None if cloned.analysis is None else dict(cloned.analysis),
        created_at=moment(cloned.created_at),
        error=error,
    )


CLONE_ROUTES = [clone, voice, delete_voice]
