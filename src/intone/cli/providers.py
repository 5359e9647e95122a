"""`intone providers`: who speaks, and whether they do."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intone.cli.common import DataDir, Json, print_json, print_table, runs, settings
from intone.errors import (
    IntoneError,
    InvalidInputError,
    NotFoundError,
    ProviderAuthError,
    ProviderBusyError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderRejectedError,
    ProviderTimeoutError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from intone.config import Settings
    from intone.providers.base import ListedVoice, Model, Provider, SpeechRequest

app = typer.Typer(help="The engines and vendors that speak.", no_args_is_help=True)

_SENTENCE = "Hello, this is Intone, making sure that you can be heard."
#: Below this level, in dB of full scale, nobody hears anything.
_SILENCE_DBFS = -70.0


@app.command("list")
@runs
async def list_(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the providers with their models and prices (US dollars for a million characters)."""
    from intone.providers.registry import create_providers

    chosen = settings(data_dir=data_dir)
    providers = create_providers(chosen.providers, processes=1)
    listed = [_described(provider, chosen) for provider in providers.values()]
    if as_json:
        print_json(listed)
        return
    print_table(
        ("name", "type", "models", "formats", "available"),
        (
            (
                one["name"],
                one["type"],
                ", ".join(
                    [f"{model['id']} (${model['usd']:g})" for model in one["models"]]
                    + ["any other"] * one["passes_models"]
                ),
                ", ".join(one["formats"]) or "made here",
                one["unavailable"] or "yes",
            )
            for one in listed
        ),
    )


def _described(provider: Provider, chosen: Settings) -> dict[str, Any]:
    said = chosen.providers.get(provider.name)
    return {
        "name": provider.name,
        "type": said.type if said else provider.name,
        "title": provider.title,
        "models": [
            {"id": model.id, "name": model.name, "usd": model.nanos_per_character / 1000}
            for model in provider.models
        ],
        "passes_models": provider.capabilities.passes_models,
        "formats": list(provider.capabilities.formats),
        "voice_aliases": dict(provider.voice_aliases),
        "unavailable": provider.unavailable,
    }


@app.command("test")
@runs
async def check(
    name: Annotated[str, typer.Argument(help="Its name; see `intone providers list`.")],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="One of its models; else its first.")
    ] = None,
    voice: Annotated[
        str | None, typer.Option("--voice", "-v", help="One of its voices; else one it lists.")
    ] = None,
    text: Annotated[str, typer.Option("--text", help="What to say.")] = _SENTENCE,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Have one provider speak a sentence, and say how long that took and what it sounds like.

    Exit codes: 0 it spoke, 1 it refused or gave no sound, 2 its settings are not complete,
    3 there is no such provider or model, 4 it cannot be reached right now.
    """
    from intone.providers.registry import create_providers, running

    chosen = settings(data_dir=data_dir)
    providers = create_providers(chosen.providers, processes=1)
    try:
        provider = providers.get(name)
        if provider is None:
            raise NotFoundError(f"There is no provider {name!r}; there is {', '.join(providers)}.")
        if provider.unavailable is not None:
            raise InvalidInputError(
                f"The provider {name!r} is not set up ({provider.unavailable}); set"
                f" {_variable(name, 'API_KEY')}, or api_key under [providers.{name}], and what"
                " else its type wants."
            )
        async with running({name: provider}):
            try:
                heard = await _tried(provider, model, voice, text)
            except ProviderError as error:
                raise _with_advice(error, name, chosen) from None
    except IntoneError as error:
        if as_json:
            print_json({"ok": False, "error": error.code, "message": error.message})
        raise
    _report(heard, as_json=as_json)


@dataclass(slots=True)
class _Heard:
    """What came of a sentence."""

    provider: str
    model: str
    voice: str
    format: str
    #: Seconds from the request, with which a connection is made, to the first audio.
    first_byte_s: float = 0.0
    total_s: float = 0.0
    bytes: int = 0
    audio_s: float = 0.0
    energy: float = 0.0

    @property
    def level_dbfs(self) -> float:
        """Root mean square in dB of full scale."""
        return 10 * math.log10(self.energy / self.audio_s + 1e-20) if self.audio_s else -200.0


async def _tried(provider: Provider, model: str | None, voice: str | None, text: str) -> _Heard:
    from intone.providers.base import SpeechRequest

    chosen_model = await _model(provider, model)
    chosen_voice, language = await _voice(provider, chosen_model, voice)
    request = SpeechRequest(text, chosen_voice, language, model=chosen_model.id)
    form = next(iter(provider.capabilities.formats), "pcm")
    heard = _Heard(provider.name, chosen_model.id, chosen_voice, form)
    await _listen(provider, request, heard)
    if heard.level_dbfs < _SILENCE_DBFS:
        raise ProviderInvalidResponseError(f"{provider.name} answered with silence.")
    return heard


async def _model(provider: Provider, wanted: str | None) -> Model:
    if wanted is not None:
        found = provider.find_model(wanted)
        if found is None:
            names = ", ".join(model.id for model in provider.models)
            raise NotFoundError(f"{provider.name} has no model {wanted!r}; it has {names}.")
        return found
    models = provider.models or await provider.list_models()
    if not models:
        raise InvalidInputError(f"{provider.name} lists no models; name one with --model.")
    return models[0]


async def _voice(provider: Provider, model: Model, wanted: str | None) -> tuple[str, str]:
    """A voice's id and its language: the one wanted, or one that is listed, English if any is."""
    if wanted is not None:
        return provider.voice_aliases.get(wanted, wanted), ""

    def fit(voice: ListedVoice) -> bool:
        return any(tag.lower().partition("-")[0] == "en" for tag in voice.languages)

    listed = [v for v in await provider.list_voices() if not v.models or model.id in v.models]
    if not listed:
        raise InvalidInputError(f"{provider.name} lists no voices; name one with --voice.")
    voice = next(filter(fit, listed), listed[0])
    return voice.id, next(iter(voice.languages), "")


async def _listen(provider: Provider, request: SpeechRequest, heard: _Heard) -> None:
    """Measure what a provider says, for as long as its timeouts allow."""
    import numpy as np

    began = time.perf_counter()
    clock = asyncio.get_running_loop().time
    try:
        async with (
            asyncio.timeout(provider.timeouts.first_byte_s) as patience,
            aclosing(_spoken(provider, request, heard.format)) as pieces,
        ):
            async for size, pcm, sample_rate in pieces:
                patience.reschedule(clock() + provider.timeouts.stall_s)
                heard.first_byte_s = heard.first_byte_s or time.perf_counter() - began
                heard.bytes += size
                samples = np.frombuffer(pcm, "<i2") / 32768
                if len(samples):
                    heard.audio_s += len(samples) / sample_rate
                    heard.energy += float(np.square(samples).sum()) / sample_rate
    except TimeoutError:
        what = "stopped in the middle" if heard.bytes else "did not answer in time"
        raise ProviderTimeoutError(f"{provider.name} {what}.") from None
    heard.total_s = time.perf_counter() - began


async def _spoken(
    provider: Provider, request: SpeechRequest, form: str
) -> AsyncGenerator[tuple[int, bytes, int], None]:
    """How many bytes came, and what they are as PCM with its sample rate."""
    from intone.audio.decode import create_decoder

    if form == "pcm":
        async with aclosing(provider.synthesize(request)) as chunks:
            async for chunk in chunks:
                yield len(chunk.pcm), chunk.pcm, chunk.sample_rate
        return
    decoder = create_decoder(form)
    async with aclosing(provider.stream(request, form)) as pieces:
        async for piece in pieces:
            pcm = decoder.feed(piece)
            yield len(piece), pcm, decoder.sample_rate
    yield 0, decoder.finish(), decoder.sample_rate


def _with_advice(error: ProviderError, name: str, chosen: Settings) -> IntoneError:
    """The error with what to do about it; one that may pass by itself is an `UnavailableError`."""
    said = chosen.providers.get(name)
    address = f"base_url ({said.base_url})" if said and said.base_url else "base_url"
    match error:
        case ProviderAuthError():
            advice = f"Check {_variable(name, 'API_KEY')}, or api_key under [providers.{name}]."
        case ProviderRejectedError():
            advice = f"Try another --model or --voice, and see that {address} is right."
        case ProviderInvalidResponseError():
            advice = f"See that {address} leads to its API and that formats names what it has."
        case ProviderBusyError():
            wait = f"Wait {error.retry_after:g} s, or" if error.retry_after else "Wait, or"
            return UnavailableError(f"{error.message} {wait} raise your limits there.")
        case ProviderTimeoutError():
            advice = f"See that it runs, or raise the timeouts of [providers.{name}]."
            return UnavailableError(f"{error.message} {advice}")
        case _:
            advice = f"See that it runs and that {address} is right."
            return UnavailableError(f"{error.message} {advice}")
    return type(error)(f"{error.message} {advice}")


def _variable(name: str, setting: str) -> str:
    return f"INTONE_PROVIDERS__{name.upper()}__{setting}"


def _report(heard: _Heard, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "ok": True,
                "provider": heard.provider,
                "model": heard.model,
                "voice": heard.voice,
                "format": heard.format,
                "first_byte_ms": round(heard.first_byte_s * 1000, 1),
                "total_ms": round(heard.total_s * 1000, 1),
                "bytes": heard.bytes,
                "audio_seconds": round(heard.audio_s, 3),
                "level_dbfs": round(heard.level_dbfs, 1),
            }
        )
        return
    print(f"{heard.provider}/{heard.model} spoke as {heard.voice}.")
    print(f"  first byte  {heard.first_byte_s * 1000:.0f} ms after asking, connecting included")
    print(f"  in all      {heard.total_s * 1000:.0f} ms, {heard.bytes:,} bytes of {heard.format}")
    print(f"  audio       {heard.audio_s:.1f} s at {heard.level_dbfs:.0f} dBFS")
