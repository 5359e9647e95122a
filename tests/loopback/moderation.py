"""A real moderation service on 127.0.0.1 in OpenAI's shape, small enough to break on purpose."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from aiohttp import web

#: Faults that are one wrong answer: status and body.
BROKEN = {
    "error": (500, b"{}"),
    "refused": (401, b'{"error": {"message": "bad key"}}'),
    "garbage": (200, b"<html>"),
    "deep": (200, b'{"results": [], "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "huge": (200, b'{"results": [{"flagged": false}], "more": "' + b"x" * 1_000_000 + b'"}'),
    "empty": (200, b'{"results": []}'),
    "shape": (200, b'{"results": [{"flagged": "no"}]}'),
    "nothing": (200, b""),
}


class ModerationService:
    """Flags texts that hold one of `words`, each with the category it stands for."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {"murder": "violence"}
        #: None, `slow`, `redirect` or a name in `BROKEN`.
        self.fault: str | None = None
        #: The bodies and the `Authorization` headers that came.
        self.bodies: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        #: How many requests are being answered now, and the most there have been.
        self.running = 0
        self.most_running = 0
        #: Set to let answers go that `slow` holds back.
        self.released = asyncio.Event()
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/moderations"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1_000_000)
        app.router.add_post("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        self.released.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(body := await request.json())
        self.authorizations.append(request.headers.get("Authorization"))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            return await self._judge(body["input"], moved=request.path == "/elsewhere")
        finally:
            self.running -= 1

    async def _judge(self, text: str, *, moved: bool) -> web.StreamResponse:
        if self.fault == "slow":
            await self.released.wait()
        elif self.fault == "redirect" and not moved:
            raise web.HTTPTemporaryRedirect(f"http://localhost:{self.port}/elsewhere")
        elif self.fault in BROKEN:
            status, answer = BROKEN[self.fault]
            return web.Response(status=status, body=answer, content_type="application/json")
        else:
            await asyncio.sleep(0)
        categories = {category: word in text for word, category in self.words.items()}
        result = {"flagged": any(categories.values()), "categories": categories}
        return web.json_response({"id": "modr-1", "model": "loopback", "results": [result]})
