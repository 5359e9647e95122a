"""A little Cartesia: its speech and its voices as its reference describes them."""

from __future__ import annotations

from typing import Any

from helpers.vendors import KEY, PRIVATE, query_of, tone
from loopback.vendor import Answer, Request, VendorServer


def refusal(status: int, code: str | None) -> Answer:
    """An error as of version 2026-03-01."""
    return Answer.json(
        {"error_code": code, "title": "No", "message": PRIVATE, "request_id": "r1"}, status
    )


class CartesiaServer(VendorServer):
    """Speaks raw PCM and MP3."""

    kind = "cartesia"
    voice = "694f9389-aac1-45b6-b726-9d9369183238"
    speech_path = "/tts/bytes"

    def __init__(self) -> None:
        super().__init__()
        self.voices: list[dict[str, Any]] = []
        #: Fewer than asked for come on one page.
        self.page_size = 2
        self.on("POST", self.speech_path, self._speak)
        self.on("GET", "/voices", self._list)

    def _speak(self, request: Request) -> Answer:
        if refused := _refused(request):
            return refused
        body = request.json()
        output = body["output_format"]
        if not body["transcript"] or body["voice"]["mode"] != "id":
            return refusal(400, "invalid_request")
        if output["container"] == "mp3":
            assert output["bit_rate"] in {32_000, 64_000, 96_000, 128_000, 192_000}
            pieces, media_type = tone("mp3", output["sample_rate"]), "audio/mpeg"
        else:
            assert (output["container"], output["encoding"]) == ("raw", "pcm_s16le")
            pieces, media_type = tone("pcm", output["sample_rate"]), "audio/pcm"
        return Answer(pieces, headers={"Content-Type": media_type})

    def _list(self, request: Request) -> Answer:
        if refused := _refused(request):
            return refused
        query = query_of(request)
        assert 1 <= int(query["limit"]) <= 100
        ids = [voice["id"] for voice in self.voices]
        start = ids.index(query["starting_after"]) + 1 if "starting_after" in query else 0
        end = start + self.page_size
        return Answer.json({"data": self.voices[start:end], "has_more": end < len(ids)})


def _refused(request: Request) -> Answer | None:
    if request.headers.get("Cartesia-Version") != "2026-03-01":
        return refusal(400, "version_missing")
    if request.headers.get("Authorization") != f"Bearer {KEY}":
        return refusal(401, "unauthorized")
    return None
