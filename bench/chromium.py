"""A headless Chromium with pages that have never been anywhere, over its DevTools protocol."""

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

__all__ = ["EXECUTABLE", "Tab", "browser", "new_tab"]

EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--mute-audio",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-port=0",
    "--window-size=1300,900",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_PATIENCE_S = 60.0


class Tab:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._ids = socket, itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def listen(self) -> None:
        """Take in what the browser says; runs beside the calls."""
        async for message in self._socket:
            content = message.json()
            if "id" in content:
                self._answers.pop(content["id"]).set_result(content)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol, and its result.

        Raises:
            RuntimeError: The browser refused it.
        """
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        content = await asyncio.wait_for(answer, _PATIENCE_S)
        if "error" in content:
            raise RuntimeError(f"The browser refused {method}: {content['error']}")
        result: dict[str, Any] = content["result"]
        return result

    async def js(self, expression: str) -> Any:
        """What an expression is; promises are awaited.

        Raises:
            RuntimeError: It raised an error.
        """
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"The page failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    async def click(self, x: float, y: float) -> None:
        """Press and release the mouse's button there, as a reader does."""
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )


@contextmanager
def browser(folder: Path) -> Iterator[int]:
    """Run a browser with its profile in `folder`; yields the port that it is steered at.

    Raises:
        RuntimeError: It did not start.
    """
    assert EXECUTABLE
    process = subprocess.Popen(
        [EXECUTABLE, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        began, file = time.monotonic(), folder / "DevToolsActivePort"
        while not (lines := file.read_text().splitlines() if file.exists() else []):
            if time.monotonic() - began > _PATIENCE_S:
                raise RuntimeError("The browser did not start.")
            time.sleep(0.05)
        yield int(lines[0])
    finally:
        process.terminate()
        process.wait()


@asynccontextmanager
async def new_tab(port: int) -> AsyncIterator[Tab]:
    """An empty tab with a profile of its own: nothing is cached, no connection is open."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/json/version") as answer:
            url = (await answer.json())["webSocketDebuggerUrl"]
        async with _connected(session, url) as control:
            context = await control.call("Target.createBrowserContext")
            target = await control.call("Target.createTarget", url="about:blank", **context)
            url = f"ws://127.0.0.1:{port}/devtools/page/{target['targetId']}"
            async with _connected(session, url) as tab:
                yield tab
            await control.call("Target.disposeBrowserContext", **context)


@asynccontextmanager
async def _connected(session: aiohttp.ClientSession, url: str) -> AsyncIterator[Tab]:
    async with session.ws_connect(url, max_msg_size=0) as socket:
        tab = Tab(socket)
        listener = asyncio.create_task(tab.listen())
        try:
            yield tab
        finally:
            listener.cancel()
