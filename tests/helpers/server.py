"""A real `intone serve` in a process of its own, on loopback, stopped by its own process id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING

import httpx
from typer.testing import CliRunner

from intone.cli.app import app
from intone.core.keys import generate

if TYPE_CHECKING:
    from pathlib import Path

START_TIMEOUT_S = 30.0
JOB_TIMEOUT_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class IntoneServer:
    """Starts, stops, kills and talks to one server over one data folder."""

    def __init__(self, data_dir: Path, *args: str, **env: str) -> None:
        self.data_dir = data_dir
        self.args = args
        self.key = generate()
        self.env = {
            **os.environ,
            "INTONE_BOOTSTRAP_KEY": self.key,
            "INTONE_LOG_FORMAT": "json",
            **{name: str(value) for name, value in env.items()},
        }
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None
        self.log = data_dir.parent / f"{data_dir.name}.log"

    def start(self) -> IntoneServer:
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "intone", "serve", "--port", str(self.port),
                 "--data-dir", str(self.data_dir), *self.args],
                env=self.env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT_S
        with self.client() as client:
            while time.monotonic() < deadline:
                if self.process.poll() is not None:
                    raise RuntimeError(f"the server ended: {self.log.read_text()[-4000:]}")
                try:
                    if client.get("/ready", timeout=5).status_code == 200:
                        return self
                except httpx.TransportError:
                    pass
                time.sleep(0.05)
        raise RuntimeError(f"the server did not get ready: {self.log.read_text()[-4000:]}")

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)

    def client(self, key: str | None = None, **kwargs) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key or self.key}"}
        # There is no TLS here, and to read the system's certificates takes longer than a request.
        kwargs = {"verify": False, "timeout": 30, **kwargs}
        return httpx.Client(base_url=self.url, headers=headers, **kwargs)

    def cli(self, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "intone", *args, "--data-dir", str(self.data_dir)],
            env=self.env, capture_output=True, text=True, input=stdin, timeout=60, check=False,
        )  # fmt: skip

    def prepare(self, *args: str) -> str:
        """What a command prints, run in this process: to make a test ready none need start.

        Not for tests that run on an event loop.
        """
        done = CliRunner().invoke(app, [*args, "--data-dir", str(self.data_dir)], env=self.env)
        assert done.exit_code == 0, done.output
        return done.stdout


def job_request(text: str = "Hello, world.", **changes):
    """The seed's example body, with changes: voice=…, style=…, rate=…, sample_rate=…, tag=…."""
    return {
        "input": {"content": text, "content_type": "text/plain"},
        "voice": {
            "profile_id": changes.get("voice", "voice_en_us_001"),
            "style": changes.get("style", "neutral"),
            "rate": changes.get("rate", 1.0),
        },
        "output": {"format": "pcm_s16le", "sample_rate_hz": changes.get("sample_rate", 24000)},
        "client": {"request_tag": changes.get("tag", "msg-001")},
    }


def create(client: httpx.Client, body=None, key: str | None = None, version: str = "v1", **changes):
    """POST a job; returns the response."""
    return client.post(
        f"/{version}/voice/jobs",
        json=body if body is not None else job_request(**changes),
        headers={"Idempotency-Key": key or str(uuid.uuid4())},
    )


def finished(client: httpx.Client, job_id: str, version: str = "v1") -> dict:
    """Wait for a job's end; returns the job."""
    deadline = time.monotonic() + JOB_TIMEOUT_S
    while time.monotonic() < deadline:
        job = client.get(f"/{version}/voice/jobs/{job_id}").json()
        if job["status"] in {"completed", "failed", "cancelled"}:
            return job
        time.sleep(0.02)
    raise AssertionError(f"the job did not end: {job}")


def spoken(client: httpx.Client, **changes) -> tuple[dict, bytes]:
    """Create a job, wait for it and fetch its PCM."""
    response = create(client, **changes)
    assert response.status_code == 201, response.text
    job = finished(client, response.json()["job_id"])
    assert job["status"] == "completed", job
    audio = client.get(f"/v1/voice/jobs/{job['job_id']}/audio")
    assert audio.status_code == 200, audio.text
    return job, audio.content
