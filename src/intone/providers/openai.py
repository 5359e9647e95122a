"""OpenAI's speech API, and all who speak it: Groq, Kokoro-FastAPI, speaches, LocalAI, Intone.

https://platform.openai.com/docs/api-reference/audio/createSpeech. Errors have the usual
statuses and `{"error": {"message", "type", "code", "param"}}`. OpenAI lists no voices; the
others answer `GET /audio/voices` with objects or with bare names.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec

from intone.errors import ProviderRejectedError
from intone.providers.base import ListedVoice
from intone.providers.http import Call, HttpProvider, VendorProfile, known_gender

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intone.providers.base import SpeechRequest

__all__ = ["OPENAI_VOICES", "OpenAIProvider"]

#: The voices OpenAI documents; clients know these names whatever the server.
OPENAI_VOICES = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin"),
    *("nova", "onyx", "sage", "shimmer", "verse"),
)
_OPENAI = "https://api.openai.com/v1"


class _Voice(msgspec.Struct):
    """A voice as one of the compatible servers lists it; none has all of the fields."""

    id: str | None = None
    voice_id: str | None = None
    name: str | None = None
    language: str | None = None
    gender: str | None = None


class _Voices(msgspec.Struct):
    voices: list[_Voice | str]


class OpenAIProvider(HttpProvider):
    """A server with OpenAI's speech API, whose unlisted models are passed on to it."""

    profile = VendorProfile(
        title="OpenAI",
        website="https://platform.openai.com/docs/guides/text-to-speech",
        base_url=_OPENAI,
        formats=("mp3", "pcm", "opus", "aac", "flac", "wav"),
        max_characters=4096,
        rates=(0.25, 4.0),
        passes_models=True,
    )

    @property
    def is_openai(self) -> bool:
        """Whether this is OpenAI itself, and not somebody who speaks its API."""
        return self.base_url == _OPENAI

    def has_credentials(self) -> bool:
        """OpenAI wants a key; a server of one's own may do without."""
        return bool(self.settings.api_key) or not self.is_openai

    def speech_call(self, request: SpeechRequest, form: str) -> Call:
        """`POST /audio/speech`; PCM is 24 kHz mono s16le by OpenAI's definition."""
        if form not in self.capabilities.formats:
            form = self.capabilities.formats[0]
        body: dict[str, Any] = {
            "model": request.model or self.models[0].id,
            "input": request.text,
            "voice": request.voice,
            "response_format": form,
        }
        if request.rate != 1.0:
            body["speed"] = request.rate
        if request.instructions:
            body["instructions"] = request.instructions
        return Call(
            "/audio/speech",
            msgspec.json.encode({**self.settings.options, **request.options, **body}),
            headers={"Content-Type": "application/json"},
            form=form,
        )

    async def list_voices(self) -> Sequence[ListedVoice]:
        """OpenAI's documented voices, or those the server lists; none where it has no list."""
        if self.is_openai:
            return [ListedVoice(name, name.capitalize()) for name in OPENAI_VOICES]
        listed: list[_Voice | str] = []
        with contextlib.suppress(ProviderRejectedError):
            listed = (await self.get_json("/audio/voices", _Voices)).voices
        return [voice for voice in map(_listed, listed) if voice is not None]


def _listed(voice: _Voice | str) -> ListedVoice | None:
    if isinstance(voice, str):
        return ListedVoice(voice, voice)
    name = voice.id or voice.voice_id or voice.name
    if name is None:
        return None
    languages = (voice.language,) if voice.language else ()
    return ListedVoice(name, voice.name or name, languages, known_gender(voice.gender))
