"""One real server for all clients, with a vendor on loopback that tests hold back as they need."""

from __future__ import annotations

import json
import uuid
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

from helpers.clients import ClientProcess
from helpers.decoding import Decoded, decode
from helpers.hearing import TEXT
from helpers.server import IntoneServer
from loopback.vendor import VendorServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_KEY = "sk-of-the-vendor"
#: A plan of one request a minute.
_TRICKLE = """
[trickle]
characters_per_month = 100_000
posts_per_month = 50
requests_per_minute = 1
max_input_characters = 2_000
retention_hours = 24
features = []
"""


@pytest.fixture(scope="session")
def vendor() -> Iterator[VendorServer]:
    """The vendor behind the server's provider `studio`."""
    with VendorServer() as vendor:
        yield vendor


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, vendor: VendorServer
) -> Iterator[IntoneServer]:
    """A server with nothing set but a vendor, a small plan and a public list of voices."""
    folder = tmp_path_factory.mktemp("clients")
    plans = folder / "plans.toml"
    plans.write_text(resources.files("intone.core").joinpath("plans.toml").read_text() + _TRICKLE)
    server = IntoneServer(
        folder / "data",
        INTONE_PLANS_FILE=plans,
        INTONE_PUBLIC_VOICES="true",
        INTONE_PROVIDERS__STUDIO__TYPE="openai",
        INTONE_PROVIDERS__STUDIO__BASE_URL=f"{vendor.base_url}/v1",
        INTONE_PROVIDERS__STUDIO__API_KEY=_KEY,
        INTONE_PROVIDERS__STUDIO__MODELS='["one"]',
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def trickle_key(server: IntoneServer) -> str:
    """A key that may ask once a minute, and has just asked."""
    workspace = uuid.uuid4().hex
    server.cli("workspaces", "create", workspace, "--plan", "trickle")
    key = json.loads(server.cli("keys", "create", "-w", workspace, "--json").stdout)["key"]
    with server.client(key) as http:
        spoken = {"model": "tts-1", "voice": "alloy", "input": "Hi."}
        assert http.post("/v1/audio/speech", json=spoken).status_code == 200
    return key


@pytest.fixture(scope="session")
def access(server: IntoneServer) -> dict[str, str]:
    """What a client is told, and nothing else: where the server is, and a key."""
    return {"base_url": f"{server.url}/v1", "api_key": server.key}


@pytest.fixture(scope="module")
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClientProcess]:
    """The client that the module is about: its `CLIENT`."""
    folder = tmp_path_factory.mktemp(request.module.CLIENT)
    with ClientProcess(request.module.CLIENT, folder) as client:
        yield client


@pytest.fixture(scope="session")
def expected(server: IntoneServer) -> Callable[..., Decoded]:
    """What the server says to a plain HTTP request for WAV: `expected(text, voice=…)`."""

    def ask(text: str = TEXT, **more: Any) -> Decoded:
        body = {
            "model": "espeak/default",
            "voice": "alloy",
            "input": text,
            "response_format": "wav",
        }
        with server.client() as http:
            answer = http.post("/v1/audio/speech", json={**body, **more})
        assert answer.status_code == 200, answer.text
        return decode(answer.content, "wav")

    return ask
