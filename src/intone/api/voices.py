"""`GET /v1/voices`, where several dialects meet: whose shape it has is up to the credential.

A key of the generations API (`vk_live_`) gets `items`, one of the speech API (`pk_`) or a
session gets `voices`, one of the posts API (`vg_live_`) gets `data`. Everybody else gets both of
the former, and `data` as well with a site's key or by `X-API-Key`, as the posts API has it
(wire.md §5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, cast, get_args

from litestar import Request, Response, get
from litestar.openapi.spec import Example
from litestar.params import QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import replace

from intone.api.auth import SECURITY, credential_of, principal_of, require
from intone.api.described import JSON, Answer, describe
from intone.api.dialect import Dialect
from intone.api.generations.voice_schemas import CloneStatus  # noqa: TC001 - msgspec reads it
from intone.api.headers import header_values
from intone.api.posts.mapping import site_voices, voice_body
from intone.api.posts.schemas import PublicVoices, VoiceBody
from intone.api.queries import refuse_repeated
from intone.api.speech.catalogue_documentation import VOICE
from intone.api.speech.catalogue_mapping import clone_voice, speech_voices
from intone.api.speech.catalogue_schemas import SpeechVoice  # noqa: TC001 - msgspec reads it
from intone.api.speech.errors import SpeechEnvelope, speech_envelope
from intone.core import sites
from intone.core.listings import VoiceFilter
from intone.errors import InvalidInputError, PlanFeatureError, UnauthenticatedError
from intone.providers.base import Gender

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litestar.handlers import HTTPRouteHandler

    from intone.api.dialect import RequestContext
    from intone.core.access import Principal
    from intone.core.cloned_voices import ClonedVoice
    from intone.core.listings import Catalogue
    from intone.core.service import Core
    from intone.core.voices import SpeakingClone
    from intone.errors import IntoneError
    from intone.providers.base import ListedVoice, Model, PresetVoice

__all__ = ["voices_dialect"]

#: Prefixes of credentials that stand for one shape.
_ITEMS_ONLY: Final = ("vk_live_",)
_VOICES_ONLY: Final = ("pk_", "vr_session_")
_DATA_ONLY: Final = ("vg_live_",)

#: A BCP 47 tag or the beginning of one.
_LANGUAGE: Final = "^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$"


class VoiceItem(Struct, frozen=True, kw_only=True):
    """A voice that has a uuid."""

    id: Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
    name: str
    kind: Literal["preset", "cloned"] = "preset"
    language: Annotated[str, Meta(description="BCP 47 tag.", examples=["en-US"])]
    status: Annotated[CloneStatus | UnsetType, Meta(description="Of a cloned voice.")] = UNSET


class Voices(Struct, frozen=True, kw_only=True):
    """Voices; of `items`, `voices` and `data` those that the credential stands for."""

    items: list[VoiceItem] | UnsetType = UNSET
    voices: list[SpeechVoice] | UnsetType = UNSET
    success: Literal[True] | UnsetType = UNSET
    data: PublicVoices | UnsetType = UNSET


class VoicesRefused(Struct, frozen=True, kw_only=True):
    """A missing or bad credential, in words that are legal in every dialect."""

    success: Literal[False] = False
    message: str
    errors: dict[str, list[str]] = field(default_factory=dict)
    error: str = "unauthorized"
    code: str = "unauthorized"


class VoicesError(Struct, frozen=True, kw_only=True):
    """Any other error."""

    error: str
    code: str
    details: str
    message: str


_EXAMPLE: Final = Voices(
    items=[VoiceItem(id="d5e7c6a0-7d0c-5f9e-8d6a-3b1f0f2f7c11", name="Emma", language="en-US")],
    voices=[VOICE],
)


@dataclass(slots=True)
class _Shown:
    """The bodies of all voices, made anew when a list has changed."""

    presets: Sequence[PresetVoice] = ()
    listed: Sequence[tuple[str, ListedVoice]] = ()
    models: Sequence[tuple[str, Model]] = ()
    #: In the order of `presets` and of `listed`.
    items: Sequence[VoiceItem] = ()
    voices: Sequence[SpeechVoice] = ()
    #: In the order of `presets`.
    bodies: Sequence[VoiceBody] = ()

    async def freshen(self, catalogue: Catalogue, presets: Sequence[PresetVoice]) -> None:
        """See that the bodies are those of what there is now."""
        if presets is not self.presets:
            self.presets = presets
            self.items = [
                VoiceItem(id=voice.uuid, name=voice.name, language=voice.languages[0])
                for voice in presets
            ]
            self.bodies = [voice_body(voice) for voice in presets]
        models, listed = await catalogue.listings.models(), await catalogue.listings.voices()
        if listed is not self.listed or models is not self.models:
            self.listed, self.models = listed, models
            self.voices = speech_voices(listed, models)

    def items_for(self, wanted: VoiceFilter) -> list[VoiceItem]:
        """The voices wanted that have a uuid."""
        return [
            item
            for voice, item in zip(self.presets, self.items, strict=True)
            if wanted.accepts(voice.provider, voice.languages, voice.gender)
        ]

    def bodies_for(self, wanted: VoiceFilter) -> list[VoiceBody]:
        """The voices wanted that have a number."""
        return [
            body
            for voice, body in zip(self.presets, self.bodies, strict=True)
            if wanted.accepts(voice.provider, voice.languages, voice.gender)
        ]

    def voices_for(self, wanted: VoiceFilter) -> list[SpeechVoice]:
        """The voices wanted."""
        return [
            body
            for (provider, voice), body in zip(self.listed, self.voices, strict=True)
            if wanted.accepts(provider, voice.languages, voice.gender)
        ]


@dataclass(frozen=True, slots=True)
class _Own:
    """The cloned voices of one workspace: all of them, and those that can speak."""

    cloned: Sequence[ClonedVoice]
    speaking: Mapping[str, SpeakingClone]

    @classmethod
    async def of(cls, core: Core, workspace_id: str) -> Self:
        """Those of a workspace."""
        speaking = await core.voices.cloned(workspace_id)
        return cls(
            await core.voices.in_every_state(workspace_id), {one.uuid: one for one in speaking}
        )

    def items_for(self, wanted: VoiceFilter) -> list[VoiceItem]:
        """Those wanted; of one that cannot speak yet nothing is known that a filter asks for."""
        return [
            VoiceItem(
                id=one.id,
                name=one.name,
                kind="cloned",
                language=voice.languages[0] if voice else one.language,
                status=one.state,
            )
            for one in self.cloned
            if _accepts(wanted, voice := self.speaking.get(one.id))
        ]

    def voices_for(self, wanted: VoiceFilter) -> list[SpeechVoice]:
        """Those wanted that can speak."""
        return [clone_voice(voice) for voice in self.speaking.values() if _accepts(wanted, voice)]

    def bodies_for(self, wanted: VoiceFilter) -> list[VoiceBody]:
        """Those wanted that can speak, as the posts API has them."""
        return [voice_body(voice) for voice in self.speaking.values() if _accepts(wanted, voice)]


def _accepts(wanted: VoiceFilter, voice: SpeakingClone | None) -> bool:
    if voice is None:
        return wanted == VoiceFilter()
    return wanted.accepts(voice.provider, voice.languages, voice.gender)


def voices_dialect() -> Dialect:
    """The one route, with its errors."""
    return Dialect(
        name="voices",
        prefixes=("/v1/voices",),
        handlers=[_route(_Shown())],
        render_error=_render_error,
    )


def _route(shown: _Shown) -> HTTPRouteHandler:
    @get(
        "/v1/voices",
        before_request=require("speak"),
        security=SECURITY,
        tags=["Catalogue"],
        operation_id="listVoices",
        summary="List voices",
        opt=describe({200: Answer("The voices.", {JSON: _EXAMPLE})}),
    )
    async def voices(
        request: Request[Any, Any, Any],
        provider: Annotated[
            str | None,
            QueryParameter(
                description="Names of providers, separated by commas.",
                examples=[Example(value="espeak")],
            ),
        ] = None,
        language: Annotated[
            str | None,
            QueryParameter(
                description="A BCP 47 tag or the beginning of one, in any case.",
                pattern=_LANGUAGE,
                examples=[Example(value="en-US")],
            ),
        ] = None,
        gender: Annotated[
            str | None,
            QueryParameter(
                description="`female`, `male` or `neutral`, in any case.",
                examples=[Example(value="female")],
            ),
        ] = None,
    ) -> Voices:
        """The voices there are, with the ids by which the dialect asks for them."""
        core = cast("Core", request.app.state.core)
        catalogue = cast("Catalogue", request.app.state.core.listings)
        await core.admit(principal_of(request))
        refuse_repeated(request)
        wanted = VoiceFilter(_providers(catalogue, provider), language or "", _gender(gender))
        await shown.freshen(catalogue, core.voices.presets)
        credential = credential_of(request)
        own = await _Own.of(core, principal_of(request).workspace_id)
        has_data = _has_data(request, credential)
        bodies = shown.bodies_for(wanted) + own.bodies_for(wanted) if has_data else []
        return Voices(
            items=UNSET
            if credential.startswith((*_VOICES_ONLY, *_DATA_ONLY))
            else shown.items_for(wanted) + own.items_for(wanted),
            voices=UNSET
            if credential.startswith((*_ITEMS_ONLY, *_DATA_ONLY))
            else shown.voices_for(wanted) + own.voices_for(wanted),
            success=True if has_data else UNSET,
            data=await _data(core, principal_of(request), bodies) if has_data else UNSET,
        )

    return voices


def _has_data(request: Request[Any, Any, Any], credential: str) -> bool:
    if credential.startswith((*_ITEMS_ONLY, *_VOICES_ONLY)):
        return False
    is_sites = principal_of(request).site_id is not None
    is_api_key = bool(header_values(request, b"x-api-key"))
    return is_sites or is_api_key or credential.startswith(_DATA_ONLY)


async def _data(core: Core, principal: Principal, bodies: list[VoiceBody]) -> PublicVoices:
    """Voices, with the default of the key's site."""
    if principal.site_id is None:
        return PublicVoices(voices=bodies, default_voice_id=None, allow_switch=False)
    site = await core.database.read(sites.find_by_id, principal.site_id)
    of_site = await site_voices(core.posts, site)
    return replace(of_site, voices=bodies)


def _providers(catalogue: Catalogue, said: str | None) -> frozenset[str]:
    if said is None:
        return frozenset()
    names = frozenset(name.strip() for name in said.split(","))
    if not names <= catalogue.providers.keys():
        known = ", ".join(catalogue.providers)
        raise InvalidInputError(f"provider: name one or more of {known}, separated by commas.")
    return names


def _gender(said: str | None) -> str:
    if said is None:
        return ""
    gender = said.lower()
    if gender not in get_args(Gender):
        raise InvalidInputError(f"gender: choose one of {', '.join(get_args(Gender))}.")
    return gender


def _render_error(error: IntoneError, context: RequestContext) -> Response[Any]:
    """The speech envelope and a `message`; of a bad credential, what all dialects understand."""
    response = speech_envelope(error, context)
    said = response.content
    if isinstance(error, PlanFeatureError):
        said = SpeechEnvelope(error.feature_code, error.feature_code, error.message)
    body: Struct = VoicesError(
        error=said.error, code=said.code, details=said.details, message=error.message
    )
    if isinstance(error, UnauthenticatedError):
        body = VoicesRefused(message=error.message)
    return Response(body, status_code=response.status_code, headers=response.headers)
