"""A headless Chromium, spoken to over its DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1300,900",
    # Chromium's own errands must not look like the page's: every name but loopback is unknown.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class Page:
    """One tab, and the protocol events it has sent."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._ids = socket, itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def listen(self) -> None:
        async for message in self._socket:
            content = message.json()
            if "id" in content:
                self._answers.pop(content["id"]).set_result(content)
            else:
                self.events.append((content["method"], content["params"]))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        content = await asyncio.wait_for(answer, 30)
        assert "error" not in content, content
        return content["result"]

    async def evaluate(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        async with asyncio.timeout(40):
            while not await self.evaluate(expression):
                await asyncio.sleep(0.1)

    async def console(self, *kinds: str) -> list[str]:
        """What the page has written to its console, objects as JSON."""
        lines = []
        for event in self.seen("Runtime.consoleAPICalled"):
            for part in event["args"] if event["type"] in kinds else ():
                if "objectId" not in part:
                    lines.append(str(part.get("value")))
                    continue
                shown = await self.call(
                    "Runtime.callFunctionOn",
                    objectId=part["objectId"],
                    functionDeclaration="function() { return JSON.stringify(this) }",
                )
                lines.append(str(shown["result"].get("value")))
        return lines

    def seen(self, method: str) -> list[dict[str, Any]]:
        return [params for name, params in self.events if name == method]


@asynccontextmanager
async def open_page(folder: Path) -> AsyncIterator[Page]:
    """Start a browser with its profile in `folder`; yields an empty page."""
    assert EXECUTABLE
    browser = await asyncio.create_subprocess_exec(
        EXECUTABLE,
        *_FLAGS,
        f"--user-data-dir={folder}",
        "about:blank",
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            while not (folder / "DevToolsActivePort").exists():
                await asyncio.sleep(0.05)
        port = (folder / "DevToolsActivePort").read_text().splitlines()[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                target = next(tab for tab in await answer.json() if tab["type"] == "page")
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                listener = asyncio.create_task(page.listen())
                for domain in ("Page", "Network", "Log", "Runtime"):
                    await page.call(f"{domain}.enable")
                yield page
                listener.cancel()
    finally:
        browser.terminate()
        await browser.wait()


def missing() -> str | None:
    """What is missing for a browser test, or None."""
    return None if EXECUTABLE else "Chromium (apt install chromium)"
