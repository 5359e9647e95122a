"""The public side of a posts server on 127.0.0.1, and pages with players.

It speaks the shapes of `/v1/public/*` with real speech, spoken word by word so that the time of
each word is known exactly, and a test decides how far the rendering has come: what the player
does in the middle of one can be looked at for as long as it takes.
"""

from __future__ import annotations

import asyncio
import functools
import json
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from helpers.speech import speak
from intone.api.posts.player import player_script
from intone.audio.encode import create_encoder

__all__ = ["Post", "ReaderSite", "Recording", "record"]

_CHUNK = 4096
_CORS = {"Access-Control-Allow-Origin": "*"}


class _FailedError(Exception):
    """No post for this request; `status` is the answer's."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Recording:
    """A text, spoken."""

    mp3: bytes
    seconds: float
    #: As `captions.json` has them.
    lines: list[dict[str, Any]]


@functools.cache
def record(text: str, voice: str = "en-us") -> Recording:
    """Speak a text; every line of it is a line of captions."""
    pcm, lines, rate, place = bytearray(), [], 22_050, 0
    for sentence in text.splitlines():
        words = []
        for word in sentence.split():
            rate, sound = speak(word, voice)
            start = len(pcm) / 2 / rate
            pcm += sound
            at = text.index(word, place)
            place = at + len(word)
            end = round(len(pcm) / 2 / rate, 3)
            words.append(
                {"text": word, "start": round(start, 3), "end": end, "from": at, "to": place}
            )
        line = {"text": sentence, "start": words[0]["start"], "end": words[-1]["end"]}
        lines.append({**line, "words": words})
    encoder = create_encoder("mp3", sample_rate=rate, channels=1)
    mp3 = encoder.feed(bytes(pcm)) + encoder.finish()
    return Recording(mp3, round(len(pcm) / 2 / rate, 3), lines)


@dataclass
class Post:
    """A post in one voice, and how far its rendering has come."""

    recording: Recording
    title: str = "Of rivers and of bridges"
    #: The part of the audio that there is; 1.0 is all of it.
    made: float = 1.0
    status: str = "ready"
    voice: int = 1
    language: str = "en"
    allow_download: bool = True
    #: Whether a running stream is cut off where the rendering stands.
    is_cut: bool = False

    @property
    def mp3(self) -> bytes:
        data = self.recording.mp3
        return data[: int(len(data) * self.made)]

    @property
    def lines(self) -> list[dict[str, Any]]:
        made = self.recording.seconds * self.made
        return [line for line in self.recording.lines if line["end"] <= made]


@dataclass
class ReaderSite:
    """Serves posts, pages and the player; a context manager."""

    #: By post id and voice.
    posts: dict[tuple[str, int], Post] = field(default_factory=dict)
    #: By path, a page and its Content-Security-Policy.
    pages: dict[str, tuple[str, str]] = field(default_factory=dict)
    allow_switch: bool = True
    #: A status that lookups of posts answer with instead; 0 where they work.
    failure: int = 0
    #: What came to `/v1/public/events`: the content type and the body.
    beacons: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    #: Paths with their queries.
    asked: list[str] = field(default_factory=list)
    origin: str = ""

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, body in self.beacons for event in body["events"]]

    def count(self, path: str) -> int:
        """How many requests there were for a path."""
        return sum(asked.split("?")[0] == path for asked in self.asked)

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._noted])
        app.router.add_get("/player.js", self._script)
        app.router.add_get("/v1/public/audio", self._audio)
        app.router.add_get("/v1/public/voices", self._voices)
        app.router.add_post("/v1/public/events", self._events)
        app.router.add_get("/v1/public/audio/files/{post}.{voice}.mp3", self._file)
        app.router.add_get("/v1/public/audio/files/{post}.{voice}.json", self._captions)
        app.router.add_get("/{path:.*}", self._page)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0]
        self.origin = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _noted(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        return await handler(request)

    async def _script(self, _: web.Request) -> web.Response:
        return web.Response(body=player_script().plain, content_type="text/javascript")

    async def _page(self, request: web.Request) -> web.Response:
        if request.path not in self.pages:
            raise web.HTTPNotFound
        content, policy = self.pages[request.path]
        headers = {"Content-Security-Policy": policy} if policy else {}
        return web.Response(text=content, content_type="text/html", headers=headers)

    def _post(self, request: web.Request) -> tuple[str, Post]:
        name = request.match_info.get("post") or request.query["post_id"]
        voice = int(request.match_info.get("voice") or request.query.get("voice_id", 1))
        post = self.posts.get((name, voice))
        if self.failure or post is None:
            raise _FailedError(self.failure or 404)
        return f"{self.origin}/v1/public/audio/files/{name}.{voice}", post

    async def _audio(self, request: web.Request) -> web.Response:
        try:
            base, post = self._post(request)
        except _FailedError as failed:
            body = {"success": False, "message": "There is none.", "errors": {}}
            return web.json_response(body, status=failed.status, headers=_CORS)
        has_file = post.status == "ready"
        is_coming = post.status in {"pending", "generating"}
        data = {
            "id": 7,
            "post_id": request.query["post_id"],
            "status": post.status,
            "progress_percent": round(post.made * 100),
            "language": post.language,
            "voice_id": post.voice,
            "post_title": post.title,
            "post_url": None,
            "audio_url": f"{base}.mp3" if has_file else None,
            "stream_url": f"{base}.mp3?live=true" if is_coming else None,
            "captions_url": f"{base}.json" if has_file or is_coming else None,
            "duration_seconds": post.recording.seconds if has_file else None,
            "allow_download": post.allow_download,
        }
        return web.json_response({"success": True, "message": "OK", "data": data}, headers=_CORS)

    async def _voices(self, _: web.Request) -> web.Response:
        names = ((1, "Ada", "en"), (2, "Basil", "en"), (3, "Carla", "de"))
        voices = [{"id": number, "name": name, "language": lang} for number, name, lang in names]
        data = {"voices": voices, "default_voice_id": 1, "allow_switch": self.allow_switch}
        return web.json_response({"success": True, "data": data}, headers=_CORS)

    async def _events(self, request: web.Request) -> web.Response:
        self.beacons.append((request.content_type, json.loads(await request.text())))
        return web.json_response({"success": True, "message": "OK"}, status=202, headers=_CORS)

    async def _captions(self, request: web.Request) -> web.Response:
        _, post = self._post(request)
        lines = post.lines
        body = {
            "language": post.language,
            "source": "engine",
            "is_complete": post.status == "ready",
            "duration_ms": round(post.recording.seconds * 1000),
            "lines": lines[int(request.query.get("after", 0)) :],
            "next": len(lines),
        }
        return web.json_response(body, headers=_CORS)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        _, post = self._post(request)
        if "live" in request.query:
            return await self._stream(request, post)
        total, span = len(post.mp3), request.http_range
        headers = {"Accept-Ranges": "bytes", "Content-Type": "audio/mpeg"}
        if span.start is None:
            return web.Response(body=post.mp3, headers=headers)
        start, stop = span.start, min(span.stop or total, total)
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{total}"
        return web.Response(status=206, body=post.mp3[start:stop], headers=headers)

    async def _stream(self, request: web.Request, post: Post) -> web.StreamResponse:
        """Send what has been made, as it is made."""
        if post.is_cut and post.status == "ready":
            raise web.HTTPServiceUnavailable  # browsers come back for the rest by themselves
        headers = {"Content-Type": "audio/mpeg", "Accept-Ranges": "none"}
        response = web.StreamResponse(headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        sent = 0
        while True:
            while sent < len(post.mp3):
                chunk = post.mp3[sent : sent + _CHUNK]
                await response.write(chunk)
                sent += len(chunk)
            if post.is_cut:
                assert request.transport
                request.transport.abort()
                return response
            if post.made >= 1.0:
                await response.write_eof()
                return response
            await asyncio.sleep(0.02)
