"""ElevenLabs.

https://elevenlabs.io/docs/api-reference/text-to-speech/stream and …/voices/search; errors:
https://elevenlabs.io/docs/eleven-api/resources/errors. They are `{"detail": {"type", "code",
"status", "message", …}}`, where older ones have only `status`, and where a validation error has a
list. A used-up quota is a 401 there, as a wrong key is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from intone.errors import ProviderBusyError, ProviderError, ProviderRejectedError
from intone.providers.base import ListedVoice
from intone.providers.http import Call, HttpProvider, VendorProfile, known_gender

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from intone.providers.base import SpeechRequest

__all__ = ["ElevenLabsProvider"]

_OUTPUT_FORMATS = {"mp3": "mp3_44100_128", "pcm": "pcm_24000", "opus": "opus_48000_64"}
#: Options that belong into `voice_settings`; all others but those of the query stand beside it.
_VOICE_SETTINGS = {"stability", "similarity_boost", "style", "use_speaker_boost", "speed"}
_QUERY = {"enable_logging", "optimize_streaming_latency"}
#: Models that refuse to be told a language end so.
_DEAF_TO_LANGUAGE = ("_v1", "_v2")
#: Where the vendor has another ISO 639-1 code for it.
_LANGUAGES = {"nb": "no", "nn": "no"}
_PAGE, _MOST_PAGES = 100, 100


class _Language(msgspec.Struct):
    language: str | None = None
    locale: str | None = None


class _Voice(msgspec.Struct):
    voice_id: str
    name: str | None = None
    category: str | None = None
    labels: dict[str, str | None] | None = None
    verified_languages: list[_Language] | None = None


class _Voices(msgspec.Struct):
    voices: list[_Voice]
    has_more: bool = False
    next_page_token: str | None = None


class _Failure(msgspec.Struct):
    detail: Any = None


class ElevenLabsProvider(HttpProvider):
    """ElevenLabs, or a server with its API."""

    profile = VendorProfile(
        title="ElevenLabs",
        website="https://elevenlabs.io/docs/overview/capabilities/text-to-speech",
        base_url="https://api.elevenlabs.io",
        formats=tuple(_OUTPUT_FORMATS),
        # Of Eleven v3; the other models take 10,000 to 40,000.
        max_characters=5000,
        rates=(0.7, 1.2),
        # Of the Creator plan; others allow 2 to 15.
        concurrency=5,
    )

    def auth_headers(self) -> Mapping[str, str]:
        """The key has a header of its own."""
        return {"xi-api-key": self.settings.api_key} if self.settings.api_key else {}

    def speech_call(self, request: SpeechRequest, form: str) -> Call:
        """`POST /v1/text-to-speech/{voice}/stream`.

        Options named as voice settings go into `voice_settings`, those of the query there, all
        others into the body; what the request itself says stands above them.

        Raises:
            ProviderRejectedError: The voice cannot be an id, or `voice_settings` is no object.
        """
        if not request.voice.strip("."):
            # As a part of a path it would name another path.
            raise ProviderRejectedError(f"{self.name} has no voice of this name; choose another.")
        if form not in self.capabilities.formats:
            form = self.capabilities.formats[0]
        model = request.model or self.models[0].id
        query, voice_settings, body = self._options(request)
        if request.rate != 1.0:
            voice_settings["speed"] = request.rate
        if voice_settings:
            body["voice_settings"] = voice_settings
        if request.language and not model.endswith(_DEAF_TO_LANGUAGE):
            language = request.language.partition("-")[0].lower()
            body["language_code"] = _LANGUAGES.get(language, language)
        return Call(
            f"/v1/text-to-speech/{quote(request.voice, safe='')}/stream",
            msgspec.json.encode({**body, "text": request.text, "model_id": model}),
            headers={"Content-Type": "application/json"},
            query={**query, "output_format": _OUTPUT_FORMATS[form]},
            form=form,
        )

    def _options(
        self, request: SpeechRequest
    ) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        """The operator's and the caller's options, by where they go: query, settings, body."""
        query: dict[str, str] = {}
        voice_settings: dict[str, Any] = {}
        body: dict[str, Any] = {}
        for options in (self.settings.options, request.options):
            for name, value in options.items():
                if name in _QUERY:
                    query[name] = value if isinstance(value, str) else _json_text(value)
                elif name in _VOICE_SETTINGS:
                    voice_settings[name] = value
                elif name != "voice_settings":
                    body[name] = value
                elif isinstance(value, Mapping):
                    voice_settings.update(value)
                else:
                    raise ProviderRejectedError("The option voice_settings must be an object.")
        return query, voice_settings, body

    def failure(self, status: int, body: bytes) -> ProviderError:
        """By the status, but for a used-up quota, which is no matter of the key."""
        if "quota_exceeded" in _codes(body):
            return ProviderBusyError()
        return super().failure(status, body)

    async def list_voices(self) -> Sequence[ListedVoice]:
        """`GET /v2/voices`, all pages; every voice speaks with every model."""
        voices: list[ListedVoice] = []
        query = {"page_size": str(_PAGE)}
        for _ in range(_MOST_PAGES):
            page = await self.get_json("/v2/voices", _Voices, query)
            voices += map(_listed, page.voices)
            if not page.has_more or not page.next_page_token:
                break
            query["next_page_token"] = page.next_page_token
        return voices


def _listed(voice: _Voice) -> ListedVoice:
    labels = {name: text for name, text in (voice.labels or {}).items() if text}
    gender, language = labels.pop("gender", None), labels.pop("language", None)
    if voice.category:
        labels["category"] = voice.category
    verified = [known.locale or known.language for known in voice.verified_languages or ()]
    # A bare `en` says nothing beside `en-US`.
    tags = [tag for tag in [language, *verified] if tag]
    languages = [tag for tag in tags if not any(other.startswith(f"{tag}-") for other in tags)]
    return ListedVoice(
        voice.voice_id,
        voice.name or voice.voice_id,
        tuple(dict.fromkeys(languages)),
        known_gender(gender),
        labels,
    )


def _codes(body: bytes) -> Iterator[str]:
    """What an error is called, in the present and in the former way."""
    try:
        detail = msgspec.json.decode(body, type=_Failure).detail
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    if isinstance(detail, dict):
        yield from (code for code in (detail.get("code"), detail.get("status")) if code)


def _json_text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
