"""Routes about what there is: models, voices for menus, providers and how they are (wire.md §4).

Clients made for OpenAI look below `/openai/v1` as well; some ask for voices without a version.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import msgspec
from litestar import Request, Response, get
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter

from intone.api.auth import SECURITY, principal_of, require
from intone.api.openapi import operation_id
from intone.api.queries import refuse_repeated
from intone.api.speech import catalogue_documentation as documentation
from intone.api.speech.catalogue_mapping import (
    audio_voice,
    each_once,
    listed_clones,
    model_body,
    model_detail,
    provider_body,
    state_body,
)
from intone.api.speech.catalogue_schemas import (
    AudioModels,
    AudioVoices,
    MenuModel,
    ModelDetail,
    ModelList,
    ProviderList,
    ProviderStates,
)
from intone.errors import NotFoundError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from litestar.handlers import HTTPRouteHandler

    from intone.core.listings import Catalogue, Target
    from intone.core.service import Core
    from intone.providers.base import ListedVoice

__all__ = ["catalogue_routes"]

Req = Request[Any, Any, Any]

#: Seconds for which the list of providers may be kept: it changes with the operator's settings.
_PROVIDERS_KEPT_S: Final = 4 * 3600

_COMMON: dict[str, Any] = {"tags": ["Catalogue"]}
_GUARDED: dict[str, Any] = {
    **_COMMON,
    "before_request": require("speak"),
    "security": SECURITY,
}

ModelId = Annotated[
    str,
    PathParameter(
        description="As in the list of models; the slash may be written as it is.",
        examples=[Example(value="espeak/default")],
    ),
]


def catalogue_routes(
    *, public_voices: bool = False, breaker_state: Callable[[str], str] | None = None
) -> list[HTTPRouteHandler]:
    """The routes.

    Args:
        public_voices: Whether the menus at `/v1/audio/voices` and `/v1/audio/models` and a model
            with its voices are shown without a key: Open WebUI asks for the menus and
            `wyoming_openai` for the model, both without.
        breaker_state: `closed`, `open` or `half_open` by a provider's name, where the operator
            wants `/v1/status` to show it.
    """
    return [
        models,
        _model_route(public_voices),
        providers,
        _status_route(breaker_state),
        _voices_route(public_voices),
        _menu_route(public_voices),
    ]


async def _admitted(request: Req) -> Catalogue:
    """The catalogue; the caller's request counts from here on."""
    core = cast("Core", request.app.state.core)
    await core.admit(principal_of(request))
    return _catalogue(request)


def _catalogue(request: Req) -> Catalogue:
    return cast("Catalogue", request.app.state.core.listings)


@get(
    ["/v1/models", "/openai/v1/models"],
    operation_id=operation_id("listModels"),
    summary="List models",
    opt=documentation.MODELS,
    **_GUARDED,
)
async def models(request: Req) -> ModelList:
    """Every name that can be sent as `model`: providers' models, other names and routes."""
    catalogue = await _admitted(request)
    return ModelList(data=[model_body(offer) for offer in await catalogue.offers()])


def _model_route(is_public: bool) -> HTTPRouteHandler:
    @get(
        ["/v1/models/{model_id:path}", "/openai/v1/models/{model_id:path}"],
        operation_id=operation_id("getModel"),
        summary="Get a model",
        opt=documentation.MODEL,
        **(_COMMON if is_public else _GUARDED),
    )
    async def model(request: Req, model_id: ModelId) -> ModelDetail:
        """One model with the voices that speak it."""
        catalogue = _catalogue(request) if is_public else await _admitted(request)
        try:
            offer = await catalogue.offer(model_id.strip("/"))
        except UnknownModelError as error:
            raise NotFoundError(error.message) from None
        own = [] if is_public else await _own(request, offer.targets)
        return model_detail(offer, [*await catalogue.voices_of(offer.targets), *own])

    return model


@get(
    "/v1/providers",
    operation_id="listProviders",
    summary="List providers",
    opt=documentation.PROVIDERS,
    **_GUARDED,
)
async def providers(request: Req) -> Response[bytes]:
    """Who can speak here, with what and for how much; keep it for some hours."""
    catalogue = await _admitted(request)
    body = msgspec.json.encode(await _provider_list(catalogue))
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": f"private, max-age={_PROVIDERS_KEPT_S}"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


async def _provider_list(catalogue: Catalogue) -> ProviderList:
    listed = await catalogue.listings.models()
    return ProviderList(
        providers=[
            provider_body(
                provider,
                [one for owner, one in listed if owner == name] or provider.models,
            )
            for name, provider in catalogue.providers.items()
        ]
    )


def _status_route(breaker_state: Callable[[str], str] | None) -> HTTPRouteHandler:
    @get(
        "/v1/status",
        operation_id="getStatus",
        summary="Get the state of providers",
        opt=documentation.STATUS,
        **_GUARDED,
    )
    async def status(request: Req) -> ProviderStates:
        """Whether each provider can be asked, as this process sees it."""
        catalogue = await _admitted(request)
        return ProviderStates(
            providers=[
                state_body(provider, breaker_state(name) if breaker_state else "closed")
                for name, provider in catalogue.providers.items()
            ]
        )

    return status


def _voices_route(is_public: bool) -> HTTPRouteHandler:
    @get(
        ["/v1/audio/voices", "/audio/voices", "/openai/v1/audio/voices"],
        operation_id=operation_id("listAudioVoices"),
        summary="List voices for a menu",
        opt=documentation.AUDIO_VOICES,
        **(_COMMON if is_public else _GUARDED),
    )
    async def audio_voices(
        request: Req,
        model: Annotated[
            str | None,
            QueryParameter(
                description="Only the voices that speak this model.",
                examples=[Example(value="espeak/default")],
            ),
        ] = None,
        legacy: Annotated[bool, QueryParameter(description="Answer with a list of ids.")] = False,
    ) -> AudioVoices:
        """Voices for clients that know none of ours; those of the default model come first."""
        catalogue = _catalogue(request) if is_public else await _admitted(request)
        refuse_repeated(request)
        targets = None if model is None else (await catalogue.offer(model)).targets
        listed = await _voices(catalogue, targets)
        if not is_public:
            listed += await _own(request, targets)
        once = each_once(listed)  # such clients tell voices apart by their ids alone
        if legacy:
            return AudioVoices(voices=[voice.id for _, voice in once])
        return AudioVoices(voices=[audio_voice(*item) for item in once])

    return audio_voices


def _menu_route(is_public: bool) -> HTTPRouteHandler:
    @get(
        ["/v1/audio/models", "/audio/models", "/openai/v1/audio/models"],
        operation_id=operation_id("listAudioModels"),
        summary="List models for a menu",
        opt=documentation.AUDIO_MODELS,
        **(_COMMON if is_public else _GUARDED),
    )
    async def audio_models(request: Req) -> AudioModels:
        """The models in the shape that Open WebUI reads."""
        catalogue = _catalogue(request) if is_public else await _admitted(request)
        offers = await catalogue.offers()
        return AudioModels(models=[MenuModel(id=offer.id, name=offer.name) for offer in offers])

    return audio_models


async def _voices(
    catalogue: Catalogue, targets: Sequence[Target] | None
) -> list[tuple[str, ListedVoice]]:
    """The voices that one of the targets speaks; else all, those of the default model first."""
    if targets is not None:
        return await catalogue.voices_of(targets)
    first = await catalogue.default_provider()
    return sorted(await catalogue.listings.voices(), key=lambda item: item[0] != first)


async def _own(request: Req, targets: Sequence[Target] | None) -> list[tuple[str, ListedVoice]]:
    """The caller's cloned voices: those that one of the targets speaks, or all."""
    core, principal = cast("Core", request.app.state.core), principal_of(request)
    own = listed_clones(await core.voices.cloned(principal.workspace_id))
    names = None if targets is None else {provider for provider, _ in targets}
    return [one for one in own if names is None or one[0] in names]
