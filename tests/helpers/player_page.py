"""A page with players in a browser: what a reader sees of them, hears from them, does to them."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

from helpers import clients

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.chromium import Page
    from loopback.reader_site import ReaderSite

__all__ = ["FLAGS", "PLAYER", "PlayerPage"]

#: For the browser: nobody listens, and no test waits for a click before it may play.
FLAGS = ("--mute-audio", "--autoplay-policy=no-user-gesture-required")
#: The element that becomes a player.
PLAYER = '<div data-intone-player data-post-id="rivers"></div>'

#: What every expression of a test may name.
_NAMES = """
const host = document.querySelectorAll('[data-post-id]')[NUMBER];
const root = host?.shadowRoot;
const audio = root?.querySelector('audio');
const find = (selector) => root?.querySelector(selector);
"""
_KEYS = {" ": "Space", "Enter": "Enter", "Tab": "Tab", "Escape": "Escape", "Home": "Home",
         "End": "End", "ArrowLeft": "ArrowLeft", "ArrowRight": "ArrowRight",
         "ArrowUp": "ArrowUp", "ArrowDown": "ArrowDown"}  # fmt: skip
_CODES = {" ": 32, "Enter": 13, "Tab": 9, "Escape": 27, "Home": 36, "End": 35,
          "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}  # fmt: skip
_TYPED = {" ": " ", "Enter": "\r"}
_SHIFT = 8


class PlayerPage:
    """One tab; `number` says which of its players is meant."""

    def __init__(self, page: Page, site: ReaderSite | None = None) -> None:
        self.page, self.site = page, site
        self.number = 0

    async def open(self, body: str = PLAYER, *, lang: str = "en", script: str = "") -> None:
        """Go to a page of the site, with the strictest policy under which a player works.

        Args:
            body: The page's own markup.
            lang: The page's language, and further attributes behind a quote.
            script: Further attributes of the player's script.
        """
        assert self.site
        origin = self.site.origin
        policy = (
            f"default-src 'none'; script-src {origin}; connect-src {origin}; media-src {origin}"
        )
        page = (
            f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>A page</title>'
            '<link rel="icon" href="data:,"></head>'
            f'<body><main>{body}</main><script src="{origin}/player.js" {script}></script>'
            "</body></html>"
        )
        self.site.pages["/page"] = page, policy + "; img-src data:"
        await self.goto(f"{origin}/page")

    async def goto(self, url: str) -> None:
        """Go to an address, and wait until the page is there."""
        await self.page.evaluate("window.isLeft = true")
        await self.page.call("Page.navigate", url=url)
        await self.page.until("!window.isLeft && document.readyState === 'complete'")

    async def js(self, expression: str) -> Any:
        """What an expression is, promises awaited; it may name host, root, audio and find(…)."""
        names = _NAMES.replace("NUMBER", str(self.number))
        answer = await self.page.call(
            "Runtime.evaluate",
            expression=f"(async () => {{ {names} return ({expression}) }})()",
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        try:
            async with asyncio.timeout(60):
                while not await self.js(expression):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            shown = await self.js("root?.textContent")
            raise AssertionError(f"never: {expression}; the player shows {shown!r}") from None

    async def click(self, selector: str) -> None:
        """Click at the middle of an element of the player, once it is seen, as a mouse does."""
        await self.until(
            f"find({selector!r}) && !find({selector!r}).disabled"
            f" && find({selector!r}).getBoundingClientRect().width > 0"
        )
        await self.js(f"find({selector!r}).scrollIntoView({{block: 'nearest'}})")
        box = await self.js(f"find({selector!r}).getBoundingClientRect().toJSON()")
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            await self.page.call(
                "Input.dispatchMouseEvent", type=kind, **place, button="left", clickCount=1
            )

    async def press(self, key: str, *, is_shifted: bool = False) -> None:
        """Press and release a key."""
        code = _KEYS.get(key) or f"Key{key.upper()}"
        number = _CODES.get(key) or ord(key.upper())
        text = _TYPED.get(key, key if len(key) == 1 else "")
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number,
                  "modifiers": _SHIFT if is_shifted else 0}  # fmt: skip
        await self.page.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        await self.page.call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def play(self) -> None:
        """Click on play, and wait until the sound moves on."""
        at = await self.js("audio.currentTime")
        await self.click(".card .go")
        await self.until(f"!audio.paused && audio.currentTime > {at}")

    async def emulate(self, **features: str) -> None:
        """Set media features, e.g. `prefers_color_scheme="dark"`."""
        wanted = [
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()
        ]
        await self.page.call("Emulation.setEmulatedMedia", features=wanted)

    async def resize(self, width: int, height: int = 900, *, scale: float = 1) -> None:
        """Give the page another size."""
        await self.page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=scale, mobile=False,
        )  # fmt: skip

    async def screenshot(self, file: Path) -> None:
        """Save what is seen as a PNG."""
        shot = await self.page.call("Page.captureScreenshot")
        file.write_bytes(base64.b64decode(shot["data"]))

    async def complaints(self) -> list[str]:
        """What the browser complained about: violations of the policy, failed loads, crashes."""
        entries = [event["entry"]["text"] for event in self.page.seen("Log.entryAdded")]
        crashes = [json.dumps(event) for event in self.page.seen("Runtime.exceptionThrown")]
        return entries + crashes + await self.page.console("error", "warning")

    async def axe(self) -> list[str]:
        """What axe-core finds against WCAG 2.2 AA and its own best practices in the players."""
        folder = clients.environment("node") / "node_modules/axe-core"
        if not await self.js("typeof axe === 'object'"):
            await self.page.call("Runtime.evaluate", expression=(folder / "axe.min.js").read_text())
        # Transitions are not looked at halfway.
        await self.js("Promise.all(document.getAnimations().map((each) => each.finished))")
        return await self.js(
            """(await axe.run({include: [['[data-post-id]']]}, {runOnly: {type: 'tag', values:
            ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}}))
            .violations.flatMap((each) => each.nodes.map((node) =>
              `${each.id}: ${node.target} ${node.failureSummary}`))"""
        )
