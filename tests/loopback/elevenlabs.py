"""A little ElevenLabs: its speech and its voices as its reference describes them."""

from __future__ import annotations

from typing import Any

from helpers.vendors import KEY, PRIVATE, query_of, tone
from loopback.vendor import Answer, Request, VendorServer

#: What is spoken for an `output_format`: our format, its sample rate, its media type.
FORMATS = {
    "mp3_44100_128": ("mp3", 44_100, "audio/mpeg"),
    "pcm_24000": ("pcm", 24_000, "audio/pcm"),
    "opus_48000_64": ("opus", 48_000, "audio/ogg"),
}


def refusal(status: int, kind: str, code: str) -> Answer:
    """An error in the present shape."""
    detail = {"type": kind, "code": code, "message": PRIVATE, "status": code, "request_id": "r1"}
    return Answer.json({"detail": detail}, status)


class ElevenLabsServer(VendorServer):
    """Speaks with one voice."""

    kind = "elevenlabs"
    voice = "JBFqnCBsd6RMkjVDRZzb"

    def __init__(self) -> None:
        super().__init__()
        #: The pages of the list of voices.
        self.pages: list[list[dict[str, Any]]] = [[]]
        self.on("GET", "/v2/voices", self._list)
        self.on("POST", self.speech_path, self.speak)

    @property
    def speech_path(self) -> str:
        return self.path_of(self.voice)

    def path_of(self, voice: str) -> str:
        """Where the voice of this name, as it stands in a path, speaks."""
        return f"/v1/text-to-speech/{voice}/stream"

    def speak(self, request: Request) -> Answer:
        if refused := _refused(request):
            return refused
        body = request.json()
        if not body.get("text"):
            fault = {"loc": ["body", "text"], "msg": PRIVATE, "type": "value_error.missing"}
            return Answer.json({"detail": [fault]}, 422)
        if "language_code" in body and body["model_id"].endswith("_v2"):
            return refusal(400, "invalid_request_error", "unsupported_language")
        form, sample_rate, media_type = FORMATS[query_of(request)["output_format"]]
        return Answer(tone(form, sample_rate), headers={"Content-Type": media_type})

    def _list(self, request: Request) -> Answer:
        if refused := _refused(request):
            return refused
        query = query_of(request)
        assert 1 <= int(query["page_size"]) <= 100
        number = int(query.get("next_page_token", "page-0").removeprefix("page-"))
        has_more = number + 1 < len(self.pages)
        return Answer.json(
            {
                "voices": self.pages[number],
                "has_more": has_more,
                "total_count": sum(map(len, self.pages)),
                "next_page_token": f"page-{number + 1}" if has_more else None,
            }
        )


def _refused(request: Request) -> Answer | None:
    if request.headers.get("xi-api-key") == KEY:
        return None
    return refusal(401, "authentication_error", "invalid_api_key")
