"""Deepgram's Aura.

https://developers.deepgram.com/reference/text-to-speech/speak-request and
…/reference/manage/models/list. What they call a model is one voice with its language, e.g.
`aura-2-thalia-en`; ours is its family, `aura-2`. Errors have the usual statuses and
`{"err_code", "err_msg", "request_id"}` or `{"category", "message", "details", "request_id"}`:
https://developers.deepgram.com/docs/errors.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from intone.errors import ProviderRejectedError
from intone.providers.base import Gender, ListedVoice
from intone.providers.http import Call, HttpProvider, VendorProfile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from intone.providers.base import SpeechRequest

__all__ = ["DeepgramProvider"]

#: https://developers.deepgram.com/docs/tts-media-output-settings. WAV is not among them: the
#: header of a stream is better written here, before their PCM.
_OUTPUT_FORMATS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "mp3": {"encoding": "mp3"},
        "pcm": {"encoding": "linear16", "container": "none", "sample_rate": "24000"},
        "opus": {"encoding": "opus", "container": "ogg"},
        "flac": {"encoding": "flac"},
    }
)
#: Family, voice, and mostly language, as Deepgram puts them into one name.
_FULL_NAME = re.compile(r"(aura(?:-\d+)?)-([a-z][^-]*).*")
#: Options with which the answer would be a promise in place of audio.
_NO_AUDIO = {"callback", "callback_method"}
_GENDERS: Mapping[str, Gender] = MappingProxyType({"feminine": "female", "masculine": "male"})


class _Metadata(msgspec.Struct):
    display_name: str | None = None
    accent: str | None = None
    age: str | None = None
    tags: list[str] | None = None
    use_cases: list[str] | None = None


class _Voice(msgspec.Struct):
    name: str | None = None
    canonical_name: str | None = None
    languages: list[str] | None = None
    metadata: _Metadata | None = None


class _Models(msgspec.Struct):
    tts: list[_Voice] = []


class DeepgramProvider(HttpProvider):
    """Deepgram, or a server of one's own with its API."""

    profile = VendorProfile(
        title="Deepgram",
        website="https://developers.deepgram.com/docs/tts-models",
        base_url="https://api.deepgram.com",
        formats=tuple(_OUTPUT_FORMATS),
        max_characters=2000,
        # Of Aura-2's English and Spanish voices; it says itself where it cannot.
        rates=(0.7, 1.5),
    )

    def auth_headers(self) -> Mapping[str, str]:
        """A key is a token, but not a bearer token: those are short-lived ones."""
        key = self.settings.api_key
        return {"Authorization": f"Token {key}"} if key else {}

    def speech_call(self, request: SpeechRequest, form: str) -> Call:
        """`POST /v1/speak`; only the text is in the body.

        Options are fields of the query; what the request itself says stands above them.

        Raises:
            ProviderRejectedError: The voice belongs to another model, or an option asks for
                the audio to be sent elsewhere.
        """
        if form not in self.capabilities.formats:
            form = self.capabilities.formats[0]
        options = {**self.settings.options, **request.options}
        if not _NO_AUDIO.isdisjoint(options):
            raise ProviderRejectedError("The option callback cannot be used here.")
        query = {
            name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in options.items()
        }
        if request.rate != 1.0:
            query["speed"] = f"{request.rate:g}"
        query |= {"model": self._full_name(request), **_OUTPUT_FORMATS[form]}
        return Call(
            "/v1/speak",
            msgspec.json.encode({"text": request.text}),
            headers={"Content-Type": "application/json"},
            query=query,
            form=form,
        )

    def _full_name(self, request: SpeechRequest) -> str:
        """Model, voice and language in one; a voice may be given with or without the others.

        Raises:
            ProviderRejectedError: The voice belongs to another model, which has another price.
        """
        model = request.model or self.models[0].id
        if full := _FULL_NAME.fullmatch(request.voice):
            if full[1] != model:
                raise ProviderRejectedError(
                    f"{self.name} speaks with this voice in its model {full[1]}, not in {model}."
                )
            return request.voice
        if "-" in request.voice:
            return f"{model}-{request.voice}"
        return f"{model}-{request.voice}-{request.language.partition('-')[0].lower() or 'en'}"

    async def list_voices(self) -> Sequence[ListedVoice]:
        """`GET /v1/models`, which has no pages."""
        models = await self.get_json("/v1/models", _Models)
        return [voice for voice in map(_listed, models.tts) if voice is not None]


def _listed(voice: _Voice) -> ListedVoice | None:
    full = _FULL_NAME.fullmatch(voice.canonical_name or "")
    if full is None:
        # Other families than Aura have another endpoint.
        return None
    about = voice.metadata or _Metadata()
    tags = about.tags or []
    labels = {
        "accent": about.accent,
        "age": about.age,
        "tags": ", ".join(tag for tag in tags if tag not in _GENDERS),
        "use_cases": ", ".join(about.use_cases or []),
    }
    return ListedVoice(
        full[0],
        about.display_name or (voice.name or full[2]).capitalize(),
        tuple(voice.languages or ()),
        next((_GENDERS[tag] for tag in tags if tag in _GENDERS), None),
        {name: text for name, text in labels.items() if text},
        (full[1],),
    )
