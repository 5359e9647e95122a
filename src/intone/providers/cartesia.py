"""Cartesia.

https://docs.cartesia.ai/api-reference/tts/bytes and …/voices/list. Errors have the usual statuses
and, as of the API version asked for here, `{"error_code", "title", "message", "request_id"}`:
https://docs.cartesia.ai/use-the-api/api-errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from intone.errors import ProviderRejectedError
from intone.providers.base import Gender, ListedVoice
from intone.providers.http import Call, HttpProvider, VendorProfile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.providers.base import SpeechRequest

__all__ = ["CartesiaProvider"]

_VERSION = "2026-03-01"
#: WAV is not among them: the header of a stream is better written here, before their PCM.
_OUTPUT_FORMATS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "mp3": {"container": "mp3", "sample_rate": 44_100, "bit_rate": 128_000},
        "pcm": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000},
    }
)
_GENDERS: Mapping[str, Gender] = MappingProxyType(
    {"feminine": "female", "masculine": "male", "gender_neutral": "neutral"}
)
#: Where the vendor has another code for it.
_LANGUAGES = {"nb": "no", "nn": "no", "fil": "tl"}
_PAGE, _MOST_PAGES = 100, 100


class _Locale(msgspec.Struct):
    locale: str


class _Voice(msgspec.Struct):
    id: str
    name: str | None = None
    description: str | None = None
    language: str | None = None
    locales: list[_Locale] | None = None
    gender: str | None = None
    accent: str | None = None
    country: str | None = None


class _Voices(msgspec.Struct):
    data: list[_Voice]
    has_more: bool = False


class CartesiaProvider(HttpProvider):
    """Cartesia, or a server with its API."""

    profile = VendorProfile(
        title="Cartesia",
        website="https://docs.cartesia.ai/build-with-cartesia/tts-models/latest",
        base_url="https://api.cartesia.ai",
        formats=tuple(_OUTPUT_FORMATS),
        # They document no limit; this is some five minutes of speech.
        max_characters=5000,
        rates=(0.6, 1.5),
        # Of the Pro plan; others allow 2 to 15.
        concurrency=3,
    )

    def auth_headers(self) -> Mapping[str, str]:
        """A bearer token, and the version of the API, which every call has to name."""
        return {**super().auth_headers(), "Cartesia-Version": _VERSION}

    def speech_call(self, request: SpeechRequest, form: str) -> Call:
        """`POST /tts/bytes`.

        Options are fields of the body; what the request itself says stands above them.

        Raises:
            ProviderRejectedError: The option `generation_config` is no object.
        """
        if form not in self.capabilities.formats:
            form = self.capabilities.formats[0]
        body: dict[str, Any] = {
            **self.settings.options,
            **request.options,
            "model_id": request.model or self.models[0].id,
            "transcript": request.text,
            "voice": {"mode": "id", "id": request.voice},
            "output_format": _OUTPUT_FORMATS[form],
        }
        if request.language:
            language = request.language.partition("-")[0].lower()
            body["language"] = _LANGUAGES.get(language, language)
        if request.rate != 1.0:
            config = body.get("generation_config") or {}
            if not isinstance(config, Mapping):
                raise ProviderRejectedError("The option generation_config must be an object.")
            body["generation_config"] = {**config, "speed": request.rate}
        return Call(
            "/tts/bytes",
            msgspec.json.encode(body),
            headers={"Content-Type": "application/json"},
            form=form,
        )

    async def list_voices(self) -> Sequence[ListedVoice]:
        """`GET /voices`, all pages; every voice speaks with every model."""
        voices: list[ListedVoice] = []
        query = {"limit": str(_PAGE)}
        for _ in range(_MOST_PAGES):
            page = await self.get_json("/voices", _Voices, query)
            voices += map(_listed, page.data)
            if not page.has_more or not page.data:
                break
            query["starting_after"] = page.data[-1].id
        return voices


def _listed(voice: _Voice) -> ListedVoice:
    languages = [known.locale for known in voice.locales or ()] or [voice.language or ""]
    labels = {
        "accent": voice.accent,
        "country": voice.country,
        "description": voice.description,
    }
    return ListedVoice(
        voice.id,
        voice.name or voice.id,
        tuple(tag for tag in dict.fromkeys(languages) if tag),
        _GENDERS.get(voice.gender or ""),
        {name: text for name, text in labels.items() if text},
    )
