"""A little Deepgram: its speech and its models as its reference describes them."""

from __future__ import annotations

from typing import Any

from helpers.vendors import KEY, PRIVATE, query_of, tone
from loopback.vendor import Answer, Request, VendorServer

#: What is spoken for an encoding and a container: our format, its sample rate, its media type.
FORMATS = {
    ("mp3", None): ("mp3", 22_050, "audio/mpeg"),
    ("linear16", "none"): ("pcm", 24_000, "audio/l16"),
    ("opus", "ogg"): ("opus", 48_000, "audio/ogg"),
    ("flac", None): ("flac", 48_000, "audio/flac"),
}
VOICES = {"aura-2-thalia-en", "aura-2-celeste-es", "aura-asteria-en"}


def refusal(status: int, code: str) -> Answer:
    """An error in the older of the two shapes."""
    return Answer.json({"err_code": code, "err_msg": PRIVATE, "request_id": "r1"}, status)


def modern_refusal(status: int, category: str) -> Answer:
    """An error in the newer of the two shapes."""
    return Answer.json(
        {"category": category, "message": PRIVATE, "details": PRIVATE, "request_id": "r1"}, status
    )


class DeepgramServer(VendorServer):
    """Speaks with three voices."""

    kind = "deepgram"
    voice = "aura-2-thalia-en"
    speech_path = "/v1/speak"

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, list[dict[str, Any]]] = {"stt": [], "tts": []}
        self.on("POST", self.speech_path, self._speak)
        self.on("GET", "/v1/models", lambda request: _refused(request) or Answer.json(self.models))

    def _speak(self, request: Request) -> Answer:
        if refused := _refused(request):
            return refused
        query = query_of(request)
        if query["model"] not in VOICES:
            return refusal(400, "INVALID_QUERY_PARAMETER")
        if len(request.json()["text"]) > 2000:
            return refusal(413, "Payload Too Large")
        form, sample_rate, media_type = FORMATS[query["encoding"], query.get("container")]
        if form == "pcm":
            assert int(query["sample_rate"]) == sample_rate
        return Answer(
            tone(form, sample_rate),
            headers={"Content-Type": media_type, "dg-model-name": query["model"]},
        )


def _refused(request: Request) -> Answer | None:
    if request.headers.get("Authorization") == f"Token {KEY}":
        return None
    return refusal(401, "INVALID_AUTH")
