"""`intone demo`: a real article through every API, with audio files to keep."""

from __future__ import annotations

import asyncio
import html
import os
import re
import socket
import sys
import tempfile
import time
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intone.cli.common import Json, print_json, runs
from intone.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientSession

#: The seed's limit for one voice job, in characters.
_LONGEST_JOB = 2000
_SAMPLE_RATE = 24_000
_BYTES_A_SECOND = 2 * _SAMPLE_RATE
_START_TIMEOUT_S = 30.0
#: What the post is called.
_POST = "listening-to-the-web"
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class _Server:
    """A server of ours, and a session that has its key."""

    url: str
    session: ClientSession
    #: Where its data is.
    data_dir: str


@runs
async def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the audio files go.")
    ] = Path("demo-output"),
    voice: Annotated[str, typer.Option("--voice", "-v")] = "voice_en_us_001",
    as_json: Json = False,
) -> None:
    """Start a server, send it an article through every API it speaks, and keep the audio."""
    article = (
        resources.files("intone.cli")
        .joinpath("article/listening-to-the-web.txt")
        .read_text("utf-8")
    )
    output.mkdir(parents=True, exist_ok=True)
    say = (lambda _: None) if as_json else print
    started = time.perf_counter()
    async with _server() as server:
        say(f"Intone runs at {server.url} (started in {time.perf_counter() - started:.1f} s).")
        words = len(article.split())
        say(f"Voice jobs: an article of {words} words, in jobs of {_LONGEST_JOB:,} characters.")
        spoken = time.perf_counter()
        pcm = await _voice_jobs(server, article, voice)
        took = time.perf_counter() - spoken
        say("Streaming speech: the same article in one request, heard while it is made.")
        streamed = await _stream(server, article, output / "article-streamed.mp3")
        say("Posts: the same article as a page of a site has it, with its captions.")
        post = await _post(server, article, output)
    files = [*await asyncio.to_thread(_write, output, pcm), streamed.path, *post]
    seconds = len(pcm) / _BYTES_A_SECOND
    if as_json:
        print_json(
            {
                "words": words,
                "audio_seconds": round(seconds, 2),
                "words_per_minute": round(words / seconds * 60),
                "render_seconds": round(took, 2),
                "first_audio_ms": round(streamed.first_ms, 1),
                "files": [str(path) for path in files],
            }
        )
        return
    say(f"  {_waveform(pcm)}")
    say(
        f"  {seconds:.0f} s of speech ({words / seconds * 60:.0f} words a minute),"
        f" ready {took:.1f} s after the first request; streamed, the first came after"
        f" {streamed.first_ms:.0f} ms."
    )
    say("Listen to it:")
    for path in files:
        say(f"  {path}  ({path.stat().st_size:,} bytes)")
    say("Next: `make serve`, then the curl lines in README.md; the reference is at /docs.")


@asynccontextmanager
async def _server() -> AsyncIterator[_Server]:
    """A real `intone serve` on a free port, with data that is thrown away."""
    from aiohttp import ClientSession, ClientTimeout

    from intone.core.keys import generate

    key = generate()
    with (
        socket.socket() as probe,
        tempfile.TemporaryDirectory(prefix="intone-demo-", ignore_cleanup_errors=True) as data,
    ):
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "intone", "serve", "--port", str(port), "--data-dir", data,
            env={**os.environ, "INTONE_BOOTSTRAP_KEY": key, "INTONE_LOG_LEVEL": "warning"},
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        headers = {"Authorization": f"Bearer {key}"}
        try:
            async with ClientSession(url, headers=headers, timeout=ClientTimeout(60)) as session:
                await _until_ready(session, process)
                yield _Server(url, session, data)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _until_ready(session: ClientSession, process: asyncio.subprocess.Process) -> None:
    from aiohttp import ClientError

    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.returncode is None:
        try:
            async with session.get("/ready") as response:
                if response.ok:
                    return
        except ClientError:
            pass
        await asyncio.sleep(0.05)
    raise UnavailableError("The server did not start; run `intone doctor` to see why.")


async def _voice_jobs(server: _Server, article: str, voice: str) -> bytes:
    """The article as raw PCM, made by one job for each part, all at once."""
    parts = await asyncio.gather(
        *(_voice_job(server, part, voice) for part in _parts(article, _LONGEST_JOB))
    )
    pause = bytes(_BYTES_A_SECOND // 2)
    return pause.join(parts)


async def _voice_job(server: _Server, text: str, voice: str) -> bytes:
    body: dict[str, Any] = {
        "input": {"content": text, "content_type": "text/plain"},
        "voice": {"profile_id": voice},
        "output": {"format": "pcm_s16le", "sample_rate_hz": _SAMPLE_RATE},
    }
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    async with server.session.post("/v1/voice/jobs", json=body, headers=headers) as response:
        answer = await response.json()
        if not response.ok:
            raise UnavailableError(f"The server refused the job: {answer}")
    job = f"/v1/voice/jobs/{answer['job_id']}"
    async with server.session.get(f"{job}/events") as events:
        await events.read()  # the stream ends when the job does
    async with server.session.get(f"{job}/audio") as response:
        if not response.ok:
            raise UnavailableError(f"There is no audio: {await response.text()}")
        return await response.read()


@dataclass(frozen=True, slots=True)
class _Streamed:
    path: Path
    #: Milliseconds from the request to the first audio.
    first_ms: float


async def _stream(server: _Server, article: str, path: Path) -> _Streamed:
    """The article by one request, as any client of OpenAI's speech API would send it."""
    body = {"model": "tts-1", "voice": "alloy", "input": article}
    began, first_ms = time.perf_counter(), 0.0
    async with server.session.post("/v1/audio/speech", json=body) as response:
        if not response.ok:
            raise UnavailableError(f"The server refused to speak: {await response.text()}")
        with path.open("wb") as file:
            async for chunk in response.content.iter_any():
                first_ms = first_ms or (time.perf_counter() - began) * 1000
                file.write(chunk)
    return _Streamed(path, first_ms)


async def _post(server: _Server, article: str, output: Path) -> list[Path]:
    """The article by the posts API, as a publisher would send it for its readers."""
    site = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "intone", "sites", "create", "--domain", "localhost", "--no-key",
        "--data-dir", server.data_dir,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    if await site.wait():
        raise UnavailableError("The site could not be made; run `intone doctor` to see why.")
    body = {"post_id": _POST, "content": _as_html(article)}
    async with server.session.post("/v1/audio/generate", json=body) as response:
        if not response.ok:
            raise UnavailableError(f"The server refused the post: {await response.text()}")
    post = await _ended(server)
    if post["audio_url"] is None:
        raise UnavailableError(f"There is no audio: {post}")
    files = []
    for ending in ("mp3", "vtt"):
        async with server.session.get(post["audio_url"].replace(".mp3", f".{ending}")) as response:
            if not response.ok:
                raise UnavailableError(f"There is no {ending}: {await response.text()}")
            path = output / f"article-post.{ending}"
            path.write_bytes(await response.read())
            files.append(path)
    return files


async def _ended(server: _Server) -> dict[str, Any]:
    """The post, once it is ready or has failed."""
    while True:
        async with server.session.get(f"/v1/audio/{_POST}/status") as response:
            data: dict[str, Any] = (await response.json())["data"]
        if data["status"] in {"ready", "failed"}:
            return data
        await asyncio.sleep(1)


def _as_html(article: str) -> str:
    paragraphs = re.split(r"\n\s*\n", article.strip())
    return "\n".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)


def _parts(article: str, limit: int) -> list[str]:
    """The article's paragraphs, put together into parts that one job takes."""
    parts = [""]
    for paragraph in re.split(r"\n\s*\n", article.strip()):
        if len(parts[-1]) + len(paragraph) + 2 > limit:
            parts.append("")
        parts[-1] = f"{parts[-1]}\n\n{paragraph}".strip()
    return parts


def _write(output: Path, pcm: bytes) -> list[Path]:
    from intone.audio.encode import create_encoder
    from intone.audio.tags import provenance

    files = []
    for name in ("mp3", "wav", "pcm"):
        encoder = create_encoder(
            name, sample_rate=_SAMPLE_RATE, total_bytes=len(pcm), tags=provenance()
        )
        path = output / f"article.{name}"
        path.write_bytes(encoder.feed(pcm) + encoder.finish())
        files.append(path)
    return files


def _waveform(pcm: bytes, columns: int = 64) -> str:
    """The loudness over time, to look at."""
    import numpy as np

    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    levels = [float(np.sqrt(np.mean(part**2))) for part in np.array_split(samples, columns)]
    top = max(levels) or 1.0
    return "".join(_BARS[round(level / top * (len(_BARS) - 1))] for level in levels)
