"""A little Amazon Polly, which takes nothing that is not signed."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote
from xml.etree import ElementTree as ET

from helpers.vendors import KEY, PRIVATE, query_of, tone
from loopback.vendor import Answer, Request, VendorServer

SECRET = "wJalrXUtnFEMI/K7MDENG/secret-of-nobody"
REGION = "eu-central-1"
#: What is spoken for an `OutputFormat`: our format, its rates, the first by default, its media type.
FORMATS = {
    "mp3": ("mp3", (24_000, 22_050, 16_000, 8_000), "audio/mpeg"),
    "ogg_opus": ("opus", (48_000,), "audio/ogg"),
    "pcm": ("pcm", (16_000, 8_000), "audio/pcm"),
}
ENGINES = {"standard", "neural", "long-form", "generative"}
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/polly/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


def refusal(status: int, name: str, *, in_body: bool = False, **headers: str) -> Answer:
    """An error: named in a header as Polly does, or in the body as its gateway does."""
    body = {"message": PRIVATE}
    if in_body:
        return Answer.json({"__type": name, **body}, status, **headers)
    kind = {"x-amzn-ErrorType": f"{name}:http://internal.amazon.com/coral/com.amazon.coral/"}
    return Answer.json(body, status, **kind, **headers)


class PollyServer(VendorServer):
    """Speaks with one voice; the key's id is `helpers.vendors.KEY`."""

    kind = "polly"
    voice = "Joanna"
    speech_path = "/v1/speech"
    settings: ClassVar[dict[str, Any]] = {"region": REGION, "api_secret": SECRET}
    form, wire_rate = "pcm", 16_000

    def __init__(self) -> None:
        super().__init__()
        #: The pages of the list of voices.
        self.pages: list[list[dict[str, Any]]] = [[]]
        self.session_token: str | None = None
        self.on("POST", self.speech_path, self._speak)
        self.on("GET", "/v1/voices", self._list)

    def refusal(self, status: int) -> Answer:
        return refusal(status, "SomethingElseException")

    def good(self, pieces: tuple[bytes, ...]) -> tuple[list[bytes], dict[str, str]]:
        """How these pieces of MP3 go over the wire."""
        return list(pieces), {"Content-Type": "audio/mpeg"}

    def heard(self, request: Request) -> tuple[str, str]:
        """The voice and the text of a request."""
        body = request.json()
        text = body["Text"]
        if body["TextType"] == "ssml":
            text = "".join(ET.fromstring(text).itertext())
        return body["VoiceId"], text

    def _refused(self, request: Request) -> Answer | None:
        """By AWS's own recipe, from the raw request, in words of our own."""
        found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if found is None:
            return refusal(403, "MissingAuthenticationTokenException")
        key_id, day, region, names, signature = found.groups()
        if key_id != KEY or request.headers.get("X-Amz-Security-Token") != self.session_token:
            return refusal(403, "UnrecognizedClientException")
        stamp = request.headers["X-Amz-Date"]
        sent = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(datetime.now(UTC) - sent) > timedelta(minutes=15):
            return refusal(403, "RequestExpired")
        must = {"host", *(n.lower() for n in request.headers if n.lower().startswith("x-amz-"))}
        if not must <= set(names.split(";")) or region != REGION or not stamp.startswith(day):
            return refusal(403, "InvalidSignatureException")
        path, _, query = request.path_qs.partition("?")
        pairs = sorted(
            f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
            for name, value in parse_qsl(query, keep_blank_values=True)
        )
        lines = [request.method, quote(path, safe="/-_.~"), "&".join(pairs)]
        lines += [f"{name}:{request.headers[name].strip()}" for name in names.split(";")]
        lines += ["", names, hashlib.sha256(request.body).hexdigest()]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        scope = f"{day}/{region}/polly/aws4_request"
        key = b"AWS4" + SECRET.encode()
        for part in (day, region, "polly", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
        if hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest() != signature:
            return refusal(403, "InvalidSignatureException")
        return None

    def _speak(self, request: Request) -> Answer:
        if refused := self._refused(request):
            return refused
        body = request.json()
        if body["VoiceId"] != self.voice or body["Engine"] not in ENGINES:
            return refusal(400, "ValidationException")
        if body["TextType"] == "ssml":
            try:
                assert ET.fromstring(body["Text"]).tag == "speak"
            except ET.ParseError:
                return refusal(400, "InvalidSsmlException")
        form, rates, media_type = FORMATS[body["OutputFormat"]]
        sample_rate = int(body.get("SampleRate", rates[0]))
        if sample_rate not in rates:
            return refusal(400, "InvalidSampleRateException")
        return Answer(tone(form, sample_rate), headers={"Content-Type": media_type})

    def _list(self, request: Request) -> Answer:
        if refused := self._refused(request):
            return refused
        token = query_of(request).get("NextToken")
        number = 0 if token is None else int(token.removeprefix("page +/=&ü-"))
        page: dict[str, Any] = {"Voices": self.pages[number]}
        if number + 1 < len(self.pages):
            page["NextToken"] = f"page +/=&ü-{number + 1}"
        return Answer.json(page)
