"""A little Azure Speech: its speech and its voices as its reference describes them."""

from __future__ import annotations

from typing import Any, ClassVar
from xml.etree import ElementTree as ET

from helpers.vendors import KEY, PRIVATE, tone
from loopback.vendor import Answer, Request, VendorServer

#: What is spoken for an `X-Microsoft-OutputFormat`: our format, its sample rate, its media type.
FORMATS = {
    "audio-24khz-96kbitrate-mono-mp3": ("mp3", 24_000, "audio/mpeg"),
    "ogg-24khz-16bit-mono-opus": ("opus", 24_000, "audio/ogg"),
    "raw-24khz-16bit-mono-pcm": ("pcm", 24_000, "audio/basic"),
}
SSML = "{http://www.w3.org/2001/10/synthesis}"
MSTTS = "{https://www.w3.org/2001/mstts}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


class AzureServer(VendorServer):
    """Speaks with one voice; all others are unknown to it."""

    kind = "azure"
    voice = "en-US-AvaMultilingualNeural"
    speech_path = "/cognitiveservices/v1"
    settings: ClassVar[dict[str, Any]] = {"region": "westeurope"}
    form, wire_rate = "pcm", 24_000

    def __init__(self) -> None:
        super().__init__()
        self.voices: list[dict[str, Any]] = []
        self.on("POST", self.speech_path, self._speak)
        self.on("GET", "/cognitiveservices/voices/list", self._list)

    def refusal(self, status: int) -> Answer:
        return Answer.json({"error": {"code": str(status), "message": PRIVATE}}, status)

    def good(self, pieces: tuple[bytes, ...]) -> tuple[list[bytes], dict[str, str]]:
        """How these pieces of MP3 go over the wire."""
        return list(pieces), {"Content-Type": "audio/mpeg"}

    def heard(self, request: Request) -> tuple[str, str]:
        """The voice and the text of a request; the text is that of the whole document."""
        document = ET.fromstring(request.body)
        return document[0].attrib["name"], "".join(document.itertext())

    def _speak(self, request: Request) -> Answer:
        if request.headers.get("Ocp-Apim-Subscription-Key") != KEY:
            return Answer(PRIVATE.encode(), 401, {"Content-Type": "text/plain"})
        assert request.headers["Content-Type"] == "application/ssml+xml"
        assert 0 < len(request.headers["User-Agent"]) < 255
        try:
            document = ET.fromstring(request.body)
        except ET.ParseError:
            return Answer(status=400)
        speaks = document.tag == f"{SSML}speak" and document.attrib["version"] == "1.0"
        if not speaks or [voice.get("name") for voice in document] != [self.voice]:
            return Answer(PRIVATE.encode(), 400, {"Content-Type": "text/plain"})
        output = request.headers["X-Microsoft-OutputFormat"]
        form, sample_rate, media_type = FORMATS[output]
        return Answer(tone(form, sample_rate), headers={"Content-Type": media_type})

    def _list(self, request: Request) -> Answer:
        if request.headers.get("Ocp-Apim-Subscription-Key") != KEY:
            return Answer(PRIVATE.encode(), 401)
        return Answer.json(self.voices)
