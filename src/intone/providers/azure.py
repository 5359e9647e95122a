"""Azure Speech, Microsoft's text to speech.

https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech and, for the
markup, …/speech-synthesis-markup-voice and …-pronunciation. A call is one document of SSML; the
audio comes as it is made. Voices are named `LOCALE-NAME`, e.g. `en-US-AvaMultilingualNeural`.

Settings: `api_key` (a key of the Speech resource) with `region`, e.g. `westeurope`; or with
`base_url`, for sovereign clouds and private endpoints, e.g. `https://NAME.cognitiveservices.azure.com/tts`.

Options of a request (`provider_options`): `style`, `styledegree` and `role` of the expression,
`pitch`, `range`, `contour` and `volume` of the prosody, `effect` of the voice. Others are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from intone.errors import ProviderBusyError, ProviderError, ProviderRejectedError
from intone.providers.base import ListedVoice
from intone.providers.http import Call, HttpProvider, VendorProfile, known_gender, locale_of
from intone.providers.ssml import ssml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from intone.providers.base import Model, SpeechRequest
    from intone.providers.settings import ProviderSettings

__all__ = ["AzureProvider"]

#: What to ask for, by our names.
_OUTPUTS = {
    "mp3": "audio-24khz-96kbitrate-mono-mp3",
    "opus": "ogg-24khz-16bit-mono-opus",
    "pcm": "raw-24khz-16bit-mono-pcm",
}
_EXPRESSION = ("style", "styledegree", "role")
_PROSODY = ("pitch", "range", "contour", "volume")


class _Voice(msgspec.Struct, rename="pascal"):
    short_name: str
    display_name: str = ""
    gender: str | None = None
    locale: str = ""
    secondary_locale_list: list[str] = []
    style_list: list[str] = []
    voice_type: str = ""


class AzureProvider(HttpProvider):
    """A Speech resource of Azure's. Its one model is the price of its voices."""

    profile = VendorProfile(
        title="Azure Speech",
        website="https://learn.microsoft.com/azure/ai-services/speech-service/text-to-speech",
        base_url="https://{region}.tts.speech.microsoft.com",
        formats=tuple(_OUTPUTS),
        # Azure cuts audio off at ten minutes and says nothing. A thousand characters of Chinese
        # last some four, and twice as long at half the speed.
        max_characters=1200,
        rates=(0.5, 2.0),
    )

    def __init__(self, name: str, settings: ProviderSettings, models: Sequence[Model]) -> None:
        super().__init__(name, settings, models)
        self.base_url = self.base_url.replace("{region}", settings.region or "")

    def has_credentials(self) -> bool:
        """A key is good for one region, or for the address that stands for it."""
        return bool(self.settings.api_key and (self.settings.region or self.settings.base_url))

    def auth_headers(self) -> Mapping[str, str]:
        """The resource's key."""
        return {"Ocp-Apim-Subscription-Key": self.settings.api_key or ""}

    def speech_call(self, request: SpeechRequest, form: str) -> Call:
        """`POST /cognitiveservices/v1` with a document of SSML."""
        return Call(
            "/cognitiveservices/v1",
            self._document(request).encode(),
            headers={
                "Content-Type": "application/ssml+xml",
                "X-Microsoft-OutputFormat": _OUTPUTS[form],
            },
            form=form,
        )

    def failure(self, status: int, body: bytes) -> ProviderError:
        """A free resource that has used up its month is refused like a wrong key."""
        if status == 403 and b"quota" in body.lower():  # noqa: PLR2004 - Forbidden
            return ProviderBusyError()
        return super().failure(status, body)

    async def list_voices(self) -> Sequence[ListedVoice]:
        """`GET /cognitiveservices/voices/list`: those of the region, in one answer."""
        listed = await self.get_json("/cognitiveservices/voices/list", list[_Voice])
        return [
            ListedVoice(
                voice.short_name,
                voice.display_name or voice.short_name,
                tuple(dict.fromkeys(filter(None, [voice.locale, *voice.secondary_locale_list]))),
                known_gender(voice.gender),
                _labels(voice),
            )
            for voice in listed
        ]

    def _document(self, request: SpeechRequest) -> str:
        options = {**self.settings.options, **request.options}
        if request.style != "neutral":
            options.setdefault("style", request.style)
        prosody = self._attributes(options, _PROSODY)
        if request.rate != 1.0:
            prosody["rate"] = f"{request.rate:g}"
        expression = self._attributes(options, _EXPRESSION)
        elements = [
            (
                "speak",
                {
                    "version": "1.0",
                    "xmlns": "http://www.w3.org/2001/10/synthesis",
                    "xmlns:mstts": "https://www.w3.org/2001/mstts",
                    "xml:lang": request.language or locale_of(request.voice) or "en-US",
                },
            ),
            ("voice", {"name": request.voice, **self._attributes(options, ("effect",))}),
            ("mstts:express-as", expression),
            ("prosody", prosody),
        ]
        return ssml(request.text, *(element for element in elements if element[1]))

    def _attributes(self, options: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
        found = {name: options[name] for name in names if options.get(name) is not None}
        if not all(isinstance(value, str | int | float) for value in found.values()):
            raise ProviderRejectedError(f"The options of {self.name} are words and numbers.")
        return {name: str(value) for name, value in found.items()}


def _labels(voice: _Voice) -> dict[str, str]:
    labels = {"type": voice.voice_type, "styles": ", ".join(voice.style_list)}
    return {name: label for name, label in labels.items() if label}
