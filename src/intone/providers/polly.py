"""Amazon Polly.

https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html, …/API_DescribeVoices.html
and …/CommonErrors.html. Calls are signed (`sigv4`). Plain text is sent as plain text, and as SSML
where the speed is not the voice's own.

Settings: `api_key` (id of the access key), `api_secret` (secret access key), `region`, e.g.
`eu-central-1`, and for temporary credentials `session_token`. They may call
`polly:SynthesizeSpeech` and `polly:DescribeVoices`.

A model is an engine of Polly's (`Engine`), and no option changes it, since it makes the price.
Options of a request (`provider_options`) are fields of SynthesizeSpeech: `LexiconNames`,
`LanguageCode` (for bilingual voices), `SampleRate` (of MP3).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from intone.errors import (
    ProviderAuthError,
    ProviderBusyError,
    ProviderError,
    ProviderInvalidResponseError,
)
from intone.providers.base import ListedVoice
from intone.providers.http import Call, HttpProvider, VendorProfile, known_gender
from intone.providers.sigv4 import Signer
from intone.providers.ssml import ssml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import aiohttp

    from intone.providers.base import Model, SpeechRequest
    from intone.providers.settings import ProviderSettings

__all__ = ["PollyProvider"]

#: Of raw PCM, in Hz: the higher of the two rates that Polly has it in.
_PCM_RATE = 16_000
#: What to ask for, by our names.
_OUTPUTS = {
    "mp3": {"OutputFormat": "mp3"},
    "opus": {"OutputFormat": "ogg_opus", "SampleRate": "48000"},
    "pcm": {"OutputFormat": "pcm", "SampleRate": str(_PCM_RATE)},
}
#: Most pages of voices that are asked for; Polly has all of its voices on one or two.
_MOST_PAGES = 20
#: Errors that have status 400 as often as 403: who calls, and how often they do.
_DENIED = re.compile(
    "Signature|AccessDenied|NotAuthorized|UnrecognizedClient|InvalidClientTokenId|ExpiredToken"
    "|RequestExpired|OptInRequired|MissingAuthentication"
)
_THROTTLED = re.compile("Throttl|TooManyRequests|RequestLimitExceeded")


class _Voice(msgspec.Struct, rename="pascal"):
    id: str
    name: str = ""
    gender: str | None = None
    language_code: str = ""
    additional_language_codes: list[str] = []
    supported_engines: list[str] = []


class _Voices(msgspec.Struct, rename="pascal"):
    voices: list[_Voice]
    next_token: str | None = None


class _Error(msgspec.Struct):
    type: str = msgspec.field(default="", name="__type")


class PollyProvider(HttpProvider):
    """Amazon Polly in one region."""

    profile = VendorProfile(
        title="Amazon Polly",
        website="https://docs.aws.amazon.com/polly/",
        base_url="https://polly.{region}.amazonaws.com",
        formats=("mp3", "opus"),
        # Of characters that are billed, which tags are not.
        max_characters=3000,
        rates=(0.2, 2.0),
    )

    def __init__(self, name: str, settings: ProviderSettings, models: Sequence[Model]) -> None:
        super().__init__(name, settings, models)
        self.base_url = self.base_url.replace("{region}", settings.region or "")
        self._signer = Signer(
            settings.api_key or "",
            settings.api_secret or "",
            settings.region or "",
            "polly",
            settings.session_token or "",
        )

    def has_credentials(self) -> bool:
        """A call is signed with a key's id, its secret and a region."""
        return all([self.settings.api_key, self.settings.api_secret, self.settings.region])

    async def authorize(self, call: Call) -> Mapping[str, str]:
        """The signature of this very call."""
        return self._signer.sign(
            call.method,
            self.base_url + call.path,
            now=datetime.now(UTC),
            query=call.query.items(),
            headers=call.headers,
            body=call.body,
        )

    def speech_call(self, request: SpeechRequest, form: str) -> Call:
        """`POST /v1/speech`; PCM is mono s16le at 16 kHz."""
        body = {
            "Engine": request.model or self.models[0].id,
            "VoiceId": request.voice,
            **_spoken(request),
            **_OUTPUTS[form],
        }
        return Call(
            "/v1/speech",
            msgspec.json.encode({**self.settings.options, **request.options, **body}),
            headers={"Content-Type": "application/json"},
            form=form,
            sample_rate=_PCM_RATE,
        )

    def refusal(self, response: aiohttp.ClientResponse, body: bytes) -> ProviderError:
        """By the error's name, which is in a header, or in the body where a gateway answers."""
        name = response.headers.get("x-amzn-ErrorType", "") or _error_in(body)
        if _THROTTLED.search(name):
            return ProviderBusyError()
        if _DENIED.search(name):
            return ProviderAuthError()
        return super().refusal(response, body)

    async def list_voices(self) -> Sequence[ListedVoice]:
        """`GET /v1/voices`, page by page."""
        listed: list[ListedVoice] = []
        query: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            page = await self.get_json("/v1/voices", _Voices, query)
            listed += map(_listed, page.voices)
            if not page.next_token:
                return listed
            query = {"NextToken": page.next_token}
        raise ProviderInvalidResponseError(f"{self.name} does not come to an end of its voices.")


def _spoken(request: SpeechRequest) -> dict[str, str]:
    if request.rate == 1.0:
        return {"TextType": "text", "Text": request.text}
    prosody = {"rate": f"{request.rate:.0%}"}
    return {"TextType": "ssml", "Text": ssml(request.text, ("speak", {}), ("prosody", prosody))}


def _error_in(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Error).type
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""


def _listed(voice: _Voice) -> ListedVoice:
    languages = filter(None, [voice.language_code, *voice.additional_language_codes])
    return ListedVoice(
        voice.id,
        voice.name or voice.id,
        tuple(languages),
        known_gender(voice.gender),
        models=tuple(voice.supported_engines),
    )
