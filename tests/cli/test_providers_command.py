"""`intone providers`, run as a process against vendors on loopback."""

import json
import os
import subprocess
import sys

import pytest

from helpers.vendors import KEY, PRIVATE, tone
from loopback import faults
from loopback.faulty import FaultyServer
from loopback.vendor import Answer, VendorServer

MP3 = tone("mp3", 24_000)
SILENCE = bytes(48_000)


@pytest.fixture
def vendor():
    with VendorServer() as vendor:
        vendor.on("POST", "/v1/audio/speech", Answer(MP3, headers={"Content-Type": "audio/mpeg"}))
        vendor.on("GET", "/v1/models", Answer.json({"data": [{"id": "kokoro"}]}))
        voices = [{"id": "zf_xiaobei", "language": "zh"}, {"id": "af_heart", "language": "en-us"}]
        vendor.on("GET", "/v1/audio/voices", Answer.json({"voices": voices}))
        yield vendor


@pytest.fixture
def intone(tmp_path):
    """Runs `intone providers …` with nothing but these settings."""

    def run(*args, file="", **settings):
        data_dir = tmp_path / "data"
        data_dir.mkdir(exist_ok=True)
        (data_dir / "intone.toml").write_text(file)
        inherited = {n: v for n, v in os.environ.items() if not n.startswith("INTONE_")}
        variables = {f"INTONE_PROVIDERS__{name}": str(value) for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-m", "intone", "providers", *args, "--data-dir", str(data_dir)],
            env={**inherited, **variables},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def by_environment(base_url, **more):
    return {"MINE__TYPE": "openai", "MINE__BASE_URL": base_url, "MINE__API_KEY": KEY, **more}


def fails(ended, code, *words):
    """One sentence that says what to do, and a code."""
    assert ended.returncode == code, ended.stderr
    assert ended.stderr.startswith("intone: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    for word in words:
        assert word in ended.stderr
    assert KEY not in ended.stderr + ended.stdout
    assert PRIVATE not in ended.stderr + ended.stdout


def test_a_provider_of_the_environment_speaks_and_is_measured(vendor, intone):
    ended = intone("test", "mine", "--json", **by_environment(vendor.base_url))
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    assert (said["ok"], said["provider"], said["model"]) == (True, "mine", "kokoro")
    assert said["voice"] == "af_heart", "English, for an English sentence"
    assert (said["format"], said["bytes"]) == ("mp3", sum(map(len, MP3)))
    assert 0.4 < said["audio_seconds"] < 0.7
    assert -15 < said["level_dbfs"] < -5
    assert 0 < said["first_byte_ms"] <= said["total_ms"]
    assert vendor.requests[-1].headers["Authorization"] == f"Bearer {KEY}"


def test_a_provider_of_the_file_speaks_as_it_is_told(vendor, intone):
    file = f"""
        [providers.mine]
        type = "openai"
        base_url = "{vendor.base_url}/v1"
        models = ["one", "two"]
        voices = {{ alloy = "af_heart" }}
    """
    ended = intone(
        "test", "mine", "--model", "two", "--voice", "alloy", "--text", "Good evening.", file=file
    )
    assert ended.returncode == 0, ended.stderr
    assert "mine/two spoke as af_heart" in ended.stdout
    body = vendor.requests[-1].json()
    assert (body["model"], body["voice"], body["input"]) == ("two", "af_heart", "Good evening.")


def test_the_engine_inside_speaks(intone):
    said = json.loads(intone("test", "espeak", "--json").stdout)
    assert said["ok"] is True
    assert said["audio_seconds"] > 1


def test_nobody_is_not_found_and_those_who_are_there_are_named(vendor, intone):
    settings = by_environment(vendor.base_url)
    fails(intone("test", "nobody", **settings), 3, "espeak", "mine")
    settings["MINE__MODELS"] = '["one"]'
    fails(intone("test", "mine", "--model", "two", **settings), 3, "one")


def test_a_missing_key_is_named_by_its_variable(intone):
    ended = intone("test", "oai", OAI__TYPE="openai")
    fails(ended, 2, "INTONE_PROVIDERS__OAI__API_KEY", "[providers.oai]")


def test_without_lists_a_model_and_a_voice_have_to_be_named(vendor, intone):
    settings = by_environment(vendor.base_url)
    vendor.on("GET", "/v1/audio/voices", Answer(status=404))
    fails(intone("test", "mine", **settings), 2, "--voice")
    vendor.on("GET", "/v1/models", Answer(status=404))
    fails(intone("test", "mine", **settings), 2, "--model")
    assert intone("test", "mine", "-m", "x", "-v", "y", **settings).returncode == 0


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (faults.unauthorized_401, 1, ["credentials", "INTONE_PROVIDERS__MINE__API_KEY"]),
        (faults.html_page, 1, ["base_url", "formats"]),
        (faults.redirect, 1, ["base_url"]),
        (faults.busy_429, 4, ["Wait 7 s"]),
        (faults.error_500, 4, ["base_url"]),
        (faults.silent, 4, ["in time", "timeouts"]),
        (faults.stalling, 4, ["stopped in the middle", "timeouts"]),
        (faults.short_body, 4, ["broke off"]),
    ],
)
def test_each_failure_has_its_code_and_says_what_to_do(intone, fault, code, words):
    with FaultyServer(fault) as server:
        settings = by_environment(
            server.base_url, MINE__TIMEOUTS='{"first_byte_s": 2, "stall_s": 0.3}'
        )
        ended = intone("test", "mine", "--model", "m", "--voice", "v", **settings)
        fails(ended, code, *words)


def test_a_server_that_is_down_is_named_by_its_address(intone):
    with faults.refusing() as base_url:
        settings = by_environment(base_url)
        fails(intone("test", "mine", "-m", "m", "-v", "v", **settings), 4, base_url)


def test_a_failure_is_json_where_json_was_asked_for(intone):
    with faults.refusing() as base_url:
        ended = intone("test", "mine", "-m", "m", "-v", "v", "--json", **by_environment(base_url))
    fails(ended, 4)
    said = json.loads(ended.stdout)
    assert (said["ok"], set(said)) == (False, {"ok", "error", "message"})


def test_silence_is_no_speech(vendor, intone):
    vendor.on("POST", "/v1/audio/speech", Answer(SILENCE))
    settings = by_environment(vendor.base_url, MINE__FORMATS='["pcm"]')
    fails(intone("test", "mine", **settings), 1, "silence")


def test_providers_are_listed_with_models_prices_and_what_is_missing(intone):
    file = """
        [providers.mine]
        type = "openai"
        base_url = "http://127.0.0.1:1/v1"
        models = ["one"]
        prices = { one = 2.5 }
        formats = ["wav"]
        [providers.oai]
        type = "openai"
    """
    listed = json.loads(intone("list", "--json", file=file).stdout)
    espeak, mine, oai = listed
    assert (espeak["name"], espeak["unavailable"]) == ("espeak", None)
    assert (mine["type"], mine["title"], mine["formats"]) == ("openai", "mine", ["wav"])
    assert mine["models"] == [{"id": "one", "name": "one", "usd": 2.5}]
    assert mine["passes_models"] is False
    assert (oai["unavailable"], oai["passes_models"]) == ("missing_api_key", True)
    assert {model["id"]: model["usd"] for model in oai["models"]}["tts-1-hd"] == 30
    shown = intone("list", file=file).stdout
    for word in ("one ($2.5)", "wav", "missing_api_key", "any other"):
        assert word in shown
