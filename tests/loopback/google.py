"""A little Google Cloud Text-to-Speech, and the token endpoint that its service accounts use."""

from __future__ import annotations

import base64
import json
import time
from typing import Any, ClassVar
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from helpers.vendors import KEY, PRIVATE, tone
from loopback.identity import make_key
from loopback.vendor import Answer, Request, VendorServer

#: What is spoken for an `audioEncoding`: our format and its sample rate.
ENCODINGS = {"MP3": ("mp3", 24_000), "OGG_OPUS": ("opus", 24_000), "LINEAR16": ("wav", 24_000)}
STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}


def wrapped(pieces: tuple[bytes, ...]) -> list[bytes]:
    """Audio as Google's JSON, in as many pieces, each of which ends where it likes."""
    text = base64.b64encode(b"".join(pieces))
    step = len(text) // len(pieces) + 1
    cut = [text[at : at + step] for at in range(0, len(text), step)]
    cut[0] = b'{\n  "audioContent": "' + cut[0]
    cut[-1] += b'",\n  "timepoints": []\n}\n'
    return cut


class GoogleServer(VendorServer):
    """Speaks with one voice; lets in who has the key or a token of its own making."""

    kind = "google"
    voice = "en-US-Chirp3-HD-Kore"
    speech_path = "/v1/text:synthesize"
    settings: ClassVar[dict[str, Any]] = {}
    form, wire_rate = "wav", 24_000

    def __init__(self) -> None:
        super().__init__()
        self.voices: list[dict[str, Any]] = []
        #: Claims of the assertions that were exchanged for a token.
        self.assertions: list[dict[str, Any]] = []
        #: Tokens that are let in, and how long those to come are good for.
        self.tokens: set[str] = set()
        self.lifetime_s = 3600
        self.on("POST", self.speech_path, self._speak)
        self.on("GET", "/v1/voices", self._list)
        self.on("POST", "/token", self._exchange)

    def account(self, **changes: Any) -> str:
        """The JSON file of a service account that is known here."""
        key = make_key("RSA", "google-1")
        assert isinstance(key, RSAKey)
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "intone-test",
                "private_key_id": "google-1",
                "private_key": key.as_pem(private=True).decode(),
                "client_email": "speaker@intone-test.iam.gserviceaccount.com",
                "token_uri": f"{self.base_url}/token",
                **changes,
            }
        )

    def refusal(self, status: int, reason: str = "OTHER") -> Answer:
        error = {
            "code": status,
            "message": PRIVATE,
            "status": STATUSES.get(status, "UNKNOWN"),
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}],
        }
        return Answer.json({"error": error}, status)

    def good(self, pieces: tuple[bytes, ...]) -> tuple[list[bytes], dict[str, str]]:
        """How these pieces of MP3 go over the wire."""
        return wrapped(pieces), {"Content-Type": "application/json; charset=UTF-8"}

    def heard(self, request: Request) -> tuple[str, str]:
        """The voice and the text of a request."""
        body = request.json()
        assert list(body["input"]) == ["text"]
        return body["voice"]["name"], body["input"]["text"]

    def _refused(self, request: Request) -> Answer | None:
        if "Authorization" in request.headers:
            token = request.headers["Authorization"].removeprefix("Bearer ")
            return None if token in self.tokens else self.refusal(401)
        if request.headers.get("X-Goog-Api-Key") == KEY:
            return None
        return self.refusal(400, "API_KEY_INVALID")

    def _speak(self, request: Request) -> Answer:
        if refused := self._refused(request):
            return refused
        body = request.json()
        voice = body["voice"]
        if voice["name"] != self.voice or voice["languageCode"] != "en-US":
            return self.refusal(400)
        if len(body["input"]["text"].encode()) > 5000:
            return self.refusal(400)
        pieces, headers = self.good(tone(*ENCODINGS[body["audioConfig"]["audioEncoding"]]))
        return Answer(pieces, headers=headers)

    def _list(self, request: Request) -> Answer:
        return self._refused(request) or Answer.json({"voices": self.voices})

    def _exchange(self, request: Request) -> Answer:
        form = parse_qs(request.body.decode(), strict_parsing=True)
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        assert "Authorization" not in request.headers
        try:
            token = jwt.decode(form["assertion"][0], make_key("RSA", "google-1"), ["RS256"])
        except JoseError:
            return Answer.json({"error": "invalid_grant", "error_description": PRIVATE}, 400)
        assert token.header == {"typ": "JWT", "alg": "RS256", "kid": "google-1"}
        assert token.claims["iat"] - 5 <= time.time() < token.claims["exp"]
        assert token.claims["exp"] - token.claims["iat"] <= 3600
        self.assertions.append(token.claims)
        name = f"ya29.token-{len(self.assertions)}"
        self.tokens.add(name)
        return Answer.json(
            {"access_token": name, "expires_in": self.lifetime_s, "token_type": "Bearer"}
        )
