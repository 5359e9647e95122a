"""A headless Chromium, spoken to over its DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
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
#: Seconds for a browser to start, on a busy machine.
_PATIENCE_S = 60.0


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
                await asyncio.sleep(0.03)

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


@contextmanager
def browser(folder: Path, *flags: str) -> Iterator[int]:
    """Run a browser with its profile in `folder`; yields the port that it is steered at.

    Args:
        folder: An empty folder.
        flags: Further switches of Chromium.
    """
    assert EXECUTABLE
    process = subprocess.Popen(
        [EXECUTABLE, *_FLAGS, *flags, f"--user-data-dir={folder}", "about:blank"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not (port := _port_in(folder / "DevToolsActivePort")):
            assert time.monotonic() < deadline, "the browser did not start"
            time.sleep(0.05)
        yield int(port)
    finally:
        process.terminate()
        process.wait()


@asynccontextmanager
async def new_page(port: int) -> AsyncIterator[Page]:
    """An empty page of a running browser, which shares nothing with its others."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/version") as answer:
            url = (await answer.json())["webSocketDebuggerUrl"]
        async with _connected(session, url) as control:
            context = await control.call("Target.createBrowserContext")
            target = await control.call("Target.createTarget", url="about:blank", **context)
            url = f"ws://127.0.0.1:{port}/devtools/page/{target['targetId']}"
            async with _connected(session, url) as page:
                for domain in ("Page", "Network", "Log", "Runtime"):
                    await page.call(f"{domain}.enable")
                yield page
            await control.call("Target.disposeBrowserContext", **context)


@asynccontextmanager
async def open_page(folder: Path) -> AsyncIterator[Page]:
    """An empty page of a browser of its own, with its profile in `folder`."""
    with browser(folder) as port:
        async with new_page(port) as page:
            yield page


@asynccontextmanager
async def _connected(session: aiohttp.ClientSession, url: str) -> AsyncIterator[Page]:
    async with session.ws_connect(url, max_msg_size=0) as socket:
        page = Page(socket)
        listener = asyncio.create_task(page.listen())
        try:
            yield page
        finally:
            listener.cancel()


def _port_in(file: Path) -> str:
    """The port that the browser has written down; empty until it has."""
    lines = file.read_text().splitlines() if file.exists() else []
    return lines[0] if lines else ""


def missing() -> str | None:
    """What is missing for a browser test, or None."""
    return None if EXECUTABLE else "Chromium (apt install chromium)"
