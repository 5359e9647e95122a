"""The `intone` command, as people and scripts use it."""

import json
import re
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from helpers.decoding import decode
from helpers.server import create, finished, spoken
from intone.cli.app import app


def intone(*args, stdin=None, env=None, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "intone", *args], capture_output=True, text=True, input=stdin,
        timeout=120, env=env, cwd=cwd, check=False,
    )  # fmt: skip


def test_help_names_every_command_and_imports_no_server():
    commands = [
        "serve",
        "worker",
        "demo",
        "say",
        "text",
        "voices",
        "keys",
        "providers",
        "sites",
        "workspaces",
        "login",
        "logout",
        "whoami",
        "doctor",
        "backup",
    ]
    shown = intone("--help")
    assert shown.returncode == 0
    for command in commands:
        assert f"  {command} " in shown.stdout
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0
    code = "import sys; import intone.cli.app; print([m for m in ('litestar', 'numpy', 'sqlalchemy', 'aiohttp', 'rich') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()
        == "[]"
    )


@pytest.mark.parametrize("ending", ["mp3", "wav", "pcm"])
def test_say_works_with_no_server(tmp_path, ending):
    out = tmp_path / f"out.{ending}"
    result = intone(
        "say", "Hello from the command line, with no server at all.", "-o", str(out), cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    if ending == "pcm":
        samples, seconds = np.frombuffer(out.read_bytes(), "<i2"), out.stat().st_size / 48_000
    else:
        audio = decode(out.read_bytes())
        samples, seconds = audio.samples, audio.duration
    assert 1.5 < seconds < 6
    assert np.abs(samples).max() > 0
    assert [path.name for path in tmp_path.iterdir()] == [out.name], "it leaves nothing else"


def test_say_reads_standard_input_and_knows_voices_styles_and_languages(tmp_path):
    out = tmp_path / "a.wav"
    args = ("-o", str(out), "--voice", "voice_en_us_001", "--style", "whisper", "--rate", "1.5")
    assert intone("say", "-", *args, stdin="From a pipe.").returncode == 0
    assert intone("say", "Guten Tag.", "-o", str(out), "--language", "de").returncode == 0
    for wrong in (
        ["--voice", "nobody"],
        ["--style", "unknown"],
        ["--language", "xx"],
        ["--rate", "9"],
    ):
        result = intone("say", "Hello.", "-o", str(out), *wrong)
        assert result.returncode in {2, 3}, wrong
        assert result.stderr.strip()
        assert "Traceback" not in result.stderr
    assert intone("say", "Hello.", "-o", str(tmp_path / "a.xyz")).returncode == 2


def test_text_prints_the_words_as_they_will_be_spoken():
    result = intone("text", "Dr. Smith paid $5 on 3/4/2026.", "--language", "en-US")
    assert result.returncode == 0
    for words in ("Doctor Smith", "five dollars", "March"):
        assert words in result.stdout
    shown = json.loads(intone("text", "One. Two!", "--json").stdout)
    assert shown["language"] == "en"
    text = "One. Two!"
    for segment in shown["segments"]:
        assert set(segment) == {"text", "spoken", "start", "end", "pause_ms"}
        assert text[segment["start"] : segment["end"]].strip() == segment["text"]


def test_voices_are_listed_and_filtered():
    voices = json.loads(intone("voices", "list", "--json").stdout)
    assert len(voices) > 300
    british = json.loads(intone("voices", "list", "-l", "en-GB", "-g", "female", "--json").stdout)
    assert british
    assert all(v["gender"] == "female" and "en-GB" in v["languages"][0] for v in british)
    assert "voice_en_us_001" in intone("voices", "list", "--language", "en-US").stdout


def test_keys_are_made_listed_rotated_and_revoked_beside_a_running_server(server):
    def status(key):
        with server.client(key) as client:
            return client.get("/v1/quota").status_code

    made = json.loads(
        server.cli("keys", "create", "--workspace", "default", "--name", "app", "--json").stdout
    )
    assert re.fullmatch(r"in_live_\w{36}", made["key"])
    assert status(made["key"]) == 200
    listed = server.cli("keys", "list", "--json").stdout
    assert made["id"] in listed
    assert made["key"] not in listed
    successor = json.loads(
        server.cli("keys", "rotate", made["id"], "--overlap-hours", "1", "--json").stdout
    )
    assert (status(made["key"]), status(successor["key"])) == (200, 200)
    assert server.cli("keys", "revoke", successor["id"]).returncode == 0
    revoked = time.monotonic()
    while status(successor["key"]) != 401:
        assert time.monotonic() - revoked < 10
    foreign = "vk_live_" + "0123456789abcdef" * 2
    assert server.cli("keys", "import", "--name", "old", stdin=f"{foreign}\n").returncode == 0
    assert status(foreign) == 200
    assert foreign not in server.cli("keys", "list").stdout


def test_workspaces_are_made_and_given_more_to_spend(make_server):
    server = make_server().start()
    assert server.cli("workspaces", "create", "acme", "--plan", "starter").returncode == 0
    assert server.cli("workspaces", "create", "acme", "--plan", "starter").returncode == 2
    assert server.cli("workspaces", "create", "other", "--plan", "golden").returncode == 2
    key = json.loads(server.cli("keys", "create", "-w", "acme", "--json").stdout)["key"]
    with server.client(key) as client:
        assert client.get("/v1/quota").json()["limit"] == 100_000
        granted = server.cli(
            "workspaces", "grant", "acme", "--credits", "5", "--wallet-usd", "12.50", "--json"
        )
        assert json.loads(granted.stdout)["wallet"]["remaining"] == 12_500_000
        assert client.get("/v1/quota").json()["limit"] == 105_000
        assert server.cli("workspaces", "plan", "acme", "growth").returncode == 0
        deadline = time.monotonic() + 10
        while client.get("/v1/quota").json()["limit"] != 505_000:
            assert time.monotonic() < deadline
    names = [w["name"] for w in json.loads(server.cli("workspaces", "list", "--json").stdout)]
    assert names == ["default", "acme"]
    assert server.cli("workspaces", "grant", "nobody", "--credits", "5").returncode == 3
    assert server.cli("workspaces", "grant", "acme").returncode == 2
    assert server.cli("workspaces", "grant", "acme", "--credits", "-5").returncode == 2


def test_the_first_key_is_printed_once(make_server):
    server = make_server()
    del server.env["INTONE_BOOTSTRAP_KEY"]
    server.start()
    found = re.findall(r"in_live_\w{36}", server.log.read_text())
    assert len(found) == 1
    with server.client(found[0]) as client:
        assert client.get("/v1/quota").status_code == 200
    server.stop()
    server.start()
    assert len(re.findall(r"in_live_\w{36}", server.log.read_text())) == 1


def test_a_backup_taken_beside_a_running_server_starts_a_server_of_its_own(make_server, tmp_path):
    server = make_server().start()
    with server.client() as client:
        job, pcm = spoken(client, text="Keep a copy of me.")
    copy = tmp_path / "copy"
    result = server.cli("backup", str(copy), "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["blobs"] == 2  # the recording, and when its words are said
    assert server.cli("backup", str(copy)).returncode == 2
    restored = make_server(name="copy").start()
    with restored.client(server.key) as client:
        assert client.get(f"/v1/voice/jobs/{job['job_id']}").json() == job
        assert client.get(f"/v1/voice/jobs/{job['job_id']}/audio").content == pcm
        assert finished(client, create(client).json()["job_id"])["status"] == "completed"


def test_the_doctor_finds_nothing_wrong_here_and_names_what_is(tmp_path, server):
    env = {**server.env, "INTONE_PORT": "0"}
    well = intone("doctor", "--data-dir", str(tmp_path / "well"), "--json", env=env)
    findings = json.loads(well.stdout)
    assert well.returncode == 0, findings
    assert {f["check"] for f in findings} >= {"python", "database", "engine", "data folder", "port"}
    taken = intone(
        "doctor", "--data-dir", str(tmp_path / "well"), env={**env, "INTONE_PORT": str(server.port)}
    )
    assert taken.returncode == 1
    assert "taken" in taken.stdout


@pytest.mark.parametrize("name", ["INTONE_PORT", "INTONE_WORKER", "INTONE_RETENTION_HOURS"])
def test_a_wrong_setting_is_a_sentence_and_not_a_traceback(tmp_path, server, name):
    result = intone("serve", "--data-dir", str(tmp_path), env={**server.env, name: "sideways"})
    assert result.returncode == 2
    assert result.stderr.startswith("intone: A setting cannot be used")


def test_the_demo_leaves_playable_files_whose_length_fits_the_text(tmp_path):
    result = intone("demo", "--output", str(tmp_path / "out"), "--json")
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    assert said["words"] > 500
    assert 110 < said["words_per_minute"] < 230
    lengths = []
    for file in ("article.mp3", "article.wav"):
        audio = decode((tmp_path / "out" / file).read_bytes())
        lengths.append(audio.duration)
        frames = audio.samples[0][: audio.samples.shape[1] // 2400 * 2400].reshape(-1, 2400)
        loud = np.sqrt((frames**2).mean(axis=1)) > 0.003
        assert loud.mean() > 0.6, "it is mostly silence"
    lengths.append((tmp_path / "out" / "article.pcm").stat().st_size / 48_000)
    assert max(lengths) - min(lengths) < 0.2
    assert abs(lengths[2] - said["audio_seconds"]) < 0.1
    post = decode((tmp_path / "out" / "article-post.mp3").read_bytes())
    assert post.duration == pytest.approx(said["audio_seconds"], rel=0.1)
    assert (tmp_path / "out" / "article-post.vtt").read_text().startswith("WEBVTT")
