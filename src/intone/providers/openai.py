"""OpenAI's speech API, and all who speak it: Groq, Kokoro-FastAPI, speaches, LocalAI, Intone.

https://platform.openai.com/docs/api-reference/audio/createSpeech. Errors have the usual
statuses and `{"error": {"message", "type", "code", "param"}}`. OpenAI lists no voices; the
others answer `GET /audio/voices`, most with `{"voices": [...]}` of objects or of bare names, and
`GET /models` as OpenAI does.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from intone.errors import ProviderRejectedError
from intone.providers.base import ListedVoice
from intone.providers.http import Call, HttpProvider, VendorProfile, known_gender

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from intone.providers.base import Model, SpeechRequest
    from intone.providers.settings import ProviderSettings

__all__ = ["OPENAI_VOICES", "OpenAIProvider"]

#: The voices OpenAI documents; clients know these names whatever the server.
OPENAI_VOICES = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin"),
    *("nova", "onyx", "sage", "shimmer", "verse"),
)
_OPENAI_HOST = "api.openai.com"
#: What PCM is made from where a server has none: what loses nothing, if there is any of it.
_NEAREST_TO_PCM = ("pcm", "wav", "flac")
#: Options that would make the answer something other than audio.
_NOT_PASSED_ON = {"stream_format"}
_TAG = re.compile(r"[A-Za-z]{2,3}(-|$)")


class OpenAIProvider(HttpProvider):
    """A server with OpenAI's speech API, whose unlisted models are passed on to it."""

    profile = VendorProfile(
        title="OpenAI",
        website="https://platform.openai.com/docs/guides/text-to-speech",
        base_url=f"https://{_OPENAI_HOST}/v1",
        formats=("mp3", "pcm", "opus", "aac", "flac", "wav"),
        max_characters=4096,
        rates=(0.25, 4.0),
        passes_models=True,
    )

    def __init__(self, name: str, settings: ProviderSettings, models: Sequence[Model]) -> None:
        super().__init__(name, settings, models)
        if not urlsplit(self.base_url).path:
            # Nobody serves this API at the root.
            self.base_url += "/v1"
        if not self.is_openai:
            self.title, self.website = name, ""
            if settings.models is None:
                # The models that are known are OpenAI's own, and so are their prices.
                self.models = ()

    @cached_property
    def is_openai(self) -> bool:
        """Whether this is OpenAI itself, and not somebody who speaks its API."""
        host = urlsplit(self.base_url).hostname or ""
        return host == _OPENAI_HOST or host.endswith(f".{_OPENAI_HOST}")

    def has_credentials(self) -> bool:
        """OpenAI wants a key; a server of one's own may do without."""
        return bool(self.settings.api_key) or not self.is_openai

    def speech_call(self, request: SpeechRequest, form: str) -> Call:
        """`POST /audio/speech`; PCM is 24 kHz mono s16le by OpenAI's definition.

        Raises:
            ProviderRejectedError: No model is named, and none is the default.
        """
        formats = self.capabilities.formats
        if form not in formats:
            form = next((near for near in _NEAREST_TO_PCM if near in formats), formats[0])
        model = request.model or next((known.id for known in self.models), "")
        if not model:
            raise ProviderRejectedError(f"{self.name} has no default model; name one.")
        options = {**self.settings.options, **request.options}
        body: dict[str, Any] = {
            **{name: value for name, value in options.items() if name not in _NOT_PASSED_ON},
            "model": model,
            "input": request.text,
            "voice": self._voice(request.voice),
            "response_format": form,
        }
        if request.rate != 1.0:
            body["speed"] = request.rate
        if request.instructions:
            body["instructions"] = request.instructions
        return Call(
            "/audio/speech",
            msgspec.json.encode(body),
            headers={"Content-Type": "application/json"},
            form=form,
        )

    def _voice(self, voice: str) -> str | dict[str, str]:
        """OpenAI wants the voices that its customers have made as objects."""
        return {"id": voice} if self.is_openai and voice.startswith("voice_") else voice

    async def list_models(self) -> Sequence[Model]:
        """What the operator lists, what is known of OpenAI, or else `GET /models`, all of it."""
        if self.is_openai or self.settings.models is not None:
            return self.models
        return [
            self.unlisted_model(model["id"])
            for model in await self._list("/models", "data")
            if isinstance(model, dict) and isinstance(model.get("id"), str)
        ]

    async def list_voices(self) -> Sequence[ListedVoice]:
        """OpenAI's documented voices, or those the server lists; none where it has no list."""
        if self.is_openai:
            return [ListedVoice(name, name.capitalize()) for name in OPENAI_VOICES]
        return list(_voices(await self._list("/audio/voices", "voices")))

    async def _list(self, path: str, name: str) -> Sequence[Any]:
        """A list that is the answer, or a field of it; nothing where there is no such endpoint."""
        try:
            answer = await self.get_json(path, object)
        except ProviderRejectedError:
            return ()
        listed = answer.get(name) if isinstance(answer, dict) else answer
        return listed if isinstance(listed, list) else ()


def _voices(listed: Sequence[Any]) -> Iterator[ListedVoice]:
    """The voices of a list in which a voice is a name, or an object with some of the fields."""
    for item in listed:
        fields = item if isinstance(item, dict) else {"id": item}
        texts = {name: text for name, text in fields.items() if isinstance(text, str) and text}
        voice = texts.get("id") or texts.get("voice_id") or texts.get("name")
        if voice is None:
            continue
        tag = texts.get("language", "").replace("_", "-")
        # Some write a tag, others a language's name, which helps nobody here.
        languages = (tag,) if _TAG.match(tag) else ()
        gender = known_gender(texts.get("gender"))
        yield ListedVoice(voice, texts.get("name", voice), languages, gender)
