"""An event loop on a thread of its own, so that servers of a test answer while the test blocks."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

#: Seconds after which starting or stopping something has failed.
_TIMEOUT_S = 30.0


class BackgroundLoop:
    """Runs coroutines on its own thread until it is stopped."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the loop and wait for what comes of it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_TIMEOUT_S)

    def stop(self) -> None:
        """Cancel what still runs, and end the thread."""
        self.run(_cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_TIMEOUT_S)
        self.loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
