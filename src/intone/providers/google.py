"""Google Cloud Text-to-Speech.

https://cloud.google.com/text-to-speech/docs/reference/rest/v1/text/synthesize,
…/v1/voices/list and …/quotas; for service accounts
https://developers.google.com/identity/protocols/oauth2/service-account. A call is answered when
all of it has been spoken, with one JSON object that has the audio in base64.

Settings: `api_key`, or `credentials_file`, the JSON file of a service account, which counts where
both are given. `base_url` chooses a region, e.g. `https://eu-texttospeech.googleapis.com`.

A voice's name says its language and its model, e.g. `en-US-Chirp3-HD-Kore`; the model of a request
only makes the price, and one that is not the voice's is refused. Options of a request
(`provider_options`) are Google's own `voice`, `audioConfig` and `advancedVoiceOptions`; `pitch`,
`volumeGainDb`, `effectsProfileId` and `sampleRateHertz` may also stand outside `audioConfig`. What
makes another price (`modelName`, `customVoice`, `voiceClone`) only the operator's own `options`
can set.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any

import msgspec

from intone.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderInvalidResponseError,
    ProviderRejectedError,
)
from intone.providers.base import ListedVoice
from intone.providers.google_token import ServiceAccount
from intone.providers.http import Call, HttpProvider, VendorProfile, known_gender, locale_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    import aiohttp

    from intone.providers.base import Model, SpeechRequest
    from intone.providers.settings import ProviderSettings

__all__ = ["GoogleProvider"]

#: What to ask for, by our names. LINEAR16 comes with the header of a WAV file.
_ENCODINGS = {"mp3": "MP3", "opus": "OGG_OPUS", "wav": "LINEAR16"}
#: Models by what follows the language in the names of their voices.
_MODELS = {
    "Chirp3-HD-": "chirp3-hd",
    "Neural2-": "neural2",
    "Standard-": "standard",
    "Studio-": "studio",
    "Wavenet-": "wavenet",
}
_AUDIO_OPTIONS = ("pitch", "volumeGainDb", "effectsProfileId", "sampleRateHertz")
_PRICED = {"modelName", "customVoice", "voiceClone"}
#: Where the audio begins in an answer, and the most bytes before it.
_BEGIN = re.compile(rb'"audioContent"\s*:\s*"')
_MOST_BEFORE = 64 << 10
#: Characters of base64 that are three bytes.
_QUAD = 4


class _Voice(msgspec.Struct, rename="camel"):
    name: str
    language_codes: list[str] = []
    ssml_gender: str | None = None


class _Voices(msgspec.Struct):
    voices: list[_Voice] = []


class GoogleProvider(HttpProvider):
    """Google Cloud Text-to-Speech, by API key or by service account."""

    profile = VendorProfile(
        title="Google Cloud Text-to-Speech",
        website="https://cloud.google.com/text-to-speech",
        base_url="https://texttospeech.googleapis.com",
        formats=tuple(_ENCODINGS),
        # Google counts 5,000 bytes of UTF-8, in which a character has up to four.
        max_characters=1250,
        # Documented as 0.25 to 2.0; older pages say 4.0.
        rates=(0.25, 2.0),
    )
    wraps_audio = True

    def __init__(self, name: str, settings: ProviderSettings, models: Sequence[Model]) -> None:
        super().__init__(name, settings, models)
        file = settings.credentials_file
        self._account = ServiceAccount.read(name, file, self.read_json) if file else None

    def has_credentials(self) -> bool:
        """One of the two will do."""
        return bool(self.settings.api_key or self.settings.credentials_file)

    async def authorize(self, call: Call) -> Mapping[str, str]:  # noqa: ARG002 - the same for all
        """The key, or the token of the service account."""
        if self._account is None:
            return {"X-Goog-Api-Key": self.settings.api_key or ""}
        return {"Authorization": f"Bearer {await self._account.token()}"}

    def speech_call(self, request: SpeechRequest, form: str) -> Call:
        """`POST /v1/text:synthesize`.

        Raises:
            ProviderRejectedError: The voice is not the model's, or an option is no object.
        """
        form = "wav" if form == "pcm" else form
        spoken_by = _model_of(request.voice)
        if request.model in _MODELS.values() and spoken_by not in {"", request.model}:
            raise ProviderRejectedError(
                f"{self.name} speaks this voice with the model {spoken_by}, not {request.model}."
            )
        options = {**self.settings.options, **request.options}
        body = {
            **{name: value for name, value in options.items() if name not in _AUDIO_OPTIONS},
            "input": {"text": request.text},
            "voice": self._voice(request),
            "audioConfig": self._audio_config(request, form),
        }
        return Call(
            "/v1/text:synthesize",
            msgspec.json.encode(body),
            headers={"Content-Type": "application/json"},
            form=form,
        )

    def _voice(self, request: SpeechRequest) -> dict[str, Any]:
        asked = _object(request.options, "voice")
        return {
            # One that is not exactly the voice's own is refused.
            "languageCode": locale_of(request.voice) or request.language or "en-US",
            **_object(self.settings.options, "voice"),
            **{name: value for name, value in asked.items() if name not in _PRICED},
            "name": request.voice,
        }

    def _audio_config(self, request: SpeechRequest, form: str) -> dict[str, Any]:
        config: dict[str, Any] = {}
        for options in (self.settings.options, request.options):
            config |= {name: options[name] for name in _AUDIO_OPTIONS if name in options}
            config |= _object(options, "audioConfig")
        if request.rate != 1.0:
            config["speakingRate"] = request.rate
        return {**config, "audioEncoding": _ENCODINGS[form]}

    def audio(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """Out of the JSON it comes in."""
        return _audio_content(response.content.iter_any())

    def failure(self, status: int, body: bytes) -> ProviderError:
        """Google calls a wrong key an invalid argument; and tokens may be withdrawn."""
        if status == 400 and b"API_KEY_INVALID" in body:  # noqa: PLR2004 - Bad Request
            return ProviderAuthError()
        if status == 401 and self._account is not None:  # noqa: PLR2004 - Unauthorized
            self._account.forget()
        return super().failure(status, body)

    async def list_voices(self) -> Sequence[ListedVoice]:
        """`GET /v1/voices`: all of them in one answer."""
        listed = (await self.get_json("/v1/voices", _Voices)).voices
        return [
            ListedVoice(
                voice.name,
                voice.name,
                tuple(voice.language_codes),
                known_gender(voice.ssml_gender),
                models=(model,) if (model := _model_of(voice.name)) else (),
            )
            for voice in listed
        ]


def _object(options: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = options.get(name, {})
    if not isinstance(found, dict):
        raise ProviderRejectedError(f"The option {name} is an object.")
    return found


def _model_of(voice: str) -> str:
    """The model a voice's name tells of; empty where it tells of none that we know."""
    rest = voice.removeprefix(locale_of(voice)).removeprefix("-")
    return next((model for begin, model in _MODELS.items() if rest.startswith(begin)), "")


async def _audio_content(body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The decoded `audioContent` of a JSON object while it arrives, to hold little of it.

    Raises:
        ProviderInvalidResponseError: There is none, it is not base64, or it does not end.
    """
    waiting, has_begun, has_ended = b"", False, False
    async for chunk in body:
        if has_ended:
            continue
        waiting += chunk
        if not has_begun:
            if not (found := _BEGIN.search(waiting)):
                if len(waiting) > _MOST_BEFORE:
                    break
                continue
            waiting, has_begun = waiting[found.end() :], True
        text, quote, _ = waiting.partition(b'"')
        has_ended = bool(quote)
        whole = len(text) if has_ended else len(text) - len(text) % _QUAD
        waiting = text[whole:]
        try:
            yield binascii.a2b_base64(text[:whole], strict_mode=True)
        except binascii.Error:
            raise ProviderInvalidResponseError from None
    if not has_ended:
        raise ProviderInvalidResponseError
